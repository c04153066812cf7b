"""A metric is one row: errors, their statistic, and names; logs, metrics.json and tables derive from it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchmetrics import CatMetric, MetricCollection


@dataclass(frozen=True)
class Row:
    """One figure of merit.

    name:      in metrics.json and, as val/<name>, in the log of a training; ends in the unit.
    errors:    of the arguments that its family takes; `errors.py`.
    statistic: of the errors; `statistic.py`.
    label:     of its line in the result of a test, with the unit; empty where it has no line of its own.
    digits:    decimals there.
    Headings of its column where it has one, empty where it has none: moments (test: what was known when),
    classes (test: by class of event), training (validations of a run), sweep_val and sweep_test (a sweep:
    of the validation of the checkpoint that was kept, and of the sequence that it was tested on).
    """

    name: str
    errors: Callable[..., Tensor]
    statistic: Callable[[Tensor], Tensor]
    label: str = ""
    digits: int = 2
    moments: str = ""
    classes: str = ""
    training: str = ""
    sweep_val: str = ""
    sweep_test: str = ""

    def figure(self, *arguments: Any) -> Tensor:
        """The figure of a whole set; NaN where it is empty."""
        return self.statistic(self.errors(*arguments))


def figures(rows: Sequence[Row], *arguments: Any) -> dict[str, float | None]:
    """Every figure of a family by name, for a whole set of what its errors take; None where undefined."""
    values = {row.name: float(row.figure(*arguments)) for row in rows}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def accumulating(rows: Sequence[Row], prefix: str = "") -> MetricCollection:
    """The same in parts and over processes: update() takes what the family's errors take."""
    # Groups merge metrics whose first states happen to be equal (a perfect batch): never here.
    return MetricCollection({row.name: Accumulated(row) for row in rows}, prefix=prefix, compute_groups=False)


class Accumulated(CatMetric):
    """A row's figure of everything so far. It keeps every error, so any statistic is exact.

    Refuses NaN: a network that says NaN has failed, and a figure without it would hide that.
    """

    def __init__(self, row: Row) -> None:
        super().__init__(nan_strategy="error")
        self.row = row

    def update(self, *arguments: Tensor) -> None:  # type: ignore[override]
        """Add a batch. Raises RuntimeError for an error that is NaN."""
        super().update(self.row.errors(*arguments))

    def compute(self) -> Tensor:
        """The figure; NaN before anything was added."""
        errors = super().compute()  # a list, empty, before any
        return self.row.statistic(torch.zeros(0, device=self.device) if isinstance(errors, list) else errors)
