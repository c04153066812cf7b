"""What benchmarks found, each figure beside a baseline of the same run; printed at the end."""

ROWS: list[tuple[str, str, str]] = []


def row(what: str, figure: str, beside: str) -> None:
    """Keep a figure and what it is to be compared with."""
    ROWS.append((what, figure, beside))


def table() -> list[str]:
    """The rows in columns."""
    if not ROWS:
        return []
    rows = [("what", "figure", "beside"), *ROWS]
    widths = [max(len(each[column]) for each in rows) for column in range(3)]
    return ["  ".join(cell.ljust(n) for cell, n in zip(each, widths, strict=True)).rstrip() for each in rows]
