"""Statistics of errors, as functions and as torchmetrics that accumulate; NaN where nothing was counted.

The classes refuse NaN errors: a network that says NaN has failed, and a mean without it would hide that.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import CatMetric, MeanMetric
from torchmetrics.utilities import dim_zero_cat


def root_mean_square(error: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Square root of the mean square, in the unit of the error."""
    return error.square().mean().sqrt()


def quantile(error: Float[Tensor, " n"], fraction: float) -> Float[Tensor, ""]:
    """Linear-interpolation quantile (Hyndman & Fan 1996, type 7; NumPy's default), fraction in 0-1."""
    return torch.quantile(error, fraction) if error.numel() else error.new_full((), torch.nan)


class RootMeanSquare(MeanMetric):
    """Accumulated `root_mean_square`; subclasses say of which error."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nan_strategy="error", **kwargs)

    def compute(self) -> Tensor:
        """Root of the mean of the squares that `update` handed on; NaN before any."""
        return super().compute().sqrt()


class Mean(MeanMetric):
    """Accumulated mean; subclasses say of which error."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nan_strategy="error", **kwargs)


class Quantile(CatMetric):
    """Accumulated `quantile`; keeps every error, so it is exact."""

    def __init__(self, fraction: float, **kwargs: Any) -> None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction of a quantile must be in 0-1: {fraction}")
        super().__init__(nan_strategy="error", **kwargs)
        self.fraction = fraction

    def compute(self) -> Tensor:
        """The quantile of all errors so far; NaN before any."""
        has_any = isinstance(self.value, Tensor) or len(self.value) > 0
        errors = dim_zero_cat(self.value) if has_any else torch.zeros(0, device=self.device)
        return quantile(errors.flatten(), self.fraction)
