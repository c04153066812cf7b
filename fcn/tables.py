"""CSV tables as people and spreadsheets write them."""

import csv
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

Row = Mapping[str, str]


def read_table(path: Path, required: Iterable[str] = ()) -> Iterator[tuple[str, Row]]:
    """Rows of a CSV file with a header: each with its place, "FILE, line 7", and its cells by column.

    UTF-8, with the mark that spreadsheets begin it with or without; blanks around names and cells are not
    part of them, and rows of empty cells are passed over.
    Raises ValueError, naming the file and the line, for another encoding, columns that are missing or named
    alike, and a row with fewer or more cells than there are columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines)
        columns: list[str] | None = None
        while (cells := _next_row(reader, path)) is not None:
            place = f"{path}, line {reader.line_num}"
            if not any(cells):
                continue
            if columns is None:
                columns = cells
                _check_header(columns, required, place)
                continue
            _check_width(cells, columns, place)
            yield place, dict(zip(columns, cells, strict=False))
    if columns is None:
        raise ValueError(f"{path} is empty: not even a line of column names")


def number(text: str, place: str) -> float:
    """The number in a cell; ValueError naming `place` for anything else."""
    try:
        return float(text)
    except ValueError:
        remedy = ": write a decimal point, not a comma" if "," in text else ""
        raise ValueError(f"{place} is {text!r}, not a number{remedy}") from None


def time_s(text: str, place: str) -> float:
    """POSIX seconds of an ISO 8601 time, UTC unless it states a zone; ValueError naming `place` otherwise."""
    try:
        read = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{place} cannot be read: {text!r}") from error
    return read.replace(tzinfo=read.tzinfo or datetime.UTC).timestamp()


def _next_row(reader: Iterator[list[str]], path: Path) -> list[str] | None:
    """The next row's cells without blanks around them; None after the last."""
    try:
        cells = next(reader, None)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: _undecodable(path)].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line} is not UTF-8 ({error.reason}): save the table as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV table: {error}") from error
    return None if cells is None else [cell.strip() for cell in cells]


def _undecodable(path: Path) -> int:
    """Where a file stops being UTF-8: its reader counts from the start of a block."""
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _check_header(columns: list[str], required: Iterable[str], place: str) -> None:
    named = [name for name in columns if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ValueError(f"{place}: several columns are named {', '.join(twice)}")
    missing = [name for name in required if name not in named]
    if missing:
        remedy = separator_hint(named)
        raise ValueError(f"{place}: no column {', '.join(missing)}; found {', '.join(named)}{remedy}")


def separator_hint(columns: Sequence[str]) -> str:
    """What to say more of columns that are missing, where others seem to be one name."""
    names = {";": "semicolons", "\t": "tabs", "|": "bars"}
    met = [name for sign, name in names.items() if any(sign in column for column in columns)]
    fdsn = "; text of FDSN services is read where its name ends in .txt" if "bars" in met[:1] else ""
    return f": separate columns by commas, not by {met[0]}{fdsn}" if met else ""


def _check_width(cells: list[str], columns: list[str], place: str) -> None:
    beyond = any(cells[len(columns) :])
    if len(cells) < len(columns) or beyond:
        raise ValueError(
            f"{place} has {len(cells)} cells, the table {len(columns)} columns: cells with a comma need "
            f"quotes, and numbers a decimal point{separator_hint(columns)}"
        )
