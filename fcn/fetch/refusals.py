"""What could not be had from a data centre, and why."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import obspy

from fcn.publish import new_file
from fcn.terminal import show

REFUSED_FILE = "refused.csv"


@dataclass(frozen=True)
class Refusal:
    """What (a station, instrument, channel or event), of which time (ISO, empty for all), and why.

    again: whether the same request may succeed another time.
    """

    what: str
    start: str
    end: str
    reason: str
    again: bool


class Refusals(list[Refusal]):
    """In the order in which they came."""

    def add(
        self, what: str, reason: str, span_s: tuple[float, float] | None = None, *, again: bool = False
    ) -> None:
        """One more, its time as POSIX seconds."""
        start, end = ("", "") if span_s is None else (str(obspy.UTCDateTime(time_s)) for time_s in span_s)
        self.append(Refusal(what, start, end, " ".join(reason.split()), again))


def write_refusals(refusals: Sequence[Refusal], folder: Path) -> None:
    """All of them, as folder/refused.csv; with none, its header alone."""
    with new_file(folder / REFUSED_FILE) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Refusal)])
        writer.writerows(astuple(each) for each in refusals)


def print_refusals(refusals: Sequence[Refusal]) -> None:
    """One line for each thing and reason, with how often."""
    if not refusals:
        return
    counts = Counter((each.what, each.reason) for each in refusals)  # in order of the first
    rows = [(what, str(n), reason) for (what, reason), n in counts.items()]
    title = f"refused (each of them in {REFUSED_FILE})"
    show(title, ("what", "how many", "reason"), rows, left=(0, 2), prose=(2,))
