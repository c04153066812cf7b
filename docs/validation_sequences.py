"""`python docs/validation_sequences.py`: the shipped validation sequences, a table and a picture of one.

`python docs/validation_sequences.py validation_rough 3`: the table of the first three of another dataset.
Some three minutes on one core where they are not in the cache yet. All of it is simulated.
"""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import torch
from hydra import compose, initialize_config_dir
from matplotlib.axes import Axes
from PIL import Image
from rich.console import Console
from rich.table import Table

from fcn.cache import sequence_root
from fcn.catalogue.event import Event
from fcn.catalogue.io import read_quakeml
from fcn.config import CONF_DIR, build, plain
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable
from fcn.metrics.visibility import VISIBLE_SNR, p_snr, third_station_snr
from fcn.report.kit.picture import Picture
from fcn.report.kit.style import BLUE, GREY, INK, VERMILION, letter, new_figure, styled
from fcn.simulate.sequence.validation import FAULTS, OUTSIDE, ValidationSequence

IMAGE = Path(__file__).parent / "images" / "validation_sequence.png"
N_SHIPPED, SHOWN = 6, 3
BIN_S = 4.0  # of the picture of an hour
ZOOM_S = (-10.0, 110.0)  # about the largest catalogued event


def load(dataset: str, index: int) -> tuple[ValidationSequence, Sequence]:
    """Builder and sequence of an index, built on first use."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = plain(
            compose("test", overrides=["ckpt=none", f"dataset={dataset}", f"dataset.index={index}"])
        )
        spec = build(plain(compose("train"))["preprocess"])
    cache = Path(os.environ.get("FCN_CACHE", "~/.cache/fcn")).expanduser()
    builder: ValidationSequence = build(config["dataset"]["builder"])
    return builder, Sequence.load(sequence_root(config["dataset"], cache), spec)


def arrivals_s(sequence: Sequence) -> dict[str, np.ndarray]:
    """True P and S, POSIX seconds (station, 2), by event_id."""
    found = {}
    for event in obspy.read_events(str(sequence.root / "catalogue.xml")):
        times = {(p.waveform_id.station_code, p.phase_hint): p.time.timestamp for p in event.picks}
        rows = [[times[station.code, phase] for phase in "PS"] for station in sequence.network]
        found[event.resource_id.id.split("/")[-1]] = np.array(rows)
    return found


def epicentres_km(sequence: Sequence, events: list[Event]) -> np.ndarray:
    """East, north of events (event, 2)."""
    latitude_deg, longitude_deg = (
        np.array([getattr(event, name) for event in events]) for name in ("latitude_deg", "longitude_deg")
    )
    return np.stack(sequence.frame.to_local_km(latitude_deg, longitude_deg), axis=1)


def residuals_s(sequence: Sequence) -> np.ndarray:
    """True minus predicted P and S in the stated model, less each event's mean P (its origin time)."""
    table = TravelTimeTable.build(
        sequence.velocity_model, max_depth_km=40.0, max_distance_km=200.0, step_km=1.0, earth_flattening=True
    )
    true_s, events = arrivals_s(sequence), list(sequence.catalogue)
    depth_km = np.array([event.depth_km for event in events])
    source_km = np.concatenate([epicentres_km(sequence, events), depth_km[:, None]], axis=1)
    predicted_s = table.between(
        torch.from_numpy(source_km).float(), torch.from_numpy(sequence.station_km).float()
    ).numpy()
    late_s = [true_s[e.event_id] - e.origin_time_s - predicted_s[:, i] for i, e in enumerate(events)]
    return np.concatenate([rows - rows[:, 0].mean() for rows in late_s])


def visible(sequence: Sequence) -> np.ndarray:
    """Which catalogued events stand out of noise and codas at the third station."""
    true_s = arrivals_s(sequence)
    snr = []
    for event in sequence.catalogue:
        p_s = true_s[event.event_id][:, 0] - sequence.start_time_s
        each = p_snr(sequence.narrow[:, 0], p_s, sequence.sampling_rate_hz)
        snr.append(third_station_snr(each, p_s))
    return np.array(snr) >= VISIBLE_SNR


def row(index: int, builder: ValidationSequence, sequence: Sequence) -> list[str]:
    """What the table says of one sequence."""
    region, events = builder.region, list(sequence.catalogue)
    times_s = np.sort([event.origin_time_s for event in events])
    sigma_p, sigma_s = residuals_s(sequence).std(0)
    layout: Any = region.network.layout
    return [
        str(index),
        f"{region.latitude_deg:.1f} {region.longitude_deg:.1f}",
        f"{len(sequence.network)} {layout.func.__name__.removesuffix('_layout')}",
        region.crust.scattering.coda_law,
        f"{1e9 * np.median(np.abs(sequence.narrow[:, 0])):.0f}",
        str(len(events)),
        f"{visible(sequence).sum()}",
        f"{max(event.magnitude for event in events):.1f}",
        str((np.diff(times_s) < 10.0).sum()),
        str(len(read_quakeml(sequence.root / OUTSIDE))),
        f"{100 * (1 - sequence.valid.mean()):.1f}",
        f"{sigma_p:.2f} {sigma_s:.2f}",
    ]


def draw_map(axes: Axes, sequence: Sequence) -> None:
    """Stations, catalogued events, box, and where the others come from."""
    station_km, events = sequence.station_km, list(sequence.catalogue)
    place_km = epicentres_km(sequence, events)
    size = [2.2**event.magnitude for event in events]
    axes.scatter(place_km[:, 0], place_km[:, 1], s=size, c=BLUE, alpha=0.5, lw=0)
    axes.plot(station_km[:, 0], station_km[:, 1], "^", c=INK, ms=4.5)
    east, north = sequence.box
    axes.plot(np.array([-1, 1, 1, -1, -1]) * east, np.array([-1, -1, 1, 1, -1]) * north, c=GREY, lw=0.8)
    for event in read_quakeml(sequence.root / OUTSIDE):
        (offset_km,) = epicentres_km(sequence, [event])
        distance_km = np.hypot(*offset_km)
        tip, tail = (radius * offset_km / distance_km for radius in (58.0, 74.0))
        axes.annotate("", tip, tail, arrowprops={"arrowstyle": "->", "color": VERMILION})
        words = f"M{event.magnitude:.1f}\n{distance_km:.0f} km"
        axes.annotate(words, 1.12 * tail, c=VERMILION, size=6.5, ha="center", va="center")
    axes.set(xlim=(-95, 95), ylim=(-95, 95), aspect="equal", xlabel="east (km)", ylabel="north (km)")


def draw_hour(axes: Axes, sequence: Sequence) -> None:
    """Vertical peaks of every station in bins, blank where nothing came; origin times above."""
    per_bin = round(BIN_S * sequence.sampling_rate_hz)
    n_bins = sequence.n_samples // per_bin
    shape = (len(sequence.network), n_bins, per_bin)
    peak = np.abs(sequence.narrow[:, 0, : n_bins * per_bin]).reshape(shape).max(2)
    known = sequence.valid[:, : n_bins * per_bin].reshape(shape).all(2)
    level = np.where(known & (peak > 0), np.log10(np.maximum(peak, 1e-12)), np.nan)
    extent = (0.0, n_bins * BIN_S / 60, len(level) - 0.5, -0.5)
    image = axes.imshow(
        level, aspect="auto", extent=extent, vmin=-8.5, vmax=-4, cmap="magma", interpolation="none"
    )
    axes.figure.colorbar(image, ax=axes, label="log10 peak, 2-8 Hz vertical (m/s)", pad=0.01)
    outside = read_quakeml(sequence.root / OUTSIDE)
    for events, colour, height in ((sequence.catalogue, BLUE, -1.3), (outside, VERMILION, -2.6)):
        times = [(event.origin_time_s - sequence.start_time_s) / 60 for event in events]
        axes.plot(times, np.full(len(times), height), "|", c=colour, ms=6, clip_on=False)
    axes.set(xlabel="minutes", ylabel="station", xlim=(0, extent[1]), ylim=(len(level) - 0.5, -3.4))
    axes.set_yticks(range(0, len(level), 4), [station.code for station in sequence.network.stations[::4]])


def draw_zoom(axes: Axes, sequence: Sequence) -> None:
    """Verticals about the largest event by distance from it, with the true P of all."""
    largest = max(sequence.catalogue, key=lambda event: event.magnitude)
    order = np.argsort(arrivals_s(sequence)[largest.event_id][:, 0])
    rate_hz, start_s = sequence.sampling_rate_hz, sequence.start_time_s
    first, last = (round((largest.origin_time_s + edge - start_s) * rate_hz) for edge in ZOOM_S)
    time_s = np.arange(first, last) / rate_hz + start_s - largest.origin_time_s
    for line, station in enumerate(order):
        trace = sequence.narrow[station, 0, first:last].astype(float)
        clip = max(np.percentile(np.abs(trace), 98.0), 1e-12)
        trace = np.where(sequence.valid[station, first:last], np.clip(trace / clip, -1, 1), np.nan)
        axes.plot(time_s, line - 0.45 * trace, c=INK, lw=0.35)
    for rows in arrivals_s(sequence).values():
        axes.plot(rows[order, 0] - largest.origin_time_s, np.arange(len(order)), "|", c=BLUE, ms=4.5, mew=1.0)
    axes.set(xlim=ZOOM_S, ylim=(len(order) - 0.3, -0.7), xlabel=f"seconds after M{largest.magnitude:.1f}")
    axes.set_yticks([])
    axes.set_ylabel("stations, nearest on top")


@styled
def draw(sequence: Sequence) -> Picture:
    """The picture of one sequence."""
    figure = new_figure(8.2, 6.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.0, 0.95), width_ratios=(0.8, 1.2))
    panels = [figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, :])]
    titles = ("network and events", "the burst: true P in blue", "the hour, simulated")
    for axes, name, title, part in zip(panels, "abc", titles, (draw_map, draw_zoom, draw_hour), strict=True):
        part(axes, sequence)
        letter(axes, name, title)
    return Picture.of(figure)


def write_small(picture: Picture) -> None:
    """The picture in 256 colours."""
    Image.open(io.BytesIO(picture.png)).convert("RGB").quantize(256).save(IMAGE, optimize=True)


def main() -> None:
    """Table and picture."""
    torch.set_num_threads(1)
    heads = (
        "index|centre|stations|coda|median nm/s|events|seen|largest|<10 s apart|outside|lost %|misfit P S (s)"
    )
    table = Table(*heads.split("|"))
    dataset, n_shown = (sys.argv[1], int(sys.argv[2])) if len(sys.argv) == 3 else ("validation", N_SHIPPED)
    for index in range(n_shown):
        builder, sequence = load(dataset, index)
        table.add_row(*row(index, builder, sequence))
        if (dataset, index) == ("validation", SHOWN):
            write_small(draw(sequence))
    console = Console(width=140)
    console.print(table)
    if dataset != "validation":
        return
    faults = (sequence.root / FAULTS).read_text().splitlines()[1:]
    console.print(f"{len(faults)} channel faults in the last; picture of {SHOWN}: {IMAGE}")


if __name__ == "__main__":
    main()
