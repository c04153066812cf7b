"""Picks of QuakeML events, there and back: those that can be the event's, and the first P among them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from obspy import UTCDateTime
from obspy.core import event as quakeml

from fcn.catalogue.counted import origin_of, stands
from fcn.catalogue.ids import of_uri
from fcn.catalogue.phase import NEVER, PhasePick, can_be, p_or_s, since_origin
from fcn.catalogue.quantities import error_of, posix_s, uncertainty_of

log = logging.getLogger(__name__)


def to_quakeml(
    picks: Sequence[PhasePick], part: Callable[[str], quakeml.ResourceIdentifier]
) -> tuple[list[quakeml.Pick], list[quakeml.Arrival]]:
    """Picks of one event and the arrivals of its origin; part: the id of a part of the event."""
    made = [
        quakeml.Pick(
            resource_id=part(f"pick/{number}"),
            time=UTCDateTime(pick.time_s),
            time_errors=error_of(pick.uncertainty_s),
            waveform_id=quakeml.WaveformStreamID(pick.network, pick.station),
            phase_hint=pick.phase,
        )
        for number, pick in enumerate(picks)
    ]
    arrivals = [
        quakeml.Arrival(
            resource_id=part(f"arrival/{number}"),
            pick_id=part(f"pick/{number}"),
            phase=pick.phase,
            time_residual=pick.residual_s,
            time_correction=pick.correction_s,
            time_weight=pick.weight,
        )
        for number, pick in enumerate(picks)
    ]
    return made, arrivals


def from_quakeml(catalog: quakeml.Catalog) -> dict[str, list[PhasePick]]:
    """Those of each event that stand, by event_id; see `fcn.catalogue.io.read_picks`."""
    found = {}
    for event in catalog:
        origin = origin_of(event)
        phases = arrived_phases(origin)
        found[of_uri(str(event.resource_id.id))] = [
            PhasePick(
                pick.waveform_id.network_code or "",
                pick.waveform_id.station_code,
                phase,
                posix_s(pick.time),
                uncertainty_of(pick.time_errors),
            )
            for pick in event.picks
            if (phase := phases.get(str(pick.resource_id)) or pick.phase_hint)
            and pick.waveform_id is not None
            and pick.waveform_id.station_code
            and pick.time is not None
            and stands(pick)
        ]
    return found


def without_impossible(catalog: quakeml.Catalog, path: Path) -> quakeml.Catalog:
    """The events without P and S that cannot be theirs; how many, and the first of them, is logged."""
    n_picks, impossible = 0, list[str]()
    for event in catalog:
        origin = origin_of(event)
        if origin is None or origin.time is None:
            continue
        phases = arrived_phases(origin)
        kept = []
        for pick in event.picks:
            phase = _p_or_s(pick, phases)
            n_picks += phase is not None
            if phase is None or can_be(pick.time - origin.time):
                kept.append(pick)
                continue
            event_id, off = of_uri(str(event.resource_id.id)), since_origin(pick.time - origin.time)
            impossible.append(f"{phase} of event {event_id!r} at {_station(pick)}, {off}")
        event.picks = kept
    if impossible:
        log.warning(
            "%s: %d of %d picks left out, %s; the first: %s",
            *(path, len(impossible), n_picks, NEVER, impossible[0]),
        )
    return catalog


def arrived_phases(origin: quakeml.Origin | None) -> dict[str, str | None]:
    """By a pick's id, the phase that it was located as."""
    return {str(arrival.pick_id): arrival.phase for arrival in (origin.arrivals if origin else ())}


def first_p(event: quakeml.Event, origin: quakeml.Origin) -> quakeml.Pick | None:
    """The earliest P among the origin's arrivals, else among the event's picks; of those not rejected."""
    picks = {str(pick.resource_id): pick for pick in event.picks if stands(pick) and pick.time is not None}
    arrived = [
        picks[pick_id]
        for pick_id, phase in arrived_phases(origin).items()
        if p_or_s(phase) == "P" and pick_id in picks
    ]
    candidates = arrived or [pick for pick in picks.values() if p_or_s(pick.phase_hint) == "P"]
    return min(candidates, key=lambda pick: pick.time, default=None)


def _p_or_s(pick: quakeml.Pick, phases: Mapping[str, str | None]) -> str | None:
    """As it was located, else as it was picked; None for other phases, and where it does not count."""
    if pick.time is None or not stands(pick):
        return None
    return p_or_s(phases.get(str(pick.resource_id))) or p_or_s(pick.phase_hint)


def _station(pick: quakeml.Pick) -> str:
    at = pick.waveform_id
    return f"{at.network_code or ''}.{at.station_code or ''}" if at else "no station"
