"""Where, when and how large: the draws that make a scene before any waveform is touched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.constants import RELEASED
from fcn.recombine.priors import KINDS, EventPrior, StationPrior, padded, shares

N_TRIES = 16  # points of a fault plane, of which the first inside the box is taken


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
    turn_rad:  (batch, event) by which the array about a common rupture is turned, clockwise.
    rupture:   (batch, event) number of the rupture that all records of the event come from, -1 for none: a
               scene is drawn without any (`Library.with_ruptures`).
    release_s: (batch, event, share) its `fcn.constants.RELEASED`, NaN without.
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
    turn_rad: Float[Tensor, "batch event"]
    rupture: Int[Tensor, "batch event"]
    release_s: Float[Tensor, "batch event share"]

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
    n_events = events.max_events  # one call per example and law, then arithmetic on the whole batch
    of_scene = np.stack([rng.random(9) for rng in rngs])
    of_event = np.stack([rng.random((13, n_events)) for rng in rngs])
    on_fault = np.stack([rng.random((2, n_events, N_TRIES)) for rng in rngs])
    about_first = np.stack([rng.standard_normal((n_events, 3)) for rng in rngs])
    source_term = np.stack([rng.standard_normal(n_events) for rng in rngs])
    u_elapsed, u_number, u_extra, u_model, u_scale, u_reach, *u_plane = of_scene.T
    u_magnitude, u_time, u_kind, u_large, u_origin, u_turn = of_event.swapaxes(0, 1)[:6]

    half_km = stations.draw_scale(u_scale)[:, None] * np.asarray(half_width_km, float)
    kinds = _kinds(events, u_kind, u_large)
    n_further = np.where(u_number < events.overlap_share, 1 + np.floor(u_extra * (n_events - 1)), 0)
    exists = np.arange(n_events) <= n_further[:, None]
    source_km = _hypocentres(
        events, kinds, half_km, u_reach, of_event[:, 6:10], np.stack(u_plane, axis=1), on_fault, about_first
    )
    first_p_s = _first_p_s(events, u_elapsed, u_time, window_s=window_s, kinds=kinds)
    networks = [stations.draw(rng, (float(h[0]), float(h[1]))) for rng, h in zip(rngs, half_km, strict=True)]
    drawn = list(zip(rngs, map(len, networks), strict=True))
    return Scene(
        station_km=padded(networks),
        mask=padded([np.ones(n) for _, n in drawn]) > 0,
        source_km=torch.from_numpy(source_km).float(),
        magnitude=torch.from_numpy(_magnitudes(events, u_magnitude, kinds)).float(),
        first_p_s=torch.from_numpy(first_p_s).float(),
        exists=torch.from_numpy(exists),
        locatable=torch.from_numpy(exists & ~kinds.coda & ~kinds.distant & (first_p_s >= 0)),
        model_index=torch.from_numpy((u_model * n_models).astype(np.int64)),
        residual=padded([rng.standard_normal((n, n_events, 2)) for rng, n in drawn]),
        pick=padded([rng.random((n, n_events)) for rng, n in drawn]),
        mechanism_rad=_mechanisms(of_event[:, 10:].swapaxes(1, 2)),
        source_term=torch.from_numpy(source_term).float(),
        origin_pick=torch.from_numpy(u_origin.copy()).float(),
        turn_rad=torch.from_numpy(2 * math.pi * u_turn).float(),
        rupture=torch.full(exists.shape, -1),
        release_s=torch.full((*exists.shape, len(RELEASED)), torch.nan),
    )


def _hypocentres(
    events: EventPrior,
    kinds: "_Kinds",
    half_km: Float[np.ndarray, "batch 2"],
    u_reach: Float[np.ndarray, " batch"],
    of_event: Float[np.ndarray, "batch 4 event"],
    of_plane: Float[np.ndarray, "batch 3"],
    on_fault: Float[np.ndarray, "batch 2 event tries"],
    about_first: Float[np.ndarray, "batch event 3"],
) -> Float[np.ndarray, "batch event 3"]:
    """Of all events, from uniform draws (`about_first`: normal), each kind where it belongs."""
    reach_km = half_km * _between(events.reach, u_reach)[:, None]
    (u_east, u_north, u_depth, u_distance), (u_fault, u_strike, u_dip) = of_event.swapaxes(0, 1), of_plane.T
    box_km = (2 * u_east - 1) * reach_km[:, :1], (2 * u_north - 1) * reach_km[:, 1:]
    source_km = np.stack([*box_km, _between(events.depth_km, u_depth)], axis=-1)
    plane_km = _on_planes(
        on_fault,
        centre_km=source_km[:, 0],
        strike_rad=2 * math.pi * u_strike,
        dip_rad=np.radians(_between(events.fault_dip_deg, u_dip)),
        reach_km=reach_km,
        depth_km=events.depth_km,
    )
    source_km = np.where((u_fault < events.fault_share)[:, None, None], plane_km, source_km)
    near_km = _about(source_km[:, :1], events, reach_km, about_first)
    source_km = np.where(kinds.burst[..., None], near_km, source_km)
    beyond_km = _beyond(half_km, 2 * math.pi * u_east, _between(events.distant_km, u_distance))
    source_km[..., :2] = np.where(kinds.distant[..., None], beyond_km, source_km[..., :2])
    return source_km


def _about(
    first_km: Float[np.ndarray, "batch 1 3"],
    events: EventPrior,
    reach_km: Float[np.ndarray, "batch 2"],
    normal: Float[np.ndarray, "batch event 3"],
) -> Float[np.ndarray, "batch event 3"]:
    """Hypocentres of bursts: about the first, within reach and the depths of events."""
    near_km = first_km + events.burst_km * normal
    near_km[..., :2] = np.clip(near_km[..., :2], -reach_km[:, None], reach_km[:, None])
    near_km[..., 2] = np.clip(near_km[..., 2], events.depth_km[0], events.depth_km[1])
    return near_km


def _beyond(
    half_km: Float[np.ndarray, "batch 2"],
    direction_rad: Float[np.ndarray, "batch event"],
    distance_km: Float[np.ndarray, "batch event"],
) -> Float[np.ndarray, "batch event 2"]:
    """Epicentres outside: along a direction from the middle, so far beyond the edge of the box."""
    heading = np.stack([np.sin(direction_rad), np.cos(direction_rad)], axis=-1)
    edge_km = (half_km[:, None] / np.maximum(np.abs(heading), 1e-9)).min(axis=-1)
    return heading * (edge_km + distance_km)[..., None]


class _Kinds(NamedTuple):
    """Which events are of a burst, covering by their coda, distant (event 0 is none of them); and large."""

    burst: Bool[np.ndarray, "batch event"]
    coda: Bool[np.ndarray, "batch event"]
    distant: Bool[np.ndarray, "batch event"]
    large: Bool[np.ndarray, "batch event"]


def _kinds(
    events: EventPrior,
    uniform: Float[np.ndarray, "batch event"],
    u_large: Float[np.ndarray, "batch event"],
) -> _Kinds:
    """From uniform draws."""
    edges = np.cumsum(shares("events.kinds", events.kinds, KINDS))
    kind = np.minimum(np.searchsorted(edges, uniform, side="right"), len(KINDS) - 1)
    kind[:, 0] = -1
    burst, coda, distant = (kind == KINDS.index(name) for name in ("burst", "coda", "distant"))
    first = np.arange(uniform.shape[1]) == 0
    return _Kinds(burst, coda, distant, (u_large < events.large_share) & (coda | first))


def _first_p_s(
    events: EventPrior,
    u_elapsed: Float[np.ndarray, " batch"],
    u_time: Float[np.ndarray, "batch event"],
    *,
    window_s: float,
    kinds: _Kinds,
) -> Float[np.ndarray, "batch event"]:
    """First P of every event on the network, seconds after the window's first sample."""
    first_p_s = window_s - _between(events.elapsed_s, u_elapsed)[:, None] + np.zeros_like(u_time)
    first_p_s[:, 1:] += _between(events.overlap_delay_s, u_time[:, 1:])
    before_s = np.where(
        kinds.large, _between(events.large_coda_before_s, u_time), _between(events.coda_before_s, u_time)
    )
    return np.where(kinds.coda, -before_s, first_p_s)


def _magnitudes(
    events: EventPrior,
    uniform: Float[np.ndarray, "batch event"],
    kinds: _Kinds,
) -> Float[np.ndarray, "batch event"]:
    """By kind; the event whose coda covers a window is no smaller than its first event."""
    largest = _between(events.large_magnitude, uniform)
    magnitude = np.where(kinds.large, largest, events.draw_magnitude(uniform))
    of_coda = np.where(kinds.large, largest, _between(events.coda_magnitude, uniform))
    larger = np.maximum(of_coda, magnitude[:, :1])
    magnitude = np.where(kinds.coda, larger, magnitude)
    return np.where(kinds.distant, _between(events.distant_magnitude, uniform), magnitude)


def _between(bounds: Sequence[float], uniform: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def _mechanisms(uniform: Float[np.ndarray, "batch event 3"]) -> Float[Tensor, "batch event 3"]:
    """Double couples turned at random: strike and rake uniform, the cosine of the dip uniform."""
    strike, rake = 2 * math.pi * uniform[..., 0], math.pi * (2 * uniform[..., 2] - 1)
    angles = np.stack([strike, np.arccos(1 - uniform[..., 1]), rake], axis=-1)
    return torch.from_numpy(angles).float()


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
