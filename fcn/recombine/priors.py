"""Where, when and how large: the draws that make a scene before any waveform is touched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Interval = tuple[float, float]
Layout = Callable[..., Float[np.ndarray, "station 3"]]  # (rng, n_stations, half_size_km, elevation_range_km)


def interval(name: str, values: Sequence[float]) -> Interval:
    """(low, high) as floats; raises ValueError unless low <= high."""
    if len(values) != 2 or not values[0] <= values[1]:
        raise ValueError(f"{name} must be [low, high] with low <= high, got {list(values)}")
    return float(values[0]), float(values[1])


def _uniform(rng: np.random.Generator, bounds: Sequence[float], size: int = 1) -> Float[np.ndarray, " size"]:
    return rng.uniform(bounds[0], bounds[1], size)


@dataclass(frozen=True)
class StationPrior:
    """Networks of `count` [least, most] stations, laid out by one of `layouts`, drawn by relative weight."""

    count: Sequence[int]
    layouts: Mapping[str, Layout]
    weights: Mapping[str, float]
    elevation_km: Sequence[float]

    def __post_init__(self) -> None:
        low, high = interval("stations.count", self.count)
        if low < 3:
            raise ValueError(f"stations.count must be at least 3 to locate an event, got {list(self.count)}")
        weights = self.weights.values()
        if set(self.weights) != set(self.layouts) or not any(w > 0 for w in weights) or min(weights) < 0:
            raise ValueError(
                f"stations.weights must be >= 0, not all 0, for exactly {sorted(self.layouts)}, "
                f"got {dict(self.weights)}"
            )
        object.__setattr__(self, "count", (int(low), int(high)))
        object.__setattr__(self, "elevation_km", interval("stations.elevation_km", self.elevation_km))

    def draw(
        self, rng: np.random.Generator, half_width_km: tuple[float, float]
    ) -> Float[np.ndarray, "station 3"]:
        """East, north, depth of one network inside the box."""
        n = int(rng.integers(self.count[0], self.count[1] + 1))
        names = sorted(self.layouts)
        weights = np.array([self.weights[name] for name in names])
        layout = self.layouts[names[rng.choice(len(names), p=weights / weights.sum())]]
        return layout(rng, n, half_width_km, self.elevation_km)


@dataclass(frozen=True)
class EventPrior:
    """The event to locate, and the one that may overlap it; intervals are [low, high], drawn uniformly.

    depth_km, magnitude:  of every event.
    reach:                epicentres lie within this fraction of the box's half-width.
    elapsed_s:            "now" minus the first P; windows with a negative value hold noise only.
    overlap_share:        share of windows with a second event on the same network.
    overlap_delay_s:      its first P minus the first event's.
    arrival_residual_s:   standard deviation of what a velocity model cannot predict at one station.
    """

    depth_km: Sequence[float]
    magnitude: Sequence[float]
    reach: float
    elapsed_s: Sequence[float]
    overlap_share: float
    overlap_delay_s: Sequence[float]
    arrival_residual_s: float

    def __post_init__(self) -> None:
        for name in ("depth_km", "magnitude", "elapsed_s", "overlap_delay_s"):
            object.__setattr__(self, name, interval(f"events.{name}", getattr(self, name)))
        if not self.reach > 0 or not 0 <= self.overlap_share <= 1 or self.arrival_residual_s < 0:
            raise ValueError(
                "events.reach must be positive, overlap_share in 0-1 and arrival_residual_s >= 0, got "
                f"{self.reach}, {self.overlap_share}, {self.arrival_residual_s}"
            )


@dataclass(frozen=True)
class Scene:
    """Geometry of a batch of windows; see `Targets` for the meaning of the shared fields.

    first_p_s: (batch, event) first P of each event on the network, seconds after the window's first sample.
    residual:  (batch, station, event, 2) standard-normal draws behind the arrival residuals.
    pick:      (batch, station, event) uniform draws that choose among candidate records.
    """

    station_km: Float[Tensor, "batch station 3"]
    mask: Bool[Tensor, "batch station"]
    source_km: Float[Tensor, "batch event 3"]
    magnitude: Float[Tensor, "batch event"]
    first_p_s: Float[Tensor, "batch event"]
    exists: Bool[Tensor, "batch event"]
    model_index: Int[Tensor, " batch"]
    residual: Float[Tensor, "batch station event 2"]
    pick: Float[Tensor, "batch station event"]


def draw_scene(
    rngs: Sequence[np.random.Generator],
    stations: StationPrior,
    events: EventPrior,
    *,
    half_width_km: tuple[float, float],
    window_s: float,
    n_models: int,
) -> Scene:
    """One scene per generator; an example's numbers depend on its own generator alone."""
    n_rows, n_events = stations.count[1], 2
    size = len(rngs)
    station_km = np.zeros((size, n_rows, 3), np.float32)
    mask = np.zeros((size, n_rows), bool)
    source_km = np.zeros((size, n_events, 3), np.float32)
    magnitude = np.zeros((size, n_events), np.float32)
    first_p_s = np.zeros((size, n_events), np.float32)
    exists = np.ones((size, n_events), bool)
    model = np.zeros(size, np.int64)
    residual = np.zeros((size, n_rows, n_events, 2), np.float32)
    pick = np.zeros((size, n_rows, n_events), np.float32)
    for b, rng in enumerate(rngs):
        network = stations.draw(rng, half_width_km)
        station_km[b, : len(network)], mask[b, : len(network)] = network, True
        reach_km = np.array(half_width_km) * events.reach
        source_km[b, :, :2] = rng.uniform(-reach_km, reach_km, (n_events, 2))
        source_km[b, :, 2] = _uniform(rng, events.depth_km, n_events)
        magnitude[b] = _uniform(rng, events.magnitude, n_events)
        elapsed_s = _uniform(rng, events.elapsed_s).item()
        first_p_s[b] = window_s - elapsed_s
        first_p_s[b, 1] += _uniform(rng, events.overlap_delay_s).item()
        exists[b, 1] = rng.random() < events.overlap_share
        model[b] = rng.integers(n_models)
        residual[b] = rng.standard_normal((n_rows, n_events, 2))
        pick[b] = rng.random((n_rows, n_events))
    arrays = (station_km, mask, source_km, magnitude, first_p_s, exists, model, residual, pick)
    return Scene(*(torch.from_numpy(a) for a in arrays))
