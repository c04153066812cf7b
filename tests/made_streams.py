"""A small network with faults, as packets in time, and engines that read it."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import obspy
import torch
from hydra.utils import instantiate
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_trace
from omegaconf import OmegaConf

from fcn.batch import Batch
from fcn.data.sequences import Sequence
from fcn.stream.engine import Engine, Timing
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

SPEC = instantiate(
    OmegaConf.load(Path(__file__).parents[1] / "conf" / "preprocess" / "default.yaml"), _convert_="all"
)
AHEAD_S = 0.1 + 1e-6  # of a packet that is there in time: interpolation waits for two samples


class NoTravelTimes:
    def between(self, source_km, station_km):
        raise NotImplementedError

    def to(self, device):
        return self


class Listener:
    """A reader that keeps what it is given, and says what it is told to."""

    def __init__(self, says=None):
        self.batches: list[Batch] = []
        self.says = says or (lambda batch, known: [])

    def estimates(self, network, batch, known):
        self.batches.append(batch)
        return [self.says(batch, known)]

    def state(self):
        return {}

    def restore(self, state):
        pass


def faulty_network(seconds: float = 60.0):
    """Four stations: sound; off the grid with a gap; one that begins late; one with two instruments."""
    sites, stream, _ = make_network(4, seconds=seconds)
    start = obspy.UTCDateTime(START_S)
    kept = obspy.Stream()
    rng = np.random.default_rng(3)
    for trace in stream:
        trace.data = trace.data + (4e4 * rng.standard_normal(trace.stats.npts)).astype(np.int32)
        if trace.stats.station == "S01":
            trace.stats.starttime += 0.0137
            kept += obspy.Stream([trace.slice(None, start + 20.2), trace.slice(start + 23.7, None)])
        elif trace.stats.station == "S02":
            kept.append(trace.slice(start + 7.31, None))
        elif trace.stats.station == "S03" and trace.stats.channel == "HHE":
            kept += obspy.Stream([trace.slice(None, start + 30.0), trace.slice(start + 50.0, None)])
        else:
            kept.append(trace)
    for code in "ZNE":
        counts = (2e5 * 1e-3 * rng.standard_normal(round(seconds * 200))).astype(np.int32)
        kept.append(make_trace(f"XX.S03..HN{code}", counts, 200.0))
    stated = {
        trace.id: Sensitivity(2e5, "acceleration")
        if trace.stats.channel.startswith("HN")
        else Sensitivity(COUNTS_PER_MPS, "velocity")
        for trace in kept
    }
    return sites, kept, make_inventory(sites, kept, stated)


def engine_of(watched, inventory: obspy.Inventory, reader, declarer, **timing) -> Engine:
    """An engine for the stations of a sequence or a watched network."""
    timing = {"window_s": 30.0, "step_s": 0.5, "partial": True, **timing}
    return Engine(
        network=torch.nn.Identity(),
        reader=reader,
        declarer=declarer,
        preprocess=SPEC,
        stations=watched.network if isinstance(watched, Sequence) else watched.stations,
        inventory=inventory,
        frame=watched.frame,
        travel_times=lambda station_km: NoTravelTimes(),
        timing=Timing(**timing),
    )


def in_time(stream: Iterable[obspy.Trace], length_s: float = math.inf) -> list[Packet]:
    """All packets, in order of their first samples."""
    packets = [packet for trace in stream for packet in packets_of(trace, length_s)]
    return sorted(packets, key=lambda packet: (packet.start_time_s, packet.seed_id))


def clocked(
    packets: list[Packet], end_s: float, step_s: float = 0.25
) -> Iterator[tuple[float, list[Packet]]]:
    """Moments of a clock, and the packets that are there by each: those begun by then."""
    rest = iter(packets)
    ahead = next(rest, None)
    now_s = math.floor(packets[0].start_time_s)
    while now_s <= end_s:
        come = []
        while ahead is not None and ahead.start_time_s <= now_s + AHEAD_S:
            come.append(ahead)
            ahead = next(rest, None)
        yield now_s, come
        now_s += step_s
