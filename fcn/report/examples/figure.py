"""One recombined window to look at: where, what was recorded by now, and how it differs from the noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fcn.batch import Batch
from fcn.report.kit.style import (
    CYCLE,
    DECLARED_COLOUR,
    GREY,
    INK,
    P_COLOUR,
    S_COLOUR,
    legend_above,
    new_figure,
    plain_log_ticks,
    power_ticks,
    styled,
)

EVENT_MARKERS = ("*", "o", "s", "D", "^", "v", "p")  # the one to locate, then the others
ARRIVAL_MARKERS = ("|", "o", "s", "D", "^", "v", "p")
OFF_MAP = 1.8  # events farther out than this many times the network's half-size are put at the edge
MOST_LABELS = 26  # of stations in a record section
LEAST_S = 2.0  # of a spectrum
SPECTRUM_HZ = (0.4, 10.0)
_MAP_SHARE = 0.46  # of the figure's width


@dataclass(frozen=True)
class Example:
    """One window of a batch, its existing stations in order of distance from the event to locate.

    narrow, broad: m/s, Z, N, E. p_s, s_s: seconds from the window's first sample; inf where there is none.
    event_km, magnitude, p_s, s_s: the event to locate first, then the further ones there are.
    """

    narrow: Float[np.ndarray, "station 3 time"]
    broad: Float[np.ndarray, "station 3 time"]
    station_km: Float[np.ndarray, "station 3"]
    distance_km: Float[np.ndarray, " station"]
    event_km: Float[np.ndarray, "event 3"]
    magnitude: Float[np.ndarray, " event"]
    p_s: Float[np.ndarray, "station event"]
    s_s: Float[np.ndarray, "station event"]
    p_snr: Float[np.ndarray, "station event"]
    is_event: bool
    widened: float
    sampling_rate_hz: float

    @classmethod
    def of(cls, batch: Batch, index: int, sampling_rate_hz: float) -> "Example":
        """Window `index` of a batch. Raises ValueError for windows without targets."""
        targets = batch.targets
        if targets is None:
            raise ValueError("these windows carry no targets: there is nothing to draw them against")
        there = batch.mask[index].numpy()
        events = targets.event_exists[index].numpy()
        station_km = batch.station_km[index].double().numpy()[there]
        event_km = targets.event_km[index].double().numpy()[events]
        distance_km = np.linalg.norm(station_km[:, :2] - event_km[0, :2], axis=1)
        order = np.argsort(distance_km, kind="stable")

        def rows(values: Any) -> np.ndarray:
            return values[index].double().numpy()[there][order]

        return cls(
            narrow=rows(batch.waveforms),
            broad=rows(batch.waveforms_broad),
            station_km=station_km[order],
            distance_km=distance_km[order],
            event_km=event_km,
            magnitude=targets.event_magnitude[index].double().numpy()[events],
            p_s=rows(targets.p_arrival_s)[:, events],
            s_s=rows(targets.s_arrival_s)[:, events],
            p_snr=rows(targets.p_snr)[:, events],
            is_event=bool(targets.is_event[index]),
            widened=float(targets.widened[index]),
            sampling_rate_hz=sampling_rate_hz,
        )

    @property
    def window_s(self) -> float:
        """Length of the window: "now", in its seconds."""
        return self.narrow.shape[-1] / self.sampling_rate_hz

    @property
    def elapsed_s(self) -> float:
        """Now minus the first P of the event to locate."""
        return self.window_s - float(self.p_s[:, 0].min())

    @property
    def silent(self) -> Bool[np.ndarray, " station"]:
        """Stations with nothing but zeros."""
        return np.abs(self.narrow).max(axis=(1, 2)) == 0


@styled
def example_figure(example: Example, title: str) -> Figure:
    """Map, spectra at three stations, and the vertical record section up to "now"."""
    figure = new_figure(11.4, 7.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(_MAP_SHARE, 1 - _MAP_SHARE), height_ratios=(1.5, 1.0))
    chosen = _spread(len(example.distance_km))
    _draw_map(figure.add_subplot(grid[0, 0]), example, chosen)
    _draw_spectra(figure.add_subplot(grid[1, 0]), example, chosen)
    section = figure.add_subplot(grid[:, 1])
    _draw_section(section, example, chosen)
    figure.legend(*section.get_legend_handles_labels(), loc="outside lower right", ncols=6, columnspacing=1.2)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _spread(n_stations: int) -> list[int]:
    """Rows of the nearest, a middle and the farthest station."""
    return sorted({0, (n_stations - 1) // 2, n_stations - 1})


def _draw_map(axes: Axes, example: Example, chosen: list[int]) -> None:
    near_km = np.concatenate([example.station_km[:, :2], example.event_km[:1, :2]])
    middle_km = (near_km.max(axis=0) + near_km.min(axis=0)) / 2
    half_km = 1.15 * max(np.abs(near_km - middle_km).max(), 1.0)
    within_km = np.abs(example.event_km[:, :2] - middle_km).max(axis=1)
    half_km = max(half_km, 1.1 * within_km[within_km < OFF_MAP * half_km].max(initial=0.0))
    axes.scatter(
        example.station_km[:, 0],
        example.station_km[:, 1],
        marker="^",
        s=30,
        color=GREY,
        linewidths=0,
        zorder=2,
    )
    for colour, row in zip(CYCLE, chosen, strict=False):
        east, north = example.station_km[row, :2]
        axes.scatter(east, north, marker="^", s=42, color=colour, linewidths=0, zorder=3)
    dead = example.station_km[example.silent]
    axes.scatter(dead[:, 0], dead[:, 1], marker="x", s=34, color=INK, linewidths=1, zorder=3)
    for event, (place_km, magnitude) in enumerate(zip(example.event_km, example.magnitude, strict=True)):
        out_km = np.abs(place_km[:2] - middle_km).max()
        shown_km, label = place_km[:2], f"M {magnitude:.1f}, {place_km[2]:.0f} km deep"
        if out_km > half_km:
            shown_km = middle_km + 0.96 * half_km * (place_km[:2] - middle_km) / out_km
            label += f",\n{np.linalg.norm(place_km[:2] - middle_km):.0f} km from here"
        look: dict[str, Any] = {"facecolors": DECLARED_COLOUR} if event == 0 else {"facecolors": "white"}
        look |= {"marker": EVENT_MARKERS[event % len(EVENT_MARKERS)], "s": 190 if event == 0 else 42}
        axes.scatter(shown_km[0], shown_km[1], edgecolors=INK, linewidths=0.8, zorder=4, label=label, **look)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=1.0)
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlim=middle_km[0] + half_km * np.array([-1, 1]), ylim=middle_km[1] + half_km * np.array([-1, 1]))
    axes.set(xlabel="east (km)", ylabel="north (km)")
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_title("a  stations and sources")


def _draw_spectra(axes: Axes, example: Example, chosen: list[int]) -> None:
    rate_hz, begun = example.sampling_rate_hz, example.p_s.min(axis=1)
    for colour, row in zip(CYCLE, chosen, strict=False):
        parts = {
            "signal": example.broad[row, :, max(round(example.p_s[row, 0] * rate_hz), 0) :],
            "noise": example.broad[row, :, : max(round((begun[row] - 0.5) * rate_hz), 0)],
        }
        for name, piece in parts.items():
            if piece.shape[-1] < LEAST_S * rate_hz or not piece.any():
                continue
            frequency_hz, density = _spectrum(piece, rate_hz)
            style: dict[str, Any] = {"color": colour, "linewidth": 1.2 if name == "signal" else 0.8}
            label = f"{example.distance_km[row]:.0f} km" if name == "signal" else None
            axes.plot(frequency_hz, density, linestyle="-" if name == "signal" else ":", label=label, **style)
    axes.plot([], [], color=GREY, linestyle=":", label="noise before")
    axes.set(xscale="log", yscale="log", xlim=SPECTRUM_HZ, xlabel="frequency (Hz); solid: from P until now")
    axes.set_ylabel("velocity spectral\ndensity (m/s/√Hz)")
    power_ticks(axes.yaxis)
    plain_log_ticks(axes.xaxis)
    axes.grid(visible=True)
    axes.set_title("b  spectra")
    legend_above(axes)


def _spectrum(
    piece: Float[np.ndarray, "3 time"], rate_hz: float
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " f"]]:
    """Root of the power density of all components, smoothed over a sixth of an octave to either side."""
    taper = np.hanning(piece.shape[-1])
    power = (np.abs(np.fft.rfft(piece * taper, axis=-1)) ** 2).sum(axis=0) / (rate_hz * (taper**2).sum())
    frequency_hz = np.fft.rfftfreq(piece.shape[-1], 1 / rate_hz)
    wanted_hz = np.geomspace(*SPECTRUM_HZ, 60)
    resolution_hz = 2 * rate_hz / piece.shape[-1]
    smooth = [
        power[np.abs(frequency_hz - hz) <= max(hz * (2 ** (1 / 6) - 1), resolution_hz)].mean()
        for hz in wanted_hz
    ]
    return wanted_hz, np.sqrt(2 * np.array(smooth))


def _draw_section(axes: Axes, example: Example, chosen: list[int]) -> None:
    n_stations, n_samples = len(example.narrow), example.narrow.shape[-1]
    ago_s = np.arange(n_samples) / example.sampling_rate_hz - example.window_s
    peak = np.abs(example.narrow[:, 0]).max(axis=1, keepdims=True)
    traces = 0.62 * example.narrow[:, 0] / np.maximum(peak, 1e-30)
    for row, trace in enumerate(traces):
        axes.plot(ago_s, row + trace, color=INK, linewidth=0.4 if n_stations <= 24 else 0.3)
    size = float(np.clip(190 / n_stations, 3.5, 11))
    for event in range(example.p_s.shape[1]):
        for name, colour, times_s in (("P", P_COLOUR, example.p_s), ("S", S_COLOUR, example.s_s)):
            seen = (times_s[:, event] > 0) & (times_s[:, event] < example.window_s)
            bar = event == 0
            look: dict[str, Any] = {"markersize": size if bar else max(0.45 * size, 3.0), "color": colour}
            look |= {"markeredgewidth": 1.5} if bar else {"markeredgewidth": 0.9, "markerfacecolor": "none"}
            axes.plot(
                times_s[seen, event] - example.window_s,
                np.flatnonzero(seen),
                linestyle="none",
                marker=ARRIVAL_MARKERS[event % len(ARRIVAL_MARKERS)],
                label=name if bar else f"{name}, event {event + 1}",
                zorder=4,
                **look,
            )
    every = -(-n_stations // MOST_LABELS)
    labelled = range(0, n_stations, every)
    axes.set_yticks(list(labelled), [f"{example.distance_km[row]:.0f} km" for row in labelled])
    for tick, row in zip(axes.get_yticklabels(), labelled, strict=True):
        if row in chosen:
            tick.set_color(CYCLE[chosen.index(row)])
            tick.set_fontweight("bold")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "now" if value == 0 else f"{value:g}"))
    axes.set(xlim=(-example.window_s, 0), ylim=(-1, n_stations), xlabel="seconds before now")
    axes.set_ylabel("stations, by epicentral distance from the event to locate")
    axes.grid(visible=True, axis="x")
    axes.set_title("c  vertical, 2-8 Hz, each trace over its peak")
