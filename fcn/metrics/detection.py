"""Recall and false alarms."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from fcn.constants import SECONDS_PER_HOUR


def recall(n_matched: int | Tensor, n_catalogued: int | Tensor) -> Float[Tensor, ""]:
    """Matched / catalogued, NaN without catalogued events."""
    return torch.as_tensor(n_matched) / torch.as_tensor(n_catalogued)


def f1(n_matched: int | Tensor, n_catalogued: int | Tensor, n_declared: int | Tensor) -> Float[Tensor, ""]:
    """Harmonic mean of recall and of the share of true declared events; NaN without either."""
    return 2 * torch.as_tensor(n_matched) / (torch.as_tensor(n_catalogued) + torch.as_tensor(n_declared))


def false_alarms_per_hour(n_false: int | Tensor, span_s: float | Tensor) -> Float[Tensor, ""]:
    """Declared events that match nothing, per hour of data; NaN without data."""
    return torch.as_tensor(n_false) * SECONDS_PER_HOUR / torch.as_tensor(span_s)


class EventRecall(Metric):
    """Accumulated `recall` over sequences."""

    higher_is_better = True
    full_state_update = False
    n_matched: Tensor
    n_catalogued: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("n_matched", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("n_catalogued", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, n_matched: int | Tensor, n_catalogued: int | Tensor) -> None:
        """Add the counts of one sequence, or of one batch."""
        self.n_matched += n_matched
        self.n_catalogued += n_catalogued

    def compute(self) -> Tensor:
        """Matched / catalogued over everything so far."""
        return recall(self.n_matched, self.n_catalogued)


class FalseAlarmRate(Metric):
    """Accumulated `false_alarms_per_hour` over sequences."""

    higher_is_better = False
    full_state_update = False
    n_false: Tensor
    span_s: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("n_false", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("span_s", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, n_false: int | Tensor, span_s: float | Tensor) -> None:
        """Add the false alarms and the length of one sequence."""
        self.n_false += n_false
        self.span_s += span_s

    def compute(self) -> Tensor:
        """False alarms per hour over everything so far."""
        return false_alarms_per_hour(self.n_false, self.span_s)
