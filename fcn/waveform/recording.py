"""Which stations and spans of a network's recording can be used together."""

import logging
from collections.abc import Iterable

import obspy

from fcn.constants import ENOUGH_STATIONS
from fcn.geometry.network import MovedError, Network, Station, warn_of_places
from fcn.waveform.folder import STATIONS
from fcn.waveform.stored import StoredStream, StoredTrace

log = logging.getLogger(__name__)

SECONDS_PER_DAY = 86_400
PAUSE_S = 3_600.0  # a longer silence of all stations ends a span
BRIDGED_S = 60.0  # gaps of a station's that are none, of whether it delivers when others do
MOST_STATION_DAYS = 128  # 6 GB of motion in a temporary file


class TooLongError(ValueError):
    """A sequence that is sound, but longer than one replay can hold."""


def described_stations(
    inventory: obspy.Inventory, stream: StoredStream, wanted: list[str] | None
) -> dict[str, Station]:
    """The stations to use, by id, in order: those wanted that have data, else all that have.

    One that moved in the time of its data is left out with a warning. Raises ValueError for data or wishes
    that stations.xml does not describe, and where none can be used.
    """
    listed = list(dict.fromkeys(f"{network.code}.{site.code}" for network in inventory for site in network))
    recorded = _spans_s(stream)
    if wanted is not None and set(wanted) - set(listed):
        raise ValueError(f"stations {', '.join(sorted(set(wanted) - set(listed)))} are not in {STATIONS}")
    if recorded.keys() - set(listed):
        raise ValueError(
            f"no coordinates for {', '.join(sorted(recorded.keys() - set(listed)))}: add them to {STATIONS}, "
            "or list the stations to use in sequence.yaml"
        )
    names = listed if wanted is None else wanted
    described, moved = dict[str, Station](), list[str]()
    for name in names:
        if name in recorded:
            try:
                (described[name],) = Network.from_inventory(inventory, recorded[name], {name})
            except MovedError as error:
                moved.append(str(error))
    if not described:
        raise ValueError(f"no station can be used: {moved[0] if moved else 'none has waveforms'}")
    for why in moved:
        log.warning("left out: %s", why)
    warn_of_places(Network(tuple(described.values())), STATIONS)
    silent = sorted(set(names) - recorded.keys())
    if silent:
        log.warning("no waveforms of %s: left out", ", ".join(silent))
    return described


def _spans_s(stream: StoredStream) -> dict[str, tuple[float, float]]:
    """Of each recorded station, "NET.STA", POSIX times of its first and last sample."""
    spans_s: dict[str, tuple[float, float]] = {}
    for trace in stream:
        stats = trace.stats
        name, begin_s, end_s = (
            f"{stats.network}.{stats.station}",
            stats.starttime.timestamp,
            stats.endtime.timestamp,
        )
        before_s = spans_s.get(name, (begin_s, end_s))
        spans_s[name] = min(begin_s, before_s[0]), max(end_s, before_s[1])
    return spans_s


def shared_time(stream: StoredStream, where: str) -> StoredStream:
    """The traces of spans in which `ENOUGH_STATIONS` (or all, of fewer) deliver: a false clock is alone.

    Spans are apart by more than `PAUSE_S`. What is left out is warned of, by channel, and so are stations
    that never deliver while the others do, as of another time zone. Raises TooLongError where what is left is
    more than `MOST_STATION_DAYS`.
    """
    by_start = sorted(stream, key=lambda trace: trace.stats.starttime)
    spans: list[list[StoredTrace]] = []
    end = None
    for trace in by_start:
        if end is None or trace.stats.starttime - end > PAUSE_S:
            spans.append([])
        spans[-1].append(trace)
        end = trace.stats.endtime if end is None else max(end, trace.stats.endtime)
    stations = [{(trace.stats.network, trace.stats.station) for trace in span} for span in spans]
    enough = min(ENOUGH_STATIONS, max(len(names) for names in stations))
    kept = [span for span, names in zip(spans, stations, strict=True) if len(names) >= enough]
    for span, names in zip(spans, stations, strict=True):
        if len(names) < enough:
            log.warning(
                "%s: %s from %s left out, fewer than %d stations deliver in that time: a false clock?",
                where,
                ", ".join(sorted({trace.id for trace in span})),
                span[0].stats.starttime,
                enough,
            )
    first, last = kept[0][0].stats.starttime, max(trace.stats.endtime for trace in kept[-1])
    days = MOST_STATION_DAYS / len(set().union(*stations))
    if last - first > days * SECONDS_PER_DAY:
        starts = ", ".join(str(span[0].stats.starttime) for span in kept[:5])
        raise TooLongError(
            f"{where} reaches from {first} to {last}, with stretches from {starts}, more than one replay "
            f"holds: state a span of at most {days:.1f} days (span in sequence.yaml), or mend the clocks"
        )
    _warn_of_clocks((trace for span in kept for trace in span), where)
    return StoredStream(trace for span in kept for trace in span)


def _warn_of_clocks(traces: Iterable[StoredTrace], where: str) -> None:
    """Log stations that share no time with the most of them, directly or through others; traces by start."""
    spans_s: dict[str, list[tuple[float, float]]] = {}
    for trace in traces:
        begin_s, end_s = trace.stats.starttime.timestamp, trace.stats.endtime.timestamp
        own = spans_s.setdefault(f"{trace.stats.network}.{trace.stats.station}", [])
        if own and begin_s - own[-1][1] <= BRIDGED_S:
            begin_s, end_s = own[-1][0], max(end_s, own.pop()[1])
        own.append((begin_s, end_s))
    groups: list[dict[str, float]] = []  # stations that share time, each with the end of what has come of it
    for begin_s, end_s, name in sorted((*span, name) for name, own in spans_s.items() for span in own):
        sharing = [group for group in groups if name in group or max(group.values()) > begin_s]
        groups = [group for group in groups if group not in sharing]
        joined = {other: other_s for group in sharing for other, other_s in group.items()}
        groups.append({**joined, name: max(end_s, joined.get(name, end_s))})
    *apart, _ = sorted(groups, key=len)
    for group in apart:
        names = sorted(group)
        log.warning(
            "%s: %s%s deliver from %s on, and never while most others do: a false clock, or times that are "
            "not UTC?",
            *(where, ", ".join(names[:5]), " ..." if len(names) > 5 else ""),
            obspy.UTCDateTime(min(begin_s for name in names for begin_s, _ in spans_s[name])),
        )
