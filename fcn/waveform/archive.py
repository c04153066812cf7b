"""Archives of continuous data: miniSEED in the SDS layout.

ObsPy has a client that reads such archives; it stops at the first file or record it cannot read and names
none, and has no part for writing.
"""

import io
import logging
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import obspy
from obspy import UTCDateTime
from obspy.clients.filesystem.sds import SDS_FMTSTR

from fcn.geometry.codes import check_codes
from fcn.publish import new_file
from fcn.waveform.filled import Filled, mask_filled_of, warn_of_filled
from fcn.waveform.miniseed import decode_miniseed, is_motion
from fcn.waveform.stored import StoredStream, StoredTrace, stored

log = logging.getLogger(__name__)

SDS_NAME = re.compile(
    r"(?P<channel_id>(?P<network>[^.]+)\.(?P<station>[^.]+)\.[^.]*\.[^.]+)\.D\.(?P<year>\d{4})\.(?P<day>\d{3})"
)
DAY_S = 86_400
NEIGHBOUR_S = 3_600  # of the days before and after that a day file may hold
BY_LOCAL_DAY = "files by local days are read by python -m fcn.build_sequence, whatever they are called"
STEIM2_STEP = 2**29  # from one sample to the next, less than this: 30 bits (SEED 2.4, appendix B)
COUNTS_64_BIT = 2**53  # beyond, doubles leave out whole numbers


def write_sds(stream: obspy.Stream, root: str | Path) -> list[Path]:
    """Write traces as root/YEAR/NET/STA/CHA.D/NET.STA.LOC.CHA.D.YEAR.DAY, cut at midnight UTC.

    Counts stay integers of 32 bits, in Steim 2 where it can hold their steps; those that need more bits, or
    share a file with floats, become 64-bit floats; floats stay what they are. Returns the files, in order.
    Raises FileExistsError rather than overwrite one, ValueError for a code that miniSEED 2 does not hold
    (`fcn.geometry.codes`) and for samples that it would change.
    """
    by_file: dict[Path, obspy.Stream] = {}
    for trace in stream:
        check_codes(trace.stats, f"waveforms {trace.id}")
        for piece in trace.split():  # where it is masked
            for part in _days(piece):
                by_file.setdefault(Path(root) / _sds_path(part), obspy.Stream()).append(part)
    for path, day in sorted(by_file.items()):
        if path.exists():
            raise FileExistsError(f"{path} exists; write the archive into an empty folder")
        _write(day.sort(), path)
    return sorted(by_file)


def read_sds(
    root: str | Path,
    station_ids: Collection[str] | None = None,
    start_time_s: float | None = None,
    end_time_s: float | None = None,
) -> obspy.Stream:
    """Traces of an SDS archive, of these stations "NET.STA" and between these POSIX times (None: all).

    In order of channel and time, as they are: not merged. A missing day file is a gap. What a day file holds
    of its neighbours' first and last minutes is found. Files whose names are none of SDS's are passed over;
    records that are damaged, of another channel or of another day are left out, and a warning names the
    file, counts them and says why. Gaps that were filled are gaps (`mask_filled`, of each trace of a file).
    Raises FileNotFoundError where nothing wanted is left.
    """
    stream = obspy.Stream()
    for _, traces, *_ in _read(Path(root), station_ids, start_time_s, end_time_s):
        stream += traces
    return stream.sort()


def sds_stations(root: str | Path) -> set[str]:
    """Stations "NET.STA" of an SDS archive, by the names of its files."""
    named = (SDS_NAME.fullmatch(path.name) for path in Path(root).glob("[0-9]*/*/*/*.D/*.D.????.???"))
    return {f"{each['network']}.{each['station']}" for each in named if each is not None}


def open_sds(
    root: str | Path,
    station_ids: Collection[str] | None = None,
    start_time_s: float | None = None,
    end_time_s: float | None = None,
) -> StoredStream:
    """As `read_sds`, the same traces, whose samples stay in the files until they are asked for.

    One file at a time is in memory.
    """
    found: list[StoredTrace] = []
    for path, traces, content, is_sound in _read(Path(root), station_ids, start_time_s, end_time_s):
        found += stored(traces, path, content, is_sound=is_sound)
    return StoredStream(found).sorted()


def _read(
    root: Path, station_ids: Collection[str] | None, start_time_s: float | None, end_time_s: float | None
) -> Iterator[tuple[Path, obspy.Stream, bytes, bool]]:
    """Each file of which something is wanted: what, the file's content, and whether all of it was sound."""
    start_s, end_s = (-math.inf if start_time_s is None else start_time_s), end_time_s or math.inf
    is_any, filled = False, Filled()
    for path in sorted(root.glob("[0-9]*/*/*/*.D/*.D.????.???")):
        named = SDS_NAME.fullmatch(path.name)
        if named is None or not path.is_file():
            continue
        station_id = f"{named['network']}.{named['station']}"
        day_s = UTCDateTime(int(named["year"]), 1, 1).timestamp + (int(named["day"]) - 1) * DAY_S
        wanted = station_ids is None or station_id in station_ids
        if wanted and day_s - NEIGHBOUR_S < end_s and day_s + DAY_S + NEIGHBOUR_S > start_s:
            content = path.read_bytes()
            seed_id = named["channel_id"].replace(".--.", "..")  # as some write a location that is none
            traces, is_sound = _day(path, content, seed_id, day_s, (start_s, end_s))
            if len(traces):
                is_any = True
                yield path, _without_filled(traces, filled), content, is_sound
    warn_of_filled(filled, f"{root}: ")
    if not is_any:
        wanted_ids = f"of {', '.join(sorted(station_ids))} " if station_ids is not None else ""
        start, end = (None if time is None else UTCDateTime(time) for time in (start_time_s, end_time_s))
        when = "" if start is None and end is None else f" between {start} and {end}"
        raise FileNotFoundError(f"no miniSEED {wanted_ids}in the SDS archive {root}{when}{_misnamed(root)}")


def _without_filled(traces: obspy.Stream, filled: Filled) -> obspy.Stream:
    parts = obspy.Stream()
    for trace in traces:
        mask_filled_of(trace, filled)
        # splitting copies, also what has no gap
        parts.extend(trace.split() if np.ma.isMaskedArray(trace.data) else [trace])
    return parts


def _misnamed(root: Path) -> str:
    """What to say of files where none has a name of SDS; nothing where some have, or there are none."""
    other = None if sds_stations(root) else next((path for path in root.rglob("*") if path.is_file()), None)
    if other is None:
        return ""
    return (
        f"; files there have other names than SDS asks for (YEAR/NET/STA/CHA.D/NET.STA.LOC.CHA.D.YEAR.DAY), "
        f"as {other.relative_to(root)}: python -m fcn.build_sequence reads files of any name, and writes an "
        "archive"
    )


def _day(
    path: Path, content: bytes, seed_id: str, day_s: float, span_s: tuple[float, float]
) -> tuple[obspy.Stream, bool]:
    """What a day file holds of its channel and day, within a span; whether all its records can be read."""
    traces, refused = decode_miniseed(content, *span_s)
    kept = obspy.Stream()
    foreign: Counter[str] = Counter()
    for trace in traces:
        # what follows the day's own samples without a gap is no false stamp, however long it goes on
        begins_after_s = trace.stats.starttime.timestamp - day_s
        if trace.id != seed_id:
            foreign[f"of {trace.id}"] += 1
        elif not is_motion(trace):
            foreign["of text or without a sampling rate"] += 1
        elif not -NEIGHBOUR_S <= begins_after_s <= DAY_S + NEIGHBOUR_S:
            length_s = trace.stats.npts * trace.stats.delta
            foreign[f"of {trace.stats.starttime}, another day ({length_s:.0f} s; {BY_LOCAL_DAY})"] += 1
        else:
            # ObsPy trims to the nearest sample, which may lie outside
            part = trace.slice(
                *(None if math.isinf(s) else UTCDateTime(s) for s in span_s), nearest_sample=False
            )
            kept += obspy.Stream([part] if part.stats.npts else [])
    left_out = refused + foreign
    if left_out:
        reasons = "; ".join(f"{n} {reason}" for reason, n in left_out.items())
        log.warning("%s: %d record(s) or stretches left out: %s", path, left_out.total(), reasons)
    return kept, not refused


def _days(trace: obspy.Trace) -> list[obspy.Trace]:
    """The trace cut so that no part reaches into another day."""
    parts = []
    midnight = UTCDateTime(trace.stats.starttime.date)
    while midnight <= trace.stats.endtime:
        # A sample on midnight belongs to the new day.
        part = trace.slice(midnight, midnight + DAY_S - 1e-6, nearest_sample=False)
        if part.stats.npts:
            parts.append(_compressible(part))
        midnight += DAY_S
    return parts


def _compressible(trace: obspy.Trace) -> obspy.Trace:
    """A copy in a type miniSEED can hold."""
    data = trace.data
    kind = data.dtype.kind
    if kind in "iu" and data.min() >= -(2**31) and data.max() < 2**31:
        copy = obspy.Trace(np.ascontiguousarray(data, dtype=np.int32))
    elif kind in "iu" and data.min() >= -COUNTS_64_BIT and data.max() <= COUNTS_64_BIT:
        copy = obspy.Trace(data.astype(np.float64))
    elif kind == "f" and data.dtype.itemsize <= 8:
        copy = obspy.Trace(np.ascontiguousarray(data, np.float32 if data.dtype.itemsize <= 4 else np.float64))
    else:
        worst = f" up to {max(abs(int(data.min())), abs(int(data.max())))}" if kind in "iu" else ""
        raise ValueError(
            f"waveforms {trace.id} from {trace.stats.starttime}: miniSEED holds no {data.dtype} samples"
            f"{worst} without changing them; give integers up to {COUNTS_64_BIT} or floats of 32 or 64 bits"
        )
    for key in ("network", "station", "location", "channel", "starttime", "sampling_rate"):
        copy.stats[key] = trace.stats[key]
    return copy


def _write(day: obspy.Stream, path: Path) -> None:
    """A file in one encoding, which other programs expect: the one that holds all its traces."""
    kinds = {trace.data.dtype for trace in day}
    if len(kinds) > 1:
        for trace in day:
            trace.data = trace.data.astype(np.float64)
    too_steep = kinds == {np.dtype(np.int32)} and any(
        np.abs(np.diff(trace.data.astype(np.int64))).max(initial=0) >= STEIM2_STEP for trace in day
    )
    packed = io.BytesIO()  # ObsPy's writer passes over what a disk that is full says
    day.write(packed, format="MSEED", encoding="INT32" if too_steep else None)
    with new_file(path) as partial:
        partial.write_bytes(packed.getbuffer())


def _sds_path(trace: obspy.Trace) -> Path:
    stats, start = trace.stats, trace.stats.starttime
    codes = {name: stats[name] for name in ("network", "station", "location", "channel")}
    return Path(SDS_FMTSTR.format(**codes, sds_type="D", year=start.year, doy=start.julday))
