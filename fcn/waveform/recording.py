"""Which stations and spans of a network's recording can be used together."""

import logging

import obspy

from fcn.constants import ENOUGH_STATIONS
from fcn.geometry.network import Network, Station, warn_of_places
from fcn.waveform.folder import STATIONS
from fcn.waveform.stored import StoredStream, StoredTrace

log = logging.getLogger(__name__)

SECONDS_PER_DAY = 86_400
PAUSE_S = 3_600.0  # a longer silence of all stations ends a span
MOST_STATION_DAYS = 128  # 6 GB of motion in a temporary file


class TooLongError(ValueError):
    """A sequence that is sound, but longer than one replay can hold."""


def described_stations(
    inventory: obspy.Inventory, stream: StoredStream, wanted: list[str] | None
) -> dict[str, Station]:
    """The stations to use, by id, in order: those wanted that have data, else all that have.

    Raises ValueError for data or wishes that stations.xml does not describe.
    """
    during_s = (
        min(trace.stats.starttime for trace in stream).timestamp,
        max(trace.stats.endtime for trace in stream).timestamp,
    )
    listed = list(dict.fromkeys(f"{network.code}.{site.code}" for network in inventory for site in network))
    recorded = {f"{trace.stats.network}.{trace.stats.station}" for trace in stream}
    if wanted is not None and set(wanted) - set(listed):
        raise ValueError(f"stations {', '.join(sorted(set(wanted) - set(listed)))} are not in {STATIONS}")
    if recorded - set(listed):
        raise ValueError(
            f"no coordinates for {', '.join(sorted(recorded - set(listed)))}: add them to {STATIONS}, "
            "or list the stations to use in sequence.yaml"
        )
    names = listed if wanted is None else wanted
    network = Network.from_inventory(inventory, during_s, recorded & set(names))
    warn_of_places(network, STATIONS)
    described = {station.id: station for station in network}
    silent = sorted(set(names) - recorded)
    if silent:
        log.warning("no waveforms of %s: left out", ", ".join(silent))
    return {name: described[name] for name in names if name in recorded}


def shared_time(stream: StoredStream, where: str) -> StoredStream:
    """The traces of spans in which `ENOUGH_STATIONS` (or all, of fewer) deliver: a false clock is alone.

    Spans are apart by more than `PAUSE_S`. What is left out is warned of, by channel. Raises TooLongError
    where what is left is more than `MOST_STATION_DAYS`.
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
    return StoredStream(trace for span in kept for trace in span)
