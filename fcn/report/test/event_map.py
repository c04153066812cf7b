"""Map and depth sections of a test: stations, catalogued, declared, missed."""

from collections.abc import Sequence as Items

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fcn.catalogue.event import Event
from fcn.report.kit.style import (
    CATALOGUED_COLOUR,
    DECLARED_COLOUR,
    FALSE_COLOUR,
    GREY,
    INK,
    PALE,
    new_figure,
    styled,
)
from fcn.report.test.outcome import Outcome

_MAP_WIDTH_IN = 5.0
_MARGIN_IN = {"left": 0.62, "right": 0.15, "bottom": 0.55, "top": 0.62, "gap": 0.12}
_LEAST_DEPTH_KM, _DEPTH_SHARE = (
    15.0,
    0.6,
)  # sections: at least this deep, at most this share of the map's width
_LEGEND_MAGNITUDES = (2.0, 4.0, 6.0)
_DECLARED_SHARE = 0.3  # of the area of a catalogued event, which a declared one may lie on
_LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}


@styled
def event_map(outcome: Outcome) -> Figure:
    """North up, kilometres equal both ways; depth sections below and right."""
    half_km, depth_km = _extent_km(outcome)
    figure, plan, below, right, corner = _frame(half_km, depth_km)
    _draw_geography(plan, outcome, half_km)
    _draw_events(plan, below, right, outcome)
    _draw_legend(corner, outcome)
    plan.set(xlim=(-half_km[0], half_km[0]), ylim=(-half_km[1], half_km[1]), ylabel="north (km)")
    below.set(ylim=(depth_km, -2), xlabel="east (km)", ylabel="depth (km)")
    right.set(xlim=(-2, depth_km), xlabel="depth (km)")
    right.xaxis.set_label_position("top")
    right.xaxis.tick_top()
    centre = outcome.sequence.frame
    plan.set_title(
        f"{outcome.name}: about {_degrees(round(centre.latitude_deg, 2), 'NS')}, "
        f"{_degrees(round(centre.longitude_deg, 2), 'EW')}"
    )
    return figure


def _extent_km(outcome: Outcome) -> tuple[tuple[float, float], float]:
    """Half widths that hold the box and the stations, and the greatest depth."""
    station_km = np.abs(outcome.sequence.station_km[:, :2]).max(axis=0)
    east_km, north_km = 1.06 * np.maximum(station_km, outcome.sequence.box)
    shown = [*outcome.catalogue, *(each.final.event for each in outcome.declared)]
    depth_km = max([_LEAST_DEPTH_KM, *(1.1 * event.depth_km for event in shown)])
    return (float(east_km), float(north_km)), float(depth_km)


def _frame(half_km: tuple[float, float], depth_km: float) -> tuple[Figure, Axes, Axes, Axes, Axes]:
    """Axes placed by hand: a kilometre is as long in the sections as in the map, unless they are too deep."""
    scale = _MAP_WIDTH_IN / (2 * half_km[0])
    width, height = _MAP_WIDTH_IN, 2 * half_km[1] * scale
    depth = min(depth_km, _DEPTH_SHARE * 2 * half_km[0]) * scale
    margin = _MARGIN_IN
    total_width = margin["left"] + width + margin["gap"] + max(depth, 1.5) + margin["right"]
    total_height = margin["bottom"] + depth + margin["gap"] + height + margin["top"]
    figure = new_figure(total_width, total_height)
    figure.set_layout_engine("none")

    def axes(left: float, bottom: float, across: float, up: float) -> Axes:
        return figure.add_axes(
            (left / total_width, bottom / total_height, across / total_width, up / total_height)
        )

    base, side = margin["bottom"] + depth + margin["gap"], margin["left"] + width + margin["gap"]
    plan = axes(margin["left"], base, width, height)
    below = axes(margin["left"], margin["bottom"], width, depth)
    right = axes(side, base, depth, height)
    corner = axes(side, 0.08, max(depth, 1.5), margin["bottom"] + depth - 0.08)
    below.sharex(plan)
    right.sharey(plan)
    plan.tick_params(labelbottom=False)
    right.tick_params(labelleft=False)
    for panel in (plan, below, right):
        panel.spines[["top", "right"]].set_visible(True)
    corner.axis("off")
    return figure, plan, below, right, corner


def _draw_geography(plan: Axes, outcome: Outcome, half_km: tuple[float, float]) -> None:
    """Graticule, box, scale bar, north arrow."""
    _draw_graticule(plan, outcome, half_km)
    east, north = outcome.sequence.box
    plan.add_patch(
        Rectangle((-east, -north), 2 * east, 2 * north, fill=False, edgecolor=GREY, linestyle="--", lw=0.8)
    )
    bar_km = _round_number(half_km[0] / 2)
    x, y = -0.92 * east, -0.94 * north
    plan.plot([x, x + bar_km], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt")
    plan.text(
        x + bar_km / 2, y + 0.015 * half_km[1], f"{bar_km:g} km", ha="center", va="bottom", fontsize=7.5
    )
    plan.annotate(
        "N",
        xy=(0.935, 0.955),
        xytext=(0.935, 0.875),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontweight="bold",
        arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkB": 0},
    )


def _draw_graticule(plan: Axes, outcome: Outcome, half_km: tuple[float, float]) -> None:
    frame = outcome.sequence.frame
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * half_km
    latitude, longitude = frame.to_geographic(corners[:, 0], corners[:, 1])
    # about the centre: the corners of a map on 180 deg are in both hemispheres
    longitude = frame.longitude_deg + (longitude - frame.longitude_deg + 180.0) % 360.0 - 180.0
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10])
    along = np.linspace(-0.5, 1.5, 41)
    for value in ticks.tick_values(longitude.min(), longitude.max()):
        run = latitude.min() + along * np.ptp(latitude)
        east, north = frame.to_local_km(run, np.full_like(run, value))
        plan.plot(east, north, color=PALE, linewidth=0.5, zorder=0)
        top = float(np.interp(half_km[1], north, east))
        if abs(top) < 0.93 * half_km[0]:
            plan.text(
                top,
                0.99 * half_km[1],
                _degrees(value, "EW"),
                ha="center",
                va="top",
                bbox=_LABEL_BOX,
                color=GREY,
                fontsize=6.5,
            )
    for value in ticks.tick_values(latitude.min(), latitude.max()):
        run = longitude.min() + along * np.ptp(longitude)
        east, north = frame.to_local_km(np.full_like(run, value), run)
        plan.plot(east, north, color=PALE, linewidth=0.5, zorder=0)
        side = float(np.interp(-half_km[0], east, north))
        if abs(side) < 0.93 * half_km[1]:
            plan.text(
                -0.99 * half_km[0],
                side,
                _degrees(value, "NS"),
                va="center",
                bbox=_LABEL_BOX,
                color=GREY,
                fontsize=6.5,
            )


def _degrees(value: float, letters: str) -> str:
    within = 180.0 - (180.0 - value) % 360.0  # above -180, up to 180
    return f"{abs(within):g}°{letters[int(within < 0)]}"


def _draw_events(plan: Axes, below: Axes, right: Axes, outcome: Outcome) -> None:
    pairs = outcome.pairs
    groups: list[tuple[list[Event], dict[str, object]]] = [
        ([true for _, true in pairs], _FOUND),
        ([miss.event for miss in outcome.misses], _MISSED),
        ([each.final.event for each, _ in pairs], _DECLARED),
        ([each.final.event for each in outcome.unmatched], _FALSE if outcome.has_catalogue else _DECLARED),
    ]
    station_km = outcome.sequence.station_km
    for axes, x, y in ((plan, 0, 1), (below, 0, 2), (right, 2, 1)):
        axes.scatter(station_km[:, x], station_km[:, y], **_STATION)  # type: ignore[arg-type]
        for events, look in groups:
            place_km = outcome.local_km(events)
            axes.scatter(place_km[:, x], place_km[:, y], s=_areas(events, look), **look)  # type: ignore[arg-type]
        found_km = outcome.local_km([each.final.event for each, _ in pairs])
        true_km = outcome.local_km([true for _, true in pairs])
        axes.plot(*_segments(found_km, true_km, x, y), color=INK, linewidth=0.6, zorder=2.5)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _segments(
    start_km: Float[np.ndarray, "event 3"], end_km: Float[np.ndarray, "event 3"], x: int, y: int
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Separate lines in one artist: NaN between them."""
    gap = np.full(len(start_km), np.nan)
    along = [np.stack([start_km[:, k], end_km[:, k], gap], axis=1).ravel() for k in (x, y)]
    return along[0], along[1]


_STATION: dict[str, object] = {"marker": "^", "s": 26, "color": INK, "linewidths": 0, "zorder": 2}
_FOUND: dict[str, object] = {
    "marker": "o",
    "facecolors": "#9cc7e0",
    "edgecolors": CATALOGUED_COLOUR,
    "linewidths": 0.8,
    "zorder": 3,
}
_MISSED: dict[str, object] = {
    "marker": "o",
    "facecolors": "none",
    "edgecolors": CATALOGUED_COLOUR,
    "linewidths": 1.2,
    "zorder": 3,
}
_DECLARED: dict[str, object] = {
    "marker": "D",
    "facecolors": DECLARED_COLOUR,
    "edgecolors": "white",
    "linewidths": 0.4,
    "zorder": 4,
}
_FALSE: dict[str, object] = {"marker": "x", "color": FALSE_COLOUR, "linewidths": 1.3, "zorder": 4}


def _areas(events: Items[Event], look: dict[str, object]) -> list[float]:
    """Marker areas, square points."""
    share = _DECLARED_SHARE if look is _DECLARED else 1.0
    return [share * _diameter_pt(event.magnitude) ** 2 for event in events]


def _diameter_pt(magnitude: float | None) -> float:
    """Marker diameter, points; events without a magnitude are drawn as M 2."""
    return 3.0 + 2.0 * max(2.0 if magnitude is None else magnitude, 0.0)


def _draw_legend(corner: Axes, outcome: Outcome) -> None:
    def handle(label: str, look: dict[str, object], size: float) -> Line2D:
        fill = look.get("facecolors", look.get("color"))
        edge = look.get("edgecolors", look.get("color"))
        return Line2D(
            [], [], linestyle="none", marker=str(look["marker"]), markersize=size, label=label,
            markerfacecolor=str(fill), markeredgecolor=str(edge),
        )  # fmt: skip

    handles = [handle("station", _STATION, 5)]
    if outcome.has_catalogue:
        handles += [
            handle("catalogued, found", _FOUND, 7),
            handle("catalogued, missed", _MISSED, 7),
            handle("declared, final", _DECLARED, 6),
            handle("declared, unmatched", _FALSE, 6),
        ]
    else:
        handles.append(handle("declared, final", _DECLARED, 6))
    sized, share = (_FOUND, 1.0) if outcome.has_catalogue else (_DECLARED, _DECLARED_SHARE**0.5)
    handles += [handle(f"M {m:g}", sized, share * _diameter_pt(m)) for m in _LEGEND_MAGNITUDES]
    corner.legend(handles=handles, loc="upper left", borderaxespad=0, labelspacing=0.55)


def _round_number(value: float) -> float:
    """The largest of 1, 2, 5 x 10^n below a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value))
