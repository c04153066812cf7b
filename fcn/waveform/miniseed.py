"""miniSEED files as they come off a link or a disk: a damaged record costs itself, not its neighbours."""

import io
import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import obspy
from obspy import UTCDateTime
from obspy.io.mseed import InternalMSEEDWarning
from obspy.io.mseed.core import _read_mseed
from obspy.io.mseed.util import get_record_information

# What a record of miniSEED 2 begins with: sequence number, quality, reserved byte (SEED 2.4, fixed header).
HEADER = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]")
HEADER_BYTES = 48
SPACING_BYTES = 64  # records lie on multiples of it, but after an interrupted write; SEED allows 128 and more
SHORTEST_BYTES, LONGEST_BYTES = 2**7, 2**20  # of a record, to libmseed
NOT_A_RECORD = "not miniSEED"
CUT_SHORT = "cut short"
LARGEST_PIECE = 2**14  # samples that are decoded at once of a file that stays on the disk
LONGEST_UNSTATED_BYTES = 2**14  # what ObsPy looks at for where the next record begins
# What ObsPy warns of and damages no sample: some digitisers miscount their blockettes, or carry no second.
HARMLESS = (".*Number of blockettes in fixed header", ".*Record .* a fractional second")
UNREADABLE = "whose header or data cannot be read"
# Of a sample, by the encoding that blockette 1000 states (SEED 2.4): text, integers of 16, 24 and 32 bits,
# floats of 32 and 64, and those of GEOSCOPE, CDSN, SRO and DWWSSN. libmseed would go on after the record's
# end for more of them than it holds.
SAMPLE_BYTES: Mapping[int | None, int] = {
    **{0: 1, 1: 2, 2: 3, 3: 4, 4: 4, 5: 8},
    **{12: 3, 13: 2, 14: 2, 16: 2, 30: 2, 32: 2},
}


class Record(NamedTuple):
    """Where a header is in a file, and what it states; `length` 0 is of a header that makes no sense.

    encoding: of its samples, None where blockette 1000 does not come first.
    """

    start: int
    length: int  # bytes
    data_begin: int  # bytes from the start
    n_samples: int
    encoding: int | None

    @property
    def end(self) -> int:
        """The byte after it."""
        return self.start + self.length

    @property
    def has_room(self) -> bool:
        """Whether its samples may be in it, as far as their encoding says."""
        room = max(self.length - max(self.data_begin, HEADER_BYTES), 0)
        return self.n_samples * SAMPLE_BYTES.get(self.encoding, 0) <= room


class Piece(NamedTuple):
    """Records of a file that follow each other from one byte to another, and how many samples they hold."""

    begin: int
    end: int
    n_samples: int


def decode_miniseed(
    content: bytes, start_time_s: float = -math.inf, end_time_s: float = math.inf
) -> tuple[obspy.Stream, Counter[str]]:
    """Traces of a file's content between two POSIX times, and how many records were left out for what reason.

    A record is left out where its header or its data cannot be read, where it ends in another one, or where
    its samples do not end with the value that it states for the last one. An empty file holds nothing.
    """
    records, refused, gaps = _records(content)
    if not records:
        return obspy.Stream(), refused + Counter({NOT_A_RECORD: len(gaps)})
    # libmseed would name them in messages that ObsPy cannot read
    nameless = {record for record in records if not content[record.start + 8 : record.start + 20].isascii()}
    if not refused and not gaps and not nameless:
        try:
            return _decode(content, records, start_time_s, end_time_s), Counter()
        except Exception:  # ObsPy's reader has exceptions of its own
            pass  # _damaged says which record raised it
    named = [record for record in records if record not in nameless]
    damaged = dict.fromkeys(nameless, UNREADABLE) | (_damaged(content, named) if named else {})
    refused.update(damaged.values())
    # what follows a record that states a wrong length is of that record
    ends = {record.end for record in damaged}
    refused[NOT_A_RECORD] += sum(gap not in ends for gap in gaps)
    # One call for all, whose first record began a call before: ObsPy is stricter with the first.
    good = [record for record in records if record not in damaged]
    stream = _decode(content, good, start_time_s, end_time_s) if good else obspy.Stream()
    return stream.sort(), +refused


def pieces(content: bytes, *, is_sound: bool) -> list[Piece]:
    """The records of a file that can be decoded, in pieces of about `LARGEST_PIECE` samples.

    is_sound: nothing of it was left out when it was decoded as a whole.
    """
    records, *_ = _records(content)
    damaged = {} if is_sound or not records else _damaged(content, records)
    found = list[Piece]()
    for record in records:
        if record in damaged:
            continue
        last = found[-1] if found else None
        if last and last.end == record.start and last.n_samples + record.n_samples <= LARGEST_PIECE:
            found[-1] = Piece(last.begin, record.end, last.n_samples + record.n_samples)
        else:
            found.append(Piece(record.start, record.end, record.n_samples))
    return found


def decode_piece(
    content: bytes, start: UTCDateTime | None = None, end: UTCDateTime | None = None
) -> obspy.Stream:
    """The traces of sound records; its warnings of damaged data and what else ObsPy raises are raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalMSEEDWarning)
        for harmless in HARMLESS:
            warnings.filterwarnings("ignore", harmless, UserWarning)
        # obspy.read looks for the reader of the format in each call, which takes longer than a record
        return _read_mseed(io.BytesIO(content), starttime=start, endtime=end)


def is_motion(trace: obspy.Trace) -> bool:
    """Whether it holds numbers at a rate, which a data logger's log does not."""
    rate_hz = trace.stats.sampling_rate
    return trace.data.dtype.kind in "iuf" and bool(np.isfinite(rate_hz) and rate_hz > 0.0)


def whole_records(content: bytes) -> int:
    """Bytes up to the end of the last record that is there whole: what is written now may go on."""
    records, *_ = _records(content)
    return records[-1].end if records else 0


def _records(content: bytes) -> tuple[list[Record], Counter[str], list[int]]:
    """Records that lie in the file as they state, the count of others, and where what is none begins."""
    found = _lying(content, SPACING_BYTES)
    # who goes on writing after half a record moves all that follow
    return _lying(content, 1) if found[1] or found[2] else found


def _lying(content: bytes, spacing: int) -> tuple[list[Record], Counter[str], list[int]]:
    """As `_records`, of those that begin at multiples of so many bytes."""
    headers = _headers(content, spacing)
    records, refused, gaps = list[Record](), Counter[str](), list[int]()
    reached, follows_damage = 0, False
    # where the next header that makes sense is
    following, sensible = len(content), list[int]()
    for header in reversed(headers):
        sensible.append(following)
        following = header.start if header.length else following
    for header, limit in zip(headers, reversed(sensible), strict=True):
        if header.start < reached:
            continue  # samples that look like a header
        if header.start > reached and not follows_damage:
            gaps.append(reached)
        follows_damage = not header.length or header.end > limit
        if follows_damage:
            refused[CUT_SHORT if header.length else UNREADABLE] += 1
            reached = header.start + spacing
        else:
            records.append(header)
            reached = header.end
    if len(content) - reached >= HEADER_BYTES and not follows_damage:
        gaps.append(reached)
    return records, refused, gaps


def _headers(content: bytes, spacing: int) -> list[Record]:
    """Everything at multiples of so many bytes that looks like a record's header, in order."""
    data, n_places = np.frombuffer(content, np.uint8), max(len(content) - SPACING_BYTES + 1, 0)
    quality, reserved = data[6 : 6 + n_places : spacing], data[7:]
    # bytes among bytes: of other numbers NumPy makes eight bytes each
    places = np.flatnonzero(np.isin(quality, np.frombuffer(b"DRQM", np.uint8))) * spacing
    places = places[np.isin(reserved[places], np.frombuffer(b"\0 ", np.uint8))]
    places = places[[HEADER.match(content, place) is not None for place in places.tolist()]]
    rows = data[places[:, None] + np.arange(SPACING_BYTES)]
    big, little = (np.ascontiguousarray(rows).view(order + "u2").astype(np.int64) for order in "><")
    words = np.where(_is_date(big)[:, None], big, little)
    # Blockette 1000 states the record's length, as a power of two, and nearly always comes first.
    first = (words[:, 23] == HEADER_BYTES) & (words[:, 24] == 1000)
    exponents = np.where(first, rows[:, 54], 0)
    makes_sense = _is_date(words) & (rows[:, 24] < 24) & (rows[:, 25] < 60) & (rows[:, 26] <= 60)
    return [
        Record(
            place,
            _sensible(2**exponent if exponent else _length(content, place)) if sense else 0,
            data_begin,
            n,
            encoding if is_first else None,
        )
        for place, exponent, sense, data_begin, n, encoding, is_first in zip(
            places.tolist(),
            exponents.tolist(),
            makes_sense.tolist(),
            words[:, 22].tolist(),
            words[:, 15].tolist(),
            rows[:, 52].tolist(),
            first.tolist(),
            strict=True,
        )
    ]


def _is_date(words: np.ndarray) -> np.ndarray:
    """Whether headers state one in this byte order: the range of libmseed."""
    year, day = words[:, 10], words[:, 11]
    return (year >= 1900) & (year <= 2100) & (day >= 1) & (day <= 366)


def _length(content: bytes, start: int) -> int:
    """Of a record of which the header does not tell it at once, in bytes; 0 where ObsPy cannot tell it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            information = get_record_information(io.BytesIO(content[start : start + LONGEST_UNSTATED_BYTES]))
        except Exception:  # ObsPy's reader has exceptions of its own
            return 0
    return int(information["record_length"])


def _sensible(length: int) -> int:
    return length if SHORTEST_BYTES <= length <= LONGEST_BYTES else 0


def _decode(
    content: bytes, records: Sequence[Record], start_time_s: float = -math.inf, end_time_s: float = math.inf
) -> obspy.Stream:
    """Of records, as ObsPy reads them, its warnings of damaged data made errors, and what it leaves out."""
    start, end = (None if math.isinf(time) else UTCDateTime(time) for time in (start_time_s, end_time_s))
    if not all(record.has_room for record in records):
        raise ValueError("more samples are stated than there is room for")
    if records[-1].end - records[0].start == sum(record.length for record in records):
        part = content[records[0].start : records[-1].end]
    else:
        part = b"".join(content[record.start : record.end] for record in records)
    stream = decode_piece(part, start, end)
    if start is not None or end is not None:
        return stream.trim(start, end, nearest_sample=False)
    if sum(trace.stats.npts for trace in stream) != sum(record.n_samples for record in records):
        raise ValueError("not all samples were read")
    return stream


def _damaged(content: bytes, records: Sequence[Record]) -> dict[Record, str]:
    """Which records cannot be decoded, and why: by halves, as one call for each takes far longer."""
    try:
        _decode(content, records)
    except Exception as error:  # ObsPy's reader has exceptions of its own
        if len(records) == 1:
            return {records[0]: _reason(error)}
        middle = len(records) // 2
        return _damaged(content, records[:middle]) | _damaged(content, records[middle:])
    return {}


def _reason(error: Exception) -> str:
    """Without the numbers of the record: reasons are counted."""
    return "whose samples do not end as stated" if "integrity check" in str(error) else UNREADABLE
