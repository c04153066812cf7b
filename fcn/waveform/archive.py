"""Archives of continuous data: miniSEED in the SDS layout."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import obspy

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

    Raises FileNotFoundError where the archive holds none.
    """
    start = None if start_time_s is None else obspy.UTCDateTime(start_time_s)
    end = None if end_time_s is None else obspy.UTCDateTime(end_time_s)
    stream = obspy.Stream()
    for path in sorted(Path(root).glob("[0-9][0-9][0-9][0-9]/*/*/*.D/*")):
        network, station, *_, year, day = path.name.split(".")
        if station_ids is not None and f"{network}.{station}" not in station_ids:
            continue
        midnight = obspy.UTCDateTime(year=int(year), julday=int(day))
        if (start is not None and midnight + DAY_S < start) or (end is not None and midnight > end):
            continue
        stream += obspy.read(path, format="MSEED", starttime=start, endtime=end)
    if not len(stream):
        wanted = f"of {', '.join(sorted(station_ids))} " if station_ids is not None else ""
        raise FileNotFoundError(f"no miniSEED {wanted}in the SDS archive {root} between {start} and {end}")
    return stream


def _days(trace: obspy.Trace) -> list[obspy.Trace]:
    """The trace cut so that no part reaches into another day."""
    parts = []
    midnight = obspy.UTCDateTime(trace.stats.starttime.date)
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
    stats = trace.stats
    year, day = stats.starttime.year, stats.starttime.julday
    name = f"{trace.id}.D.{year}.{day:03d}"
    return Path(f"{year}") / stats.network / stats.station / f"{stats.channel}.D" / name
