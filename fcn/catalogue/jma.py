"""The hypocentre deck of the Japan Meteorological Agency: 96 columns a record.

Format: JMA, Seismological Bulletin of Japan, "Hypocenter record format"
(https://www.data.jma.go.jp/eqev/data/bulletin/data/format/hypfmt_e.html). Times are Japan Standard Time.
"""

import datetime
import math
from pathlib import Path

from fcn.catalogue.event import Catalogue, Event

JST = datetime.timezone(datetime.timedelta(hours=9))
KM_PER_MINUTE_OF_ARC = 1.852  # the nautical mile
MAGNITUDE_TYPES = {"W": "Mw", "B": "mb", "S": "Ms"}  # all others are JMA's own: displacement, velocity, both
RECORD_COLUMNS = 60  # up to the magnitude's type; what follows may be cut off


def read_jma_deck(path: str | Path) -> Catalogue:
    """Hypocentres that JMA determined (records J), in order of time; picks and other agencies' are skipped.

    An event may lack a magnitude; one without a depth or an epicentre (far, or not located) is skipped too.
    Raises FileNotFoundError, and ValueError naming the line that cannot be read, or a file without records.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no hypocentre deck {path}")
    events: dict[str, Event] = {}
    n_records = 0
    lines = path.read_bytes().decode("ascii", errors="replace").splitlines()
    for count, line in enumerate(lines, start=1):
        if not line.startswith("J"):
            continue
        n_records += 1
        try:
            event = _event(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {count}: no hypocentre record of JMA ({error})") from error
        if event is not None:
            events.setdefault(event.event_id, event)
    if not n_records:
        raise ValueError(f"{path} holds no hypocentre records of JMA (lines that begin with J)")
    return Catalogue(path.stem, tuple(events.values()))


def _event(line: str) -> Event | None:
    if len(line) < RECORD_COLUMNS:
        raise ValueError(f"{len(line)} columns of 96")
    latitude_deg = _arc(line[21:24], line[24:28])
    longitude_deg = _arc(line[32:36], line[36:40])
    depth_km = _fixed(line[44:49], 2)
    if latitude_deg is None or longitude_deg is None or depth_km is None:
        return None
    year, month, day, hour, minute = (
        int(line[first:last]) for first, last in ((1, 5), (5, 7), (7, 9), (9, 11), (11, 13))
    )
    second = _fixed(line[13:17], 2) or 0.0
    minute_s = datetime.datetime(year, month, day, hour, minute, tzinfo=JST).timestamp()
    flag = line[95:96].strip()
    return Event(
        event_id=f"jma{line[1:17].strip().replace(' ', '0')}",
        origin_time_s=minute_s + second,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        depth_km=depth_km,
        magnitude=_magnitude(line[52:54]),
        magnitude_type=_magnitude_type(line[52:55]),
        horizontal_uncertainty_km=_horizontal_km(line[28:32], line[40:44], latitude_deg),
        depth_uncertainty_km=_fixed(line[49:52], 2),
        origin_time_uncertainty_s=_fixed(line[17:21], 2),
        note=f"JMA determination {flag}" if flag else "",
    )


def _fixed(text: str, decimals: int) -> float | None:
    """A number with an implied decimal point; blanks at the end are decimals that are not given."""
    digits = text.rstrip()
    if not digits.strip():
        return None
    if "." in digits:
        return float(digits)
    given = max(decimals - (len(text) - len(digits)), 0)
    return int(digits) / 10.0**given


def _arc(degrees: str, minutes: str) -> float | None:
    """Degrees from degrees and minutes (F4.2); the sign is that of the degrees."""
    if not degrees.strip():
        return None
    whole = int(degrees)
    part = (_fixed(minutes, 2) or 0.0) / 60.0
    return whole - part if degrees.strip().startswith("-") else whole + part


def _magnitude(text: str) -> float | None:
    """Tenths; below zero "-1" is -0.1, and A0 to A9 are -1.0 to -1.9, B from -2.0, C from -3.0 on."""
    if not text.strip():
        return None
    if text[0] in "ABC":
        return -(1.0 + "ABC".index(text[0])) - int(text[1]) / 10.0
    return int(text) / 10.0


def _magnitude_type(text: str) -> str | None:
    if not text[:2].strip():
        return None
    return MAGNITUDE_TYPES.get(text[2], "Mj")


def _horizontal_km(latitude_minutes: str, longitude_minutes: str, latitude_deg: float) -> float | None:
    """Root mean square of the standard errors north and east, from minutes of arc."""
    north, east = _fixed(latitude_minutes, 2), _fixed(longitude_minutes, 2)
    if north is None or east is None:
        return None
    east *= math.cos(math.radians(latitude_deg))
    return KM_PER_MINUTE_OF_ARC * math.sqrt((north**2 + east**2) / 2.0)
