"""Found, lost, split, and how well sized when, by class of magnitude: magnitude_by_class.csv."""

import csv
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.metrics.matching import Matching
from fcn.metrics.moments import AT_ALARM, FINAL, MOMENTS, Pair, update_at
from fcn.metrics.sizing import Figures, growth_figures, magnitude_figures, split_ids

EDGES = (-math.inf, 5.0, 6.0, 6.5, 7.0, math.inf)  # of the classes, lower end included
SIZE_MOMENTS = (*(moment for moment in MOMENTS if moment not in (FINAL, AT_ALARM)), FINAL)


@dataclass(frozen=True)
class SizeClass:
    """The catalogued events of one class of magnitude; figures: by name as in metrics.json."""

    label: str
    n_catalogued: int
    n_matched: int
    n_split: int
    figures: Figures

    @property
    def n_lost(self) -> int:
        """Those that nothing matches."""
        return self.n_catalogued - self.n_matched


def by_size(declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching) -> list[SizeClass]:
    """One row per class that has events, smallest first; events without a magnitude are in none."""
    split = split_ids(declared, catalogue, matching)
    found = {j: declared[i] for i, j in matching.pairs}
    rows = []
    for low, high in itertools.pairwise(EDGES):
        members = [(j, event) for j, event in enumerate(catalogue) if _is_in(event, low, high)]
        if not members:
            continue
        pairs: list[Pair] = [(found[j], event) for j, event in members if j in found]
        figures: Figures = {}
        for moment in SIZE_MOMENTS:
            said = [(update.event, true) for each, true in pairs if (update := update_at(moment, each, true))]
            figures |= magnitude_figures(said, moment)
        figures |= growth_figures(pairs, catalogue.released)
        n_split = sum(event.event_id in split for _, event in members)
        rows.append(SizeClass(_label(low, high), len(members), len(pairs), n_split, figures))
    return rows


def write_sizes(classes: Sequence[SizeClass], path: Path) -> None:
    """One line per class: its counts, then figures named as in metrics.json, empty where undefined."""
    counts = ("n_catalogued", "n_matched", "n_lost", "n_split")
    names = list(classes[0].figures) if classes else []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", *counts, *names])
        for each in classes:
            writer.writerow([each.label, *(getattr(each, name) for name in counts), *each.figures.values()])


def _is_in(event: Event, low: float, high: float) -> bool:
    return event.magnitude is not None and low <= event.magnitude < high


def _label(low: float, high: float) -> str:
    if math.isinf(low):
        return f"M < {high:g}"
    return f"{low:g} ≤ M" + ("" if math.isinf(high) else f" < {high:g}")
