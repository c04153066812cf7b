"""Parallel coordinates of a sweep: what was swept, and what came out, a line per setting."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.report.kit.style import CYCLE, DASHES, GREY, INK, new_figure, styled
from fcn.report.sweep.comparison import Comparison

OUTCOMES = (  # figure, label, whether more is better
    ("f1", "F1", True),
    ("recall", "found", True),
    ("false_alarms_per_hour", "false/h", False),
    ("alarm_latency_s_p50", "alarm\np50 (s)", False),
    ("epicentre_p50_km", "epicentre\np50 (km)", False),
    ("depth_rmse_km", "depth\nRMSE (km)", False),
    ("magnitude_mae", "magnitude\nMAE", False),
)


@styled
def parallel_figure(comparison: Comparison, swept: Mapping[str, Mapping[str, str]]) -> Figure | None:
    """What was swept on the left, figures on the right, those upmost that are best; None for one setting.

    swept: by setting the values of what differs, in the order of axes.
    """
    settings = comparison.settings
    if len(settings) < 2:
        return None
    keys = list(dict.fromkeys(key for each in settings for key in swept[each.name]))
    shown = [row for row in OUTCOMES if any(math.isfinite(each.figures[row[0]].value) for each in settings)]
    columns = [_of_words([swept[each.name].get(key, "default") for each in settings]) for key in keys]
    columns += [_of_figures([each.figures[name].value for each in settings], more) for name, _, more in shown]
    figure = new_figure(10.4, 1.6 + 0.22 * max(len(settings), 10))
    axes = figure.subplots()
    heights = np.stack([height for height, _ in columns], axis=1)
    for i, each in enumerate(settings):
        look: dict[str, Any] = {
            "color": CYCLE[i % len(CYCLE)],
            "linestyle": DASHES[i // len(CYCLE) % len(DASHES)],
        }
        axes.plot(heights[i], marker="o", markersize=4, linewidth=2.6 if each.is_best else 1.1, **look)
    for x, (_, ticks) in enumerate(columns):
        _draw_axis(axes, x, ticks, is_swept=x < len(keys))
    labels = [*(key.rsplit(".", 1)[-1] for key in keys), *(label for _, label, _ in shown)]
    axes.set_xticks(range(len(labels)), labels)
    axes.set(yticks=[], xlim=(-0.3, len(labels) - 0.7), ylim=(-0.08, 1.12))
    axes.tick_params(axis="x", length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


Column = tuple[Float[np.ndarray, " setting"], dict[float, str]]  # heights in 0-1, labels by height


def _of_words(values: list[str]) -> Column:
    """Evenly spaced, in the order swept, the first on top."""
    ordered = list(dict.fromkeys(values))
    step = 1 / max(len(ordered) - 1, 1)
    height = {value: 1 - i * step for i, value in enumerate(ordered)}
    return np.array([height[value] for value in values]), {h: value for value, h in height.items()}


def _of_figures(values: list[float], more_is_better: bool) -> Column:
    """The best on top, the worst at the bottom; NaN stays, which breaks the line."""
    found = np.array(values)
    low, high = float(np.nanmin(found)), float(np.nanmax(found))
    if math.isclose(high, low, rel_tol=1e-6):
        return np.where(np.isfinite(found), 0.5, np.nan), {0.5: f"{low:.3g}"}
    height = (found - low) / (high - low)
    ends = {0.0: f"{low:.3g}", 1.0: f"{high:.3g}"}
    return (height, ends) if more_is_better else (1 - height, {1 - h: text for h, text in ends.items()})


def _draw_axis(axes: Axes, x: int, ticks: Mapping[float, str], *, is_swept: bool) -> None:
    """A vertical line with its values: beside the line those swept, at its ends the figures."""
    axes.plot([x, x], [0, 1], color=GREY, linewidth=0.7, zorder=0)
    for height, text in ticks.items():
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        if is_swept:
            axes.annotate(
                text, (x, height), (5, 0), textcoords="offset points", va="center", fontsize=7, bbox=box
            )
        else:
            up = 6 if height >= 0.5 else -6
            place: dict[str, Any] = {"va": "bottom" if up > 0 else "top", "ha": "center"}
            axes.annotate(
                text, (x, height), (0, up), textcoords="offset points", fontsize=7, color=INK, **place
            )
