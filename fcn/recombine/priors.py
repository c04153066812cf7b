"""Where, when and how large: the draws that make a scene before any waveform is touched."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Interval = tuple[float, float]
Layout = Callable[..., Float[np.ndarray, "station 3"]]  # (rng, n_stations, half_size_km, elevation_range_km)

KINDS = ("anywhere", "burst", "coda", "distant")
N_TRIES = 16  # points of a fault plane, of which the first inside the box is taken


def interval(name: str, values: Sequence[float]) -> Interval:
    """(low, high) as floats; raises ValueError unless low <= high."""
    if len(values) != 2 or not values[0] <= values[1]:
        raise ValueError(f"{name} must be [low, high] with low <= high, got {list(values)}")
    return float(values[0]), float(values[1])


def _shares(name: str, weights: Mapping[str, float], names: Sequence[str]) -> Float[np.ndarray, " name"]:
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
        if low < 3:
            raise ValueError(f"stations.count must be at least 3 to locate an event, got {list(self.count)}")
        _shares("stations.weights", self.weights, sorted(self.layouts))
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
        """East, north, depth of one network inside the box."""
        low, high = self.count
        if self.log_count:
            n = min(high, math.floor(low * ((high + 1) / low) ** rng.random()))
        else:
            n = int(rng.integers(low, high + 1))
        names = sorted(self.layouts)
        name = names[rng.choice(len(names), p=_shares("stations.weights", self.weights, names))]
        return self.layouts[name](rng, n, half_width_km, self.elevation_km)


@dataclass(frozen=True)
class EventPrior:
    """The events of a window: a first one, and further ones on the same network.

    Intervals are [low, high], drawn uniformly unless said otherwise.
    depth_km:             of every event.
    magnitude, b_value:   Gutenberg-Richter with slope b between the bounds; uniform for 0.
    reach:                epicentres lie within this fraction of the box's half-width.
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
    arrival_residual_s:   standard deviation of what a velocity model cannot predict at one station.
    """

    depth_km: Sequence[float]
    magnitude: Sequence[float]
    b_value: float
    reach: float
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
    arrival_residual_s: float

    def __post_init__(self) -> None:
        for name in (
            *("depth_km", "magnitude", "fault_dip_deg", "elapsed_s", "overlap_delay_s"),
            *("coda_before_s", "coda_magnitude", "distant_km", "distant_magnitude"),
        ):
            object.__setattr__(self, name, interval(f"events.{name}", getattr(self, name)))
        if not self.reach > 0 or not 0 <= self.overlap_share <= 1 or self.arrival_residual_s < 0:
            raise ValueError(
                "events.reach must be positive, overlap_share in 0-1 and arrival_residual_s >= 0, got "
                f"{self.reach}, {self.overlap_share}, {self.arrival_residual_s}"
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
        _shares("events.kinds", self.kinds, KINDS)

    def draw_magnitude(self, uniform: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Magnitudes from uniform draws in [0, 1)."""
        low, high = self.magnitude
        if self.b_value == 0:
            return low + (high - low) * uniform
        return low - np.log10(1 - uniform * (1 - 10 ** (-self.b_value * (high - low)))) / self.b_value


@dataclass(frozen=True)
class Scene:
    """Geometry of a batch of windows; see `Targets` for the meaning of the shared fields.

    Rows of stations are as many as the batch's largest network has.
    first_p_s: (batch, event) first P of each event on the network, seconds after the window's first sample.
    exists:    (batch, event). locatable: (batch, event) an event of the network, not before the window.
    residual:  (batch, station, event, 2) standard-normal draws behind the arrival residuals.
    pick:      (batch, station, event) uniform draws that choose among candidate records.
    mechanism_rad: (batch, event, 3) strike, dip and rake of the event's double couple.
    source_term: (batch, event) standard-normal draws behind the events' source terms.
    origin_pick: (batch, event) uniform draws that choose the origin of the events' records.
    """

    station_km: Float[Tensor, "batch station 3"]
    mask: Bool[Tensor, "batch station"]
    source_km: Float[Tensor, "batch event 3"]
    magnitude: Float[Tensor, "batch event"]
    first_p_s: Float[Tensor, "batch event"]
    exists: Bool[Tensor, "batch event"]
    locatable: Bool[Tensor, "batch event"]
    model_index: Int[Tensor, " batch"]
    residual: Float[Tensor, "batch station event 2"]
    pick: Float[Tensor, "batch station event"]
    mechanism_rad: Float[Tensor, "batch event 3"]
    source_term: Float[Tensor, "batch event"]
    origin_pick: Float[Tensor, "batch event"]

    def to(self, device: torch.device | str) -> "Scene":
        """The same on another device."""
        return Scene(*(getattr(self, f.name).to(device) for f in fields(self)))


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
    n_events, size = events.max_events, len(rngs)
    # one call per example and law, then arithmetic on the whole batch
    of_scene = np.stack([rng.random(8) for rng in rngs])
    of_event = np.stack([rng.random((11, n_events)) for rng in rngs])
    on_fault = np.stack([rng.random((2, n_events, N_TRIES)) for rng in rngs])
    about_first = np.stack([rng.standard_normal((n_events, 3)) for rng in rngs])
    source_term = np.stack([rng.standard_normal(n_events) for rng in rngs])
    u_elapsed, u_number, u_extra, u_model, u_scale, u_fault, u_strike, u_dip = of_scene.T
    u_east, u_north, u_depth, u_magnitude, u_time, u_kind, u_distance, u_origin, *u_mechanism = (
        of_event.swapaxes(0, 1)
    )

    scale = stations.draw_scale(u_scale)
    half_km = scale[:, None] * np.asarray(half_width_km, float)
    reach_km = half_km * events.reach
    # kinds; event 0 is none of them
    edges = np.cumsum(_shares("events.kinds", events.kinds, KINDS))
    kind = np.minimum(np.searchsorted(edges, u_kind, side="right"), len(KINDS) - 1)
    kind[:, 0] = -1
    burst, coda, distant = (kind == KINDS.index(name) for name in ("burst", "coda", "distant"))
    n_further = np.where(u_number < events.overlap_share, 1 + np.floor(u_extra * (n_events - 1)), 0)
    exists = np.arange(n_events) <= n_further[:, None]

    source_km = np.stack(
        [
            (2 * u_east - 1) * reach_km[:, :1],
            (2 * u_north - 1) * reach_km[:, 1:],
            _between(events.depth_km, u_depth),
        ],
        axis=-1,
    )
    plane_km = _on_planes(
        on_fault,
        centre_km=source_km[:, 0],
        strike_rad=2 * math.pi * u_strike,
        dip_rad=np.radians(_between(events.fault_dip_deg, u_dip)),
        reach_km=reach_km,
        depth_km=events.depth_km,
    )
    source_km = np.where((u_fault < events.fault_share)[:, None, None], plane_km, source_km)
    near_km = source_km[:, :1] + events.burst_km * about_first
    near_km[..., :2] = np.clip(near_km[..., :2], -reach_km[:, None], reach_km[:, None])
    near_km[..., 2] = np.clip(near_km[..., 2], events.depth_km[0], events.depth_km[1])
    source_km = np.where(burst[..., None], near_km, source_km)
    # outside: along a direction, beyond the edge of the box
    direction = 2 * math.pi * u_east
    heading = np.stack([np.sin(direction), np.cos(direction)], axis=-1)
    edge_km = (half_km[:, None] / np.maximum(np.abs(heading), 1e-9)).min(axis=-1)
    beyond_km = heading * (edge_km + _between(events.distant_km, u_distance))[..., None]
    source_km[..., :2] = np.where(distant[..., None], beyond_km, source_km[..., :2])

    magnitude = events.draw_magnitude(u_magnitude)
    larger = np.maximum(_between(events.coda_magnitude, u_magnitude), magnitude[:, :1])
    magnitude = np.where(coda, larger, magnitude)
    magnitude = np.where(distant, _between(events.distant_magnitude, u_magnitude), magnitude)

    first_p_s = window_s - _between(events.elapsed_s, u_elapsed)[:, None] + np.zeros((size, n_events))
    first_p_s[:, 1:] += _between(events.overlap_delay_s, u_time[:, 1:])
    first_p_s = np.where(coda, -_between(events.coda_before_s, u_time), first_p_s)

    networks = [stations.draw(rng, (float(h[0]), float(h[1]))) for rng, h in zip(rngs, half_km, strict=True)]
    return Scene(
        station_km=padded(networks),
        mask=padded([np.ones(len(network)) for network in networks]) > 0,
        source_km=torch.from_numpy(source_km).float(),
        magnitude=torch.from_numpy(magnitude).float(),
        first_p_s=torch.from_numpy(first_p_s).float(),
        exists=torch.from_numpy(exists),
        locatable=torch.from_numpy(exists & ~coda & ~distant & (first_p_s >= 0)),
        model_index=torch.from_numpy((u_model * n_models).astype(np.int64)),
        residual=padded(
            [rng.standard_normal((len(n), n_events, 2)) for rng, n in zip(rngs, networks, strict=True)]
        ),
        pick=padded([rng.random((len(n), n_events)) for rng, n in zip(rngs, networks, strict=True)]),
        mechanism_rad=_mechanisms(np.stack(u_mechanism, axis=-1)),
        source_term=torch.from_numpy(source_term).float(),
        origin_pick=torch.from_numpy(u_origin.copy()).float(),
    )


def _between(bounds: Sequence[float], uniform: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def _mechanisms(uniform: Float[np.ndarray, "batch event 3"]) -> Float[Tensor, "batch event 3"]:
    """Double couples turned at random: strike and rake uniform, the cosine of the dip uniform."""
    strike, rake = 2 * math.pi * uniform[..., 0], math.pi * (2 * uniform[..., 2] - 1)
    angles = np.stack([strike, np.arccos(1 - uniform[..., 1]), rake], axis=-1)
    return torch.from_numpy(angles).float()


def padded(rows: Sequence[Float[np.ndarray, "_ *n"]], fill: float = 0.0) -> Float[Tensor, "batch station *n"]:
    """Arrays of different lengths in one, filled after the end of the shorter ones."""
    out = np.full((len(rows), max(len(row) for row in rows), *rows[0].shape[1:]), fill, np.float32)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(out)


def _on_planes(
    uniform: Float[np.ndarray, "batch 2 event tries"],
    *,
    centre_km: Float[np.ndarray, "batch 3"],
    strike_rad: Float[np.ndarray, " batch"],
    dip_rad: Float[np.ndarray, " batch"],
    reach_km: Float[np.ndarray, "batch 2"],
    depth_km: Sequence[float],
) -> Float[np.ndarray, "batch event 3"]:
    """Points of a plane through `centre_km`, uniform in it inside the box; the centre where none is."""
    along, down = uniform[:, 0], uniform[:, 1]  # (batch, event, tries)
    length_km = np.linalg.norm(reach_km, axis=1)[:, None, None]
    strike_km = 2 * length_km * (2 * along - 1)
    deeper_km = _between(depth_km, down) - centre_km[:, 2, None, None]
    across_km = deeper_km / np.tan(dip_rad)[:, None, None]
    sin, cos = np.sin(strike_rad)[:, None, None], np.cos(strike_rad)[:, None, None]
    east_km = strike_km * sin + across_km * cos  # the plane dips to the right of its strike
    north_km = strike_km * cos - across_km * sin
    offset_km = np.stack([east_km, north_km, deeper_km], axis=-1)
    points_km = centre_km[:, None, None] + offset_km
    inside = (np.abs(points_km[..., :2]) <= reach_km[:, None, None]).all(axis=-1)
    first = inside.argmax(axis=-1)[..., None, None]
    chosen_km = np.take_along_axis(points_km, first, axis=2)[:, :, 0]
    return np.where(inside.any(axis=-1)[..., None], chosen_km, centre_km[:, None])
