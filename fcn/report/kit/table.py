"""A table once: on a page, in the terminal, as CSV."""

import csv
import html
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table as RichTable

ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column is left-aligned, the others right unless in `left`."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        uneven = [row for row in self.rows if len(row) != len(self.header)]
        if uneven:
            raise ValueError(f"table {self.title!r} has {len(self.header)} columns, but a row {uneven[0]}")

    def to_rich(self) -> RichTable:
        """For the terminal."""
        table = RichTable(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate(self.header):
            table.add_column(name, justify="left" if i in self.left else "right", no_wrap=i == 0)
        for row in self.rows:
            table.add_row(*row)
        return table

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
        kind = ' class="left"' if column in self.left else ""
        return f"<{tag}{kind}>{html.escape(text)}</{tag}>"


def number(value: float | int | bool | None, digits: int = 2) -> str:
    """A number with fixed decimals; counts as they are; a dash for None."""
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return str(value)
    return f"{value:.{digits}f}"
