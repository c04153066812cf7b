"""A monitor that listens to a made network for a day: how fast, and in how much memory.

OMP_NUM_THREADS=1 python tests/day_of_packets.py N_STATIONS HOURS [CHECKPOINT] [--traced]

Noise at 100 Hz in packets of a second, 1 % lost, 1 % late, and an earthquake in the midst of the network
every ten minutes. A line every ten minutes of data: hours, times real time by the clock and by the time that
the processor worked for this process, resident MB, and, where traced, MB that Python and numpy hold. At the
end: events declared, and how far from flat memory was from the first hour on. Without a checkpoint nothing
reads the windows: engine, sites and sinks alone.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from made_monitors import monitor_of
from made_networks import COUNTS_PER_MPS, START_S, make_network
from toy import resolved

from fcn import run_monitor
from fcn.checkpoint import load
from fcn.stream.clock import ReplayClock
from fcn.stream.network import WatchedNetwork
from fcn.stream.packet import Packet
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

RATE_HZ, EVERY_S, P_KMPS, S_KMPS = 100, 600.0, 6.0, 3.5
SOURCE_KM, PEAK_MPS, DECAY_S = (3.0, 2.0, -10.0), 2e-4, 2.5  # east, north, up; of P at 10 km; of both
NOISE_MPS, SHAKEN_S = 1e-7, 60.0
MB = 2**20


@dataclass(frozen=True)
class Mark:
    """At so many hours: seconds since the beginning, and of the processor; resident MB, and traced ones."""

    hours: float
    took_s: float
    worked_s: float
    resident_mb: float
    traced_mb: float

    def __str__(self) -> str:
        by_clock, by_processor = (3600.0 * self.hours / each_s for each_s in (self.took_s, self.worked_s))
        return (
            f"{self.hours:6.2f} h {by_clock:7.1f} x by the clock {by_processor:7.1f} x by the processor "
            f"{self.resident_mb:8.1f} MB resident {self.traced_mb:8.2f} MB traced"
        )


class Day:
    """Packets of a network, made when they are asked for."""

    def __init__(self, network: WatchedNetwork, hours: float, say=print) -> None:
        self.clock, self.end_s, self.say = ReplayClock(START_S, None), START_S + 3600.0 * hours, say
        self.marks: list[Mark] = []
        rng = np.random.default_rng(0)
        self._noise = rng.standard_normal((97, RATE_HZ))
        self._rng, self._late, self._next_s = rng, [], START_S
        self._began_s, self._worked_s = time.perf_counter(), time.process_time()
        km = np.linalg.norm(network.stations.local_km(network.frame) - SOURCE_KM, axis=1)
        self._sources = [
            (f"{each.id}..HH{code}", row, (PEAK_MPS, PEAK_MPS * s_over_p))
            for each, row in zip(network.stations, km.tolist(), strict=True)
            for code, s_over_p in zip("ZNE", (1.0, 3.0, 3.0), strict=True)
        ]

    def poll(self, clock_s):
        found, self._late = self._late, []
        while self._next_s + 1.0 <= clock_s:
            found += self._second(self._next_s)
            self._next_s += 1.0
        if clock_s - START_S >= EVERY_S * (len(self.marks) + 1):
            self._mark(clock_s)
        return found

    def _second(self, since_s):
        found = []
        draws = self._rng.integers(0, 100, len(self._sources))
        origin_s = (since_s - START_S + EVERY_S / 2) % EVERY_S - EVERY_S / 2  # none at the very beginning
        origin_s += EVERY_S * (since_s - START_S < EVERY_S / 2)
        for (seed_id, km, peaks_mps), draw in zip(self._sources, draws.tolist(), strict=True):
            mps = NOISE_MPS * self._noise[self._rng.integers(len(self._noise))]
            if 0 <= origin_s < SHAKEN_S:
                mps = mps + self._shaken_mps(origin_s + np.arange(RATE_HZ) / RATE_HZ, km, peaks_mps)
            packet = Packet(seed_id, since_s, float(RATE_HZ), np.round(COUNTS_PER_MPS * mps))
            if draw > 1:
                found.append(packet)
            elif draw == 1:
                self._late.append(packet)
        return found

    def _shaken_mps(self, since_origin_s, km, peaks_mps):
        shaken = np.zeros(RATE_HZ)
        for speed_kmps, peak_mps in zip((P_KMPS, S_KMPS), peaks_mps, strict=True):
            since_s = since_origin_s - km / speed_kmps
            envelope = np.where(since_s > 0, np.exp(-np.clip(since_s, 0.0, None) / DECAY_S), 0.0)
            shaken += peak_mps * (10.0 / km) ** 1.5 * envelope * self._rng.standard_normal(RATE_HZ)
        return shaken

    def _mark(self, clock_s):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
        self.marks.append(
            Mark(
                (clock_s - START_S) / 3600.0,
                time.perf_counter() - self._began_s,
                time.process_time() - self._worked_s,
                pages * os.sysconf("SC_PAGE_SIZE") / MB,
                traced / MB,
            )
        )
        self.say(self.marks[-1])

    def is_over(self, clock_s):
        return clock_s > self.end_s

    def state(self):
        return {}

    def restore(self, state):
        pass

    def close(self):
        pass


def written(n_stations: int, path: Path) -> WatchedNetwork:
    """Stations ten kilometres apart, by their StationXML."""
    sites, stream, _ = make_network(n_stations, seconds=1.0)
    near = [
        replace(each, latitude_deg=32.8 + 0.1 * (row // 6), longitude_deg=130.5 + 0.1 * (row % 6))
        for row, each in enumerate(sites)
    ]
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    make_inventory(near, stream, stated).write(str(path), format="STATIONXML")
    return WatchedNetwork.of_file(path)


class Quiet:
    """A reader that finds nothing."""

    def estimates(self, network, batch, known):
        return [[]]

    def state(self):
        return {}

    def restore(self, state):
        pass


def listened(
    n_stations: int, hours: float, folder: Path, checkpoint: str | None = None, say=print
) -> list[Mark]:
    """Marks of a monitor, with sites and states on the disk."""
    folder.mkdir(exist_ok=True)
    network = written(n_stations, stations := folder / "stations.xml")
    day = Day(network, hours, say)
    if checkpoint is None:
        monitor_of(network, day, Quiet(), folder, state_s=5.0, step_s=1.0).run()
        return day.marks
    given = (f"ckpt={checkpoint}", "source=directory", "source.root=x", f"station_file='{stations}'")
    config = resolved(
        "monitor", *given, "velocity_model=iasp91", "sites=kumamoto", "sinks=[jsonl]", "skip_s=null"
    )
    listen, run_monitor.listen = run_monitor.listen, lambda *_: (network, day)
    try:
        run_monitor.build_monitor(config, folder, load(checkpoint)).run()
    finally:
        run_monitor.listen = listen
    return day.marks


def n_declared(folder: Path) -> int:
    """Events in a folder's alerts, those withdrawn, too."""
    files = folder.glob("alerts.jsonl*")
    lines = (json.loads(line) for path in files for line in path.read_text().splitlines())
    return len({line["event_id"] for line in lines if "event_id" in line})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("n_stations", type=int)
    parser.add_argument("hours", type=float)
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("--traced", action="store_true")
    arguments = parser.parse_args()
    if arguments.traced:
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        marks = listened(arguments.n_stations, arguments.hours, Path(folder), arguments.checkpoint)
        n_made = int(3600 * arguments.hours // EVERY_S)
        sys.stdout.write(f"{n_declared(Path(folder))} events declared, {n_made} earthquakes made\n")
    if settled_mb := [each.resident_mb for each in marks if each.hours >= 1.0]:
        middle_mb = (min(settled_mb) + max(settled_mb)) / 2
        off = max(settled_mb) / middle_mb - 1.0
        sys.stdout.write(f"resident from the first hour on: {middle_mb:.1f} MB +- {off:.1%}\n")


if __name__ == "__main__":
    main()
