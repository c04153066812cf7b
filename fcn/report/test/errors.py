"""How right the declared events were, and when: location against elapsed time, depth, magnitude, latency."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fcn.catalogue.event import DeclaredEvent, Event
from fcn.metrics.matching import epicentre_offset_km
from fcn.report.kit.style import (
    DECLARED_COLOUR,
    GREEN,
    GREY,
    INK,
    PALE,
    letter,
    new_figure,
    plain_log_ticks,
    styled,
)
from fcn.report.test.outcome import Outcome

ELAPSED_S = np.arange(2.0, 30.5, 0.5)
WEI_LATENCY_S = (4.4, 6.4)  # Wei et al. (2026)
_LEAST_ERROR_KM = 0.1  # of the logarithmic axis


@styled
def error_figure(outcome: Outcome) -> Figure:
    """Four panels over the matched events."""
    figure = new_figure(10.4, 6.4)
    panels = figure.subplots(2, 2)
    pairs = outcome.pairs
    _draw_epicentres(panels[0, 0], pairs)
    _draw_latency(panels[0, 1], pairs)
    _draw_against_truth(panels[1, 0], pairs, "depth_km")
    _draw_against_truth(panels[1, 1], pairs, "magnitude")
    titles = ("epicentre against time", "alarms", "depth", "magnitude")
    for axes, name, title in zip(panels.flat, "abcd", titles, strict=True):
        letter(axes, name, title)
    figure.suptitle(f"{outcome.name}: {len(pairs)} matched events", x=0.01, ha="left")
    return figure


def epicentre_histories_km(pairs: list[tuple[DeclaredEvent, Event]]) -> Float[np.ndarray, "event elapsed"]:
    """Epicentre error of each event at ELAPSED_S after its true first P; NaN before its alarm."""
    history = np.full((len(pairs), len(ELAPSED_S)), np.nan)
    for row, (declared, true) in enumerate(pairs):
        if true.first_p_time_s is None:
            continue
        updates = [declared.at(true.first_p_time_s + float(elapsed_s)) for elapsed_s in ELAPSED_S]
        known = [i for i, update in enumerate(updates) if update is not None]
        said = [update.event for update in updates if update is not None]
        offset_km = epicentre_offset_km(said, [true] * len(said))
        history[row, known] = np.hypot(offset_km[:, 0], offset_km[:, 1])
    return history


def _draw_epicentres(axes: Axes, pairs: list[tuple[DeclaredEvent, Event]]) -> None:
    history_km = np.maximum(epicentre_histories_km(pairs), _LEAST_ERROR_KM)
    for row in history_km:
        axes.plot(ELAPSED_S, row, color=GREY, linewidth=0.5, alpha=0.7, drawstyle="steps-post")
    n_known = np.isfinite(history_km).sum(axis=0)
    some = n_known > 0
    if some.any():
        axes.plot([], [], color=GREY, linewidth=0.5, label="one event")
        for percent, dash in ((50, "-"), (90, "--")):
            values = np.nanpercentile(history_km[:, some], percent, axis=0)
            label = "median of those declared by then" if percent == 50 else "90th percentile"
            axes.plot(ELAPSED_S[some], values, color=DECLARED_COLOUR, linestyle=dash, label=label)
        axes.legend(loc="upper right")
    axes.set(yscale="log", xlabel="time since the true first P (s)", ylabel="epicentre error (km)")
    axes.set_xlim(0, ELAPSED_S[-1])
    plain_log_ticks(axes.yaxis)
    axes.grid(visible=True, axis="y")


def _draw_latency(axes: Axes, pairs: list[tuple[DeclaredEvent, Event]]) -> None:
    latency_s = [
        each.alarm.now_s - true.first_p_time_s for each, true in pairs if true.first_p_time_s is not None
    ]
    axes.axvspan(*WEI_LATENCY_S, color=GREEN, alpha=0.2, linewidth=0, label="Wei et al. 2026 (real data)")
    top = max(15.0, *latency_s) if latency_s else 15.0
    first = min(0.0, *latency_s) if latency_s else 0.0
    edges = np.arange(np.floor(first), np.ceil(top) + 0.5, 0.5)
    axes.hist(latency_s, bins=edges.tolist(), color=DECLARED_COLOUR, edgecolor="white", linewidth=0.4)
    axes.set(xlabel="alarm after the true first P (s)", ylabel="events")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right")


def _draw_against_truth(axes: Axes, pairs: list[tuple[DeclaredEvent, Event]], name: str) -> None:
    looks: dict[str, dict[str, Any]] = {
        "alarm": {
            "marker": "o",
            "color": INK,
            "markerfacecolor": "none",
            "markersize": 4,
            "markeredgewidth": 0.7,
        },
        "final": {"marker": "D", "color": DECLARED_COLOUR, "markersize": 4},
    }
    shown: list[float] = []
    for moment, look in looks.items():
        both = [(getattr(true, name), getattr(getattr(each, moment).event, name)) for each, true in pairs]
        known = np.array([pair for pair in both if None not in pair], dtype=np.float64).reshape(-1, 2)
        axes.plot(
            known[:, 0],
            known[:, 1],
            linestyle="none",
            label=moment if moment == "final" else "at alarm",
            **look,
        )
        shown += known.ravel().tolist()
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    margin = 0.06 * max(high - low, 1.0)
    limits = (low - margin, high + margin)
    axes.axline((0, 0), slope=1, color=PALE, zorder=0)
    unit = " (km)" if name == "depth_km" else ""
    quantity = name.removesuffix("_km")
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set(xlabel=f"catalogued {quantity}{unit}", ylabel=f"declared {quantity}{unit}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
