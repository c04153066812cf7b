"""Figures of settings: what each finds, how soon, how often falsely, and of which magnitudes."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.report.kit.style import CYCLE, DASHES, INK, VERMILION, from_nought, letter, new_figure, styled
from fcn.report.sweep.comparison import Comparison, Setting
from fcn.report.sweep.scored import Scored

PANELS = (
    ("recall", "found (share)"),
    ("false_alarms_per_hour", "false alarms an hour"),
    ("alarm_latency_s_p50", "alarm after P (s), median"),
    ("epicentre_p50_km", "epicentre error (km), median"),
)
EDGES = (-math.inf, 2.5, 3.0, 3.5, 4.0, 5.0, math.inf)  # of magnitude classes
LABELS = ("< 2.5", "2.5-3", "3-3.5", "3.5-4", "4-5", "> 5")


@styled
def settings_figure(comparison: Comparison) -> Figure:
    """Each setting with its 95 % intervals; the best is filled, if any found anything."""
    settings = comparison.settings
    figure = new_figure(10.4, 1.5 + 0.28 * len(settings))
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, name, (key, label) in zip(panels, "abcd", PANELS, strict=True):
        for row, each in enumerate(settings):
            _draw_estimate(axes, each, key, row)
        axes.set(xlabel=label, ylim=(len(settings) - 0.5, -0.5))
        axes.grid(visible=True, axis="x")
        letter(axes, name, "")
    panels[0].set_yticks(range(len(settings)), [each.name for each in settings])
    return figure


@styled
def trade_figure(comparison: Comparison) -> Figure:
    """Misses against false alarms, and against latency: a line joins the settings in their order."""
    figure = new_figure(10.4, 3.8)
    panels = figure.subplots(1, 2, sharey=True)
    missed = [100 * (1 - each.figures["recall"].value) for each in comparison.settings]
    sides = (
        ("false_alarms_per_hour", "false alarms an hour"),
        ("alarm_latency_s_p50", "alarm after P (s), median"),
    )
    for axes, name, (key, label) in zip(panels, "ab", sides, strict=True):
        across = [each.figures[key].value for each in comparison.settings]
        axes.plot(across, missed, marker="o", color=CYCLE[0])
        values = [each.name.rpartition("=")[2] for each in comparison.settings]
        for (x, y), names in _at_one_point(across, missed, values).items():
            axes.annotate(", ".join(names), (x, y), (4, 4), textcoords="offset points")
        axes.margins(x=0.12)  # names stand right of their points
        axes.set(xlabel=label)
        axes.grid(visible=True)
        letter(axes, name, "")
    panels[0].set(ylabel="missed (%)")
    panels[0].set_ylim(0, 1.15 * max((each for each in missed if math.isfinite(each)), default=0.0) or 1.0)
    return figure


def _at_one_point(
    across: Sequence[float], up: Sequence[float], names: Sequence[str]
) -> dict[tuple[float, float], list[str]]:
    """Names by the point they stand at, those of points nearer than a name is high together."""
    drawn = [
        at for at in zip(across, up, names, strict=True) if math.isfinite(at[0]) and math.isfinite(at[1])
    ]
    width, height = (0.03 * float(np.ptp([at[side] for at in drawn] or [0.0])) for side in (0, 1))
    found: dict[tuple[float, float], list[str]] = {}
    for x, y, name in drawn:
        near = (at for at in found if abs(at[0] - x) <= width and abs(at[1] - y) <= height)
        found.setdefault(next(near, (x, y)), []).append(name)
    return found


@styled
def magnitude_figure(jobs: Sequence[tuple[str, Scored]]) -> Figure | None:
    """Share found, and median latency, by class of magnitude, all jobs of a setting together."""
    shares = {name: _by_class(jobs, name) for name in dict.fromkeys(name for name, _ in jobs)}
    if not any(np.isfinite(found).any() for found, _ in shares.values()):
        return None
    figure = new_figure(10.4, 3.8)
    panels = figure.subplots(1, 2)
    titles = ("found (share)", "alarm after P (s), median")
    for side, (axes, label) in enumerate(zip(panels, titles, strict=True)):
        for i, (name, of_classes) in enumerate(shares.items()):
            look = {"color": CYCLE[i % len(CYCLE)], "linestyle": DASHES[i // len(CYCLE) % len(DASHES)]}
            axes.plot(range(len(LABELS)), of_classes[side], marker=".", label=name, **look)
        axes.set_xticks(range(len(LABELS)), LABELS)
        axes.set(xlabel="magnitude", ylabel=label)
        from_nought(axes)
        axes.grid(visible=True, axis="y")
        letter(axes, "ab"[side], "")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return figure


def _draw_estimate(axes: Axes, setting: Setting, key: str, row: int) -> None:
    found = setting.figures[key]
    if not math.isfinite(found.value):
        return
    colour = VERMILION if setting.is_told_apart else INK
    axes.plot([found.low, found.high], [row, row], color=colour)
    filled = colour if setting.is_best else "white"
    axes.plot(found.value, row, marker="o", color=colour, markerfacecolor=filled)


def _by_class(jobs: Sequence[tuple[str, Scored]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Share found and median latency of every class; NaN of those without events."""
    events = [event for setting, scored in jobs if setting == name for event in scored.events.values()]
    share, latency_s = np.full(len(LABELS), np.nan), np.full(len(LABELS), np.nan)
    for i, (low, high) in enumerate(itertools.pairwise(EDGES)):
        members = [each for each in events if each.magnitude is not None and low <= each.magnitude < high]
        known = [each.latency_s for each in members if each.latency_s is not None]
        if members:
            share[i] = np.mean([each.found for each in members])
        if known:
            latency_s[i] = np.median(known)
    return share, latency_s
