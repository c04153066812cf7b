"""NIED ASCII files as the tests need them (format: K-NET and KiK-net ASCII, NIED)."""

import io
import tarfile
from pathlib import Path

import numpy as np

HEADER = """Origin Time       2016/07/01 14:40:00
Lat.              {latitude:.3f}
Long.             {longitude:.3f}
Depth. (km)       {depth:g}
Mag.              {magnitude:.1f}
Station Code      {station}
Station Lat.      33.5925
Station Long.     131.1348
Station Height(m) {height:g}
Record Time       2016/07/01 14:40:15
Sampling Freq(Hz) {rate:d}Hz
Duration Time(s)  {duration:g}
Dir.              {direction}
Scale Factor      3920(gal)/6170801
Max. Acc. (gal)   1.451
Last Correction   2016/07/01 14:39:56
Memo.             
"""  # noqa: W291 - the format pads its keys to 18 characters
DIRECTIONS = {
    "NS1": "1",
    "EW1": "2",
    "UD1": "3",
    "NS2": "4",
    "EW2": "5",
    "UD2": "6",
    "NS": "N-S",
    "EW": "E-W",
    "UD": "U-D",
}
START_S = 1467351600.0  # record time less NIED's 15 s delay, as UTC
COUNTS_PER_MPS2 = 6170801 / 39.20


def nied_text(counts: np.ndarray, direction: str, rate: int = 100, **changes) -> str:
    values = {
        "latitude": 33.4,
        "longitude": 131.3,
        "depth": 12.0,
        "magnitude": 4.4,
        "station": "FKOH06",
        "height": 35,
        "rate": rate,
        "duration": counts.size / rate,
        "direction": DIRECTIONS[direction],
    }
    lines = [
        " ".join(f"{value:8d}" for value in counts[first : first + 8]) for first in range(0, counts.size, 8)
    ]
    return HEADER.format(**{**values, **changes}) + "\n".join(lines) + "\n"


def write_nied(
    folder: Path, name: str, by_direction: dict[str, np.ndarray], archive: bool = False, **changes
) -> Path:
    """Loose files name.NS2 ..., or an archive of them with a plot beside, as NIED packs it."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{name}.{key}": nied_text(counts, key, **changes).encode() for key, counts in by_direction.items()
    }
    if not archive:
        for member, text in texts.items():
            (folder / member).write_bytes(text)
        return folder
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member, text in {**texts, f"{name}.wave.ps.gz": b"a plot"}.items():
            info = tarfile.TarInfo(f"./{member}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return path
