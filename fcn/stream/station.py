"""Ground motion of one station as it comes, in a memory of bounded length."""

import functools
import logging
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import obspy
import torch
from jaxtyping import Bool, Float32, Float64

from fcn.stream.channel import LiveChannel
from fcn.stream.packet import Packet
from fcn.waveform.amplitude import AMPLITUDES, BLOCK_S, PAST_S, block_peaks, samples_in
from fcn.waveform.channel import NOTHING
from fcn.waveform.inventory import description_digest
from fcn.waveform.level import LEVEL_BLOCK_S, TAU_S, RunningLevels
from fcn.waveform.mixer import StationMixer
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.rates import same_rate
from fcn.waveform.response import describe
from fcn.waveform.together import Work

log = logging.getLogger(__name__)

MOST_CHANNELS = 64  # of a station, each rate of one counted: more are made of damaged headers


@dataclass(frozen=True, eq=False)
class Kept:
    """What a window is cut from, each array up to one end: samples, blocks of peaks, blocks of levels."""

    narrow: Float32[np.ndarray, "3 time"]
    broad: Float32[np.ndarray, "3 time"]
    known: Bool[np.ndarray, "3 time"]
    peaks: Float32[np.ndarray, "6 block"]
    levels: Float32[np.ndarray, "2 level_block"]

    @classmethod
    def nothing(cls, n_samples: int, n_blocks: int, n_levels: int) -> "Kept":
        """So much of which nothing is known."""
        narrow, broad = (np.zeros((3, n_samples), np.float32) for _ in range(2))
        known = np.zeros((3, n_samples), dtype=bool)
        peaks, levels = np.zeros((len(AMPLITUDES), n_blocks)), np.zeros((len(TAU_S), n_levels))
        return cls(narrow, broad, known, peaks.astype(np.float32), levels.astype(np.float32))

    def followed_by(self, other: "Kept") -> "Kept":
        """As long as this one, ending with another."""
        return Kept(
            *(
                np.concatenate((old, new), axis=1)[:, new.shape[1] :]
                for old, new in zip(vars(self).values(), vars(other).values(), strict=True)
            )
        )


@dataclass(frozen=True, eq=False)
class Measuring:
    """Motion of a station, as `StationMixer` has it, whose blocks are to be measured; its levels so far.

    Answer: peaks and levels of its blocks, see `Kept`, and the levels that go on from there.
    """

    motion: Float64[np.ndarray, "5 3 time"]
    known: Bool[np.ndarray, "3 time"]
    levels: RunningLevels

    @property
    def like(self) -> Hashable:
        """Equally many samples, at one rate."""
        return self.known.shape[1], self.levels.sampling_rate_hz

    @staticmethod
    def answers(
        asked: "Sequence[Measuring]",
    ) -> list[tuple[Float32[np.ndarray, "6 block"], Float32[np.ndarray, "2 level_block"], RunningLevels]]:
        """Of all at once."""
        motion, known = np.stack([each.motion for each in asked]), np.stack([each.known for each in asked])
        running = RunningLevels.of([each.levels for each in asked])
        _, _, broad, displacement, long = torch.from_numpy(motion).unbind(dim=1)
        there, rate_hz = torch.from_numpy(known), running.sampling_rate_hz
        peaks = block_peaks(broad, displacement, long, there, sampling_rate_hz=rate_hz)
        levels = running.process(motion[:, 1], known).astype(np.float32)
        return [
            (*pair, running.station(row))
            for row, pair in enumerate(zip(peaks.numpy().astype(np.float32), levels, strict=True))
        ]


class LiveStation:
    """The channels of a station, and of its motion what a window needs.

    n_samples: of a window. patience_s: what comes later than that after its time is in no window any more,
    whoever sent it; what comes sooner is, also after a silence. Nobody is waited for.
    elevation_m: of the sensor used first; None until one is.
    """

    def __init__(
        self,
        station_id: str,
        inventory: obspy.Inventory,
        spec: PreprocessSpec,
        n_samples: int,
        patience_s: float,
    ) -> None:
        self.station_id, self.spec, self.n_samples = station_id, spec, n_samples
        self.patience_s = patience_s
        self.elevation_m: float | None = None
        self.refused: Counter[str] = Counter()
        self.undescribed: dict[str, str] = {}  # channels of no use, and why
        self.inventory = inventory
        self._channels: dict[tuple[str, float], LiveChannel] = {}
        self._mixer = StationMixer(spec.sampling_rate_hz)
        rate_hz = spec.sampling_rate_hz
        self._n_block, self._n_level = samples_in(BLOCK_S, rate_hz), samples_in(LEVEL_BLOCK_S, rate_hz)
        self._levels = RunningLevels(1, rate_hz)
        self._frontier: int | None = (
            None  # sample before which all is settled; the first of a block of levels
        )
        n, n_more = self._n_level, self._n_level // self._n_block
        self._n_past = round(PAST_S / BLOCK_S)
        self._kept = Kept.nothing(n_samples + n, self._n_past + n_more, n_samples // n + 2)

    @functools.cached_property
    def described(self) -> str:
        """A digest of what StationXML says of it: of its place, channels and their epochs."""
        return description_digest(self.inventory, self.station_id)

    @property
    def start_sample(self) -> int | None:
        """The first sample that is known; None before there is one."""
        firsts = [
            first
            for channel in self._channels.values()
            for motion in channel.motions
            if (first := motion.track.first) is not None
        ]
        return min(firsts, default=None)

    @property
    def is_heard(self) -> bool:
        """Whether something that it sent was of use."""
        return bool(self._channels)

    @property
    def settled(self) -> int | None:
        """The sample before which nothing changes any more; None before there is one."""
        return self._frontier

    @property
    def reached(self) -> int | None:
        """The sample before which something is known of any channel; None before there is one."""
        reached = (motion.reached for each in self._channels.values() for motion in each.motions)
        return max((each for each in reached if each > NOTHING), default=None)

    def window(self, end: int) -> Work[Kept]:
        """What has come of the samples before `end`, a whole number of blocks; ends come in order."""
        if self._frontier is None:
            start = self.start_sample
            if start is None or start >= end:
                return self._cut(self._kept, 0)
            self._frontier = start // self._n_level * self._n_level
        yield from self._settle(end)
        last = -(-end // self._n_level) * self._n_level
        if last == self._frontier:
            return self._cut(self._kept, 0)
        part = yield from self._part(last, end, keep=False)
        return self._cut(self._kept.followed_by(part), last - end)

    def _cut(self, kept: Kept, n: int) -> Kept:
        """As long as a window, without the last n samples; levels to the end of the last block."""
        samples = slice(kept.known.shape[1] - n - self.n_samples, kept.known.shape[1] - n)
        n_blocks, n = kept.peaks.shape[1], n // self._n_block
        blocks = slice(n_blocks - n - self._n_past, n_blocks - n)
        narrow, broad, known = (each[:, samples] for each in (kept.narrow, kept.broad, kept.known))
        return Kept(narrow, broad, known, kept.peaks[:, blocks], kept.levels)

    def _settle(self, end: int) -> Work[None]:
        """Move on to where nothing will change, or what comes is too late.

        A channel that is silent may deliver again at any time: what it sends then is not too late.
        """
        assert self._frontier is not None
        oldest = end - round(self.patience_s * self.spec.sampling_rate_hz)
        settled = [each.settled for each in self._channels.values()]
        frontier = min([end, *(max(each, oldest) for each in settled)])
        frontier = frontier // self._n_level * self._n_level
        if frontier <= self._frontier:
            return
        # what is older than anything kept need not be made, only gone through
        step = self._kept.peaks.shape[1] * self._n_block
        while self._frontier < frontier:
            part_end = min(frontier, self._frontier + step // self._n_level * self._n_level)
            part = yield from self._part(part_end, part_end, keep=True)
            self._kept = self._kept.followed_by(part)
            self._frontier = part_end
        for channel in self._channels.values():
            channel.forget(self._frontier)

    def _part(self, last: int, end: int, *, keep: bool) -> Work[Kept]:
        """Samples from the frontier to `last`, those from `end` on unknown; keep: for good."""
        assert self._frontier is not None
        first, mix = self._frontier, self._mixer.process if keep else self._mixer.peek
        padded, known = np.zeros((5, 3, last - first)), np.zeros((3, last - first), dtype=bool)
        padded[..., : end - first], known[:, : end - first], stretches = mix(first, end)
        if self.elevation_m is None and stretches:
            used = self._mixer.channels[stretches[0].channels[0]]
            self.elevation_m = used.described.elevation_m
        peaks, levels, after = yield Measuring(padded, known, self._levels)
        if keep:
            self._levels = after
        return Kept(padded[1].astype(np.float32), padded[2].astype(np.float32), known, peaks, levels)

    def channel(self, packet: Packet) -> LiveChannel | None:
        """The channel of a packet, made where it is the first; None (counted) where it is of no use."""
        found = self._channels.get((packet.seed_id, packet.sampling_rate_hz))
        if found is not None:
            return found
        known = [each for seed_id, each in self._channels if seed_id == packet.seed_id]
        slowest_hz = self.spec.sampling_rate_hz
        rate_hz = same_rate(packet.sampling_rate_hz, known, slowest_hz)
        if rate_hz < slowest_hz:
            self.refused["too slow"] += 1
            return None
        key = (packet.seed_id, rate_hz)
        if key not in self._channels:
            if len(self._channels) == MOST_CHANNELS:
                self.refused["of more channels than a station has"] += 1
                return None
            try:
                self._add(key, packet.start_time_s)
            except ValueError as error:
                if packet.seed_id not in self.undescribed and len(self.undescribed) < MOST_CHANNELS:
                    self.undescribed[packet.seed_id] = str(error)
                    log.warning("%s left out: %s", packet.seed_id, error)
                self.refused["not described"] += 1
                return None
        return self._channels[key]

    def _add(self, key: tuple[str, float], start_s: float) -> None:
        """A further channel; ValueError where StationXML does not describe it."""
        seed_id, rate_hz = key
        epochs = describe(self.inventory, seed_id, start_s, math.inf)
        self._channels[key] = LiveChannel(epochs, rate_hz, self.spec, self.patience_s, start_s)
        for motion in self._channels[key].motions:
            self._mixer.add(motion)

    @property
    def counts(self) -> Counter[str]:
        """What was done with packets, and refused."""
        return sum((each.counts for each in self._channels.values()), start=Counter(self.refused))

    def state(self) -> dict[str, Any]:
        """Plain data and arrays."""
        return {
            "channels": [[*key, each.since_s, each.state()] for key, each in self._channels.items()],
            "mixer": self._mixer.state(),
            "levels": self._levels.state(),
            "frontier": self._frontier,
            "elevation_m": self.elevation_m,
            "kept": dict(vars(self._kept)),
            "refused": dict(self.refused),
            "described": self.described,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the same StationXML."""
        for seed_id, rate_hz, start_s, channel in state["channels"]:
            self._add((seed_id, rate_hz), start_s)
            self._channels[seed_id, rate_hz].restore(channel)
        self._mixer.restore(state["mixer"])
        self._levels.restore(state["levels"])
        self._frontier, self.elevation_m = state["frontier"], state["elevation_m"]
        self._kept, self.refused = Kept(**state["kept"]), Counter(state["refused"])
