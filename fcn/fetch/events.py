"""The catalogue of a region and time from a data centre's event service."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import obspy
from obspy import UTCDateTime

from fcn.catalogue.counted import origin_of
from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_with_picks
from fcn.catalogue.phase import PhasePick
from fcn.fetch.centre import DataCentre, RefusedError
from fcn.fetch.pieces import Pieces, spans
from fcn.fetch.refusals import Refusals
from fcn.fetch.source import FdsnSource

SPAN_S = 30 * 86_400.0  # of a request: catalogues of regions have thousands of events a month at most


def fetch_events(
    centre: DataCentre, source: FdsnSource, folder: Path, refusals: Refusals
) -> tuple[Catalogue, Mapping[str, Sequence[PhasePick]]]:
    """Events in the region and its margin, and their picks; those that lack a place or a time are refused.

    Raises ValueError naming an event that cannot be, and RefusedError where a part of the time cannot be had:
    a catalogue with a hole would call false what happened in it.
    """
    query = {**source.area.query(source.event_margin_km), "orderby": "time-asc"}
    if source.min_magnitude is not None:
        query["minmagnitude"] = source.min_magnitude
    if centre.takes("event", "includearrivals"):
        query["includearrivals"] = True

    def ask(begin_s: float, end_s: float) -> bytes:
        span = {"starttime": UTCDateTime(begin_s), "endtime": UTCDateTime(end_s)}
        content = centre.ask("event", **query, **span)
        _parsed(content)  # what is no catalogue is not kept
        return content

    def fail(begin_s: float, end_s: float, error: RefusedError) -> None:
        raise RefusedError(
            f"{centre.name} gives no events from {UTCDateTime(begin_s)} to {UTCDateTime(end_s)} ({error}): "
            "try again later, or do without (source.event_client=null)"
        )

    pieces, events = Pieces(folder / "events", ".xml"), dict[str, obspy.core.event.Event]()
    for span_s in spans(*source.span_s, SPAN_S):
        pieces.get(*span_s, ask, fail)
        for *_, content in pieces.had(*span_s):
            for event in _parsed(content):
                events.setdefault(str(event.resource_id.id), event)
    for name in list(events):
        if lacking := _lacking(events[name]):
            refusals.add(name, f"the event has no {lacking}")
            del events[name]
    whole = folder / "catalogue.xml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ObsPy of ids that are none, which the reader judges
        catalog = obspy.core.event.Catalog(list(events.values()), description=centre.name)
        catalog.write(str(whole), format="QUAKEML")
    catalogue, picks_of = read_with_picks(whole)
    inside = catalogue.of(
        event
        for event in catalogue
        if source.area.holds(event.latitude_deg, event.longitude_deg, source.event_margin_km)
        and source.span_s[0] <= event.origin_time_s <= source.span_s[1]
    )
    kept = {event.event_id for event in inside}
    return inside, {name: picks for name, picks in picks_of.items() if name in kept}


def _lacking(event: obspy.core.event.Event) -> str:
    """What an event needs and has not; of one whose origin is rejected nothing is asked."""
    if not event.origins:
        return "origin"
    needed = ("time", "latitude", "longitude", "depth")
    origin = origin_of(event)
    return ", ".join(name for name in needed if origin is not None and getattr(origin, name) is None)


def _parsed(content: bytes) -> obspy.core.event.Catalog:
    try:
        return obspy.read_events(io.BytesIO(content), format="QUAKEML")
    except Exception as error:  # ObsPy's reader has exceptions of its own
        raise RefusedError(f"its answer is no QuakeML: {error}") from error
