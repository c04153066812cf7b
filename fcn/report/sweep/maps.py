"""Maps of a sweep: which events each setting finds, side by side."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fcn.geometry.projection import LocalFrame
from fcn.metrics.by_event import EventOutcome
from fcn.report.kit.style import BLUE, ORANGE, VERMILION, new_figure, styled
from fcn.report.sweep.scored import Scored

COLUMNS = 4
_LOOKS = (  # what the repeats of a setting found, marker, face, edge
    ("found", "o", BLUE, BLUE),
    ("by some repeats", "D", "white", ORANGE),
    ("missed", "x", VERMILION, VERMILION),
)
_POINTS_PER_MAGNITUDE, _LEAST_POINTS = 7.0, 6.0
_MAGNITUDE_AT_LEAST = 1.0
_MARGIN, _LEAST_KM = 1.08, 5.0


@styled
def found_maps(jobs: Sequence[tuple[str, Scored]]) -> Figure | None:
    """A map per setting of the sequence with most events: found, missed, or found by some repeats.

    jobs: as (setting, score). North is up, kilometres about the mean epicentre; areas grow with magnitude.
    None where no place of an event is known.
    """
    name = largest_sequence(jobs)
    if name is None:
        return None
    settings = list(dict.fromkeys(setting for setting, _ in jobs))
    n_columns = min(COLUMNS, len(settings))
    n_rows = math.ceil(len(settings) / n_columns)
    figure = new_figure(10.4, 0.5 + 2.75 * n_rows)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, setting in zip(panels, settings, strict=False):
        _draw(axes, [scored for other, scored in jobs if other == setting], name)
        axes.set_title(setting, fontsize=7.5, fontweight="normal")
    for axes in panels[len(settings) :]:
        axes.axis("off")
    figure.supxlabel("east (km)", fontsize=8.5)
    figure.supylabel("north (km)", fontsize=8.5)
    handles = [
        Line2D(
            [], [], linestyle="none", marker=marker, markerfacecolor=face, markeredgecolor=edge, label=label
        )
        for label, marker, face, edge in _LOOKS
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def largest_sequence(jobs: Sequence[tuple[str, Scored]]) -> str | None:
    """Name of the sequence with most events whose places are known."""
    counted = Counter(
        key.rpartition("/")[0]
        for _, scored in jobs
        for key, event in scored.events.items()
        if event.latitude_deg is not None and event.longitude_deg is not None
    )
    return counted.most_common(1)[0][0] if counted else None


def _draw(axes: Axes, repeats: Sequence[Scored], name: str) -> None:
    """What became of the events of one sequence."""
    keys = [key for key in repeats[0].events if key.rpartition("/")[0] == name]
    events = [repeats[0].events[key] for key in keys]
    counted = [[scored.events[key].found for scored in repeats if key in scored.events] for key in keys]
    km = _places_km(events)
    for kind, (label, marker, face, edge) in enumerate(_LOOKS):
        rows = [i for i, found in enumerate(counted) if _kind(found) == kind]
        sizes = [_points(events[i]) for i in rows]
        colours: dict[str, Any] = {"c": edge} if marker == "x" else {"facecolors": face, "edgecolors": edge}
        axes.scatter(km[rows, 0], km[rows, 1], s=sizes, marker=marker, linewidths=0.8, label=label, **colours)
    told = "not scored"
    if counted:
        told = f"{100 * np.mean([np.mean(found) for found in counted]):.0f} % found"
    axes.text(0.02, 0.98, told, transform=axes.transAxes, va="top", fontsize=7)
    half_km = _MARGIN * max(float(np.nanmax(np.abs(km), initial=_LEAST_KM)), _LEAST_KM)
    axes.set(xlim=(-half_km, half_km), ylim=(-half_km, half_km), aspect="equal")
    axes.grid(visible=True)


def _kind(found: Sequence[bool]) -> int:
    """Row of `_LOOKS`."""
    if all(found):
        return 0
    return 1 if any(found) else 2


def _places_km(events: Sequence[EventOutcome]) -> Float[np.ndarray, "event 2"]:
    """East and north of the mean epicentre; NaN where one is not known."""
    place = np.array([(each.latitude_deg, each.longitude_deg) for each in events], dtype=np.float64)
    if not np.isfinite(place).any():
        return np.full((len(events), 2), np.nan)
    east_deg = float(place[np.isfinite(place[:, 1])][0, 1])  # of one of them: some may lie across 180 deg
    place[:, 1] = east_deg + (place[:, 1] - east_deg + 180.0) % 360.0 - 180.0
    frame = LocalFrame(*(float(each) for each in np.nanmean(place, axis=0)))
    return np.stack(frame.to_local_km(place[:, 0], place[:, 1]), axis=1)


def _points(event: EventOutcome) -> float:
    """Area of a marker, square points."""
    magnitude = max(event.magnitude or _MAGNITUDE_AT_LEAST, _MAGNITUDE_AT_LEAST)
    return _LEAST_POINTS + _POINTS_PER_MAGNITUDE * (magnitude - _MAGNITUDE_AT_LEAST) ** 1.5
