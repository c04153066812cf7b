"""A small network with faults, as packets in time, engines that read it, and what they must read."""

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obspy
import torch
from hydra.utils import instantiate
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_trace
from omegaconf import OmegaConf

from fcn.batch import Batch
from fcn.catalogue.event import Catalogue
from fcn.data.sequences import Sequence
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.watched import Watched
from fcn.replay import Replay
from fcn.stream.engine import Engine, Timing
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.amplitude import PAST_S, block_peaks
from fcn.waveform.inventory import make_inventory
from fcn.waveform.level import RunningLevels
from fcn.waveform.miniseed import decode_miniseed
from fcn.waveform.response import Sensitivity
from fcn.waveform.station import station_motion

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
        self.forgotten_km: list[list[float]] = []

    def estimates(self, network, batch, known):
        self.batches.append(batch)
        return [self.says(batch, known)]

    def state(self):
        return {}

    def restore(self, state):
        pass

    def forget(self, station_km):
        self.forgotten_km += station_km.tolist()


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


def in_records(stream: Iterable[obspy.Trace], n_bytes: int = 512) -> list[obspy.Trace]:
    """What a data logger makes of it: every STEIM2 record of so many bytes, decoded by itself."""
    records = []
    for trace in stream:
        whole = obspy.Trace(np.ascontiguousarray(trace.data, dtype=np.int32), trace.stats)
        whole.write(file := io.BytesIO(), format="MSEED", encoding="STEIM2", reclen=n_bytes)
        content = file.getvalue()
        for at in range(0, len(content), n_bytes):
            records += decode_miniseed(content[at : at + n_bytes])[0]
    return records


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


def replay_of(
    sequence: Sequence,
    reader,
    declarer,
    packet_s=None,
    catalogue: Catalogue | None = None,
    latency_s=None,
    observe=lambda: None,
    **timing,
) -> Replay:
    """A sequence through `engine_of` it. declarer: makes a new one."""
    return Replay(
        name=sequence.name,
        begin=lambda: engine_of(sequence, sequence.inventory, reader, declarer(), **timing),
        observe=observe,
        stream=sequence.stream,
        packet_s=packet_s,
        latency_s=latency_s,
        catalogue=catalogue,
        watched=Watched(((sequence.start_time_s, sequence.end_time_s),)),
        simulated=True,
        tolerance=MatchTolerance(origin_time_s=4.0, epicentre_km=25.0, magnitude_scale=1.0),
    )


@dataclass(frozen=True)
class Whole:
    """A recording preprocessed as a whole, by blocks and samples from `start_s` on, to cut windows from.

    Time is the last axis: samples at 20 Hz, peaks in blocks of 5 of them, levels of 10.
    """

    start_s: float
    station_km: torch.Tensor
    narrow: np.ndarray
    broad: np.ndarray
    known: np.ndarray
    peaks: np.ndarray
    levels: np.ndarray

    @classmethod
    def of(cls, sequence: Sequence) -> "Whole":
        """Of a sequence's stream; stations one by one."""
        motions = [
            station_motion(sequence.stream.of_stations([each.id]), sequence.inventory, SPEC)
            for each in sequence.network
        ]
        first = min(motion.start_sample for motion in motions) // 10 * 10
        end = max(motion.start_sample + motion.valid.shape[1] for motion in motions)
        shape = (len(motions), 3, -(-(end - first) // 10) * 10)
        bands, known = np.zeros((4, *shape)), np.zeros(shape, dtype=bool)
        for row, motion in enumerate(motions):
            place = slice(motion.start_sample - first, motion.start_sample - first + motion.valid.shape[1])
            bands[:, row, :, place] = (
                motion.narrow_mps, motion.broad_mps, motion.displacement_m, motion.long_m,
            )  # fmt: skip
            known[row, :, place] = motion.valid
        seen = (torch.from_numpy(each) for each in (*bands[1:], known))
        return cls(
            start_s=first / 20.0,
            station_km=torch.as_tensor(sequence.station_km, dtype=torch.float32)[None],
            narrow=bands[0].astype(np.float32),
            broad=bands[1].astype(np.float32),
            known=known,
            peaks=block_peaks(*seen, sampling_rate_hz=20.0).numpy().astype(np.float32),
            levels=RunningLevels(len(motions), 20.0).process(bands[0], known).astype(np.float32),
        )

    def at(self, now_s: float, n: int = 600) -> Batch:
        """The window of n samples that ends then."""
        end = round((now_s - self.start_s) * 20.0)
        before = {
            "narrow": (end, n),
            "broad": (end, n),
            "known": (end, n),
            "peaks": (end // 5, round(PAST_S * 4)),
        }
        cut = {
            name: torch.from_numpy(_before(getattr(self, name), *each))[None] for name, each in before.items()
        }
        levels = torch.from_numpy(_before(self.levels.repeat(10, axis=-1), end, n))[None]
        return Batch(
            waveforms=cut["narrow"],
            waveforms_broad=cut["broad"],
            station_km=self.station_km,
            mask=cut["known"].flatten(2).any(dim=-1),
            known=cut["known"] & (levels[:, :, :1] > 0),
            background_mps=levels,
            peaks=cut["peaks"],
            travel_time=NoTravelTimes(),
            now_s=torch.tensor([now_s], dtype=torch.float64),
        )


def _before(array: np.ndarray, end: int, n: int) -> np.ndarray:
    """The n values before index `end`, zero before the array."""
    return np.concatenate((np.zeros((*array.shape[:-1], n), array.dtype), array[..., :end]), axis=-1)[
        ..., -n:
    ]
