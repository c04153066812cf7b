"""What may be drawn: networks of stations, and the events of a window."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.geometry.network import can_be_elevation

Interval = tuple[float, float]
Layout = Callable[..., Float[np.ndarray, "station 3"]]  # (rng, n_stations, half_size_km, elevation_range_km)

LEAST_STATIONS = 3  # that locate an event
KINDS = ("anywhere", "burst", "coda", "distant")


def interval(name: str, values: Sequence[float]) -> Interval:
    """(low, high) as floats; raises ValueError unless low <= high."""
    if len(values) != 2 or not values[0] <= values[1]:
        raise ValueError(f"{name} must be [low, high] with low <= high, got {list(values)}")
    return float(values[0]), float(values[1])


def shares(name: str, weights: Mapping[str, float], names: Sequence[str]) -> Float[np.ndarray, " name"]:
    """Relative weights in the order of `names`, summing to 1."""
    values = list(weights.values())
    if set(weights) != set(names) or not any(w > 0 for w in values) or min(values) < 0:
        raise ValueError(f"{name} must be >= 0, not all 0, for exactly {sorted(names)}, got {dict(weights)}")
    shares = np.array([weights[key] for key in names], float)
    return shares / shares.sum()


@dataclass(frozen=True)
class StationPrior:
    """Networks of `count` [least, most] stations, laid out by one of `layouts`, drawn by relative weight.

    log_count: draw the logarithm of the count uniformly instead of the count.
    scale:     factor on the half-widths of the box, log-uniform: of the network and its sources.
    """

    count: Sequence[int]
    log_count: bool
    scale: Sequence[float]
    layouts: Mapping[str, Layout]
    weights: Mapping[str, float]
    elevation_km: Sequence[float]

    def __post_init__(self) -> None:
        low, high = interval("stations.count", self.count)
        if low < LEAST_STATIONS:
            raise ValueError(f"stations.count must be at least 3 to locate an event, got {list(self.count)}")
        shares("stations.weights", self.weights, sorted(self.layouts))
        # Hydra's partials look up their target's permission in every call, which takes longer than the layout
        layouts = {
            name: partial(layout.func, *layout.args, **layout.keywords)
            if isinstance(layout, partial)
            else layout
            for name, layout in self.layouts.items()
        }
        object.__setattr__(self, "layouts", layouts)
        object.__setattr__(self, "count", (int(low), int(high)))
        object.__setattr__(self, "elevation_km", interval("stations.elevation_km", self.elevation_km))
        object.__setattr__(self, "scale", interval("stations.scale", self.scale))
        if self.scale[0] <= 0:
            raise ValueError(f"stations.scale must be positive, got {list(self.scale)}")

    def draw_scale(self, uniform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Factors on the box's half-widths from uniform draws in [0, 1)."""
        low, high = self.scale
        return low * (high / low) ** uniform

    def draw(
        self, rng: np.random.Generator, half_width_km: tuple[float, float]
    ) -> Float[np.ndarray, "station 3"]:
        """East, north, depth of one network inside the box.

        Raises ValueError, naming the layout, where it returns no network.
        """
        low, high = self.count
        if self.log_count:
            n = min(high, math.floor(low * ((high + 1) / low) ** rng.random()))
        else:
            n = int(rng.integers(low, high + 1))
        names = sorted(self.layouts)
        name = names[rng.choice(len(names), p=shares("stations.weights", self.weights, names))]
        return _network(name, self.layouts[name](rng, n, half_width_km, self.elevation_km))


def _network(layout: str, places_km: object) -> Float[np.ndarray, "station 3"]:
    """What a layout, of one's own perhaps, returned; ValueError for what is no network of sensors."""
    found = np.asarray(places_km, float)
    broken = int((~np.isfinite(found)).sum())
    if found.ndim != 2 or found.shape[1] != 3 or len(found) < LEAST_STATIONS or broken:
        raise ValueError(
            f"stations.layouts.{layout} returned an array of shape {found.shape} with {broken} values that "
            f"are no number: it must be east, north and depth in km of {LEAST_STATIONS} stations or more"
        )
    highest_km, deepest_km = float(found[:, 2].min()), float(found[:, 2].max())
    if not (can_be_elevation(-1e3 * highest_km) and can_be_elevation(-1e3 * deepest_km)):
        raise ValueError(
            f"stations.layouts.{layout} returned stations at depths of {highest_km:g} to {deepest_km:g} km, "
            "where no sensor is: depths are km below sea level, positive down"
        )
    return found


@dataclass(frozen=True)
class EventPrior:
    """The events of a window: a first one, and further ones on the same network.

    Intervals are [low, high], drawn uniformly unless said otherwise.
    depth_km:             of every event.
    magnitude, b_value:   Gutenberg-Richter with slope b between the bounds; uniform for 0.
    reach:                of a window: its epicentres lie within this fraction of the box's half-width; above
                          1 some are outside the network.
    fault_share:          share of windows whose events lie on one plane through the box, any strike;
    fault_dip_deg:        its dip.
    elapsed_s:            "now" minus the first event's first P; negative: it is yet to come.
    overlap_share:        share of windows with further events, as likely 1 as `max_events` - 1 of them.
    kinds:                relative weights of what a further event is: "anywhere" in the box; of a "burst",
                          near the first event; a large earlier one whose "coda" covers the window; "distant",
                          outside the box. The last two are not to be located.
    overlap_delay_s:      a further event's first P minus the first event's, but for coda.
    burst_km:             standard deviation, per axis, of a burst's hypocentres about the first.
    coda_before_s:        first P of the event whose coda covers the window, before the window's start.
    coda_magnitude:       its magnitude, if that is larger than the first event's, else the first event's.
    distant_km, distant_magnitude: how far beyond the edge of the box, and how large.
    large_share:          share of first events, and of those whose coda covers the window, that are large:
                          large_magnitude, and with a coda that began large_coda_before_s before the window.
    arrival_residual_s:   standard deviation of what a velocity model cannot predict at one station.
    """

    depth_km: Sequence[float]
    magnitude: Sequence[float]
    b_value: float
    reach: Sequence[float]
    fault_share: float
    fault_dip_deg: Sequence[float]
    elapsed_s: Sequence[float]
    overlap_share: float
    max_events: int
    kinds: Mapping[str, float]
    overlap_delay_s: Sequence[float]
    burst_km: float
    coda_before_s: Sequence[float]
    coda_magnitude: Sequence[float]
    distant_km: Sequence[float]
    distant_magnitude: Sequence[float]
    large_share: float
    large_magnitude: Sequence[float]
    large_coda_before_s: Sequence[float]
    arrival_residual_s: float

    def __post_init__(self) -> None:
        for name in (
            *("depth_km", "magnitude", "fault_dip_deg", "elapsed_s", "overlap_delay_s"),
            *("coda_before_s", "coda_magnitude", "distant_km", "distant_magnitude"),
            *("large_magnitude", "large_coda_before_s", "reach"),
        ):
            object.__setattr__(self, name, interval(f"events.{name}", getattr(self, name)))
        if not self.reach[0] > 0 or not 0 <= self.overlap_share <= 1 or self.arrival_residual_s < 0:
            raise ValueError(
                "events.reach must be positive, overlap_share in 0-1 and arrival_residual_s >= 0, got "
                f"{list(self.reach)}, {self.overlap_share}, {self.arrival_residual_s}"
            )
        if self.max_events < 1 or (self.max_events == 1 and self.overlap_share > 0):
            raise ValueError(
                f"events.max_events must be at least 1, and 2 for an overlap_share above 0, got "
                f"{self.max_events} and {self.overlap_share}"
            )
        if self.b_value < 0 or not 0 <= self.fault_share <= 1 or self.burst_km < 0:
            raise ValueError(
                "events.b_value and burst_km must be >= 0 and fault_share in 0-1, got "
                f"{self.b_value}, {self.burst_km}, {self.fault_share}"
            )
        if not 0 < self.fault_dip_deg[0] <= self.fault_dip_deg[1] <= 90 or self.distant_km[0] < 0:
            raise ValueError(
                "events.fault_dip_deg must lie in 0-90, above 0, and distant_km be >= 0, got "
                f"{list(self.fault_dip_deg)}, {list(self.distant_km)}"
            )
        if not 0 <= self.large_share <= 1:
            raise ValueError(f"events.large_share must be in 0-1, got {self.large_share}")
        shares("events.kinds", self.kinds, KINDS)

    def draw_magnitude(self, uniform: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Magnitudes from uniform draws in [0, 1)."""
        low, high = self.magnitude
        if self.b_value == 0:
            return low + (high - low) * uniform
        return low - np.log10(1 - uniform * (1 - 10 ** (-self.b_value * (high - low)))) / self.b_value


def padded(rows: Sequence[Float[np.ndarray, "_ *n"]], fill: float = 0.0) -> Float[Tensor, "batch station *n"]:
    """Arrays of different lengths in one, filled after the end of the shorter ones."""
    out = np.full((len(rows), max(len(row) for row in rows), *rows[0].shape[1:]), fill, np.float32)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(out)
