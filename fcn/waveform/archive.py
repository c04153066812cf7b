"""Archives of continuous data: miniSEED in the SDS layout.

Reading is ObsPy's SDS client; it wants a span, which an archive is asked for here where none is given, and it
names no file it cannot read. Writing is ours: the client has no part for it.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import obspy
from obspy import UTCDateTime
from obspy.clients.filesystem.sds import SDS_FMTSTR, Client

from fcn.geometry.codes import check_codes

DAY_S = 86_400
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
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(day.sort(), path)
    return sorted(by_file)


def read_sds(
    root: str | Path,
    station_ids: Collection[str] | None = None,
    start_time_s: float | None = None,
    end_time_s: float | None = None,
) -> obspy.Stream:
    """Traces of an SDS archive, of these stations "NET.STA" and between these POSIX times (None: all).

    In order of channel and time, as they are: not merged. A missing day file is a gap, and so is one that is
    too short for a record, as while it is being written. What a day file holds of its neighbours' first and
    last minutes is found. Raises FileNotFoundError where the archive holds nothing wanted, ValueError naming
    a file that is not miniSEED.
    """
    root = Path(root)
    held = [path.name.split(".") for path in root.glob("[0-9]*/*/*/*.D/*.D.????.???")]
    days = sorted(UTCDateTime(year=int(year), julday=int(day)) for *_, year, day in held)
    start, end = (None if time is None else UTCDateTime(time) for time in (start_time_s, end_time_s))
    stream = obspy.Stream()
    if held:
        client = Client(str(root))
        # beyond the first and the last day, where neighbours' samples would be
        between = (start or days[0] - DAY_S, end or days[-1] + 2 * DAY_S)
        for network, station in sorted({(name[0], name[1]) for name in held}):
            if station_ids is None or f"{network}.{station}" in station_ids:
                stream += _station_traces(client, network, station, between)
    if not len(stream):
        wanted = f"of {', '.join(sorted(station_ids))} " if station_ids is not None else ""
        raise FileNotFoundError(f"no miniSEED {wanted}in the SDS archive {root} between {start} and {end}")
    return stream.sort()


def _station_traces(
    client: Client, network: str, station: str, between: tuple[UTCDateTime, UTCDateTime]
) -> obspy.Stream:
    """All channels of a station; ValueError names the file that cannot be read, which ObsPy does not."""
    try:
        return client.get_waveforms(network, station, "*", "*", *between, merge=None)
    except Exception as error:  # its reader has exceptions of its own
        for path in sorted(Path(client.sds_root).glob(f"*/{network}/{station}/*.D/*")):
            try:
                obspy.read(path, format="MSEED", headonly=True)
            except Exception as broken:
                raise ValueError(f"{path} is not miniSEED: {broken}") from error
        raise


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
    day.write(str(path), format="MSEED", encoding="INT32" if too_steep else None)


def _sds_path(trace: obspy.Trace) -> Path:
    stats, start = trace.stats, trace.stats.starttime
    codes = {name: stats[name] for name in ("network", "station", "location", "channel")}
    return Path(SDS_FMTSTR.format(**codes, sds_type="D", year=start.year, doy=start.julday))
