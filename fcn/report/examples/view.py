"""What a network makes of one training window: where it puts the hypocentre, and which P it sees."""

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from fcn.batch import Batch
from fcn.report.examples.figure import MOST_LABELS
from fcn.report.kit.style import (
    DECLARED_COLOUR,
    GREEN,
    INK,
    P_COLOUR,
    S_COLOUR,
    new_figure,
    styled,
)
from fcn.scheme.base import View, require_targets

_PDF_COLOURS = LinearSegmentedColormap.from_list(
    "pdf", ["#ffffff", *matplotlib.colormaps["YlGnBu"]([0.25, 0.5, 0.7])]
)
_TRACE, _CERTAIN = 0.42, 0.75  # in rows: half-height of a trace, and where P probability is 1
_WIDTHS, _HEIGHTS = (0.41, 0.59), (2.9, 1.0)  # the map is as wide as the section below it


@dataclass(frozen=True)
class _Window:
    """The window's existing stations by distance from the estimated epicentre.

    trace: vertical, over its own peak. probability: of P. predicted_s, true_p_s: seconds before now (< 0).
    low_km, high_km: corners of the map and the section: the volume, and whatever lies outside it.
    """

    ago_s: Float[np.ndarray, " time"]
    trace: Float[np.ndarray, "station time"]
    probability: Float[np.ndarray, "station time"]
    predicted_s: Float[np.ndarray, "station 2"]
    true_p_s: Float[np.ndarray, " station"]
    distance_km: Float[np.ndarray, " station"]
    station_km: Float[np.ndarray, "station 3"]
    low_km: Float[np.ndarray, "3"]
    high_km: Float[np.ndarray, "3"]

    @classmethod
    def of(cls, view: View, batch: Batch, index: int, sampling_rate_hz: float) -> "_Window":
        there = batch.mask[index]
        targets = require_targets(batch)
        window_s = batch.waveforms.shape[-1] / sampling_rate_hz
        station_km = _numbers(batch.station_km[index, there])
        distance_km = np.linalg.norm(station_km[:, :2] - _numbers(view.hypocentre_km)[:2], axis=1)
        order = np.argsort(distance_km, kind="stable")
        vertical = _numbers(batch.waveforms[index, there, 0])
        peak = np.abs(vertical).max(axis=1, keepdims=True)
        edges_km = [_edges(_numbers(axis_km)) for axis_km in view.axes_km]
        source_km = _numbers(view.source_km)
        on_map_km = np.concatenate([station_km[:, :2], source_km[None, :2]])
        return cls(
            ago_s=np.arange(vertical.shape[1]) / sampling_rate_hz - window_s,
            trace=(_TRACE * vertical / np.maximum(peak, 1e-30))[order],
            probability=_numbers(view.station_p)[order],
            predicted_s=_numbers(view.arrival_s)[order] - window_s,
            true_p_s=_numbers(targets.p_arrival_s[index, there, 0])[order] - window_s,
            distance_km=distance_km[order],
            station_km=station_km[order],
            low_km=np.minimum([e[0] for e in edges_km], [*on_map_km.min(axis=0), source_km[2]]),
            high_km=np.maximum([e[-1] for e in edges_km], [*on_map_km.max(axis=0), source_km[2]]),
        )

    @property
    def window_s(self) -> float:
        return -float(self.ago_s[0])


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()


def _edges(centres: Float[np.ndarray, " cell"]) -> Float[np.ndarray, " edge"]:
    """Borders of cells about equally spaced centres."""
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    return np.append(centres - half, centres[-1] + half)


@styled
def view_figure(view: View, batch: Batch, index: int, sampling_rate_hz: float, title: str) -> Figure:
    """Map and depth section of the hypocentre's pdf; record section with predicted and true arrivals.

    index: the window of the batch that the view is of. Raises ValueError for windows without targets.
    """
    window = _Window.of(view, batch, index, sampling_rate_hz)
    figure = new_figure(11.4, 7.2)
    grid = figure.add_gridspec(2, 2, width_ratios=_WIDTHS, height_ratios=_HEIGHTS)
    plan, depth = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    section = figure.add_subplot(grid[:, 1])
    _draw_map(plan, view, window)
    colours = _draw_depth(depth, view, window)
    _draw_section(section, window)
    _draw_key(plan, colours)
    handles = {
        label: handle
        for axes in (plan, section)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=8, columnspacing=1.4)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _draw_pdf(axes: Axes, across_km: Tensor, up_km: Tensor, pdf: Tensor) -> Any:
    """Probability over its highest cell; pdf has the cells of `across_km` along its first axis."""
    density = _numbers(pdf).T
    edges_km = (_edges(_numbers(across_km)), _edges(_numbers(up_km)))
    return axes.pcolormesh(*edges_km, density / density.max(), cmap=_PDF_COLOURS, vmin=0, vmax=1, zorder=1)


def _draw_places(axes: Axes, view: View, second: int) -> None:
    """True and estimated hypocentres; second: which coordinate is upwards."""
    places: tuple[tuple[str, Tensor, dict[str, Any]], ...] = (
        ("true place", view.source_km, {"marker": "*", "s": 190, "facecolors": "white"}),
        ("estimated place", view.hypocentre_km, {"marker": "X", "s": 70, "facecolors": DECLARED_COLOUR}),
    )
    for label, place, look in places:
        place_km = _numbers(place)
        axes.scatter(
            place_km[0], place_km[second], edgecolors=INK, linewidths=0.9, zorder=4, label=label, **look
        )


def _draw_map(axes: Axes, view: View, window: _Window) -> None:
    _draw_pdf(axes, view.axes_km[0], view.axes_km[1], view.volume.sum(dim=2))
    east_km, north_km = window.station_km[:, 0], window.station_km[:, 1]
    look: dict[str, Any] = {"marker": "^", "s": 34, "color": INK, "edgecolors": "white", "linewidths": 0.5}
    axes.scatter(east_km, north_km, zorder=3, label="station", **look)
    _draw_places(axes, view, 1)
    middle_km = (window.low_km + window.high_km)[:2] / 2
    half_km = 1.1 * float((window.high_km - window.low_km)[:2].max()) / 2
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlim=middle_km[0] + half_km * np.array([-1, 1]), ylim=middle_km[1] + half_km * np.array([-1, 1]))
    axes.set_ylabel("north (km)")
    axes.spines[["top", "right"]].set_visible(True)
    axes.tick_params(labelbottom=True)
    axes.set_title("a  epicentre", y=1.0)  # not moved up by the key


def _draw_key(axes: Axes, colours: Any) -> None:
    """What the colours mean, on the line of the title."""
    bar = axes.inset_axes((0.56, 1.025, 0.24, 0.022))
    axes.figure.colorbar(colours, cax=bar, orientation="horizontal", ticks=[])
    for x, side, text in ((-0.06, "right", "pdf: 0"), (1.06, "left", "highest cell")):
        bar.text(x, 0.5, text, ha=side, va="center", fontsize=7.5, transform=bar.transAxes)


def _draw_depth(axes: Axes, view: View, window: _Window) -> Any:
    colours = _draw_pdf(axes, view.axes_km[0], view.axes_km[2], view.volume.sum(dim=1))
    _draw_places(axes, view, 2)
    middle_km = (window.low_km + window.high_km)[0] / 2
    half_km = 1.1 * float((window.high_km - window.low_km)[:2].max()) / 2  # as wide as the map
    margin_km = 0.1 * float(window.high_km[2] - window.low_km[2])
    axes.set(xlim=(middle_km - half_km, middle_km + half_km))
    axes.set(ylim=(window.high_km[2] + margin_km, window.low_km[2] - margin_km))
    axes.set(xlabel="east (km)", ylabel="depth (km)")
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_title("b  depth")
    return colours


def _draw_section(axes: Axes, window: _Window) -> None:
    n_stations = len(window.trace)
    rows = np.arange(n_stations)
    width = 0.4 if n_stations <= 24 else 0.3
    for row, (trace, probability) in enumerate(zip(window.trace, window.probability, strict=True)):
        axes.plot(window.ago_s, row + trace, color=INK, linewidth=width, zorder=2)
        label = "network's probability of P" if row == 0 else None
        height = row + _CERTAIN * probability
        axes.plot(window.ago_s, height, color=GREEN, linewidth=0.9, zorder=3, label=label)
    size = float(np.clip(190 / n_stations, 3.5, 11))
    arrivals: tuple[tuple[str, np.ndarray, str, dict[str, Any]], ...] = (
        ("predicted P", window.predicted_s[:, 0], P_COLOUR, {"marker": "|", "markersize": size}),
        ("predicted S", window.predicted_s[:, 1], S_COLOUR, {"marker": "|", "markersize": size}),
        ("true P", window.true_p_s, INK, {"marker": "v", "markersize": float(np.clip(size / 2, 2.5, 4.5))}),
    )
    for label, times_s, colour, look in arrivals:
        seen = (times_s > -window.window_s) & (times_s < 0)
        above = 0.36 if label == "true P" else 0.0
        axes.plot(
            times_s[seen],
            rows[seen] + above,
            linestyle="none",
            color=colour,
            markeredgewidth=1.5 if above == 0 else 0.0,
            label=label,
            zorder=4,
            **look,
        )
    labelled = range(0, n_stations, -(-n_stations // MOST_LABELS))
    axes.set_yticks(list(labelled), [f"{window.distance_km[row]:.0f} km" for row in labelled])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "now" if value == 0 else f"{value:g}"))
    axes.set(xlim=(-window.window_s, 0), ylim=(-0.7, n_stations), xlabel="seconds before now")
    axes.set_ylabel("stations, by distance from the estimated epicentre")
    axes.grid(visible=True, axis="x")
    axes.set_title("c  vertical, 2-8 Hz, each trace over its peak")
