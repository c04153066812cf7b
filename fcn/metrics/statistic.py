"""Statistics: the errors of a set of events in, one figure out; NaN where there are none."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Errors = Float[Tensor, " n"]
Figure = Float[Tensor, ""]


def mean(errors: Errors) -> Figure:
    """The mean: of signed errors a bias, of zeros and ones a share."""
    return errors.mean()


def mean_absolute(errors: Errors) -> Figure:
    """The mean absolute error."""
    return errors.abs().mean()


def root_mean_square(errors: Errors) -> Figure:
    """Square root of the mean square."""
    return errors.square().mean().sqrt()


@dataclass(frozen=True)
class Quantile:
    """Linear-interpolation quantile (Hyndman & Fan 1996, type 7; NumPy's default).

    fraction: 0-1; raises ValueError outside.
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction of a quantile must be in 0-1: {self.fraction}")

    def __call__(self, errors: Errors) -> Figure:
        """The quantile of a set of errors."""
        return torch.quantile(errors, self.fraction) if errors.numel() else errors.new_full((), torch.nan)


@dataclass(frozen=True)
class ShareOver:
    """Share of the errors above a limit in their unit, 0-1."""

    limit: float

    def __call__(self, errors: Errors) -> Figure:
        """The share of a set of errors; NaN where one of them is."""
        # NaN > limit is False, which would count a failed estimate as good
        return torch.where(errors.isnan(), errors, (errors > self.limit).to(errors.dtype)).mean()


def ratio(counts: Float[Tensor, "2"]) -> Figure:
    """The first count over the second; NaN for 0 / 0."""
    return counts[0] / counts[1]
