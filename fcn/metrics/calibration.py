"""Whether stated uncertainties are honest: how often the truth lies in the 50 % and 90 % regions."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from fcn.metrics.aggregate import Mean
from fcn.metrics.location import depth_error_km, epicentre_error_km

LEVELS = (0.5, 0.9)


def epicentre_coverage(
    error_km: Float[Tensor, " event"], rms_radius_km: Float[Tensor, " event"], level: float
) -> Float[Tensor, ""]:
    """Share of epicentres within the circle that holds `level` of a circular Gaussian; NaN without events.

    rms_radius_km: sqrt(var east + var north), the horizontal uncertainty of an Event. The radius r of the
    Rayleigh law has P(r < q) = 1 - exp(-q^2 / rms^2), so q = rms sqrt(-ln(1 - level)).
    """
    return _share(error_km <= rms_radius_km * math.sqrt(-math.log1p(-level)), error_km)


def depth_coverage(
    error_km: Float[Tensor, " event"], std_km: Float[Tensor, " event"], level: float
) -> Float[Tensor, ""]:
    """Share of depths within the central interval that holds `level` of a Gaussian; NaN without events."""
    half_width = math.sqrt(2) * torch.erfinv(torch.tensor(level, dtype=torch.float64)).item()
    return _share(error_km.abs() <= std_km * half_width, error_km)


def coverage_figures(
    predicted_km: Float[Tensor, "event 3"],
    true_km: Float[Tensor, "event 3"],
    uncertainty_km: Float[Tensor, "event 2"],
) -> dict[str, Tensor]:
    """Coverage of epicentres and depths at each of LEVELS; uncertainty_km: horizontal (RMS radius), depth."""
    across_km, down_km = epicentre_error_km(predicted_km, true_km), depth_error_km(predicted_km, true_km)
    figures = {}
    for level in LEVELS:
        percent = round(100 * level)
        figures[f"epicentre_coverage_{percent}"] = epicentre_coverage(across_km, uncertainty_km[:, 0], level)
        figures[f"depth_coverage_{percent}"] = depth_coverage(down_km, uncertainty_km[:, 1], level)
    return figures


def coverage_metrics(prefix: str = "") -> MetricCollection:
    """Accumulating form of `coverage_figures`: update(predicted_km, true_km, uncertainty_km)."""
    metrics: dict[str, Metric | MetricCollection] = {}
    for level in LEVELS:
        percent = round(100 * level)
        metrics[f"epicentre_coverage_{percent}"] = EpicentreCoverage(level)
        metrics[f"depth_coverage_{percent}"] = DepthCoverage(level)
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


class EpicentreCoverage(Mean):
    """Accumulated `epicentre_coverage` at one level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def update(self, predicted_km: Tensor, true_km: Tensor, uncertainty_km: Tensor) -> None:  # type: ignore[override]
        """Add events: (event, 3), (event, 3), (event, 2)."""
        if len(predicted_km):
            error_km = epicentre_error_km(predicted_km, true_km)
            super().update(epicentre_coverage(error_km, uncertainty_km[:, 0], self.level), len(error_km))


class DepthCoverage(Mean):
    """Accumulated `depth_coverage` at one level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def update(self, predicted_km: Tensor, true_km: Tensor, uncertainty_km: Tensor) -> None:  # type: ignore[override]
        """Add events: (event, 3), (event, 3), (event, 2)."""
        if len(predicted_km):
            error_km = depth_error_km(predicted_km, true_km)
            super().update(depth_coverage(error_km, uncertainty_km[:, 1], self.level), len(error_km))


def _share(inside: Tensor, error_km: Tensor) -> Tensor:
    # A comparison with NaN is False: add the error's own NaN, so that a failed estimate is no mere miss.
    return (inside.to(error_km.dtype) + 0 * error_km).mean()
