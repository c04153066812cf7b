"""miniSEED files as they come off a link or a disk: a damaged record costs itself, not its neighbours."""

import contextlib
import io
import math
import re
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime
from obspy.io.mseed import InternalMSEEDWarning
from obspy.io.mseed.util import get_record_information

# What a record of miniSEED 2 begins with: sequence number, quality, reserved byte (SEED 2.4, fixed header).
HEADER = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]")
HEADER_BYTES = 48
CUT = "the file ends in the record"
SHORTEST_BYTES = 64  # records lie on multiples of it; SEED allows 128 and more


def read_miniseed(
    path: Path, start_time_s: float = -math.inf, end_time_s: float = math.inf
) -> tuple[obspy.Stream, Counter[str]]:
    """Traces of a file between two POSIX times, and how many records were left out for which reason.

    A record is left out where its header or its data cannot be read, or its samples do not end with the
    value that it states for the last one. An empty file holds nothing.
    """
    content = path.read_bytes()
    if _in_order(content):
        with contextlib.suppress(Exception):  # ObsPy's reader has exceptions of its own
            return _decode(content, start_time_s, end_time_s), Counter()
    return _record_by_record(content)


def _in_order(content: bytes) -> bool:
    """One record after the other, of one length: ObsPy ends at what is none, and does not say so."""
    try:
        length = int(_information(io.BytesIO(content), 0)["record_length"])
    except Exception:  # as above
        return False
    if len(content) % length:
        return False
    starts = np.frombuffer(content, np.uint8).reshape(-1, length)[:, :8].tobytes()
    return re.fullmatch(b"(?:%b)*" % HEADER.pattern, starts) is not None


def _decode(content: bytes, start_time_s: float = -math.inf, end_time_s: float = math.inf) -> obspy.Stream:
    """As ObsPy reads it, its warnings of damaged data made errors."""
    start, end = (None if math.isinf(time) else UTCDateTime(time) for time in (start_time_s, end_time_s))
    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalMSEEDWarning)
        return obspy.read(
            io.BytesIO(content), format="MSEED", starttime=start, endtime=end, nearest_sample=False
        )


def _information(buffer: io.BytesIO, offset: int) -> dict[str, Any]:
    """What the header of a record says; what is wrong with it is raised, and not printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, Any] = get_record_information(buffer, offset=offset)
    return found


def _record_by_record(content: bytes) -> tuple[obspy.Stream, Counter[str]]:
    stream, refused = obspy.Stream(), Counter[str]()
    buffer, offset = io.BytesIO(content), 0
    while offset + HEADER_BYTES <= len(content):
        if not HEADER.match(content, offset):
            refused["not miniSEED"] += 1
            offset = _next_header(content, offset)
            continue
        buffer.seek(0)  # the offset counts from where it is, and an error leaves it elsewhere
        try:
            length = int(_information(buffer, offset)["record_length"])
            if offset + length > len(content):
                raise ValueError(CUT)
            stream += _decode(content[offset : offset + length])
        except Exception as error:  # ObsPy's reader has exceptions of its own
            refused[_reason(error)] += 1
            offset = _next_header(content, offset)
        else:
            offset += length
    # joins records that follow one another; ObsPy does not where one states another rate
    alike: dict[float, obspy.Stream] = defaultdict(obspy.Stream)
    for trace in stream:
        alike[trace.stats.sampling_rate].append(trace)
    return sum((each.merge(-1) for each in alike.values()), obspy.Stream()).sort(), refused


def _reason(error: Exception) -> str:
    """Without the numbers of the record: reasons are counted."""
    if "integrity check" in str(error):
        return "whose samples do not end as stated"
    return "cut short" if str(error) == CUT else "whose header or data cannot be read"


def _next_header(content: bytes, offset: int) -> int:
    """Where the next record may begin; the end where none does."""
    for place in range(offset + SHORTEST_BYTES, len(content), SHORTEST_BYTES):
        if HEADER.match(content, place):
            return place
    return len(content)
