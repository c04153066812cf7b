"""Tables of ZMAP (Wiemer 2001, Seismol. Res. Lett. 72, 373-382), as ObsPy has to be given them.

Tab-separated, without a header: longitude, latitude, year, month, day, magnitude, depth (km), hour, minute,
second and, of CSEP's extension, errors of place (km), depth (km) and magnitude.
"""

import io

from obspy import UTCDateTime
from obspy.io.zmap.core import _is_zmap

TO_MINUTE, SECOND, PLACE_ERROR = (2, 3, 4, 7, 8), 9, 10  # columns; year, month, day, hour, minute
_METRES_PER_KM = 1000.0


def readable_zmap(content: bytes) -> bytes:
    """The same with whole years, and errors of place in metres; what is no table of ZMAP as it is.

    ZMAP's years have fractions, which files round: by four digits an hour. ObsPy takes the time from them,
    though the other columns state it. And it takes km of error for metres. Seconds that were rounded to 60
    are the next minute's, those that are not known 0: ObsPy would refuse the whole table.
    Raises ValueError for a date that is none.
    """
    try:
        if not _is_zmap(io.BytesIO(content)):
            return content
        rows = content.decode().splitlines()
    except UnicodeDecodeError:
        return content
    return "\n".join("\t".join(_readable(row.split("\t"))) for row in rows).encode()


def _readable(cells: list[str]) -> list[str]:
    made = list(cells)
    if len(cells) > SECOND and all(_is_number(cells, column) for column in TO_MINUTE):
        *date, hour, minute = (int(float(cells[column])) for column in TO_MINUTE)
        second = float(cells[SECOND]) if _is_number(cells, SECOND) else 0.0
        time = UTCDateTime(*date) + (3600 * hour + 60 * minute + second)
        made[SECOND] = f"{time.second + time.microsecond / 1e6:.6f}"
        for column, value in zip(TO_MINUTE, time.timetuple(), strict=False):
            made[column] = str(value)
    if _is_number(cells, PLACE_ERROR):
        made[PLACE_ERROR] = repr(float(cells[PLACE_ERROR]) * _METRES_PER_KM)
    return made


def _is_number(cells: list[str], column: int) -> bool:
    try:
        return float(cells[column]) == float(cells[column])
    except (ValueError, IndexError):
        return False
