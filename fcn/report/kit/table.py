"""A table once: on a page, in the terminal, as CSV."""

import csv
import html
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fcn.terminal import show

ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column is left-aligned, the others right unless in `left`.

    prose: columns of free text, which a narrow terminal cuts short and a page breaks anywhere.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)
    prose: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        uneven = [row for row in self.rows if len(row) != len(self.header)]
        if uneven:
            raise ValueError(f"table {self.title!r} has {len(self.header)} columns, but a row {uneven[0]}")

    def show(self, console: Console | None = None) -> None:
        """In the terminal: see `fcn.terminal.show`."""
        show(self.title, self.header, self.rows, left=self.left, prose=self.prose, console=console)

    def to_html(self) -> str:
        """For a page, every cell escaped."""
        head = "".join(self._cell("th", i, name) for i, name in enumerate(self.header))
        body = "\n".join(
            f"<tr>{''.join(self._cell('td', i, cell) for i, cell in enumerate(row))}</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"

    def write_csv(self, path: Path) -> None:
        """For other programs."""
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self.header, *self.rows])

    def _cell(self, tag: str, column: int, text: str) -> str:
        kinds = " ".join(
            kind for kind, columns in (("left", self.left), ("prose", self.prose)) if column in columns
        )
        of_kind = f' class="{kinds}"' if kinds else ""
        return f"<{tag}{of_kind}>{html.escape(text)}</{tag}>"


def number(value: float | int | bool | None, digits: int = 2) -> str:
    """A number with fixed decimals; counts as they are; a dash for None."""
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return str(value)
    return f"{value:.{digits}f}"
