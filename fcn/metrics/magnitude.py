"""Magnitude errors: predicted minus true, in magnitude units."""

from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from fcn.metrics.aggregate import Mean


def magnitude_error(
    predicted: Float[Tensor, " event"], true: Float[Tensor, " event"]
) -> Float[Tensor, " event"]:
    """Predicted minus true: positive is an over-estimate."""
    return predicted - true


def magnitude_figures(predicted: Float[Tensor, " event"], true: Float[Tensor, " event"]) -> dict[str, Tensor]:
    """Mean absolute error and bias of a set of events; NaN where the set is empty."""
    error = magnitude_error(predicted, true)
    return {"magnitude_mae": error.abs().mean(), "magnitude_bias": error.mean()}


def magnitude_metrics(prefix: str = "") -> MetricCollection:
    """Accumulating form of `magnitude_figures`: update(predicted, true), each (event,)."""
    metrics: dict[str, Metric | MetricCollection] = {
        "magnitude_mae": MagnitudeMAE(),
        "magnitude_bias": MagnitudeBias(),
    }
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


class MagnitudeMAE(Mean):
    """Mean of the absolute `magnitude_error`."""

    def update(self, predicted: Tensor, true: Tensor) -> None:  # type: ignore[override]
        """Add events, (event,) each."""
        super().update(magnitude_error(predicted, true).abs())


class MagnitudeBias(Mean):
    """Mean of `magnitude_error`: positive is an over-estimate."""

    def update(self, predicted: Tensor, true: Tensor) -> None:  # type: ignore[override]
        """Add events, (event,) each."""
        super().update(magnitude_error(predicted, true))
