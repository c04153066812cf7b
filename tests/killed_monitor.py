"""A monitor by processes that are killed one after another, in the midst of events.

python tests/killed_monitor.py FOLDER N_KILLS LONGEST_S

Each dies at a random moment of its first LONGEST_S seconds, or of half of what the whole takes where that is
less; the last is left alone. `whole/` is what one says that is never killed, `killed/` what all of these have
said together; `kills.json` says how many there were.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import obspy
import torch
from forked import ended, fork
from made_alarms import declarer, estimate
from made_networks import START_S, make_network
from made_streams import SPEC, engine_of

from fcn.alert.alert import Producer
from fcn.alert.journal import Journal
from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.scheme.migration.station_terms import StationTerms, TermsLaw
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.sources.replay import Link, ReplaySource
from fcn.waveform.folder import write_sequence_folder

SECONDS = 30.0
EVENTS_S = (6.0, 14.0, 22.0)  # origins; each is spoken of for 7 s, and what is said depends on all buffers
LINK = Link(1, 1.0, 0.4, [0.0, 0.5], 0.3, 0.02, 0.05, 0.05, 1.5)


LAW = TermsLaw(
    prior_s=0.1,
    residual_s=0.1,
    s_over_p=1.73,
    s_prior_s=0.2,
    s_residual_s=0.2,
    least_s_probability=0.5,
    prior_magnitude=0.15,
    residual_magnitude=0.2,
    least_evidence=0.7,
    most_across_km=3.0,
    fewest=3,
    misfit_s=0.15,
    misfit_of=20.0,
    epicentre_kmps=10.0,
)


class Learner:
    """A reader whose every word depends on all buffers, and on what closed events have taught of stations."""

    def __init__(self):
        self.terms = StationTerms(LAW)

    def estimates(self, network, batch, known):
        now_s, station_km = float(batch.now_s[0]), batch.station_km[0]
        terms = self.terms.begin(now_s, station_km)
        self.terms.close(known)
        told = batch.waveforms[0].square().mean(dim=(1, 2)).sqrt(), batch.peaks[0].mean(dim=(1, 2))
        size = float(batch.background_mps.double().mean())
        for each in known:
            if each.is_open:
                self.terms.observe(
                    each.event_id,
                    terms,
                    (1e5 * told[0] - terms.delay_s[:, 0], torch.ones(len(station_km))),
                    (2e5 * told[0] - terms.delay_s[:, 1], torch.ones(len(station_km))),
                    torch.zeros(len(station_km), 2, 3),
                    magnitude=1e5 * told[1],
                    sized=torch.ones(len(station_km), dtype=torch.bool),
                )
        spoken = [each for each in EVENTS_S if each + 2.0 < now_s - START_S < each + 9.0]
        return [
            [
                estimate(
                    now_s,
                    origin_time_s=START_S + origin_s,
                    east_km=1e6 * float(told[0].mean()) + 10.0 * float(terms.delay_s[0, 0]),
                    north_km=1e6 * float(told[1].mean()),
                    magnitude=5.0 + math.log10(1e-9 + size) + float(terms.magnitude[0]),
                )
                for origin_s in spoken
            ]
        ]

    def state(self):
        return self.terms.state()

    def restore(self, state):
        self.terms.restore(state)

    def forget(self, station_km):
        self.terms.forget(station_km)


def run(folder: Path, root: Path) -> Learner:
    watched, stream = WatchedNetwork.of_folder(root, SPEC)
    reader = Learner()
    monitor = Monitor(
        engine_of(watched, watched.inventory, reader, declarer(min_s=3.0, max_s=6.0)),
        ReplaySource(stream, LINK, pace=None),
        folder,
        Habits(wait_s=0.0, heartbeat_s=10.0, state_s=0.05),
        {"of": "a test"},
        Sinks(
            {"jsonl": JsonLines(str(folder / "alerts.jsonl"), 100.0, 1, None, False)},
            Patience(256, 1000, 0.1, 1.0),
            Journal(str(folder / "journal.jsonl"), 0.1, 100),
        ),
        Producer("killed", "0123456789ab", "ba9876543210", is_simulated=True),
    )
    monitor.run()
    return reader


def main(folder: Path, n_kills: int, longest_s: float) -> None:
    _, stream, inventory = make_network(3, seconds=SECONDS)
    start = obspy.UTCDateTime(START_S)
    parts = ((trace.slice(None, start + 9), trace.slice(start + 9.5)) for trace in stream)
    stream = obspy.Stream([part for pair in parts for part in pair])
    write_sequence_folder(folder / "made", stream, inventory)
    began_s = time.perf_counter()
    reader = run(folder / "whole", folder / "made")
    longest_s = min(longest_s, 0.5 * (time.perf_counter() - began_s))  # a fast machine is through sooner
    assert np.any(reader.state()["sums"]), "no event has taught anything"
    rng = np.random.default_rng(n_kills)
    n_killed = 0
    for _ in range(n_kills):
        process = fork(lambda: run(folder / "killed", folder / "made"), folder / "log.txt")
        if not ended(process, rng.uniform(0, longest_s)):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            n_killed += 1
    last = fork(lambda: run(folder / "killed", folder / "made"), folder / "log.txt")
    assert ended(last, 1000)
    (folder / "kills.json").write_text(json.dumps({"killed": n_killed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
