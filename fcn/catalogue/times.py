"""Times in tables of events, as people and spreadsheets write them, and leap seconds in those of programs."""

import datetime
import glob
import io
import re
from pathlib import Path

from fcn.tables import time_s

# Year first there is one way to read a date, however it is separated and padded: 2016/4/14 2:26.
_YEAR_FIRST = re.compile(r"^(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?:[T ] *(\d{1,2})(?=:))?(?!\d)")
# The second 23:59:60 of UTC, as some days end; an hour's, for zones. Python and ObsPy know none.
_LEAP = re.compile(r"(?<=:59:)60(?!\d)|(?<=[T ]\d\d59)60(?!\d)")
_LEAP_IN_XML = re.compile(rb"\b(\d{4}-\d\d-\d\dT\d\d:59:)60(?!\d)")
_SECOND = datetime.timedelta(seconds=1)


def utc_s(text: str, place: str) -> float:
    """POSIX seconds of a time, UTC unless it states a zone; ValueError naming `place` for another order.

    POSIX time counts a leap second as the one after it, 00:00:00 of the next day.
    """
    plain = _LEAP.sub("59", text)
    try:
        return time_s(_YEAR_FIRST.sub(_padded, plain), place) + (plain != text)
    except ValueError:
        raise ValueError(
            f"{place} cannot be read: {text!r}; write it as 2016-04-14T12:26:34, in UTC"
        ) from None


def without_leap_seconds(path: Path) -> str | io.BytesIO:
    """What ObsPy is to read for a catalogue: its file, or of XML with leap seconds, which it would take for
    times that are missing, the content with what POSIX time has in their place."""
    content = path.read_bytes()
    plain = _LEAP_IN_XML.sub(_next_second, content) if content.lstrip().startswith(b"<") else content
    # a name with brackets would be a pattern to ObsPy
    return glob.escape(str(path)) if plain == content else io.BytesIO(plain)


def _next_second(found: re.Match[bytes]) -> bytes:
    before = datetime.datetime.fromisoformat(f"{found[1].decode()}59")
    return (before + _SECOND).isoformat().encode()


def _padded(found: re.Match[str]) -> str:
    year, _, month, day, hour = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}" if hour else "")
