"""Figures of a sweep: how validation went, and what came out against what was swept."""

import json
import math
from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.metrics.table import ALL
from fcn.report.kit.style import CYCLE, DASHES, INK, from_nought, letter, new_figure, plain_log_ticks, styled
from fcn.report.sweep.jobs import FINISHED, Job, what_differs

REPEATS = ("seed", "subset.seed")  # jobs that differ in these alone are repeats of one experiment
CURVES = (("val/loss", "validation loss"), ("val/epicentre_p50_km", "median epicentre error (km)"))
_KEPT = [row for row in ALL if row.sweep_val]
_TESTED = [row for row in ALL if row.sweep_test]
OUTCOMES = (  # name, axis label, column of the table
    *(
        (f"val/{row.name}", f"{row.label or row.sweep_val}, validation", f"val {row.sweep_val}")
        for row in _KEPT
    ),
    *((row.name, f"{row.label or row.sweep_test}, test", f"test {row.sweep_test}") for row in _TESTED),
)


@styled
def curve_figure(jobs: Sequence[Job]) -> Figure | None:
    """Validation against step, one colour and dash a setting; None where no job got that far."""
    differing = what_differs(jobs)
    shown = [(key, label) for key, label in CURVES if any(key in row for job in jobs for row in job.curve)]
    if not shown:
        return None
    settings = list(dict.fromkeys(setting_of(job, differing) for job in jobs))
    figure = new_figure(10.4, 3.8)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, name, (key, label) in zip(panels, "ab", shown, strict=False):
        for job in jobs:
            setting = setting_of(job, differing)
            _draw_curve(axes, job, key, setting, _look(settings.index(setting)))
        axes.set(yscale="log", xlabel="optimiser steps", ylabel=label)
        plain_log_ticks(axes.yaxis)
        axes.grid(visible=True, axis="y")
        letter(axes, name, "")
    handles = dict(zip(*panels[0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
    return figure


@styled
def outcome_figure(jobs: Sequence[Job]) -> Figure | None:
    """Figures of the kept checkpoints against what was swept; repeats are dots, their median a line."""
    differing = what_differs(jobs)
    shown = [(key, label) for key, label, _ in OUTCOMES if any(job.figure(key) is not None for job in jobs)]
    if not shown:
        return None
    axis = next((name for name in differing if name not in REPEATS), differing[0] if differing else "job")
    rest = [name for name in differing if name not in (axis, *REPEATS)]
    groups = list(dict.fromkeys(setting_of(job, rest) if rest else "" for job in jobs))
    positions = _positions([_place(job, axis) for job in jobs])
    x_of = {job.number: positions[_place(job, axis)] for job in jobs}
    n_columns = min(len(shown), 3)
    n_rows = math.ceil(len(shown) / n_columns)
    figure = new_figure(10.4, 3.4 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, name, (key, label) in zip(panels, ascii_lowercase, shown, strict=False):
        for group in groups:
            members = [job for job in jobs if (setting_of(job, rest) if rest else "") == group]
            _draw_outcome(axes, members, key, x_of, group, _look(groups.index(group)))
        names = [f"{place:g}" if isinstance(place, float) else place for place in positions]
        axes.set_xticks(list(positions.values()), names)
        axes.margins(x=0.15)
        axes.set(xlabel=axis, ylabel=label)
        from_nought(axes)
        axes.grid(visible=True, axis="y")
        letter(axes, name, "")
    for axes in panels[len(shown) :]:
        axes.axis("off")
    if rest:
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return figure


def setting_of(job: Job, differing: Sequence[str]) -> str:
    """What a job is an experiment of: its differing overrides but for the repeats."""
    names = [name for name in differing if name not in REPEATS] or list(differing)
    return ", ".join(f"{name.rsplit('.', 1)[-1]}={job.swept.get(name, 'default')}" for name in names)


def _look(index: int) -> dict[str, Any]:
    return {"color": CYCLE[index % len(CYCLE)], "linestyle": DASHES[index % len(DASHES)]}


def _draw_curve(axes: Axes, job: Job, key: str, label: str, look: dict[str, Any]) -> None:
    rows = [row for row in job.curve if key in row]
    if not rows:
        return
    steps, values = [row["step"] + 1 for row in rows], [row[key] for row in rows]
    axes.plot(steps, values, marker=".", label=label, **look)
    if job.state != FINISHED:
        axes.plot(steps[-1], values[-1], marker="x", markersize=9, markeredgewidth=1.8, color=INK)
    elif job.kept in rows:
        best = rows.index(job.kept)
        axes.plot(steps[best], values[best], marker="o", markerfacecolor="none", color=look["color"])


def _place(job: Job, axis: str) -> float | str:
    """Where a job lies along the swept value: a number where it is one, [4,4] being 4."""
    text = job.swept.get(axis, "default") if axis != "job" else str(job.number)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    if isinstance(value, list) and value and len(set(map(str, value))) == 1:
        value = value[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else text


def _positions(places: Sequence[float | str]) -> dict[float | str, float]:
    """Numbers stay where they are; if any value is a word, all are spaced evenly in their order."""
    ordered = list(dict.fromkeys(places))
    numbers = [place for place in ordered if isinstance(place, float)]
    if len(numbers) == len(ordered):
        return {place: place for place in numbers}
    return {place: float(i) for i, place in enumerate(ordered)}


def _draw_outcome(
    axes: Axes, jobs: Sequence[Job], key: str, x_of: Mapping[int, float], label: str, look: dict[str, Any]
) -> None:
    values: dict[float, list[float]] = {}
    for job in jobs:
        value = job.figure(key)
        if value is not None:
            values.setdefault(x_of[job.number], []).append(value)
    for x, repeats in values.items():
        axes.plot([x] * len(repeats), repeats, marker="o", linestyle="none", color=look["color"], alpha=0.6)
    across = sorted(values)
    axes.plot(across, [float(np.median(values[x])) for x in across], label=label, **look)
