"""The table of a base store: read, and every record in it checked in one pass."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from fcn import checked
from fcn.constants import COMPONENTS_ZRT, RELEASED
from fcn.store.schema import (
    CATEGORIES,
    COLUMNS,
    LATER_COLUMNS,
    LONGEST_CELL,
    RANGES,
    SAMPLING_RATES_HZ,
    UNIT,
    YES,
)
from fcn.store.split import SPLITS

SOURCE_COLUMNS = (
    "source_magnitude",
    "source_depth_km",
    "path_ep_distance_km",
    "path_azimuth_deg",
    "trace_p_arrival_sample",
    "trace_s_arrival_sample",
)
NUMBER_COLUMNS = (*SOURCE_COLUMNS, "path_p_travel_s", "trace_snr_db", "trace_npts", "trace_sampling_rate_hz")


@dataclass(frozen=True)
class Metadata:
    """Columns of metadata.csv, a row per record, checked; numbers are NaN where the cell is empty.

    release_s: when the shares `RELEASED` of a source's moment are out, after its origin.
    digest: SHA-256 of the file.
    """

    path: Path
    text: dict[str, Shaped[np.ndarray, " record"]]
    numbers: dict[str, Float64[np.ndarray, " record"]]
    release_s: Float64[np.ndarray, "record share"]
    digest: str

    @classmethod
    def read(cls, path: Path) -> "Metadata":
        """The table at `path`; ValueError naming the file, the record, its value and what is wrong."""
        content = path.read_bytes()
        header, rows = _rows(path, content)
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        absent = ("",) * len(rows)
        text = {name: np.array(columns.get(name, absent)) for name in COLUMNS}
        numbers = {name: _numbers(path, name, text[name]) for name in NUMBER_COLUMNS}
        release_s = _releases(text["source_release_s"])
        table = cls(path, text, numbers, release_s, hashlib.sha256(content).hexdigest())
        table._check()
        return table

    def __len__(self) -> int:
        return len(self.text["trace_name"])

    @property
    def npts(self) -> Int64[np.ndarray, " record"]:
        """Samples of each record."""
        return self.numbers["trace_npts"].astype(np.int64)

    def check_rate(self, sampling_rate_hz: float) -> None:
        """Raise ValueError for a record that was not sampled as the waveform file says all are."""
        rates_hz = self.numbers["trace_sampling_rate_hz"]
        why = f"the waveform file says {sampling_rate_hz:g} Hz for all"
        self._refuse(rates_hz != sampling_rate_hz, "trace_sampling_rate_hz", why)

    def refuse(self, row: int, column: str, why: str) -> NoReturn:
        """Raise ValueError about one cell."""
        raise ValueError(
            f"{self.path}, record {row + 1} ({str(self.text['trace_name'][row])!r}): {column} is "
            f"{str(self.text[column][row])!r}: {why}; the store was changed or cut: build it again"
        )

    def _refuse(self, wrong: Bool[np.ndarray, " record"], column: str, why: str) -> None:
        """Raise ValueError about the first record that is wrong, if any is."""
        if wrong.any():
            self.refuse(int(np.argmax(wrong)), column, why)

    def _refuse_outside(
        self, bounds: tuple[float, float], column: str, of: Bool[np.ndarray, " record"] | bool = True
    ) -> None:
        inside = (self.numbers[column] >= bounds[0]) & (self.numbers[column] <= bounds[1])  # NaN is not
        self._refuse(of & ~inside, column, f"it must be {bounds[0]:g} to {bounds[1]:g}")

    def _check(self) -> None:
        for column, known in (
            ("trace_category", CATEGORIES),
            ("split", SPLITS),
            ("trace_component_order", ("".join(COMPONENTS_ZRT),)),
            ("trace_unit", (UNIT,)),
            ("trace_vertical_only", ("", YES)),
        ):
            self._refuse(
                ~np.isin(self.text[column], known),
                column,
                f"it must be {' or '.join(each or 'empty' for each in known)}",
            )
        for column in ("source_id", "station_code", "trace_origin"):
            self._refuse(self.text[column] == "", column, "it must not be empty")
        names, first = np.unique(self.text["trace_name"], return_index=True)
        if len(names) < len(self):
            again = np.ones(len(self), dtype=bool)
            again[first] = False
            self._refuse(again, "trace_name", "another record has that name")
        rates_hz = self.numbers["trace_sampling_rate_hz"]
        low, high = SAMPLING_RATES_HZ
        self._refuse(
            ~((rates_hz >= low) & (rates_hz <= high)),
            "trace_sampling_rate_hz",
            f"it must be {low:g} to {high:g}",
        )
        npts = self.numbers["trace_npts"]
        self._refuse(
            ~((npts >= 2) & (npts == np.round(npts))), "trace_npts", "it must be a whole number above 1"
        )
        self._check_sources(self.text["trace_category"] == "earthquake")

    def _check_sources(self, quake: Bool[np.ndarray, " record"]) -> None:
        """What an earthquake must have, and noise must not."""
        for column in SOURCE_COLUMNS:
            self._refuse(~quake & ~np.isnan(self.numbers[column]), column, "noise has no source")
        travel_s = self.numbers["path_p_travel_s"]
        self._refuse(~quake & ~np.isnan(travel_s), "path_p_travel_s", "noise has no source")
        self._refuse((travel_s < 0) | np.isinf(travel_s), "path_p_travel_s", "it must not be negative")
        why = f"it must be {len(RELEASED)} times after origin in order, or nothing"
        self._refuse(self.release_s[:, 0] < 0, "source_release_s", why)
        given = self.text["source_release_s"] != ""
        self._refuse(~quake & given, "source_release_s", "noise has no source")
        for column, (low, high) in RANGES.items():
            values = self.numbers[column]
            self._refuse(
                quake & ~((values >= low) & (values <= high)), column, f"it must be {low:g} to {high:g}"
            )
        p, s = self.numbers["trace_p_arrival_sample"], self.numbers["trace_s_arrival_sample"]
        inside = (p >= 0) & (p < s) & (s < self.numbers["trace_npts"])
        self._refuse(quake & ~(p >= 0), "trace_p_arrival_sample", "P must lie in the record")
        self._refuse(quake & ~inside, "trace_s_arrival_sample", "S must lie after P and in the record")


def _rows(path: Path, content: bytes) -> tuple[list[str], list[list[str]]]:
    """Header and rows, each with a cell per column."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV in UTF-8 ({error}): build the store again") from error
    if not rows:
        raise ValueError(f"{path} is empty: build the store again")
    header, *rows = rows
    missing = [name for name in COLUMNS if name not in header and name not in LATER_COLUMNS]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}: a SeisBench data set that is not a base store; "
            f"import it with: python -m fcn.build_store source=seisbench source.seisbench.root={path.parent}"
        )
    if len(set(header)) < len(header):
        raise ValueError(f"{path} has columns of the same name: {', '.join(header)}")
    if not rows:
        raise ValueError(f"{path} lists no records")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{path}, record {number} has {len(row)} values for {len(header)} columns: build the "
                "store again"
            )
        if max(map(len, row)) > LONGEST_CELL:
            _refuse_long(path, header, rows[:number])
    return header, rows


def _refuse_long(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> NoReturn:
    """Raise ValueError about the longest cell of the last row."""
    longest, column = max((len(cell), name) for cell, name in zip(rows[-1], header, strict=True))
    line = 1 + len(rows) + sum(cell.count("\n") for row in (header, *rows[:-1]) for cell in row)
    raise ValueError(
        f"{path}, line {line}, record {len(rows)}: {column} has {longest} characters, {LONGEST_CELL} at "
        "most: shorten it, or build the store again"
    )


def _numbers(path: Path, name: str, column: Shaped[np.ndarray, " record"]) -> Float64[np.ndarray, " record"]:
    """Column as numbers, empty as NaN."""
    try:
        return np.where(column == "", "nan", column).astype(np.float64)
    except ValueError:
        for row, cell in enumerate(column.tolist()):
            try:
                float(cell or "nan")
            except ValueError:
                raise ValueError(
                    f"{path}, record {row + 1}: {name} is {cell!r}, no number; build the store again"
                ) from None
        raise


def _releases(column: Shaped[np.ndarray, " record"]) -> Float64[np.ndarray, "record share"]:
    """Times of `RELEASED`, empty as NaN, negative where the text is none of that.

    Each text is read once: all records of a source have the same.
    """
    texts, which = np.unique(column, return_inverse=True)
    times_s = np.full((len(texts), len(RELEASED)), np.nan)
    for row, text in enumerate(texts.tolist()):
        if not text:
            continue
        try:
            times_s[row] = np.array(text.split(), dtype=np.float64).reshape(len(RELEASED))
        except ValueError:
            times_s[row] = np.nan
        if not (np.diff(times_s[row], prepend=0.0) >= 0.0).all():  # NaN is not
            times_s[row] = -1.0
    return times_s[which]


def checked_rate_hz(path: Path, value: object) -> float:
    """The sampling rate that a waveform file states."""
    return checked.number(f"{path}: data_format/sampling_rate", value, *SAMPLING_RATES_HZ)
