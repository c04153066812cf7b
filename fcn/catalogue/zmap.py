"""Tables of ZMAP (Wiemer 2001, Seismol. Res. Lett. 72, 373-382), as ObsPy has to be given them.

Tab-separated, without a header: longitude, latitude, year, month, day, magnitude, depth (km), hour, minute,
second and, of CSEP's extension, errors of place (km), depth (km) and magnitude.
"""

import io

from obspy.io.zmap.core import _is_zmap

YEAR, TIME, PLACE_ERROR = 2, (3, 4, 7, 8), 10  # columns
_METRES_PER_KM = 1000.0


def readable_zmap(content: bytes) -> bytes:
    """The same with whole years, and errors of place in metres; what is no table of ZMAP as it is.

    ZMAP's years have fractions, which files round: by four digits an hour. ObsPy takes the time from them,
    though the other columns state it. And it takes km of error for metres.
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
    if all(_is_number(cells, column) for column in (YEAR, *TIME)):
        made[YEAR] = str(int(float(cells[YEAR])))
    if _is_number(cells, PLACE_ERROR):
        made[PLACE_ERROR] = repr(float(cells[PLACE_ERROR]) * _METRES_PER_KM)
    return made


def _is_number(cells: list[str], column: int) -> bool:
    try:
        return float(cells[column]) == float(cells[column])
    except (ValueError, IndexError):
        return False
