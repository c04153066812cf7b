"""The story of the largest event: its magnitude as it was said, against time."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.catalogue.event import DeclaredEvent, Event, Status, Update
from fcn.catalogue.released import Released
from fcn.report.kit.style import (
    CATALOGUED_COLOUR,
    DECLARED_COLOUR,
    GREEN,
    INK,
    legend_above,
    new_figure,
    styled,
)
from fcn.report.kit.table import number
from fcn.report.test.outcome import Outcome
from fcn.report.test.result import utc

_AFTER_S = 10.0  # shown beyond the last word
_MARKS = {Status.FINAL: ("D", "final"), Status.RETRACTED: ("X", "retracted")}


@dataclass(frozen=True)
class Subject:
    """Whose story is told; true: the catalogued event, None where there is no catalogue."""

    declared: DeclaredEvent
    true: Event | None
    released: Released | None

    @property
    def first_p_time_s(self) -> float | None:
        """The true first P, else what its last word says."""
        known = None if self.true is None else self.true.first_p_time_s
        return self.declared.final.event.first_p_time_s if known is None else known


def choose_subject(outcome: Outcome) -> Subject | None:
    """The largest catalogued event that was found, else the largest declared; None where none has a size."""
    found = [(true.magnitude, each, true) for each, true in outcome.pairs if true.magnitude is not None]
    if found:
        _, declared, true = max(found, key=lambda row: row[0])
        subject = Subject(declared, true, outcome.catalogue.released.get(true.event_id))
    else:
        sized = [each for each in outcome.declared if each.final.event.magnitude is not None]
        if not sized:
            return None
        subject = Subject(max(sized, key=lambda each: each.final.event.magnitude or 0.0), None, None)
    has_size = any(update.event.magnitude is not None for update in subject.declared.updates)
    return subject if has_size and subject.first_p_time_s is not None else None


@styled
def story(outcome: Outcome, subject: Subject) -> Figure:
    """Magnitude against seconds after the first P, with its standard deviation; dashed: a lower bound."""
    figure = new_figure(10.4, 4.0)
    axes = figure.subplots()
    first_s = subject.first_p_time_s
    assert first_s is not None
    said = [update for update in subject.declared.updates if update.event.magnitude is not None]
    since_s = np.array([update.now_s - first_s for update in said])
    size = np.array([update.event.magnitude for update in said], dtype=np.float64)
    end_s = float(since_s[-1]) + _AFTER_S
    _draw_said(axes, said, since_s, size, end_s)
    _draw_truth(axes, subject, end_s)
    axes.set_xlim(min(0.0, float(since_s[0])), end_s)
    of = "first P" if subject.true is None else "true first P"
    computed = subject.true is not None and subject.true.first_p_is_computed
    axes.set(xlabel=f"time since the {of}{' (computed)' if computed else ''} (s)", ylabel="magnitude")
    axes.margins(y=0.1)
    axes.grid(visible=True, axis="y")
    legend_above(axes)
    shown = subject.declared.final.event if subject.true is None else subject.true
    axes.set_title(f"{outcome.name}: {utc(shown.origin_time_s)} UTC, M {number(shown.magnitude, 1)}")
    return figure


def _draw_said(
    axes: Axes,
    said: list[Update],
    since_s: Float[np.ndarray, " update"],
    size: Float[np.ndarray, " update"],
    end_s: float,
) -> None:
    spread = np.array([update.event.magnitude_uncertainty or 0.0 for update in said])
    edges_s = np.append(since_s, end_s)  # each magnitude stands until the next
    if spread.any():
        low, high = (np.append(edge, edge[-1]) for edge in (size - spread, size + spread))
        shade: dict[str, Any] = {"color": DECLARED_COLOUR, "alpha": 0.2, "linewidth": 0}
        axes.fill_between(edges_s, low, high, step="post", label="± standard deviation", **shade)
    labels = {True: "declared, a lower bound", False: "declared"}
    begin = 0
    for is_bound, run in itertools.groupby(update.is_lower_bound for update in said):
        end = begin + len(list(run))
        dash = "--" if is_bound else "-"
        label = labels.pop(is_bound, "")  # each once
        path = np.append(size[begin:end], size[min(end, len(size) - 1)])
        look: dict[str, Any] = {"color": DECLARED_COLOUR, "linestyle": dash, "label": label}
        axes.step(edges_s[begin : end + 1], path, where="post", **look)
        begin = end
    axes.plot(since_s[0], size[0], marker="o", linestyle="none", color=INK, markersize=4, label="alarm")
    if said[-1].status in _MARKS:
        marker, label = _MARKS[said[-1].status]
        axes.plot(since_s[-1], size[-1], marker=marker, linestyle="none", color=DECLARED_COLOUR, label=label)


def _draw_truth(axes: Axes, subject: Subject, end_s: float) -> None:
    true, released = subject.true, subject.released
    if true is None or true.magnitude is None:
        return
    axes.axhline(true.magnitude, color=CATALOGUED_COLOUR, linewidth=1.0, label="catalogued")
    if released is not None:
        # as the first station hears it: what is P there has left the source as long after the origin
        after_s = np.linspace(0.0, end_s, 400)
        values = [released.at(float(each)) for each in after_s]
        so_far = np.array([np.nan if value is None else value for value in values])
        axes.plot(after_s, so_far, color=GREEN, linestyle=":", label="released so far")
