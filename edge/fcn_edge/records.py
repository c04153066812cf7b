"""Samples of miniSEED files, by channel and in order of time."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymseed import MS3TraceList, PymseedError, sourceid2nslc


@dataclass(frozen=True, eq=False)
class Segment:
    """Counts without a gap from a POSIX time on."""

    start_s: float
    rate_hz: float
    counts: np.ndarray


def read(paths: Iterable[Path]) -> dict[str, list[Segment]]:
    """Segments of each channel "NET.STA.LOC.CHA". Raises ValueError for a file that is no miniSEED."""
    found: dict[str, list[Segment]] = defaultdict(list)
    for path in paths:
        try:
            with MS3TraceList.from_file(str(path), unpack_data=True) as traces:
                for trace in traces:
                    seed_id = ".".join(sourceid2nslc(trace.sourceid))
                    for each in trace:
                        counts = np.array(each.np_datasamples, dtype=np.float64)
                        found[seed_id].append(Segment(each.starttime_seconds, each.samprate, counts))
        except (PymseedError, OSError) as error:
            raise ValueError(f"{path} cannot be read as miniSEED: {error}") from error
    return {name: sorted(each, key=lambda one: one.start_s) for name, each in found.items()}
