"""`python docs/kumamoto_twin.py`: the twin beside what was recorded at KMMH14; a table and three figures.

Three minutes on one core. Everything simulated comes from conf/dataset/kumamoto.yaml.
"""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from matplotlib.ticker import NullFormatter
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fcn.config import CONF_DIR, build
from fcn.simulate.kumamoto.catalogue import FAULTS, START, read_catalogue
from fcn.simulate.kumamoto.recorded import STATION, Comparison, compare, peaks_and_duration, read_observed
from fcn.simulate.kumamoto.twin import KumamotoTwin

IMAGES = Path(__file__).parent / "images"
N_TRIALS = 24
SMALLEST_MJ = 3.0  # of the twin's own events beside the observed ones


def load_twin() -> KumamotoTwin:
    """The twin of conf/dataset/kumamoto.yaml."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        node: Any = compose("build_store", overrides=["out=nowhere", "+dataset=kumamoto"])
    twin: KumamotoTwin = build(node.dataset.builder)
    return twin


def print_comparison(comparisons: list[Comparison]) -> None:
    """One row per record: observed, median and 16-84 % simulated, ratio."""
    table = Table("record (JST)", "Mj", "epicentre", "", "observed", "simulated", "16-84 %", "ratio")
    for each in comparisons:
        low, median, high = np.percentile(each.trials, [16, 50, 84], axis=0)
        record = each.record
        for i, name in enumerate(("PGA m/s2", "PGV cm/s", "5-95 % s")):
            head = (record.record_jst, str(record.magnitude_mj), record.where) if i == 0 else ("", "", "")
            span, observed = f"{low[i]:.3g} to {high[i]:.3g}", f"{record.peaks[i]:.3g}"
            table.add_row(*head, name, observed, f"{median[i]:.3g}", span, f"{each.ratio[i]:.2f}")
    means = np.exp(np.log([each.ratio for each in comparisons]).mean(0))
    console = Console(width=110)
    console.print(table)
    console.print("geometric mean ratio, PGA PGV duration:", *(f"{mean:.2f}" for mean in means))


def own_peaks(twin: KumamotoTwin) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes (Mj) of the twin's larger events, and their peaks and durations at KMMH14."""
    ground = twin.ground().only([station.code for station in twin.network].index(STATION))
    rows = [row for row in twin.catalogued() if row.magnitude >= SMALLEST_MJ]
    peaks = [
        peaks_and_duration(
            ground.motion(twin.shock(row)).velocity_mps[0, 1:].astype(float), ground.sampling_rate_hz
        )
        for row in track(rows, description="the twin's own events")
    ]
    return np.array([row.magnitude for row in rows]), np.array(peaks)


def plot_peaks(magnitudes: np.ndarray, own: np.ndarray, comparisons: list[Comparison]) -> None:
    """PGA and duration against PGV, simulated beside observed."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    observed = np.array([record.peaks for record in read_observed()])
    for panel, column, name in zip(
        panels, (0, 2), ("PGA (m/s²)", "significant duration 5-95 % (s)"), strict=True
    ):
        dots = panel.scatter(
            own[:, 1], own[:, column], c=magnitudes, s=14, cmap="viridis", vmin=3.0, vmax=6.5
        )
        for each in comparisons:
            panel.scatter(each.trials[:, 1], each.trials[:, column], s=5, color="0.75", zorder=0)
        panel.scatter(observed[:, 1], observed[:, column], marker="*", s=90, color="tab:red", edgecolor="k")
        panel.set(xscale="log", yscale="log", xlabel="PGV (cm/s)", ylabel=name)
        panel.grid(alpha=0.3)
    panels[1].yaxis.set_minor_formatter(NullFormatter())
    panels[1].set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
    panels[0].scatter([], [], marker="*", s=90, color="tab:red", edgecolor="k", label="recorded (KiK-net)")
    panels[0].scatter([], [], s=14, color="tab:green", label="simulated: the twin's events")
    panels[0].scatter([], [], s=5, color="0.75", label="simulated: the recorded events, 24 times each")
    panels[0].legend(fontsize=8)
    figure.colorbar(dots, ax=panels, label="Mj")
    figure.suptitle("KMMH14, geometric mean of the horizontals, 0.2-30 Hz")
    figure.savefig(IMAGES / "kumamoto_peaks.png", dpi=90)


def plot_map(twin: KumamotoTwin) -> None:
    """Stations and catalogue, and magnitudes in time."""
    figure, (place, time) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", width_ratios=(1, 1.4))
    for source, colour, name in (("completed", "tab:blue", "completed"), ("jma", "tab:red", "JMA, felt")):
        rows = [row for row in read_catalogue() if row.source == source]
        size = [2.0 ** (row.magnitude + 1) for row in rows]
        minutes = [(row.origin_time_s - START.timestamp()) / 60.0 for row in rows]
        longitude, latitude = [row.longitude_deg for row in rows], [row.latitude_deg for row in rows]
        place.scatter(longitude, latitude, s=size, color=colour, alpha=0.5, lw=0)
        time.scatter(
            minutes, [row.magnitude for row in rows], s=12, color=colour, label=f"{name} ({len(rows)})"
        )
    for station in twin.network:
        place.plot(station.longitude_deg, station.latitude_deg, "^k", ms=7)
        place.annotate(
            station.code,
            (station.longitude_deg, station.latitude_deg),
            (4, 3),
            textcoords="offset points",
            fontsize=7,
        )
    for start, end, _ in FAULTS:
        place.plot([start[1], end[1]], [start[0], end[0]], "k", lw=0.8)
    east_km, north_km = np.array([-1, 1, 1, -1, -1]) * 41.0, np.array([-1, -1, 1, 1, -1]) * 50.0
    latitude_deg, longitude_deg = twin.frame.to_geographic(east_km, north_km)
    place.plot(longitude_deg, latitude_deg, "k:", lw=1)
    place.set(aspect=1.0 / np.cos(np.radians(32.7)), xlabel="longitude (deg)", ylabel="latitude (deg)")
    time.set(xlabel="minutes after 12:26:34 UTC", ylabel="Mj")
    time.legend()
    figure.savefig(IMAGES / "kumamoto_catalogue.png", dpi=90)


def plot_section(twin: KumamotoTwin) -> None:
    """The main shock at the twelve stations before the sensors, vertical, each to its own peak."""
    ground = twin.ground()
    row = twin.catalogued()[0]
    motion = ground.motion(twin.shock(row))
    origin_s = row.origin_time_s - twin.start_time_s
    place_km = np.array(twin.shock(row).position_km[:2])
    distance_km = np.hypot(*(ground.station_km[:, :2] - place_km).T)
    figure, panel = plt.subplots(figsize=(9, 6), layout="constrained")
    for i, rank in enumerate(np.argsort(distance_km)):
        trace = motion.velocity_mps[rank, 0, :4000]
        time_s = (motion.start_sample[rank] + np.arange(len(trace))) / ground.sampling_rate_hz - origin_s
        panel.plot(time_s, -i + 0.45 * trace / np.abs(trace).max(), "k", lw=0.5)
        for arrival_s, colour in zip(motion.arrival_s[rank] - origin_s, ("tab:blue", "tab:red"), strict=True):
            panel.plot([arrival_s] * 2, [-i - 0.4, -i + 0.4], color=colour, lw=1.5)
        peak_cmps = 100.0 * np.abs(trace).max()
        label = f"{twin.network.stations[rank].code}  {distance_km[rank]:.0f} km  {peak_cmps:.1f} cm/s"
        panel.text(40.3, -i, label, fontsize=8, va="center")
    panel.set(
        xlim=(0, 40),
        yticks=[],
        xlabel="s after the origin",
        title="Simulated main shock, vertical velocity; P, S",
    )
    figure.savefig(IMAGES / "kumamoto_section.png", dpi=90, bbox_inches="tight")


def main() -> None:
    """Print the table and write the figures."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    twin = load_twin()
    comparisons = compare(twin, N_TRIALS)
    print_comparison(comparisons)
    plot_peaks(*own_peaks(twin), comparisons)
    plot_map(twin)
    plot_section(twin)


if __name__ == "__main__":
    main()
