"""Epicentre and depth errors in km, in the local frame (east, north, depth positive down)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from fcn.metrics.aggregate import Mean, Quantile, RootMeanSquare, quantile, root_mean_square

SHARE_LIMIT_KM = 10.0  # an epicentre further off than this would mislead a regional warning


def epicentre_error_km(
    predicted_km: Float[Tensor, "event 3"], true_km: Float[Tensor, "event 3"]
) -> Float[Tensor, " event"]:
    """Horizontal distance between predicted and true hypocentre, >= 0."""
    return torch.linalg.vector_norm((predicted_km - true_km)[:, :2], dim=-1)


def depth_error_km(
    predicted_km: Float[Tensor, "event 3"], true_km: Float[Tensor, "event 3"]
) -> Float[Tensor, " event"]:
    """Predicted minus true depth: positive is too deep."""
    return (predicted_km - true_km)[:, 2]


def location_figures(
    predicted_km: Float[Tensor, "event 3"], true_km: Float[Tensor, "event 3"]
) -> dict[str, Tensor]:
    """The location figures of a set of events; NaN where the set is empty."""
    epicentre_km = epicentre_error_km(predicted_km, true_km)
    depth_km = depth_error_km(predicted_km, true_km)
    return {
        "epicentre_rmse_km": root_mean_square(epicentre_km),
        "epicentre_p50_km": quantile(epicentre_km, 0.5),
        "epicentre_p90_km": quantile(epicentre_km, 0.9),
        "epicentre_share_over_10km": (epicentre_km > SHARE_LIMIT_KM).to(epicentre_km.dtype).mean(),
        "depth_rmse_km": root_mean_square(depth_km),
        "depth_bias_km": depth_km.mean(),
    }


def location_metrics(prefix: str = "") -> MetricCollection:
    """Accumulating form of `location_figures`: update(predicted_km, true_km), each (event, 3)."""
    metrics: dict[str, Metric | MetricCollection] = {
        "epicentre_rmse_km": EpicentreRMSE(),
        "epicentre_p50_km": EpicentreQuantile(0.5),
        "epicentre_p90_km": EpicentreQuantile(0.9),
        "epicentre_share_over_10km": EpicentreShareOver(),
        "depth_rmse_km": DepthRMSE(),
        "depth_bias_km": DepthBias(),
    }
    # Groups merge metrics whose first states happen to be equal (a perfect batch): never here.
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


class EpicentreRMSE(RootMeanSquare):
    """Root mean square of `epicentre_error_km`."""

    def update(self, predicted_km: Tensor, true_km: Tensor) -> None:  # type: ignore[override]
        """Add events, (event, 3) each."""
        super().update(epicentre_error_km(predicted_km, true_km).square())


class EpicentreQuantile(Quantile):
    """Quantile of `epicentre_error_km`."""

    def update(self, predicted_km: Tensor, true_km: Tensor) -> None:  # type: ignore[override]
        """Add events, (event, 3) each."""
        super().update(epicentre_error_km(predicted_km, true_km))


class EpicentreShareOver(Mean):
    """Share of events with an epicentre more than SHARE_LIMIT_KM off."""

    def update(self, predicted_km: Tensor, true_km: Tensor) -> None:  # type: ignore[override]
        """Add events, (event, 3) each."""
        error_km = epicentre_error_km(predicted_km, true_km)
        # NaN > limit is False, which would count a failed estimate as good: let it raise instead.
        super().update((error_km > SHARE_LIMIT_KM).to(error_km.dtype) + 0 * error_km)


class DepthRMSE(RootMeanSquare):
    """Root mean square of `depth_error_km`."""

    def update(self, predicted_km: Tensor, true_km: Tensor) -> None:  # type: ignore[override]
        """Add events, (event, 3) each."""
        super().update(depth_error_km(predicted_km, true_km).square())


class DepthBias(Mean):
    """Mean of `depth_error_km`: positive is too deep."""

    def update(self, predicted_km: Tensor, true_km: Tensor) -> None:  # type: ignore[override]
        """Add events, (event, 3) each."""
        super().update(depth_error_km(predicted_km, true_km))
