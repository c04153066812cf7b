"""Figures of a base store: records, spectra, amplitudes, coverage."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.signal import welch

from fcn.report.kit.style import (
    CYCLE,
    GREY,
    INK,
    P_COLOUR,
    S_COLOUR,
    legend_above,
    letter,
    magnitude_colour,
    new_figure,
    plain_log_ticks,
    power_ticks,
    styled,
)
from fcn.report.store.sample import StoreSample, noise_pieces
from fcn.shaking.ground_motion import si_midorikawa99_pgv_mps

NOISE_PIECE = 256  # samples of a noise spectrum
SPECTRUM_S = 20.0  # of a record from P
SPECTRUM_DISTANCE_KM = (20.0, 80.0)
BEFORE_P_S, AFTER_P_S = 3.0, 45.0


@styled
def record_figure(sample: StoreSample, n_examples: int) -> Figure | None:
    """Z, R, T of records evenly spread in distance, aligned on P; None without earthquake records."""
    chosen = _spread_in_distance(sample, n_examples)
    if not len(chosen):
        return None
    figure = new_figure(10.4, 7.2)
    rate_hz = sample.store.sampling_rate_hz
    for component, axes in enumerate(figure.subplots(1, 3, sharex=True, sharey=True)):
        for row, i in enumerate(chosen):
            first = round(sample.p_sample[i] - BEFORE_P_S * rate_hz)
            last = round(sample.p_sample[i] + AFTER_P_S * rate_hz)
            piece = sample.waveforms[i, component, max(first, 0) : last]
            time_s = (max(first, 0) + np.arange(len(piece)) - sample.p_sample[i]) / rate_hz
            peak = float(np.abs(sample.waveforms[i, :, max(first, 0) : last]).max()) or 1.0
            axes.plot(time_s, row + 0.85 * piece / peak, color=INK, linewidth=0.4)
        s_minus_p_s = (sample.s_sample[chosen] - sample.p_sample[chosen]) / rate_hz
        mark: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 11, "markeredgewidth": 1.3}
        axes.plot(np.zeros(len(chosen)), range(len(chosen)), color=P_COLOUR, label="P", **mark)
        axes.plot(s_minus_p_s, range(len(chosen)), color=S_COLOUR, label="S", **mark)
        letter(axes, "abc"[component], ("vertical", "radial", "transverse")[component])
        axes.set(xlim=(-BEFORE_P_S, AFTER_P_S), xlabel="time since P (s)")
    labels = [f"{sample.distance_km[i]:.0f} km, M {sample.magnitude[i]:.1f}" for i in chosen]
    figure.axes[0].set_yticks(range(len(chosen)), labels)
    figure.axes[0].set_ylabel("records by epicentral distance; the three components share one scale")
    legend_above(figure.axes[2])
    figure.suptitle(sample.name, x=0.01, ha="left")
    return figure


@styled
def spectrum_figure(sample: StoreSample) -> Figure:
    """Noise against Peterson's models, and Fourier spectra of earthquakes by magnitude."""
    figure = new_figure(10.4, 4.2)
    noise, earthquakes = figure.subplots(1, 2)
    _draw_noise(noise, sample)
    _draw_earthquakes(earthquakes, sample)
    figure.suptitle(sample.name, x=0.01, ha="left")
    return figure


@styled
def amplitude_figure(sample: StoreSample) -> Figure:
    """Peak ground velocity against hypocentral distance, by magnitude, with medians."""
    figure = new_figure(7.4, 5.2)
    axes = figure.subplots()
    quakes = np.flatnonzero(sample.is_earthquake & (sample.hypocentral_km > 0) & (sample.pgv_mps > 0))
    edges_km = np.geomspace(5, 320, 13)
    for floor in _floors(sample.magnitude[quakes]):
        members = quakes[np.floor(sample.magnitude[quakes]) == floor]
        r_km, pgv_mps = sample.hypocentral_km[members], sample.pgv_mps[members]
        colour = magnitude_colour(floor)
        axes.plot(r_km, pgv_mps, linestyle="none", marker=".", markersize=2.5, color=colour, alpha=0.35)
        middle, median = _medians(r_km, pgv_mps, edges_km)
        axes.plot(middle, median, marker="o", markersize=4, color=colour, label=f"{floor} ≤ M < {floor + 1}")
        if floor >= _LEAST_GMPE_MAGNITUDE and len(members) > 2:
            middle_magnitude = np.full_like(edges_km, floor + 0.5)
            depth_km = np.full_like(edges_km, np.median(sample.depth_km[members]))
            # Its distance to the fault is hypocentral here.
            reference = si_midorikawa99_pgv_mps(middle_magnitude, edges_km, depth_km)
            axes.plot(edges_km, reference, linestyle="--", linewidth=0.8, color=colour)
    axes.plot([], [], linestyle="--", linewidth=0.8, color=GREY, label="Si & Midorikawa 1999")
    axes.set(xscale="log", yscale="log", xlabel="hypocentral distance (km)")
    axes.set_ylabel("peak horizontal velocity (m/s)")
    power_ticks(axes.yaxis)
    plain_log_ticks(axes.xaxis)
    axes.grid(visible=True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    letter(axes, "", f"{sample.name}: dots records, circles medians")
    return figure


@styled
def coverage_figure(sample: StoreSample) -> Figure:
    """How many earthquake records the whole store holds in distance, depth and magnitude."""
    store = sample.store
    quakes = store.select(category="earthquake")
    columns = {
        "epicentral distance (km)": store.distance_km[quakes],
        "depth (km)": store.depth_km[quakes],
        "magnitude": store.magnitude[quakes],
    }
    figure = new_figure(10.4, 3.6)
    names = list(columns)
    panels = figure.subplots(1, 3)
    for axes, key, (x, y) in zip(panels, "abc", ((0, 1), (0, 2), (1, 2)), strict=True):
        *_, image = axes.hist2d(
            columns[names[x]], columns[names[y]], bins=(16, 12), cmin=1, norm=LogNorm(), cmap="cividis"
        )
        axes.set(xlabel=names[x], ylabel=names[y])
        if names[y].startswith("depth"):
            axes.invert_yaxis()
        bar = figure.colorbar(image, ax=axes, label="records in a cell")
        plain_log_ticks(bar.ax.yaxis)
        letter(axes, key, f"{names[x].partition(' (')[0]} and {names[y].partition(' (')[0]}")
    figure.suptitle(f"{sample.name}: {len(quakes)} earthquake records", x=0.01, ha="left")
    return figure


_LEAST_GMPE_MAGNITUDE = 5  # the class 5-6 is read at 5.5; smaller ones are outside the data of the relation


def _spread_in_distance(sample: StoreSample, n_examples: int) -> Int[np.ndarray, " chosen"]:
    quakes = np.flatnonzero(sample.is_earthquake)
    ordered = quakes[np.argsort(sample.distance_km[quakes], kind="stable")]
    if len(ordered) <= n_examples:
        return ordered
    wanted_km = np.linspace(sample.distance_km[ordered[0]], sample.distance_km[ordered[-1]], n_examples)
    return ordered[
        np.unique(np.searchsorted(sample.distance_km[ordered], wanted_km).clip(max=len(ordered) - 1))
    ]


def _floors(magnitude: Float[np.ndarray, " n"]) -> list[int]:
    """Classes of one unit, the largest first, as they lie in a figure."""
    return sorted({int(value) for value in np.floor(magnitude)}, reverse=True)


def _medians(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edge"]
) -> tuple[list[float], list[float]]:
    """Centres and medians of the bins with at least three values."""
    bins = np.digitize(x, edges)
    full = [i for i in range(1, len(edges)) if (bins == i).sum() >= 3]
    return [float(np.sqrt(edges[i - 1] * edges[i])) for i in full], [
        float(np.median(y[bins == i])) for i in full
    ]


def _draw_noise(axes: Axes, sample: StoreSample) -> None:
    from obspy.signal.spectral_estimation import get_nhnm, get_nlnm  # slow to import, and only for this

    pieces = noise_pieces(sample, NOISE_PIECE)
    if pieces:
        frequency_hz, power = welch(
            np.stack(pieces), fs=sample.store.sampling_rate_hz, nperseg=NOISE_PIECE, detrend="linear"
        )
        frequency_hz, power = frequency_hz[1:], power[..., 1:].reshape(-1, len(frequency_hz) - 1)
        acceleration = power * (2 * np.pi * frequency_hz) ** 2  # velocity to acceleration
        level_db = 10 * np.log10(np.maximum(acceleration, np.finfo(float).tiny))
        low, middle, high = np.percentile(level_db, [5, 50, 95], axis=0)
        axes.fill_between(frequency_hz, low, high, color=CYCLE[0], alpha=0.25, linewidth=0, label="5-95 %")
        axes.plot(frequency_hz, middle, color=CYCLE[0], label=f"median of {len(pieces)}")
    for model, dash in ((get_nlnm, ":"), (get_nhnm, "--")):
        period_s, peterson_db = model()
        name = f"Peterson 1993, {'low' if model is get_nlnm else 'high'}"
        axes.plot(1 / period_s, peterson_db, color=INK, linestyle=dash, label=name)
    axes.set(xscale="log", xlim=(0.08, sample.store.sampling_rate_hz / 2), ylim=(-190, -60))
    axes.set(xlabel="frequency (Hz)", ylabel="noise acceleration PSD\n(dB relative to 1 (m/s²)²/Hz)")
    plain_log_ticks(axes.xaxis)
    axes.grid(visible=True)
    letter(axes, "a", "noise")
    axes.legend(loc="upper left", ncols=2)


def _draw_earthquakes(axes: Axes, sample: StoreSample) -> None:
    rate_hz = sample.store.sampling_rate_hz
    length = round(SPECTRUM_S * rate_hz)
    low_km, high_km = SPECTRUM_DISTANCE_KM
    long_enough = np.nan_to_num(sample.p_sample) + length <= sample.store.npts[sample.indices]
    inside = (sample.distance_km >= low_km) & (sample.distance_km < high_km)
    quakes = np.flatnonzero(sample.is_earthquake & inside & long_enough)
    frequency_hz = np.fft.rfftfreq(length, 1 / rate_hz)[1:]
    taper = np.hanning(length)
    for floor in _floors(sample.magnitude[quakes]):
        members = quakes[np.floor(sample.magnitude[quakes]) == floor]
        starts = sample.p_sample[members].astype(int)
        pieces = np.stack(
            [sample.waveforms[i, 1:, p : p + length] for i, p in zip(members, starts, strict=True)]
        )
        spectrum = np.abs(np.fft.rfft(pieces * taper, axis=-1))[..., 1:] / rate_hz
        median = np.median(np.sqrt((spectrum**2).mean(axis=1)), axis=0)
        label = f"{floor} ≤ M < {floor + 1} ({len(members)})"
        axes.plot(frequency_hz, median, color=magnitude_colour(floor), label=label)
    axes.set(xscale="log", yscale="log", xlim=(0.08, rate_hz / 2))
    axes.set(xlabel="frequency (Hz)", ylabel="velocity Fourier amplitude, horizontal (m)")
    power_ticks(axes.yaxis)
    plain_log_ticks(axes.xaxis)
    axes.grid(visible=True)
    letter(axes, "b", f"earthquakes, {SPECTRUM_S:g} s from P, {low_km:g} to {high_km:g} km")
    if len(quakes):
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
