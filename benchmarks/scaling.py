"""How time and memory grow: with stations, with anchors, and with the length of a sequence; one page.

    python benchmarks/scaling.py --out FOLDER

Minutes on one core; with --short one, to see that it works. Times are the processor's, which others on it
disturb least. Writes FOLDER/scaling.html, which needs nothing beside it, scaling.png and scaling.csv.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]

import made_windows  # noqa: E402
from bench_memory import LOAD, N_STATIONS, PASS, SAY  # noqa: E402
from made_networks import make_network  # noqa: E402
from streams import network_of, passed, replay_of  # noqa: E402
from trees import REPOSITORY, output  # noqa: E402

from fcn.checkpoint import load  # noqa: E402
from fcn.publish import new_folder  # noqa: E402
from fcn.report.kit.page import Page  # noqa: E402
from fcn.report.kit.picture import Picture  # noqa: E402
from fcn.report.kit.style import INK, P_COLOUR, new_figure, plain_log_ticks, styled  # noqa: E402
from fcn.waveform.folder import write_sequence_folder  # noqa: E402

STATIONS, SECONDS = (6, 12, 25, 50, 100, 200, 300), 24.0
ANCHORS = (1, 2, 3, 5, 8, 12)
MINUTES = (5, 10, 20, 40)
SHORT = ((6, 12), 12.0, (1, 3), (1, 2))
Points = list[tuple[float, ...]]


def by_stations(stations: tuple[int, ...], seconds: float) -> Points:
    """Stations, ms of a window (median, 99 %), and times as fast as data come."""
    restored = load("generalized")
    points = []
    for n in stations:
        found = passed(replay_of(restored, network_of(n, seconds)), seconds, time.process_time)
        points.append((n, found.median_ms, found.p99_ms, found.real_time))
    return points


def by_anchors(anchors: tuple[int, ...], rounds: int) -> Points:
    """Anchors of a window of twelve stations, and ms of it: each has a coarse volume."""
    points = []
    for n in anchors:
        read = made_windows.reading(12, n)
        read()
        took_ms = []
        for _ in range(rounds):
            start_s = time.process_time()
            read()
            took_ms.append(1000 * (time.process_time() - start_s))
        points.append((n, statistics.median(took_ms)))
    return points


def by_length(minutes: tuple[int, ...], folder: Path) -> Points:
    """Minutes of twelve stations, MB of the process that loads and replays them at most."""
    points = []
    for n in minutes:
        _, stream, inventory = make_network(N_STATIONS, seconds=60.0 * n)
        write_sequence_folder(folder / str(n), stream, inventory)
        del stream
        said = output(REPOSITORY, sys.executable, "-c", LOAD + PASS + SAY, str(folder / str(n)))
        points.append((n, float(said.split()[-1])))
    return points


@styled
def draw(stations: Points, anchors: Points, minutes: Points):
    """Two panels by stations, one by anchors, one by minutes."""
    figure = new_figure(10.4, 6.2)
    panels = figure.subplots(2, 2)
    n, median_ms, p99_ms, real_time = zip(*stations, strict=True)
    axes = panels[0, 0]
    axes.plot(n, median_ms, "o-", color=INK, label="median")
    axes.plot(n, p99_ms, "x--", color=P_COLOUR, label="99 %")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="stations",
        ylabel="a window (ms of CPU)",
        title="a  windows by stations",
    )
    axes.legend()
    axes = panels[0, 1]
    axes.plot(n, real_time, "o-", color=INK)
    axes.axhline(1.0, color=P_COLOUR, linestyle=":", label="as fast as data come")
    axes.set(
        xscale="log", yscale="log", xlabel="stations", ylabel="times real time", title="b  packets to updates"
    )
    axes.legend()
    for each in panels[0]:
        each.set_xticks(n, [f"{int(value)}" for value in n], minor=False)
        each.minorticks_off()
        plain_log_ticks(each.yaxis)
    axes = panels[1, 0]
    axes.plot(*zip(*anchors, strict=True), "o-", color=INK)
    axes.set(xlabel="anchors", ylabel="a window (ms of CPU)", title="c  12 stations, by anchors")
    axes.set_xticks([n for n, _ in anchors])
    axes.set_ylim(0, 1.15 * max(ms for _, ms in anchors))
    length, mb = zip(*minutes, strict=True)
    axes = panels[1, 1]
    axes.plot(length, mb, "o-", color=INK)
    axes.set(xlabel="minutes", ylabel="largest memory (MB)", title="d  12 stations, by length")
    axes.set_xticks(length)
    axes.set_ylim(0, 1.15 * max(mb))
    return figure


def main() -> None:
    """The page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    full = (STATIONS, SECONDS, ANCHORS, MINUTES)
    of_stations, seconds, of_anchors, of_minutes = SHORT if given.short else full
    out = given.out.expanduser()
    with new_folder(out) as folder, tempfile.TemporaryDirectory() as sequences:
        points = (
            by_stations(of_stations, seconds),
            by_anchors(of_anchors, 2 if given.short else 10),
            by_length(of_minutes, Path(sequences)),
        )
        picture = Picture.of(draw(*points))
        picture.write(folder / "scaling.png")
        page = Page("How time and memory grow")
        page.text(
            f"CPU time of one core; ckpt=generalized. Windows end every 0.5 s of {seconds:g} s of "
            "simulated noise at 100 Hz with earthquakes in it; memory is that of a process which loads and "
            "replays noise."
        )
        page.picture(picture, "How time and memory grow", "Figures of one machine, and whatever else it did.")
        page.write(folder / "scaling.html")
        names = (
            ("stations", "window_ms_median", "window_ms_p99", "times_real_time"),
            ("anchors", "window_ms"),
            ("minutes", "largest_mb"),
        )
        with (folder / "scaling.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            for name, rows in zip(names, points, strict=True):
                writer.writerows([name, *([f"{value:.4g}" for value in each] for each in rows)])
    sys.stdout.write(f"page: {out / 'scaling.html'}\n")


if __name__ == "__main__":
    main()
