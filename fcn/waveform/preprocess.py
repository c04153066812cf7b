"""The one preprocessing: counts to ground velocity at 20 Hz, then bands of it; causal, in chunks or whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from fcn.waveform.filters import Butterworth, anti_alias_sos, samples_ahead, to_velocity_sos
from fcn.waveform.gaps import stretches
from fcn.waveform.memory import Memory
from fcn.waveform.resample import GridResampler
from fcn.waveform.together import Filtering, Filters, Work, alone

# More than the ground does, in m/s and m/s2. The largest recorded are 3.2 m/s (Chi-Chi 1999, TCU068) and
# 40 m/s2 (Iwate-Miyagi 2008, IWTH25); an accelerometer's offset may add 1 g.
LARGEST = {"velocity": 10.0, "acceleration": 100.0}
# Ends of 32 bits, also as single precision has them: no sample, or one beyond what could be counted. Exactly
# these: motion in nm/s2 as floats goes beyond.
FILL_COUNTS = (-(2.0**31), 2.0**31 - 1.0, 2.0**31)

START_S, LEFT_S, WITHHELD_S = 2.0, 2.0, 30.0  # see `Bands`


def is_filled(counts: Float[np.ndarray, "*any n"]) -> Bool[np.ndarray, "*any n"]:
    """Where there is one of `FILL_COUNTS`, asked for every packet."""
    lowest, highest, as_float = FILL_COUNTS
    return (counts == lowest) | (counts == highest) | (counts == as_float)


@dataclass(frozen=True)
class Band:
    """Causal Butterworth band-pass; `order` poles at each edge."""

    low_hz: float
    high_hz: float
    order: int

    def __post_init__(self) -> None:
        if not 0.0 < self.low_hz < self.high_hz or self.order < 1:
            raise ValueError(f"a band needs 0 < low_hz < high_hz and order >= 1: {self}")


@dataclass(frozen=True)
class AntiAlias:
    """Chebyshev II low-pass at the input rate: at least `attenuation_db` down from `stop_hz` on."""

    stop_hz: float
    attenuation_db: float
    order: int


@dataclass(frozen=True)
class LongPeriod:
    """Causal Butterworth high-pass of displacement."""

    highpass_hz: float
    order: int

    def __post_init__(self) -> None:
        if self.highpass_hz <= 0.0 or self.order < 2:
            raise ValueError(f"long-period displacement needs highpass_hz > 0 and order >= 2: {self}")


@dataclass(frozen=True)
class PreprocessSpec:
    """What is done to every waveform; conf/preprocess/default.yaml says why these values.

    long: None in checkpoints of before there was a long-period band: it is zero.
    """

    sampling_rate_hz: float
    narrow: Band
    broad: Band
    long: LongPeriod | None
    highpass_hz: float
    anti_alias: AntiAlias
    max_gap_s: float

    def __post_init__(self) -> None:
        nyquist_hz = self.sampling_rate_hz / 2.0
        if max(self.narrow.high_hz, self.broad.high_hz) >= nyquist_hz:
            raise ValueError(f"bands must end below {nyquist_hz} Hz, half of sampling_rate_hz: {self}")
        if self.highpass_hz <= 0.0 or self.max_gap_s < 0.0:
            raise ValueError(f"highpass_hz must be > 0 and max_gap_s >= 0: {self}")

    @property
    def filters(self) -> tuple[Butterworth, Butterworth, Butterworth, Butterworth | None]:
        """From velocity to narrow, broad, broad displacement and long-period displacement, see `Banded`."""
        narrow, broad, displacement = (
            Butterworth(band.low_hz, band.high_hz, band.order, self.sampling_rate_hz, integrated)
            for band, integrated in ((self.narrow, False), (self.broad, False), (self.broad, True))
        )
        if self.long is None:
            return narrow, broad, displacement, None
        high = self.long
        long = Butterworth(high.highpass_hz, math.inf, high.order, self.sampling_rate_hz, integrated=True)
        return narrow, broad, displacement, long


@dataclass(frozen=True)
class Chunk:
    """Ground velocity on the global grid: sample j is at (start_sample + j) / sampling_rate_hz, POSIX s.

    valid: False where a sample was missing and its gap is bridged by a straight line.
    fresh: the filters started anew at the first sample.
    """

    start_sample: int
    velocity_mps: Float64[np.ndarray, "component time"]
    valid: Bool[np.ndarray, " time"]
    fresh: bool = True


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks on one axis, zero and not valid between them. Raises ValueError for none."""
    if not chunks:
        raise ValueError("no sample is known: every one is missing or beyond what the ground can do")
    first = chunks[0].start_sample
    n_samples = max(chunk.start_sample + chunk.valid.size for chunk in chunks) - first
    velocity = np.zeros((len(chunks[0].velocity_mps), n_samples))
    valid = np.zeros(n_samples, dtype=bool)
    for chunk in chunks:
        place = slice(chunk.start_sample - first, chunk.start_sample - first + chunk.valid.size)
        velocity[:, place], valid[place] = chunk.velocity_mps, chunk.valid
    return Chunk(first, velocity, valid, fresh=chunks[0].fresh)


class ToVelocity(Memory):
    """Counts to m/s at the spec's rate, chunk by chunk; several components where they come together.

    Removes the offset, integrates acceleration, keeps out what would alias (to_velocity_sos, anti_alias_sos)
    and interpolates (4-point Lagrange) to the grid t = k / sampling_rate_hz. Causal but for the two input
    samples that interpolation waits for; delays 2-5 Hz by 0.05-0.07 s, a slow input by whole samples as well.

    NaN, a sample beyond `LARGEST` or exactly at an end of 32 bits, or a start later than expected is a gap,
    of all components. Up to `max_gap_s` it is bridged by a straight line once it has ended: a step would look
    like an onset. After a longer one the filters start anew. A start earlier than expected repeats samples,
    which are dropped.

    measurement: "velocity" or "acceleration"; sensitivity: counts per m/s or m/s2.
    n_absurd: samples so far that were beyond `LARGEST`, or at an end of 32 bits.
    """

    _carried = ("n_absurd", "_resampler", "_offset", "_last", "_memory", "_start_time_s", "_fresh")

    def __init__(
        self,
        spec: PreprocessSpec,
        sampling_rate_hz: float,
        measurement: str,
        sensitivity: float,
        n_components: int = 1,
    ) -> None:
        if not spec.sampling_rate_hz <= sampling_rate_hz < math.inf:
            raise ValueError(
                f"input at {sampling_rate_hz} Hz cannot give {spec.sampling_rate_hz} Hz; "
                "use a channel that samples at least as fast"
            )
        if measurement not in LARGEST:
            raise ValueError(f"measurement is {measurement!r}, must be one of {', '.join(LARGEST)}")
        if not math.isfinite(sensitivity) or sensitivity == 0.0:
            raise ValueError(f"sensitivity must be finite and not zero: {sensitivity}")
        self.spec = spec
        self.input_rate_hz = float(sampling_rate_hz)
        self.n_components = n_components
        self.n_absurd = 0
        self._sensitivity = sensitivity
        self._largest = LARGEST[measurement]
        motion = to_velocity_sos(spec.highpass_hz, measurement == "acceleration", sampling_rate_hz)
        stop = spec.anti_alias
        low_pass = stop.stop_hz, stop.attenuation_db, stop.order, float(sampling_rate_hz)
        low = anti_alias_sos(*low_pass)
        self._later_s = samples_ahead(*low_pass) / sampling_rate_hz
        self._filters = Filters.of(np.concatenate((motion, low)))
        self._start_time_s, self._fresh = 0.0, True
        self._resampler: GridResampler | None = None
        self._offset = self._last = np.zeros(n_components)
        self._memory = self._rest()

    def _rest(self) -> Float64[np.ndarray, "section component 2"]:
        """What the filter remembers before there were samples."""
        (sos,) = self._filters.sos
        return np.zeros((len(sos), self.n_components, 2))

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Memory`."""
        self._resampler = None if state["_resampler"] is None else self._new_resampler()
        super().restore(state)

    def process(self, start_time_s: float, samples: Float[np.ndarray, "component n"]) -> list[Chunk]:
        """Velocity that these samples make known, a chunk for each stretch without a long gap.

        start_time_s: POSIX time of the first sample.
        """
        return alone(self.work(start_time_s, samples))

    def work(self, start_time_s: float, samples: Float[np.ndarray, "component n"]) -> Work[list[Chunk]]:
        """As `process`, for `together`."""
        if samples.shape[0] != self.n_components:
            raise ValueError(f"expected {self.n_components} components, got shape {samples.shape}")
        motion = samples / self._sensitivity
        possible = (np.abs(motion) <= self._largest) & ~is_filled(samples)  # NaN is not
        known = np.all(possible, axis=0)
        if not known.all():  # as hardly ever
            self.n_absurd += int((~possible & np.isfinite(samples)).sum())
        chunks = []
        for first, end in stretches(known, self.spec.max_gap_s * self.input_rate_hz):
            start_s = float(start_time_s) + first / self.input_rate_hz
            chunks += yield from self._continue(start_s, motion[:, first:end], known[first:end])
        return [chunk for chunk in chunks if chunk.valid.size]

    def flush(self) -> list[Chunk]:
        """The last samples, with the last value held for the interpolation; the next chunk starts anew."""
        if self._resampler is None:
            return []
        last = self._pop(final=True)
        self._resampler = None
        return [last] if last.valid.size else []

    def whole(self, start_time_s: float, samples: Float[np.ndarray, "component n"]) -> Chunk:
        """Velocity of a whole recording, to its last sample. Raises ValueError where none is known."""
        return joined([*self.process(start_time_s, samples), *self.flush()])

    def _continue(
        self, start_time_s: float, motion: Float64[np.ndarray, "component n"], known: Bool[np.ndarray, " n"]
    ) -> Work[list[Chunk]]:
        """A stretch, from a known sample on: after a short gap, a long one, or repeating what came."""
        n_late = 0
        if self._resampler is not None:
            expected_s = self._start_time_s + self._resampler.n_received / self.input_rate_hz
            n_late = round((start_time_s - expected_s) * self.input_rate_hz)
            if n_late > self.spec.max_gap_s * self.input_rate_hz:
                self._resampler = None  # its last sample waits for others, which do not come
        if self._resampler is None:
            n_late = 0
            self._begin(start_time_s, motion[:, 0])
        assert self._resampler is not None
        n_repeated = max(-n_late, 0)
        motion, known = motion[:, n_repeated:], known[n_repeated:]
        if not motion.shape[1]:
            return []
        if n_late > 0:
            motion = np.concatenate((np.zeros((self.n_components, n_late)), motion), axis=1)
            known = np.concatenate((np.zeros(n_late, dtype=bool), known))
        bridged = motion if known.all() else self._bridged(motion, known)
        self._last = motion[:, -1]
        asked = Filtering(self._filters, bridged - self._offset[:, None], [self._memory])
        ((filtered, self._memory),) = yield asked
        self._resampler.push(filtered, known)
        return [self._pop(final=False)]

    def _bridged(
        self, motion: Float64[np.ndarray, "component n"], known: Bool[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "component n"]:
        """Straight lines where samples are not known, from the last one before them."""
        at, is_known = np.arange(-1, known.size), np.concatenate(([True], known))
        before = np.concatenate((self._last[:, None], motion), axis=1)
        return np.stack([np.interp(at[1:], at[is_known], each[is_known]) for each in before])

    def _begin(self, start_time_s: float, first: Float64[np.ndarray, " component"]) -> None:
        """Forget everything; the first sample is taken for the offset, so that velocity starts at zero."""
        self._start_time_s = start_time_s
        self._offset = self._last = first
        self._memory = self._rest()
        self._fresh = True
        self._resampler = self._new_resampler(start_time_s + self._later_s)

    def _new_resampler(self, start_time_s: float = 0.0) -> GridResampler:
        return GridResampler(start_time_s, self.input_rate_hz, self.spec.sampling_rate_hz, self.n_components)

    def _pop(self, *, final: bool) -> Chunk:
        assert self._resampler is not None
        chunk = Chunk(*self._resampler.pop(final=final), fresh=self._fresh)
        self._fresh = self._fresh and not chunk.valid.size
        return chunk


class Banded(NamedTuple):
    """Ground motion in bands, arrays or tensors of one shape, time last.

    narrow, broad: velocity m/s. displacement: of the broad band, m. long: long-period displacement, m.
    """

    narrow: Any
    broad: Any
    displacement: Any
    long: Any


class Bands(Memory):
    """The bands of a velocity stream, chunk by chunk; started from rest wherever its filters are.

    A start in the midst of shaking is not one from rest: the offset is unknown, and so is how fast the ground
    moves. What that leaves in the long-period band is not told apart from displacement up to `LEFT_S` times
    the fastest motion of the first `START_S`; so much is withheld (zero) for `WITHHELD_S`.
    """

    _carried = ("_age", "_fastest", "_memory")

    def __init__(self, spec: PreprocessSpec, n_components: int) -> None:
        self._rate_hz = spec.sampling_rate_hz
        self._age, self._fastest = 0, np.zeros((n_components, 1))
        # of checkpoints from before there was a long-period band there is no filter for it
        sos = [each.sos() for each in spec.filters if each is not None]
        self._filters = Filters.of(*sos)
        self._rest = [np.zeros((len(each), n_components, 2)) for each in sos]
        self._memory = self._rest

    def process(self, chunk: Chunk) -> Banded:
        """All bands, zero where not valid."""
        return alone(self.work(chunk))

    def work(self, chunk: Chunk) -> Work[Banded]:
        """As `process`, for `together`."""
        if chunk.fresh:
            self._age, self._fastest = 0, np.zeros_like(self._fastest)
        memory = self._rest if chunk.fresh else self._memory
        answer = yield Filtering(self._filters, chunk.velocity_mps, memory)
        bands, self._memory = (list(each) for each in zip(*answer, strict=True))
        if not chunk.valid.all():
            bands = [np.where(chunk.valid, band, 0.0) for band in bands]
        if len(bands) < len(Banded._fields):
            bands.append(np.zeros_like(chunk.velocity_mps))
        narrow, broad, displacement, long = bands
        if self._age >= WITHHELD_S * self._rate_hz:
            self._age += chunk.valid.size
        else:
            long = np.where(self._left(chunk) > np.abs(long), 0.0, long)
        return Banded(narrow, broad, displacement, long)

    def _left(self, chunk: Chunk) -> Float64[np.ndarray, "component time"]:
        """Long-period displacement that may be the start's, m."""
        age_s = (self._age + np.arange(chunk.valid.size)) / self._rate_hz
        self._age += chunk.valid.size
        early = np.where(age_s < START_S, np.abs(chunk.velocity_mps), 0.0)
        fastest = np.maximum.accumulate(np.concatenate((self._fastest, early), axis=1), axis=1)
        self._fastest = fastest[:, -1:]
        return np.where(age_s < WITHHELD_S, LEFT_S * fastest[:, 1:], 0.0)
