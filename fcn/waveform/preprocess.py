"""The one preprocessing: counts to ground velocity at 20 Hz, then two bands; causal, in chunks or whole."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy import signal
from torch import Tensor

from fcn.waveform.filters import (
    anti_alias_sos,
    bandpass_response,
    bandpass_sos,
    to_velocity_sos,
    transform_length,
)
from fcn.waveform.resample import GridResampler

MEASUREMENTS = ("velocity", "acceleration")


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
class PreprocessSpec:
    """What is done to every waveform; conf/preprocess/default.yaml says why these values."""

    sampling_rate_hz: float
    narrow: Band
    broad: Band
    highpass_hz: float
    anti_alias: AntiAlias
    max_gap_s: float

    def __post_init__(self) -> None:
        nyquist_hz = self.sampling_rate_hz / 2.0
        if max(self.narrow.high_hz, self.broad.high_hz) >= nyquist_hz:
            raise ValueError(f"bands must end below {nyquist_hz} Hz, half of sampling_rate_hz: {self}")
        if self.highpass_hz <= 0.0 or self.max_gap_s < 0.0:
            raise ValueError(f"highpass_hz must be > 0 and max_gap_s >= 0: {self}")


@dataclass(frozen=True)
class Chunk:
    """Ground velocity on the global grid: sample j is at (start_sample + j) / sampling_rate_hz, POSIX s.

    valid: False where a sample was missing. Velocity there is what the last value, held, gives; zero before
    the first sample ever.
    """

    start_sample: int
    velocity_mps: Float64[np.ndarray, "component time"]
    valid: Bool[np.ndarray, " time"]


class ToVelocity:
    """Counts of one sensor to m/s at the spec's rate, chunk by chunk.

    Removes the offset, integrates acceleration, keeps out what would alias (to_velocity_sos, anti_alias_sos)
    and interpolates (4-point Lagrange) to the grid t = k / sampling_rate_hz. Causal but for the two input
    samples that interpolation waits for; delays 2-5 Hz by 0.05-0.07 s where the input is faster than 20 Hz.

    A NaN in any component, or a start later than expected, is a gap. Up to `max_gap_s` it is bridged with
    the last value; after a longer one the filters start anew. A start earlier than expected repeats samples,
    which are dropped. What never came is not given back beyond `max_gap_s`: `start_sample` jumps.

    measurement: "velocity" or "acceleration"; sensitivity: counts per m/s or m/s2, one or one per component.
    """

    def __init__(
        self,
        spec: PreprocessSpec,
        sampling_rate_hz: float,
        measurement: str,
        sensitivity: float | Float[np.ndarray, " component"],
        n_components: int = 3,
    ) -> None:
        if sampling_rate_hz < spec.sampling_rate_hz:
            raise ValueError(
                f"input at {sampling_rate_hz} Hz cannot give {spec.sampling_rate_hz} Hz; "
                "use a channel that samples at least as fast"
            )
        if measurement not in MEASUREMENTS:
            raise ValueError(f"measurement is {measurement!r}, must be one of {', '.join(MEASUREMENTS)}")
        per_component = np.broadcast_to(np.asarray(sensitivity, np.float64), (n_components,))
        if not np.isfinite(per_component).all() or (per_component == 0.0).any():
            raise ValueError(f"sensitivity must be finite and not zero: {sensitivity}")
        self.spec = spec
        self.input_rate_hz = float(sampling_rate_hz)
        self.n_components = n_components
        self._sensitivity = per_component[:, None]
        motion = to_velocity_sos(spec.highpass_hz, measurement == "acceleration", sampling_rate_hz)
        stop = spec.anti_alias
        low = anti_alias_sos(stop.stop_hz, stop.attenuation_db, stop.order, sampling_rate_hz)
        self._sos = np.concatenate((motion, low))
        self._resampler: GridResampler | None = None

    def process(self, start_time_s: float, samples: Float[np.ndarray, "component n"]) -> Chunk:
        """Velocity that these samples make known; `start_time_s` is the POSIX time of the first."""
        if samples.shape[0] != self.n_components:
            raise ValueError(f"expected {self.n_components} components, got shape {samples.shape}")
        resampler, scaled = self._align(float(start_time_s), samples / self._sensitivity)
        if scaled.shape[1]:
            filled, valid, restarts = self._fill(scaled)
            resampler.push(self._filter(filled, restarts), valid)
        return Chunk(*resampler.pop(final=False))

    def flush(self) -> Chunk:
        """The last samples, with the last value held for the interpolation; the next chunk starts anew."""
        if self._resampler is None:
            return Chunk(0, np.zeros((self.n_components, 0)), np.zeros(0, dtype=bool))
        last = Chunk(*self._resampler.pop(final=True))
        self._resampler = None
        return last

    def whole(self, start_time_s: float, samples: Float[np.ndarray, "component n"]) -> Chunk:
        """Velocity of a whole recording, to its last sample."""
        first, last = self.process(start_time_s, samples), self.flush()
        velocity = np.concatenate((first.velocity_mps, last.velocity_mps), axis=1)
        return Chunk(first.start_sample, velocity, np.concatenate((first.valid, last.valid)))

    def _begin(self, start_time_s: float) -> GridResampler:
        """Forget everything; the clock of the coming samples starts at `start_time_s`."""
        self._start_time_s = start_time_s
        self._held = np.zeros(self.n_components)
        self._offset = np.zeros(self.n_components)
        self._n_missing = math.inf  # so that the first sample starts the filters
        self._memory = np.zeros((len(self._sos), self.n_components, 2))
        self._resampler = GridResampler(
            start_time_s, self.input_rate_hz, self.spec.sampling_rate_hz, self.n_components
        )
        return self._resampler

    def _align(self, start_time_s: float, samples: np.ndarray) -> tuple[GridResampler, np.ndarray]:
        """Samples that continue the clock: NaN put before a late start, repeated samples cut off."""
        if self._resampler is None:
            return self._begin(start_time_s), samples
        expected_s = self._start_time_s + self._resampler.n_received / self.input_rate_hz
        n_late = round((start_time_s - expected_s) * self.input_rate_hz)
        if n_late > self.spec.max_gap_s * self.input_rate_hz:
            return self._begin(start_time_s), samples
        if n_late > 0:
            samples = np.concatenate((np.full((self.n_components, n_late), np.nan), samples), axis=1)
        return self._resampler, samples[:, max(-n_late, 0) :]

    def _fill(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Gaps held, which samples are real, and where the filters have to start anew."""
        n = samples.shape[1]
        valid = np.isfinite(samples).all(axis=0)
        last_valid = np.maximum.accumulate(np.where(valid, np.arange(n), -1))
        filled = np.where(last_valid >= 0, samples[:, last_valid], self._held[:, None])
        before = np.concatenate(([-1], last_valid[:-1]))[valid]
        here = np.flatnonzero(valid)
        gap = np.where(before >= 0, here - before - 1, here + self._n_missing)
        restarts = here[gap > self.spec.max_gap_s * self.input_rate_hz].tolist()
        self._held = filled[:, -1]
        self._n_missing = n - 1 - int(last_valid[-1]) if here.size else self._n_missing + n
        return filled, valid, restarts

    def _filter(self, filled: np.ndarray, restarts: list[int]) -> np.ndarray:
        """Filtered samples; a restart takes its first sample as the offset, so it starts at zero."""
        out = np.empty_like(filled)
        edges = [0, *restarts, filled.shape[1]]
        for first, end in itertools.pairwise(edges):
            if first in restarts:
                self._offset = filled[:, first].copy()
                self._memory = np.zeros_like(self._memory)
            if end > first:
                piece = filled[:, first:end] - self._offset[:, None]
                out[:, first:end], self._memory = signal.sosfilt(self._sos, piece, zi=self._memory)
        return out


class Bands:
    """The two bands of a velocity stream, chunk by chunk, started from rest."""

    def __init__(self, spec: PreprocessSpec, n_channels: int) -> None:
        self._sos = [
            bandpass_sos(band.low_hz, band.high_hz, band.order, spec.sampling_rate_hz)
            for band in (spec.narrow, spec.broad)
        ]
        self._memory = [np.zeros((len(sos), n_channels, 2)) for sos in self._sos]

    def process(
        self,
        velocity_mps: Float[np.ndarray, "channel time"],
        valid: Bool[np.ndarray, " time"] | None = None,
    ) -> tuple[Float64[np.ndarray, "channel time"], Float64[np.ndarray, "channel time"]]:
        """Narrow and broad band in m/s, zero where not valid."""
        bands = []
        for index, sos in enumerate(self._sos):
            if velocity_mps.shape[1] == 0:
                bands.append(np.zeros(velocity_mps.shape))
                continue
            band, self._memory[index] = signal.sosfilt(sos, velocity_mps, zi=self._memory[index])
            bands.append(band if valid is None else np.where(valid, band, 0.0))
        return bands[0], bands[1]


def filter_windows(
    spec: PreprocessSpec, waveforms: Float[Tensor, "*batch time"]
) -> tuple[Float[Tensor, "*batch time"], Float[Tensor, "*batch time"]]:
    """`Bands` from rest on whole windows at once, by transform, on any device: narrow and broad."""
    n_samples = waveforms.shape[-1]
    bands = [(b.low_hz, b.high_hz, b.order, spec.sampling_rate_hz) for b in (spec.narrow, spec.broad)]
    n_fft = max(transform_length(*band, n_samples) for band in bands)
    spectrum = torch.fft.rfft(waveforms, n_fft)
    filtered = []
    for band in bands:
        response = torch.as_tensor(bandpass_response(*band, n_fft)).to(spectrum)
        filtered.append(torch.fft.irfft(spectrum * response, n_fft)[..., :n_samples])
    return filtered[0], filtered[1]
