"""What can be wrong with an event, an alarm or a list of them: of this, `table.py` takes statistics."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.constants import SECONDS_PER_HOUR

Events = Float[Tensor, " event"]
Places = Float[Tensor, "event 3"]  # east, north, depth positive down, km
Counts = Float[Tensor, "2"]  # of a ratio


def epicentre_error_km(predicted_km: Places, true_km: Places) -> Events:
    """Horizontal distance between predicted and true hypocentre, >= 0."""
    return torch.linalg.vector_norm((predicted_km - true_km)[:, :2], dim=-1)


def depth_error_km(predicted_km: Places, true_km: Places) -> Events:
    """Predicted minus true depth: positive is too deep."""
    return (predicted_km - true_km)[:, 2]


def magnitude_error(predicted: Events, true: Events) -> Events:
    """Predicted minus true, in magnitude units: positive is an over-estimate."""
    return predicted - true


def alarm_latency_s(alarm_now_s: Events, first_p_time_s: Events) -> Events:
    """End of the declaring window minus true P at the first station, both POSIX s.

    Raises ValueError for anything but float64.
    """
    if alarm_now_s.dtype != torch.float64 or first_p_time_s.dtype != torch.float64:
        raise ValueError(
            f"POSIX seconds need float64, or they round to minutes: "
            f"{alarm_now_s.dtype}, {first_p_time_s.dtype}"
        )
    return alarm_now_s - first_p_time_s


def compute_ms(per_window_ms: Float[Tensor, " window"]) -> Float[Tensor, " window"]:
    """Computing time of each window, as it was taken."""
    return per_window_ms


def right_s(since_first_p_s: Events) -> Events:
    """Seconds from the first P until a magnitude is right for good, of the events of which it ever is."""
    return since_first_p_s


def stood_s(alarm_to_last_s: Events) -> Events:
    """Seconds from the alarm to the last word on events that match nothing."""
    return alarm_to_last_s


def is_right(flags: Events) -> Events:
    """1 where a flag is right, 0 where it is not."""
    return flags


@dataclass(frozen=True)
class EpicentreInside:
    """1 for an epicentre within the circle that holds `level` of a circular Gaussian, 0 for one outside.

    The radius r of the Rayleigh law has P(r < q) = 1 - exp(-q^2 / rms^2), rms = sqrt(var east + var north);
    so q = rms sqrt(-ln(1 - level)).
    """

    level: float

    def __call__(
        self, predicted_km: Places, true_km: Places, uncertainty_km: Float[Tensor, "event 2"]
    ) -> Events:
        """uncertainty_km: of an Event, horizontal (rms) and depth (standard deviation)."""
        error_km = epicentre_error_km(predicted_km, true_km)
        return _inside(error_km, uncertainty_km[:, 0] * math.sqrt(-math.log1p(-self.level)))


@dataclass(frozen=True)
class DepthInside:
    """1 for a depth within the central interval that holds `level` of a Gaussian, 0 for one outside."""

    level: float

    def __call__(
        self, predicted_km: Places, true_km: Places, uncertainty_km: Float[Tensor, "event 2"]
    ) -> Events:
        """uncertainty_km: of an Event, horizontal (rms) and depth (standard deviation)."""
        half_width = _half_width(self.level)
        return _inside(depth_error_km(predicted_km, true_km).abs(), uncertainty_km[:, 1] * half_width)


@dataclass(frozen=True)
class TimeInside:
    """1 for an origin time within the central interval that holds `level` of a Gaussian, else 0."""

    level: float

    def __call__(self, predicted_s: Events, true_s: Events, uncertainty_s: Events) -> Events:
        """uncertainty_s: of an Event, a standard deviation."""
        return _inside((predicted_s - true_s).abs(), uncertainty_s * _half_width(self.level))


def _half_width(level: float) -> float:
    """In standard deviations, of the central interval of a Gaussian."""
    return math.sqrt(2) * torch.erfinv(torch.tensor(level, dtype=torch.float64)).item()


def _inside(error_km: Events, limit_km: Events) -> Events:
    # A comparison with NaN is False: the error's own NaN is added, so that a failed estimate is no mere miss.
    return (error_km <= limit_km).to(error_km.dtype) + 0 * error_km


class Tally(NamedTuple):
    """Of one sequence: catalogued events, those found, declared events that match nothing, time watched."""

    n_catalogued: int
    n_matched: int
    n_false: int
    watched_s: float


def found(tally: Tally) -> Counts:
    """Found and catalogued events."""
    return _counts(tally.n_matched, tally.n_catalogued)


def false_alarms(tally: Tally) -> Counts:
    """Declared events that match nothing, and hours watched."""
    return _counts(tally.n_false * SECONDS_PER_HOUR, tally.watched_s)


def found_and_true(n_matched: int, n_catalogued: int, n_declared: int) -> Counts:
    """Matched events of both lists, and the lengths of both: their ratio is F1.

    It is the harmonic mean of recall (matched / catalogued) and precision (matched / declared).
    """
    return _counts(2 * n_matched, n_catalogued + n_declared)


def _counts(part: float, whole: float) -> Counts:
    return torch.tensor([part, whole], dtype=torch.float64)
