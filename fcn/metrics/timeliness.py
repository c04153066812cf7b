"""How soon the alarm comes and what it costs to compute."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from fcn.metrics.aggregate import Quantile, quantile

LATENCY_FRACTIONS = {"min": 0.0, "p50": 0.5, "p90": 0.9, "max": 1.0}


def alarm_latency_s(
    alarm_now_s: Float[Tensor, " event"], first_p_time_s: Float[Tensor, " event"]
) -> Float[Tensor, " event"]:
    """End of the declaring window minus true P at the first station (both POSIX s; pass float64)."""
    if alarm_now_s.dtype != torch.float64 or first_p_time_s.dtype != torch.float64:
        raise ValueError(
            f"POSIX seconds need float64, or they round to minutes: "
            f"{alarm_now_s.dtype}, {first_p_time_s.dtype}"
        )
    return alarm_now_s - first_p_time_s


def latency_figures(latency_s: Float[Tensor, " event"]) -> dict[str, Tensor]:
    """Least, median, 90th percentile and greatest alarm latency; NaN where there is none."""
    return {
        f"alarm_latency_s_{name}": quantile(latency_s, fraction)
        for name, fraction in LATENCY_FRACTIONS.items()
    }


def compute_figures(compute_ms: Float[Tensor, " window"]) -> dict[str, Tensor]:
    """Median and 99th percentile of the computing time of a window; NaN where none was timed."""
    return {f"compute_ms_per_window_p{percent}": quantile(compute_ms, percent / 100) for percent in (50, 99)}


def latency_metrics(prefix: str = "") -> MetricCollection:
    """Accumulating form of `latency_figures`: update(alarm_now_s, first_p_time_s), each (event,) float64."""
    metrics: dict[str, Metric | MetricCollection] = {
        f"alarm_latency_s_{name}": LatencyQuantile(fraction) for name, fraction in LATENCY_FRACTIONS.items()
    }
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


class LatencyQuantile(Quantile):
    """Quantile of `alarm_latency_s`."""

    def update(self, alarm_now_s: Tensor, first_p_time_s: Tensor) -> None:  # type: ignore[override]
        """Add alarms, (event,) each, float64."""
        super().update(alarm_latency_s(alarm_now_s, first_p_time_s).to(torch.get_default_dtype()))
