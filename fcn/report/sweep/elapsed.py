"""What settings know so many seconds after the first P: what they found, where it is, how large."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from fcn.metrics.moments import ELAPSED_S, TIMED
from fcn.report.kit.style import CYCLE, DASHES, from_nought, letter, new_figure, styled
from fcn.report.sweep.comparison import Comparison, Setting

PANELS = (  # figure but for its moment, label
    ("recall", "declared by then (share)"),
    ("epicentre_p50_km", "epicentre error (km), median"),
    ("magnitude_mae", "magnitude error, mean absolute"),
)
LEAST = 5  # events declared by then, of which a median and its interval are drawn
CAPTION = (
    "By seconds after the first P: the share of events that was declared by then, and the errors of what was "
    f"said of those, where they are known of {LEAST} or more. What is declared sooner by one setting may be "
    "other events than what is declared by another. Thick: the best by F1."
)
# factors in seconds, so that no interval hides another: between a setting and the next, between all at most
_APART, _WIDEST = 1.018, 1.2


@styled
def elapsed_figure(comparison: Comparison) -> Figure | None:
    """A line per setting with its 95 % intervals; None where nothing is known of these moments."""
    settings = comparison.settings
    if not any(math.isfinite(each.figures[f"recall{TIMED[0]}"].value) for each in settings):
        return None
    figure = new_figure(10.4, 3.8 + 0.16 * math.ceil(len(settings) / 4))
    panels = figure.subplots(1, len(PANELS))
    for axes, name, (key, label) in zip(panels, "abc", PANELS, strict=True):
        for i, each in enumerate(settings):
            apart = min(_APART, _WIDEST ** (1 / len(settings))) ** (i - (len(settings) - 1) / 2)
            _draw(axes, each, key, apart, i)
        axes.set(xscale="log", xlabel="after the first P (s)", ylabel=label)
        axes.set_xticks(ELAPSED_S, [str(each) for each in ELAPSED_S])
        axes.xaxis.set_minor_locator(NullLocator())
        from_nought(axes)
        axes.grid(visible=True, axis="y")
        letter(axes, name, "")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return figure


def _draw(axes: Axes, setting: Setting, key: str, apart: float, i: int) -> None:
    """One setting's figure at all moments; `apart`: factor by which its points are beside the others'."""
    found = [setting.figures[f"{key}{moment}"] for moment in TIMED]
    rows = np.array([(each.value, each.low, each.high) for each in found])
    if key != "recall":
        rows[np.array([setting.n_known[f"{key}{moment}"] for moment in TIMED]) < LEAST] = np.nan
    seconds = np.array(ELAPSED_S) * apart
    colour, dash = CYCLE[i % len(CYCLE)], DASHES[i // len(CYCLE) % len(DASHES)]
    axes.vlines(seconds, rows[:, 1], rows[:, 2], color=colour, linewidth=0.8, alpha=0.7)
    look: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 2.2 if setting.is_best else 1.1}
    axes.plot(seconds, rows[:, 0], marker=".", label=setting.name, **look)
