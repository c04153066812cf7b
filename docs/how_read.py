"""`python docs/how_read.py`: one window of a stream through the shipped network, a picture for each step.

A minute on one core. The window is the one that declares an earthquake of dataset=smoke, simulated on first
use; its events are of the catalogue, all else is what the network and its reader say.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from fcn import config as configuration
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import load
from fcn.data.sequences import Sequence
from fcn.geometry.lattice import Lattice
from fcn.report.kit.style import BLUE, GREEN, GREY, INK, PALE, VERMILION, new_figure, styled
from fcn.scheme.migration.hypotheses import Hypotheses
from fcn.scheme.migration.migrate import Anchors
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.reader import MigrationReader
from fcn.scheme.migration.scheme import MigrationScheme
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.volume import joined

IMAGES = Path(__file__).parent / "images"
NUMBER = 2  # of the event: the window that declares it, with coda of those before it
DPI = 140
SHOWN_S = 26.0  # of the window, before now
PDF_COLOURS = LinearSegmentedColormap.from_list(
    "pdf", ["#ffffff", *matplotlib.colormaps["YlGnBu"]([0.25, 0.5, 0.7])]
)


@dataclass(frozen=True)
class Volumes:
    """Volumes of a window. pdf: over (volume, east, north, depth), the whole of a volume is one."""

    anchors: Picks
    lattice: Lattice
    pdf: torch.Tensor
    evidence: torch.Tensor


@dataclass
class Watched(MigrationReader):
    """A reader that keeps what it sees on the way through the last window."""

    seen: Seen = field(init=False)
    fresh: Picks = field(init=False)
    coarse: Volumes = field(init=False)
    chosen: Hypotheses = field(init=False)
    fine: Volumes = field(init=False)
    placed: Places = field(init=False)
    sizes: tuple[torch.Tensor, ...] = field(init=False)
    is_placed: bool = field(default=False, init=False)

    def _see(self, *given: Any) -> Seen:
        self.seen = super()._see(*given)
        self.is_placed = False
        return self.seen

    def _new(self, *given: Any) -> Picks:
        self.fresh = super()._new(*given)
        return self.fresh

    def _volumes(
        self, seen: Seen, anchors: Picks, lattice: Lattice, near: torch.Tensor, times: Any
    ) -> Volumes:
        asked = Anchors(anchors.station[None], anchors.time_s[None])
        pairs = pairs_of(near)
        delay_s = seen.terms.delay_s[pairs[:, 2]]
        logits, evidence = self.core.volumes(
            seen.network, seen.features, seen.batch, asked, lattice, pairs, times, delay_s
        )
        pdf = torch.softmax(logits[0].flatten(1).float(), dim=1).view(logits[0].shape)
        return Volumes(anchors, lattice.flat(), pdf, evidence[0].sigmoid())

    def _anchored(self, seen: Seen, picks: Picks) -> Hypotheses:
        n = min(self.reading.max_anchors, len(picks))
        if n > 0:
            first = picks.where(torch.arange(len(picks)) < n)
            lattice, near, times = joined(self.volumes.coarse(seen.batch, seen.here, first.station.tolist()))
            self.coarse = self._volumes(seen, first, lattice, near, times)
        self.chosen = super()._anchored(seen, picks)
        return self.chosen

    def _fine_pass(self, seen: Seen, places: Hypotheses, *given: Any) -> Places:
        if is_first := len(places) > 0 and not self.is_placed:
            near, lattice = self._about(seen, places)
            times = self.volumes.travel_times(seen.batch, seen.here, lattice, near)
            anchors = Picks(places.station, places.time_s, torch.ones(len(places)))
            self.fine = self._volumes(seen, anchors, lattice, near, times)
        found = super()._fine_pass(seen, places, *given)
        if is_first:
            self.placed, self.is_placed = found, True
        return found

    def _said(self, seen: Seen, places: Places, next_s: torch.Tensor, *given: Any) -> list[Any]:
        arrival_s = seen.arrivals(places.place_km, places.origin_s)
        amplitudes = self.core.measure(seen.batch, places.place_km[None], arrival_s[None], next_s[None])
        use = amplitudes.use[0] & seen.sound.sizes
        first_guess = amplitudes.first_guess[0] - seen.terms.magnitude
        sized = seen.network.magnitude(first_guess, amplitudes.inputs[0], use)
        self.sizes = places.place_km, use, first_guess, sized.by_station, sized.magnitude, sized.deviation
        return super()._said(seen, places, next_s, *given)


@torch.no_grad()
def watched() -> tuple[Watched, Any, Any, Sequence]:
    """The reader after the window that declared event `NUMBER`, its alarm, its truth, and the sequence."""
    restored = load("generalized")
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", overrides=["ckpt=none", "dataset=smoke"]))
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence, scheme = Sequence.load(root, restored.preprocess), restored.module.scheme
    assert isinstance(scheme, MigrationScheme)
    reader = Watched(scheme.core, scheme.reading, scheme.visible_snr)
    model = choose_velocity_model(None, sequence, restored.velocity_models)
    replay = build_replay(
        sequence,
        restored.module.network,
        reader,
        partial=scheme.partial,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, restored.config["data"]["table"], sequence.frame),
        declare=restored.config["declare"],
        matching=config["matching"],
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
    )
    for batch in replay:
        replay.read(batch)
        if len(replay.declared) == NUMBER:
            break
    said = replay.declared[NUMBER - 1].alarm
    assert sequence.catalogue is not None
    events = list(sequence.catalogue)
    true = min(events, key=lambda event: abs(event.origin_time_s - said.event.origin_time_s))
    return reader, said, true, sequence


def place_km(sequence: Sequence, event: Any) -> tuple[float, float]:
    """Epicentre east and north of the middle of the network's frame."""
    place = np.array(event.latitude_deg), np.array(event.longitude_deg)
    east_km, north_km = sequence.frame.to_local_km(*place)
    return float(east_km), float(north_km)


@styled
def picks_figure(reader: Watched, true_km: tuple[float, float], rate_hz: float) -> Figure:
    """Steps 1 and 2: traces, the probability of P, and which of its peaks anchor a hypothesis."""
    seen, fresh = reader.seen, reader.fresh
    here = seen.here
    vertical = here.waveforms[0, :, 0].numpy()
    probability = seen.features.station_p[0].float().sigmoid().numpy()
    n_times = vertical.shape[1]
    from_now_s = (np.arange(n_times) - n_times) / rate_hz
    shown = from_now_s >= -SHOWN_S
    km = np.hypot(*(here.station_km[0, :, :2].numpy() - np.array(true_km)).T)
    rows = km.argsort().argsort()
    figure = new_figure(8.6, 5.0)
    axes = figure.subplots()
    for station, row in enumerate(rows):
        trace = vertical[station, shown]
        axes.plot(from_now_s[shown], row + 0.4 * trace / np.abs(trace).max(), color=GREY, lw=0.5)
        axes.plot(from_now_s[shown], row + 0.75 * probability[station, shown], color=GREEN)
    anchoring = {(int(s), float(t)) for s, t in zip(fresh.station, fresh.time_s, strict=True)}
    window_s, labels = n_times / rate_hz, set()
    for station, time_s, height in zip(
        seen.heard.station, seen.heard.time_s, seen.heard.probability, strict=True
    ):
        anchors = (int(station), float(time_s)) in anchoring
        label = (
            "pick that anchors a hypothesis"
            if anchors
            else "pick that an event declared before explains, or that is alone"
        )
        x, y = float(time_s) - window_s, rows[int(station)] + 0.75 * float(height)
        if x < -SHOWN_S:
            continue
        axes.plot(
            x,
            y,
            "v",
            color=VERMILION if anchors else "white",
            mec=VERMILION if anchors else INK,
            ms=7,
            zorder=5,
            label=None if label in labels else label,
        )
        labels.add(label)
    axes.plot([], [], color=GREEN, label="probability of P")
    axes.axhline(-0.55, color="none")
    axes.set(xlabel="seconds before now", xlim=(-SHOWN_S, 0.15), ylim=(-0.6, len(rows) + 0.1))
    axes.set_yticks(range(len(rows)), [f"{each:.0f} km" for each in np.sort(km)])
    axes.set_ylabel("stations, by distance from the epicentre")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def map_of(axes: Axes, volumes: Volumes, row: int, station_km: np.ndarray) -> None:
    """A volume's pdf, summed over depth, the stations and its anchor."""
    east_km, north_km, _ = (axis[row].numpy() for axis in volumes.lattice.axes_km())
    pdf = volumes.pdf[row].sum(dim=2).numpy()
    axes.pcolormesh(east_km, north_km, pdf.T, cmap=PDF_COLOURS, shading="nearest", rasterized=True)
    axes.plot(*station_km[:, :2].T, "^", color=INK, ms=4, ls="none")
    anchor = int(volumes.anchors.station[row])
    axes.plot(*station_km[anchor, :2], "^", color=VERMILION, mec="white", mew=0.5, ms=8)
    axes.set(aspect="equal", xlim=(east_km[0], east_km[-1]), ylim=(north_km[0], north_km[-1]))


@styled
def coarse_figure(reader: Watched, true_km: tuple[float, float]) -> Figure:
    """Steps 3 and 4: a coarse volume for each anchor, and which of them are looked at closely."""
    seen, coarse, chosen = reader.seen, reader.coarse, reader.chosen
    kept = set(zip(chosen.station.tolist(), chosen.time_s.tolist(), strict=True))
    window_s = reader.core.window_s(seen.here)
    figure = new_figure(9.4, 2.9)
    panels = figure.subplots(1, len(coarse.evidence), sharey=True)
    for row, axes in enumerate(panels):
        map_of(axes, coarse, row, seen.here.station_km[0].numpy())
        axes.plot(*true_km, "*", color="white", mec=INK, ms=11)
        evidence, ago_s = float(coarse.evidence[row]), window_s - float(coarse.anchors.time_s[row])
        what = "agrees with a stronger one"
        if (int(coarse.anchors.station[row]), float(coarse.anchors.time_s[row])) in kept:
            what = "looked at closely"
            for spine in axes.spines.values():
                spine.set(visible=True, color=VERMILION, linewidth=2.0)
        elif evidence < reader.reading.least_evidence:
            what = "too little"
        axes.set_title(
            f"{'abcdefgh'[row]}  pick {ago_s:.1f} s ago\nevidence {evidence:.2f}:\n{what}", fontsize=7.5
        )
        axes.set_xlabel("east (km)")
    panels[0].set_ylabel("north (km)")
    return figure


@styled
def fine_figure(reader: Watched, true: Any, true_km: tuple[float, float], start_s: float) -> Figure:
    """Step 5: the fine volume, from above and from the south, and what each pick says of the origin time."""
    seen, fine, placed = reader.seen, reader.fine, reader.placed
    east_km, _, depth_km = (axis[0].numpy() for axis in fine.lattice.axes_km())
    found_km = placed.place_km[0].numpy()
    figure = new_figure(9.4, 3.6)
    plan, section, times = figure.subplots(1, 3)
    map_of(plan, fine, 0, seen.here.station_km[0].numpy())
    section.pcolormesh(
        east_km,
        depth_km,
        fine.pdf[0].sum(dim=1).numpy().T,
        cmap=PDF_COLOURS,
        shading="nearest",
        rasterized=True,
    )
    section.invert_yaxis()
    for axes, mine, theirs in (
        (plan, found_km[[0, 1]], true_km),
        (section, found_km[[0, 2]], (true_km[0], true.depth_km)),
    ):
        axes.plot(*theirs, "*", color="white", mec=INK, ms=13, label="true")
        axes.plot(*mine, "X", color="#6b5344", mec=INK, ms=8, label="centroid about the highest cell")
        axes.set_xlabel("east (km)")
    plan.set(ylabel="north (km)", title=f"a  epicentre: evidence {float(fine.evidence[0]):.2f}")
    section.set(ylabel="depth (km)", title="b  depth")
    travel_s = seen.travel_times(placed.place_km)[0, :, 0]
    origin_s = float(placed.origin_s[0])
    said_s = seen.picks.time_s - travel_s[seen.picks.station] - origin_s
    near = said_s.abs() < 3 * reader.reading.p_tolerance_s
    agree = said_s.abs() < reader.reading.p_tolerance_s
    km = np.hypot(*(seen.here.station_km[0, :, :2].numpy() - found_km[:2]).T)[seen.picks.station]
    times.axhspan(-reader.reading.p_tolerance_s, reader.reading.p_tolerance_s, color=PALE, lw=0)
    times.axhline(0.0, color="#6b5344", label="their mean")
    times.axhline(true.origin_time_s - start_s - origin_s, color=BLUE, ls="--", label="true")
    times.plot(km[agree], said_s[agree], "o", color=VERMILION, label="picks that agree")
    times.plot(km[near & ~agree], said_s[near & ~agree], "o", color="white", mec=INK, label="others")
    times.set(xlabel="distance (km)", ylabel="P pick less travel time (s)", title="c  origin time")
    handles, labels = plan.get_legend_handles_labels()
    more, names = times.get_legend_handles_labels()
    figure.legend(
        handles + more[:1] + more[2:], labels + names[:1] + names[2:], loc="outside lower center", ncols=5
    )
    return figure


@styled
def size_figure(reader: Watched, true: Any) -> Figure:
    """Step 6: what each station's peaks stand for, before and after the network, and all together."""
    seen = reader.seen
    where_km, use, first_guess, by_station, magnitude, deviation = reader.sizes
    km = np.linalg.norm(seen.here.station_km[0].numpy() - where_km[0].numpy(), axis=1)
    used, said, sure = use[0].numpy(), float(magnitude[0]), float(deviation[0])
    figure = new_figure(6.4, 3.4)
    axes = figure.subplots()
    axes.axhspan(said - sure, said + sure, color=PALE, lw=0)
    axes.axhline(said, color="#6b5344", label=f"together: {said:.2f} ± {sure:.2f}")
    axes.axhline(true.magnitude, color=BLUE, ls="--", label=f"true: {true.magnitude:.2f}")
    axes.plot(
        km[used],
        first_guess[0].numpy()[used],
        "o",
        color="white",
        mec=INK,
        label="peak velocity and distance alone",
    )
    axes.plot(
        km[used],
        by_station[0].numpy()[used],
        "o",
        color=VERMILION,
        label="with all that the network is told of the station",
    )
    axes.set(xlabel="hypocentral distance (km)", ylabel="magnitude")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def save(figure: Figure, name: str) -> None:
    """Into docs/images."""
    figure.savefig(IMAGES / f"{name}.png", dpi=DPI)


def main() -> None:
    """Draw the four."""
    torch.set_num_threads(1)
    reader, said, true, sequence = watched()
    true_km = place_km(sequence, true)
    save(picks_figure(reader, true_km, reader.core.sampling_rate_hz), "read_picks")
    save(coarse_figure(reader, true_km), "read_coarse")
    save(fine_figure(reader, true, true_km, reader.seen.start_s), "read_fine")
    save(size_figure(reader, true), "read_size")
    delay_s = said.now_s - true.first_p_time_s
    sys.stdout.write(
        f"event {NUMBER} of dataset=smoke: M {true.magnitude:.1f}, declared {delay_s:.1f} s after its P "
        f"as M {said.event.magnitude:.1f}\n"
    )


if __name__ == "__main__":
    main()
