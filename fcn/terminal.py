"""Tables and lines in the terminal: a row a line, and text from data as it is, whatever brackets it holds."""

from collections.abc import Collection, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 10_000  # columns of a pipe or a file, which fold nothing
LEAST_PROSE = 16  # columns that are left of free text where a terminal is narrow
_BETWEEN = 2  # columns of the terminal between those of a table, and before the first


def terminal() -> Console:
    """The console of standard output, as wide as the text where that is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def say(text: str, console: Console | None = None) -> None:
    """A line as it is: no markup, never folded."""
    (console or terminal()).print(Text(text), soft_wrap=True)


def show(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    prose: Collection[int] = (),
    console: Console | None = None,
) -> None:
    """Print a table, each row on one line, under its title.

    left: columns aligned left. prose: columns of free text. Where the terminal is too narrow the header is
    folded, then prose is cut short, which ends in an ellipsis; then columns at the end are left out, and
    named below the table. Figures are never cut.
    """
    console = console or terminal()
    columns = [[row[i] for row in rows] for i in range(len(header))]
    names, columns, missing = _fitted(list(header), columns, frozenset(prose), console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(names):
        table.add_column(Text(name), justify="left" if i in left else "right", no_wrap=True)
    for row in zip(*columns, strict=True):
        table.add_row(*map(Text, row))
    console.print(Text(title, style="table.title"), soft_wrap=True)
    console.print(table)
    if missing:
        say(f"too narrow for: {', '.join(missing)}", console)


def _fitted(
    names: list[str], columns: list[list[str]], prose: frozenset[int], width: int
) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, columns and the names of those left out, so that a row takes no more than `width`."""
    lengths = [max(map(cell_len, column), default=0) for column in columns]

    def excess(header: list[str]) -> int:
        widths = [max(length, _longest_line(name)) for name, length in zip(header, lengths, strict=False)]
        return sum(width + _BETWEEN for width in widths) - width

    least = [min(n, LEAST_PROSE) if i in prose else n for i, n in enumerate(lengths)]
    if excess(names) > 0:
        names = [_folded(name, n) for name, n in zip(names, least, strict=True)]
    for i in sorted(prose):
        lengths[i] = max(least[i], lengths[i] - max(excess(names), 0))
    columns = [
        [_cut(cell, lengths[i]) for cell in column] if i in prose else column
        for i, column in enumerate(columns)
    ]
    n = next((n for n in range(len(names), 1, -1) if excess(names[:n]) <= 0), 1)
    return names[:n], columns[:n], [" ".join(name.split("\n")) for name in names[n:]]


def _longest_line(name: str) -> int:
    return max(map(cell_len, name.split("\n")))


def _folded(name: str, width: int) -> str:
    """Words of a header on as many lines as keep them within the width of the column's cells."""
    lines = [""]
    for word in name.split():
        longer = f"{lines[-1]} {word}".lstrip()
        lines[-1:] = [longer] if cell_len(longer) <= width or not lines[-1] else [lines[-1], word]
    return "\n".join(lines)


def _cut(cell: str, width: int) -> str:
    text = Text(cell)
    text.truncate(width, overflow="ellipsis")
    return text.plain
