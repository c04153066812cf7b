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

DAY_S = 86_400
MAX_STATION_LETTERS = 5  # SEED 2.4, fixed section of the data header


def write_sds(stream: obspy.Stream, root: str | Path) -> list[Path]:
    """Write traces as root/YEAR/NET/STA/CHA.D/NET.STA.LOC.CHA.D.YEAR.DAY, cut at midnight UTC.

    Counts stay 32-bit integers (Steim 2), anything else becomes 32-bit floats. Returns the files, in order.
    Raises FileExistsError rather than overwrite one, ValueError for a station code miniSEED would cut.
    """
    by_file: dict[Path, obspy.Stream] = {}
    for trace in stream:
        if len(trace.stats.station) > MAX_STATION_LETTERS:
            raise ValueError(
                f"{trace.id}: miniSEED holds station codes of up to {MAX_STATION_LETTERS} letters and would "
                f"cut {trace.stats.station!r}, perhaps into another station's; give it a shorter code"
            )
        for part in _days(trace):
            by_file.setdefault(Path(root) / _sds_path(part), obspy.Stream()).append(part)
    for path, day in sorted(by_file.items()):
        if path.exists():
            raise FileExistsError(f"{path} exists; write the archive into an empty folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        day.sort().write(str(path), format="MSEED")
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
    counts = np.issubdtype(trace.data.dtype, np.integer)
    copy = obspy.Trace(np.ascontiguousarray(trace.data, dtype=np.int32 if counts else np.float32))
    for key in ("network", "station", "location", "channel", "starttime", "sampling_rate"):
        copy.stats[key] = trace.stats[key]
    return copy


def _sds_path(trace: obspy.Trace) -> Path:
    stats, start = trace.stats, trace.stats.starttime
    codes = {name: stats[name] for name in ("network", "station", "location", "channel")}
    return Path(SDS_FMTSTR.format(**codes, sds_type="D", year=start.year, doy=start.julday))
