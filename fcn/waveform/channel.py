"""Motion along one channel, from its counts, chunk by chunk; kept for as long as a station needs it."""

import math
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float64

from fcn.waveform.clipping import Clipping
from fcn.waveform.memory import Memory
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity
from fcn.waveform.response import Described
from fcn.waveform.together import Work, alone

ON_SAMPLE = 1e-3  # of a sample: so near, a moment is a sample's
NOTHING = -(2**62)  # a sample before all others
N_KINDS = 5  # velocity, and what `Banded` holds


class Track(Memory):
    """Samples of motion on the global grid and what is known of them, the oldest of which may be forgotten.

    Flags: valid, clipped (beyond its range from a sample before, if not from this one).
    """

    _carried: ClassVar = ("_first", "_end", "_motion", "_flags")

    def __init__(self) -> None:
        self._first: int | None = None  # of what is kept; arrays may reach further than the end
        self._end = 0
        self._motion, self._flags = np.zeros((N_KINDS, 0)), np.zeros((2, 0), dtype=bool)

    @property
    def first(self) -> int | None:
        """The first sample that is kept; None where nothing has come."""
        return self._first

    def state(self) -> dict[str, Any]:
        """See `Memory`; without the room for what is to come."""
        self._resize(self._end - (self._first or 0))
        return super().state()

    def put(self, first: int, motion: Float64[np.ndarray, "5 n"], valid: Bool[np.ndarray, " n"]) -> None:
        """Samples from `first` on; those older than what is kept are left out."""
        kept, skipped = self._reach(first, first + valid.size)
        place = slice(first + skipped - kept, first + valid.size - kept)
        self._motion[:, place] = motion[:, skipped:]
        self._flags[0, place] = valid[skipped:]

    def clip(self, first: int, end: int) -> None:
        """Say that samples are clipped."""
        kept, skipped = self._reach(first, end)
        self._flags[1, first + skipped - kept : end - kept] = True

    def forget(self, before: int) -> None:
        """Leave out samples before this one, for good, as soon as they are most of what is kept."""
        n = 0 if self._first is None else min(before, self._end) - self._first
        if self._first is not None and 2 * n > self._motion.shape[1]:  # each is copied once in the mean
            self._motion, self._flags = self._motion[:, n:].copy(), self._flags[:, n:].copy()
            self._first += n

    def between(
        self, first: int, end: int
    ) -> tuple[Float64[np.ndarray, "5 n"], Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Motion, valid and clipped of these samples; zero and False where there is none."""
        motion, flags = np.zeros((N_KINDS, end - first)), np.zeros((2, end - first), dtype=bool)
        kept = self._end if self._first is None else self._first
        low, high = (min(max(edge, kept), self._end) for edge in (first, end))
        if high > low:
            here, there = slice(low - kept, high - kept), slice(low - first, high - first)
            motion[:, there], flags[:, there] = self._motion[:, here], self._flags[:, here]
        return motion, flags[0], flags[1]

    def begin(self, first: int) -> None:
        """Where nothing is kept yet: this is the first sample that may come."""
        if self._first is None:
            self._first = self._end = first

    def _reach(self, first: int, end: int) -> tuple[int, int]:
        """Make room up to `end`; the first sample kept, and how many from `first` on are too old."""
        self.begin(first)
        kept = first if self._first is None else self._first
        if end - kept > self._motion.shape[1]:
            self._resize(max(end - kept, 2 * self._motion.shape[1]))
        self._end = max(self._end, end)
        return kept, min(max(kept - first, 0), end - first)

    def _resize(self, n: int) -> None:
        kept = min(n, self._motion.shape[1])
        motion, flags = np.zeros((N_KINDS, n)), np.zeros((2, n), dtype=bool)
        motion[:, :kept], flags[:, :kept] = self._motion[:, :kept], self._flags[:, :kept]
        self._motion, self._flags = motion, flags


class ChannelMotion(Memory):
    """One channel in one epoch of StationXML and at one sampling rate, preprocessed on its own.

    track: what has come of it. reached: the sample up to which it is known by now.
    """

    _carried: ClassVar = ("track", "reached", "_to_velocity", "_bands", "_clipping")

    def __init__(self, described: Described, rate_hz: float, spec: PreprocessSpec) -> None:
        self.described, self.rate_hz, self._grid_hz = described, rate_hz, spec.sampling_rate_hz
        sensitivity = described.sensitivity
        self._to_velocity = ToVelocity(spec, rate_hz, sensitivity.measurement, sensitivity.value)
        self._bands, self._clipping = Bands(spec, 1), Clipping(sensitivity)
        self.track = Track()
        self.reached = NOTHING

    @property
    def n_absurd(self) -> int:
        """Samples so far that were beyond what the ground can do."""
        return self._to_velocity.n_absurd

    @property
    def over(self) -> int:
        """Sample from which StationXML says that it has ended."""
        end_s = self.described.end_s
        return 2**62 if math.isinf(end_s) else math.ceil(end_s * self._grid_hz)

    def push(self, start_s: float, counts: Float[np.ndarray, " n"]) -> None:
        """Counts from a POSIX time on, NaN where missing; those outside the epoch are left out."""
        alone(self.work(start_s, counts))

    def work(self, start_s: float, counts: Float[np.ndarray, " n"]) -> Work[None]:
        """As `push`, for `together`."""
        first, last = (
            math.ceil((edge_s - start_s) * self.rate_hz - ON_SAMPLE) if math.isfinite(edge_s) else edge_s
            for edge_s in (self.described.start_s, self.described.end_s)
        )
        first, last = int(max(first, 0)), int(min(last, counts.size))
        if last <= first:
            return
        data = counts[first:last]
        self.track.begin(math.ceil(start_s * self._grid_hz - ON_SAMPLE))
        chunks = yield from self._to_velocity.work(start_s + first / self.rate_hz, data[None])
        for chunk in chunks:
            bands = yield from self._bands.work(chunk)
            velocity = np.where(chunk.valid, chunk.velocity_mps, 0.0)
            self.track.put(chunk.start_sample, np.concatenate((velocity, *bands)), chunk.valid)
            self.reached = max(self.reached, chunk.start_sample + chunk.valid.size)
        clipped = first + np.flatnonzero(self._clipping.process(data))
        if clipped.size:
            # a moment between two samples is known at the later one
            known = np.ceil((start_s + clipped / self.rate_hz) * self._grid_hz - ON_SAMPLE).astype(int)
            for sample in np.unique(known).tolist():
                self.track.clip(sample, sample + 1)
