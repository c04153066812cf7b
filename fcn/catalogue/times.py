"""Times in tables of events, as people and spreadsheets write them."""

import re

from fcn.tables import time_s

# Year first there is one way to read a date, however it is separated and padded: 2016/4/14 2:26.
_YEAR_FIRST = re.compile(r"^(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?:[T ] *(\d{1,2})(?=:))?(?!\d)")


def utc_s(text: str, place: str) -> float:
    """POSIX seconds of a time, UTC unless it states a zone; ValueError naming `place` for another order."""
    try:
        return time_s(_YEAR_FIRST.sub(_padded, text), place)
    except ValueError:
        raise ValueError(
            f"{place} cannot be read: {text!r}; write it as 2016-04-14T12:26:34, in UTC"
        ) from None


def _padded(found: re.Match[str]) -> str:
    year, _, month, day, hour = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}" if hour else "")
