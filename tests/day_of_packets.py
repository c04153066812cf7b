"""A monitor that listens to a made network for a day: how fast, and in how much memory.

OMP_NUM_THREADS=1 python tests/day_of_packets.py N_STATIONS HOURS [CHECKPOINT] [--traced]

Noise at 100 Hz in packets of a second, 1 % lost, 1 % late, and a pulse that moves out over the network every
ten minutes. A line every ten minutes of data: hours, times real time, resident MB, and, where traced, MB that
Python and numpy hold. Without a checkpoint nothing reads the windows: engine, sites and sinks alone.
"""

import argparse
import os
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
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.clock import ReplayClock
from fcn.stream.network import WatchedNetwork
from fcn.stream.packet import Packet

RATE_HZ, EVERY_S, PULSE_S, P_KMPS = 100, 600.0, 30.0, 6.0
MB = 2**20


@dataclass(frozen=True)
class Mark:
    """At so many hours: seconds it took since the beginning, resident MB, and MB that are traced."""

    hours: float
    took_s: float
    resident_mb: float
    traced_mb: float

    def __str__(self) -> str:
        speed = 3600.0 * self.hours / self.took_s
        return (
            f"{self.hours:6.2f} h {speed:7.1f} x {self.resident_mb:8.1f} MB resident "
            f"{self.traced_mb:8.2f} MB traced"
        )


class Day:
    """Packets of a network, made when they are asked for."""

    def __init__(self, stations: Network, hours: float, say=print) -> None:
        self.clock, self.end_s, self.say = ReplayClock(START_S, None), START_S + 3600.0 * hours, say
        self.marks: list[Mark] = []
        rng = np.random.default_rng(0)
        self._noise = np.round(COUNTS_PER_MPS * 1e-7 * rng.standard_normal((97, RATE_HZ)))
        self._rng, self._late, self._next_s, self._began_s = rng, [], START_S, time.perf_counter()
        self._ids = [(f"{each.id}..HH{code}", row) for row, each in enumerate(stations) for code in "ZNE"]
        self._p_s = 10.0 * np.arange(len(stations)) / P_KMPS

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
        draws = self._rng.integers(0, 100, len(self._ids))
        for (seed_id, row), draw in zip(self._ids, draws.tolist(), strict=True):
            counts = self._noise[self._rng.integers(len(self._noise))]
            since_p_s = (since_s - START_S - self._p_s[row]) % EVERY_S
            if since_p_s < PULSE_S:
                counts = np.round(counts * 300.0 * np.exp(-since_p_s / 5.0) + counts)
            packet = Packet(seed_id, since_s, float(RATE_HZ), counts)
            if draw > 1:
                found.append(packet)
            elif draw == 1:
                self._late.append(packet)
        return found

    def _mark(self, clock_s):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
        self.marks.append(
            Mark(
                (clock_s - START_S) / 3600.0,
                time.perf_counter() - self._began_s,
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


def watched(n_stations: int) -> WatchedNetwork:
    sites, _, inventory = make_network(n_stations, seconds=1.0)
    near = [
        replace(each, latitude_deg=32.8 + 0.1 * (row // 6), longitude_deg=130.5 + 0.1 * (row % 6))
        for row, each in enumerate(sites)
    ]
    stations = Network(tuple(near))
    return WatchedNetwork("made", stations, inventory, LocalFrame(*stations.centre()))


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
    network = watched(n_stations)
    day = Day(network.stations, hours, say)
    if checkpoint is None:
        monitor_of(network, day, Quiet(), folder, state_s=5.0, step_s=1.0).run()
        return day.marks
    given = (f"ckpt={checkpoint}", "source=directory", "source.root=x", "velocity_model=iasp91")
    config = resolved("monitor", *given, "sites=kumamoto", "sinks=[jsonl]")
    listen, run_monitor.listen = run_monitor.listen, lambda *_: (network, day)
    try:
        run_monitor.build_monitor(config, folder, load(checkpoint)).run()
    finally:
        run_monitor.listen = listen
    return day.marks


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
        listened(arguments.n_stations, arguments.hours, Path(folder), arguments.checkpoint)


if __name__ == "__main__":
    main()
