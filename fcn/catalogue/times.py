"""Times in tables of events, as people and spreadsheets write them, and leap seconds in those of programs."""

import datetime
import re

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


def without_leap_seconds(xml: bytes) -> bytes:
    """XML with what POSIX time has for leap seconds, which ObsPy would take for times that are missing."""
    return _LEAP_IN_XML.sub(_next_second, xml)


def _next_second(found: re.Match[bytes]) -> bytes:
    before = datetime.datetime.fromisoformat(f"{found[1].decode()}59")
    return (before + _SECOND).isoformat().encode()


def _padded(found: re.Match[str]) -> str:
    year, _, month, day, hour = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}" if hour else "")
