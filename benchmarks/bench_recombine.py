"""Recombined windows a second on one core, beside a loop in the style of the public code.

Run: pytest benchmarks/bench_recombine.py
The ratio of the two is printed at the end. `python benchmarks/bench_recombine.py FOLDER` times the sampler on
an existing base store, and follows the resident memory over BATCHES batches.
"""

import argparse
import math
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from obspy import Trace
from scipy.spatial import cKDTree
from toy import resolved, write_toy_store

from fcn.assemble import build_datamodule
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.select import record_features
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore

BATCH, N_STATIONS = 16, 12
BIN_KM = 0.5
MEDIANS: dict[str, float] = {}  # seconds per window


def sampler(store: Path, *overrides: str) -> RecombinedDataset:
    """The default sampler, everything on but what is off by default, with twelve stations."""
    config = resolved(
        "train", f"store.path={store}", f"stations.count=[{N_STATIONS},{N_STATIONS}]", *overrides
    )
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    made.open()
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return write_toy_store(tmp_path_factory.mktemp("bench") / "store", n_records=20_000, n_noise=2000)


class PublicStyle:
    """What Zhang & Zhang (2024) describe: a record at random from its 0.5 x 0.5 km bin, station by station.

    Turned to the new azimuth, shifted to the predicted P, detrended and filtered trace by trace; a station
    whose bin is empty stays blank. No noise, no second event, no corrections, no faults.
    """

    def __init__(self, made: RecombinedDataset) -> None:
        self.made, self.store = made, made.open().store
        self.bins: dict[tuple[int, int], list[int]] = defaultdict(list)
        for record in self.store.select(split="train", category="earthquake").tolist():
            self.bins[self._key(self.store.distance_km[record], self.store.depth_km[record])].append(record)
        self.n_drawn = self.n_asked = 0

    @staticmethod
    def _key(distance_km: float, depth_km: float) -> tuple[int, int]:
        return math.floor(distance_km / BIN_KM), math.floor(depth_km / BIN_KM)

    def window(self, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
        """Narrow and broad band of one window, (station, 3, time)."""
        half_km, table = self.made.recipe.box_km, self.made.tables[torch.tensor(0)]
        source_km = [
            rng.uniform(-0.6, 0.6) * half_km[0],
            rng.uniform(-0.6, 0.6) * half_km[1],
            rng.uniform(1, 25),
        ]
        stations_km = [[rng.uniform(-h, h) for h in half_km] + [0.0] for _ in range(N_STATIONS)]
        travel_s = table.between(torch.tensor([source_km]), torch.tensor(stations_km))[:, 0, 0].tolist()
        now_s = rng.uniform(0, 25) + min(travel_s)
        bands = np.zeros((2, N_STATIONS, 3, 600))
        for n, station_km in enumerate(stations_km):
            east, north = station_km[0] - source_km[0], station_km[1] - source_km[1]
            bin_ = self.bins.get(self._key(math.hypot(east, north), source_km[2]), [])
            self.n_asked += 1
            if not bin_:
                continue
            self.n_drawn += 1
            record = rng.choice(bin_)
            z, r, t = self.store.waveforms(np.array([record]))[0].astype(float)
            azimuth = math.atan2(east, north)
            turned = (
                z,
                r * math.cos(azimuth) - t * math.sin(azimuth),
                r * math.sin(azimuth) + t * math.cos(azimuth),
            )
            shift = round((travel_s[n] - now_s) * 20) + 600 - round(float(self.store.p_sample[record]))
            for c, component in enumerate(turned):
                shifted = np.zeros(600)
                first, last = max(shift, 0), min(shift + len(component), 600)
                if last > first:
                    shifted[first:last] = component[first - shift : last - shift]
                for band, (low_hz, high_hz) in enumerate(((2.0, 8.0), (0.5, 9.0))):
                    trace = Trace(shifted.copy(), header={"sampling_rate": 20.0})
                    trace.detrend("demean").detrend("linear")
                    trace.filter("bandpass", freqmin=low_hz, freqmax=high_hz, corners=4)
                    bands[band, n, c] = trace.data
        return bands[0], bands[1]


def test_recombined_batches(benchmark, store):
    """Sixteen windows of twelve stations."""
    made, keys = sampler(store), iter((0, i) for i in range(10**9))
    benchmark.pedantic(
        lambda: made.__getitems__([next(keys) for _ in range(BATCH)]), rounds=40, warmup_rounds=3
    )
    MEDIANS["recombined"] = benchmark.stats.stats.median / BATCH


def test_public_style_loop(benchmark, store):
    """One window of twelve stations, with less in it."""
    loop, rng = PublicStyle(sampler(store)), random.Random(0)
    benchmark.pedantic(lambda: loop.window(rng), rounds=40, warmup_rounds=3)
    MEDIANS["loop"] = benchmark.stats.stats.median
    MEDIANS["filled"] = loop.n_drawn / loop.n_asked


def test_any_scale_batches(benchmark, store):
    """Sixteen windows of data=anywhere, 3-64 stations."""
    anywhere = ("data=anywhere", "stations=anywhere", "stations.count=[3,64]")
    made = sampler(store, *anywhere, "data.histories=null")  # toy records have no ruptures
    keys = iter((0, i) for i in range(10**9))
    benchmark.pedantic(
        lambda: made.__getitems__([next(keys) for _ in range(BATCH)]), rounds=20, warmup_rounds=3
    )


@pytest.mark.parametrize("method", ["tree", "all distances"])
def test_choice_of_250_records(benchmark, store, method):
    """k-d tree, and distances to every record in torch: why the tree stays on the CPU."""
    opened, rng = BaseStore.open(store), np.random.default_rng(0)
    records = opened.select(split="train", category="earthquake")
    s_minus_p_s = (opened.s_sample[records] - opened.p_sample[records]) / 20.0
    features = record_features(
        opened.distance_km[records], opened.depth_km[records], opened.magnitude[records], s_minus_p_s
    ) / [0.15, 4.0, 0.5, 0.1]
    queries = features[rng.integers(len(features), size=250)] + 0.3 * rng.standard_normal((250, 4))
    if method == "tree":
        tree = cKDTree(features)
        benchmark(lambda: tree.query(queries, k=16))
        return
    every, some = torch.from_numpy(features).float(), torch.from_numpy(queries).float()
    squares = every.square().sum(dim=1)
    benchmark(lambda: torch.addmm(squares, some, every.T, alpha=-2).topk(16, largest=False))


def test_the_ratio_is_printed():
    """Not a benchmark: compares the medians of this run."""
    rate, loop = 1 / MEDIANS["recombined"], 1 / MEDIANS["loop"]
    sys.stdout.write(
        f"\nrecombined {rate:.0f} windows/s, loop {loop:.1f} windows/s ({MEDIANS['filled']:.0%} of its "
        f"stations filled): {rate / loop:.0f} times\n"
    )


def resident_mb() -> float:
    """Resident memory of this process that belongs to it alone, without mapped files."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) / 1024


def main() -> None:
    """Rate and memory on an existing store."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    before_mb = resident_mb()
    made = sampler(arguments.store, *arguments.overrides)
    sys.stdout.write(f"opened: {resident_mb():.0f} MB, {before_mb:.0f} of them before\n")
    start_s, n_windows, widened = time.process_time(), 0, 0.0
    for i in range(arguments.batches):
        batch = made.__getitems__([(0, BATCH * i + j) for j in range(BATCH)])
        n_windows += len(batch)
        widened += float(batch.targets.widened.mean()) / arguments.batches
        if (i + 1) % max(1, arguments.batches // 10) == 0:
            rate = n_windows / (time.process_time() - start_s)
            sys.stdout.write(f"batch {i + 1:6d}: {resident_mb():.0f} MB, {rate:.0f} windows/s of CPU time\n")
    sys.stdout.write(f"widened: {widened:.2%}\n")


if __name__ == "__main__":
    main()
