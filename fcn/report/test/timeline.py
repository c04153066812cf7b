"""The whole sequence at a glance: ground motion, what the windows said, events."""

from collections.abc import Sequence as Items
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from fcn.catalogue.event import Event
from fcn.report.kit.style import (
    CATALOGUED_COLOUR,
    DECLARED_COLOUR,
    FALSE_COLOUR,
    GREY,
    INK,
    legend_above,
    letter,
    new_figure,
    power_ticks,
    styled,
)
from fcn.report.test.outcome import Outcome
from fcn.waveform.spool import in_parts

_BIN_S = 1.0
_AT_ONCE = 1000  # bins


@styled
def timeline(outcome: Outcome) -> Figure:
    """Peak ground velocity of every second, scores of every window, magnitudes of events, against UTC."""
    figure = new_figure(10.4, 5.8)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[1.0, 0.9, 1.1])
    _draw_motion(panels[0], outcome)
    _draw_scores(panels[1], outcome)
    _draw_events(panels[2], outcome)
    locator = AutoDateLocator(minticks=5, maxticks=12)
    panels[2].xaxis.set_major_locator(locator)
    panels[2].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    panels[2].set_xlabel("time (UTC)")
    span = _utc([outcome.sequence.start_time_s, outcome.sequence.end_time_s])
    panels[2].set_xlim(span[0], span[1])
    figure.suptitle(outcome.name, x=0.01, ha="left")
    return figure


def _utc(time_s: Items[float] | Float[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """datetime64 in ms, which matplotlib's dates understand."""
    return np.round(np.asarray(time_s, dtype=np.float64) * 1000).astype("datetime64[ms]")


def _draw_motion(axes: Axes, outcome: Outcome) -> None:
    sequence = outcome.sequence
    per_bin = round(_BIN_S * sequence.sampling_rate_hz)
    n_bins = sequence.n_samples // per_bin
    whole = sequence.broad[..., : n_bins * per_bin]
    parts = [np.abs(part).max(axis=1) for part in in_parts(whole, _AT_ONCE * per_bin)]
    peak = np.concatenate([part.reshape(len(part), -1, per_bin).max(axis=2) for part in parts], axis=1)
    peak = np.where(peak > 0, peak, np.nan)  # no data
    any_data = np.isfinite(peak).any(axis=0)
    time = _utc(sequence.start_time_s + _BIN_S * (0.5 + np.arange(n_bins)))[any_data]
    low, middle, high = np.nanpercentile(peak[:, any_data], [0, 50, 100], axis=0)
    axes.fill_between(time, low, high, color=GREY, alpha=0.3, linewidth=0, label="range over stations")
    axes.plot(time, middle, color=INK, linewidth=0.8, label="median station")
    axes.set(yscale="log", ylabel="peak velocity\n(m/s)")
    power_ticks(axes.yaxis)
    legend_above(axes)
    letter(axes, "a", f"ground motion, magnitude band, peak of each {_BIN_S:g} s")


def _draw_scores(axes: Axes, outcome: Outcome) -> None:
    now = _utc([each.now_s for each in outcome.estimates])
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 2.5}
    scores = {"detection": (CATALOGUED_COLOUR, "o"), "location": (INK, "x")}
    for name, (colour, marker) in scores.items():
        values = [getattr(each, f"{name}_score") for each in outcome.estimates]
        axes.plot(now, values, marker=marker, color=colour, label=name, **dots)
    for alarm in _utc([each.alarm.now_s for each in outcome.declared]):
        axes.axvline(alarm, color=DECLARED_COLOUR, linewidth=0.7, linestyle="--", zorder=1)
    axes.plot([], [], color=DECLARED_COLOUR, linewidth=0.7, linestyle="--", label="alarm")
    axes.set(ylim=(-0.03, 1.03), ylabel="score")
    legend_above(axes)
    letter(axes, "b", "estimates of the windows, by their end")


def _draw_events(axes: Axes, outcome: Outcome) -> None:
    found = [true for _, true in outcome.pairs]
    missed = [miss.event for miss in outcome.misses]
    declared = [each.final.event for each, _ in outcome.pairs]
    unmatched = [each.final.event for each in outcome.unmatched]
    own: dict[str, Any] = {"marker": "D", "color": DECLARED_COLOUR, "markersize": 3.5}
    other: dict[str, Any] = {"marker": "x", "color": FALSE_COLOUR} if outcome.has_catalogue else own
    groups: list[tuple[list[Event], str, dict[str, Any]]] = [
        (found, "catalogued, found", {"marker": "o", "color": CATALOGUED_COLOUR, "alpha": 0.5}),
        (
            missed,
            "catalogued, missed",
            {"marker": "o", "color": CATALOGUED_COLOUR, "markerfacecolor": "none"},
        ),
        (declared, "declared", own),
        (unmatched, "declared, unmatched" if outcome.has_catalogue else "declared", other),
    ]
    for events, label, look in groups:
        # An event without a magnitude is shown at the foot of the panel.
        magnitudes = [0.0 if event.magnitude is None else event.magnitude for event in events]
        time = _utc([event.origin_time_s for event in events])
        if events:
            axes.plot(time, magnitudes, linestyle="none", label=f"{label} ({len(events)})", **look)
    axes.set_ylabel("magnitude")
    axes.margins(y=0.15)
    legend_above(axes)
    letter(axes, "c", "events, by origin time")
