"""How much of an earthquake's moment had been released when: known of simulated ruptures."""

import bisect
import csv
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn.tables import number, read_table

RELEASED = "released.csv"  # in a sequence folder
# A stated magnitude is a lower bound where the final one is more than this above it, or where less than this
# share of the moment has left the source in time to be heard of at the first station.
BOUND_MARGIN, BOUND_SHARE = 0.2, 0.8
# A source lasts 2.1e-8 s times the cube root of its moment in dyne cm, twice the Global CMT's half duration
# (Ekstroem, Nettles & Dziewonski 2012). With M = 2/3 log10 M0 - 10.7 (Hanks & Kanamori 1979) one of a second
# has this magnitude, and one of t seconds 2 log10 t more.
LASTS_A_SECOND = 4.66
# Magnitudes by which what still ruptures may be said to be smaller than that: it began slowly, or is
# undersized, as a recorded M 7.6 was by 1.6 (docs/decisions/015-followed-and-sized.md).
SMALLER_YET = 2.5
_COLUMNS = ("event_id", "after_origin_s", "magnitude")


def may_grow(magnitude: float, since_first_p_s: float) -> bool:
    """Whether an earthquake that is so large so long after its first P may still be rupturing.

    What has ruptured for that long has released about the moment of those that last as long; it may be said
    to be `SMALLER_YET` smaller.
    """
    return since_first_p_s <= 0 or magnitude >= LASTS_A_SECOND - SMALLER_YET + 2 * math.log10(since_first_p_s)


@dataclass(frozen=True)
class Released:
    """Magnitude of the moment released so far, at times after the origin; neither ever falls.

    Raises ValueError for fewer than one pair, other lengths, times that do not grow and magnitudes that fall.
    """

    after_origin_s: tuple[float, ...]
    magnitude: tuple[float, ...]

    def __post_init__(self) -> None:
        times = all(a < b for a, b in itertools.pairwise(self.after_origin_s))
        sizes = all(a <= b for a, b in itertools.pairwise(self.magnitude))
        alike = len(self.after_origin_s) == len(self.magnitude) > 0
        if not (alike and times and sizes and all(map(math.isfinite, self.after_origin_s + self.magnitude))):
            raise ValueError(
                "moment released needs pairs of numbers, times that grow and magnitudes that do not fall: "
                f"{self.after_origin_s[:5]}, {self.magnitude[:5]}"
            )

    def at(self, after_origin_s: float) -> float | None:
        """Magnitude released by then, moment linear in time between what is known; None before the first."""
        right = bisect.bisect_right(self.after_origin_s, after_origin_s)
        if right == 0:
            return None
        if right == len(self.magnitude):
            return self.magnitude[-1]
        low_s, high_s = self.after_origin_s[right - 1 : right + 1]
        low, high = (_moment(each) for each in self.magnitude[right - 1 : right + 1])
        return math.log10(low + (high - low) * (after_origin_s - low_s) / (high_s - low_s)) / 1.5

    def share_at(self, after_origin_s: float) -> float:
        """Moment released by then over the whole, 0 to 1."""
        magnitude = self.at(after_origin_s)
        return 0.0 if magnitude is None else _moment(magnitude) / _moment(self.magnitude[-1])


def _moment(magnitude: float) -> float:
    """Seismic moment up to a factor (Hanks & Kanamori 1979): of shares and differences it is no part."""
    return 10 ** (1.5 * magnitude)


def write_released(released: Mapping[str, Released], path: Path) -> None:
    """Write the table that `read_released` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for event_id, each in released.items():
            writer.writerows(
                (event_id, *pair) for pair in zip(each.after_origin_s, each.magnitude, strict=True)
            )


def read_released(path: Path) -> Mapping[str, Released]:
    """The table `released.csv`, by event_id; columns event_id, after_origin_s, magnitude, rows in any order.

    Raises ValueError naming the file and the line or event that makes no sense.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for place, row in read_table(path, _COLUMNS):
        pair = (number(row[name], f"{place}: {name}") for name in _COLUMNS[1:])
        found.setdefault(row["event_id"], []).append((next(pair), next(pair)))
    made = {}
    for event_id, pairs in found.items():
        times_s, magnitudes = zip(*sorted(pairs), strict=True)
        try:
            made[event_id] = Released(times_s, magnitudes)
        except ValueError as error:
            raise ValueError(f"{path}: event {event_id!r}: {error}") from error
    return made
