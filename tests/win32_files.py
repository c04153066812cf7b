"""WIN32 files, channel tables and JMA decks as the tests need them, written from the published formats."""

import struct
from datetime import UTC, datetime, timedelta

import numpy as np

JST = timedelta(hours=9)
BYTES = {1: 1, 2: 2, 3: 3, 4: 4}
TABLE_LINE = (
    "{number:04x} 1 0 {station} {component} 6 27 {sensitivity} {unit} {period} 0.70 {gain} {step} "
    "{latitude} {longitude} {height} 0 0 Name"
)


def smallest_size(counts: np.ndarray) -> int:
    """Sample size in which all differences fit."""
    steps = np.diff(counts.astype(np.int64))
    largest = max(int(steps.max(initial=0)) + 1, -int(steps.min(initial=0)))
    limits = ((0, 8), (1, 128), (2, 2**15), (3, 2**23), (4, 2**31))
    return next((size for size, limit in limits if largest <= limit), 5)


def win32_channel(number: int, counts: np.ndarray, size: int | None = None) -> bytes:
    size = smallest_size(counts) if size is None else size
    head = struct.pack(">BBHHi", 1, 1, number, size << 12 | counts.size, int(counts[0]))
    if size == 5:
        return head + counts[1:].astype(">i4").tobytes()
    steps = [int(step) for step in np.diff(counts.astype(np.int64))]
    if size == 0:
        steps += [0] * (len(steps) % 2)
        return head + bytes((a & 15) << 4 | b & 15 for a, b in zip(steps[::2], steps[1::2], strict=True))
    return head + b"".join(step.to_bytes(size, "big", signed=True) for step in steps)


def win32_frame(time_s: float, channels: list[bytes], tenths: int = 10) -> bytes:
    jst = datetime.fromtimestamp(time_s, UTC) + JST
    digits = jst.strftime("%Y%m%d%H%M%S") + f"{jst.microsecond // 10_000:02d}"
    body = b"".join(channels)
    return bytes.fromhex(digits) + struct.pack(">II", tenths, len(body)) + body


def win32_file(frames: list[bytes]) -> bytes:
    return b"\0\0\0\0" + b"".join(frames)


def table_line(number: int, station: str, component: str, **changes) -> str:
    values = {
        "sensitivity": "175.60",
        "unit": "m/s",
        "period": "1.00",
        "gain": "0",
        "step": "1.023e-07",
        "latitude": "32.8",
        "longitude": "130.8",
        "height": "483",
    }
    return TABLE_LINE.format(number=number, station=station, component=component, **{**values, **changes})


def deck_line(**changes: str) -> str:
    """A record of JMA: 6.5 at 32.7417 N, 130.8087 E, 11.39 km, 21:26:34.43 JST."""
    fields = {
        "agency": "J",
        "date": "201604142126",
        "second": "3443",
        "second_error": " 012",
        "latitude": " 32",
        "latitude_minutes": "4450",
        "latitude_error": " 030",
        "longitude": " 130",
        "longitude_minutes": "4852",
        "longitude_error": " 040",
        "depth": " 1139",
        "depth_error": "070",
        "magnitude": "65",
        "magnitude_type": "D",
        "second_magnitude": "62W",
        "rest": "511C7   8295KUMAMOTO REGION          ",
        "flag": "K",
    }
    fields.update(changes)
    flag = fields.pop("flag")
    return "".join(fields.values())[:95].ljust(95) + flag
