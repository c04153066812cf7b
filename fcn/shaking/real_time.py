"""Real-time seismic intensity (Kunugi et al. 2013): causal, sample by sample, in chunks of any length."""

import bisect
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Float64
from scipy import signal

from fcn import checked
from fcn.shaking.jma import GAL_PER_MPS2, STRONG_S, intensity_of_gal, strong_samples
from fcn.waveform.gaps import stretches
from fcn.waveform.memory import Memory

# Corners f0 ... f5 in Hz, dampings and gain of the approximating filter of Kunugi et al. (2013).
CORNER_HZ = (0.45, 7.0, 0.5, 12.0, 20.0, 30.0)
H2A, H2B, H3, H4, H5 = 1.0, 0.75, 0.9, 0.6, 0.6
GAIN = 1.262
LEAST_RATE_HZ = 80.0  # below it the last section is unstable


def kunugi_sos(sampling_rate_hz: float) -> Float64[np.ndarray, "6 6"]:
    """The six second-order sections of Kunugi et al. (2013), Zisin 65, 223-230, on acceleration.

    Their filter is given as recursions for any sampling interval. Raises ValueError below 80 Hz.
    """
    if not LEAST_RATE_HZ <= sampling_rate_hz < math.inf:
        raise ValueError(
            f"real-time intensity needs acceleration at {LEAST_RATE_HZ:g} Hz or more, got "
            f"{sampling_rate_hz} Hz: use a faster channel"
        )
    x0, x1, x2, x3, x4, x5 = (2.0 * math.pi * corner_hz / sampling_rate_hz for corner_hz in CORNER_HZ)
    mixed, linear = x0 * x1, 4.0 * x0 + 2.0 * x1
    sections = [
        (
            (4.0 + 2.0 * x1, -8.0, 4.0 - 2.0 * x1),
            (8.0 + linear + mixed, 2.0 * mixed - 16.0, 8.0 - linear + mixed),
        ),
        (
            (4.0 + 8.5 * x1 + x1**2, 2.0 * x1**2 - 8.0, 4.0 - 8.5 * x1 + x1**2),
            (16.0 + 17.0 * x1 + x1**2, 2.0 * x1**2 - 32.0, 16.0 - 17.0 * x1 + x1**2),
        ),
        (_quadratic(H2A, x2), _quadratic(H2B, x2)),
        *(
            ((x**2, 10.0 * x**2, x**2), _quadratic(damping, x))
            for damping, x in ((H3, x3), (H4, x4), (H5, x5))
        ),
    ]
    sos = np.array([np.concatenate((over, under)) / under[0] for over, under in sections])
    sos[-1, :3] *= GAIN
    return sos


def _quadratic(damping: float, x: float) -> tuple[float, float, float]:
    """An oscillator of this damping as they discretise it; x: angular frequency times interval."""
    return 12.0 + 12.0 * damping * x + x**2, 10.0 * x**2 - 24.0, 12.0 - 12.0 * damping * x + x**2


class RealTimeIntensity:
    """Intensity up to each sample, of three components at right angles; chunked equals whole, and it pickles.

    At each sample the amplitude that the filtered vector exceeded for 0.3 s, all in all, within the last
    window_s. With a window that holds all strong motion its largest value is the instrumental intensity to
    within 0.1 (Kunugi et al. 2013: 99 % of records).
    max_gap_s: over a gap (NaN) up to this the last value is held; after a longer one the filters start anew.
    Raises ValueError for a rate below 80 Hz, or a window too short to hold 0.3 s.
    """

    def __init__(self, sampling_rate_hz: float, *, window_s: float, max_gap_s: float) -> None:
        self._k = strong_samples(sampling_rate_hz)
        sos = kunugi_sos(sampling_rate_hz)
        n_window = round(checked.number("window_s", window_s, least=STRONG_S) * sampling_rate_hz)
        most_missing = round(checked.number("max_gap_s", max_gap_s, least=0.0) * sampling_rate_hz)
        self._components = [_Component(sos, most_missing) for _ in range(3)]
        self._window = _Largest(n_window, self._k)

    def process(self, acceleration_mps2: Float[np.ndarray, "3 n"]) -> Float64[np.ndarray, " n"]:
        """Intensity at each of the samples that follow those before; NaN where none is known."""
        return intensity_of_gal(self._window.of(self._gal(acceleration_mps2)))

    def latest(self, acceleration_mps2: Float[np.ndarray, "3 n"]) -> tuple[float, int] | None:
        """Of what `process` returns the last that is known, and its place, without the others; else None."""
        found = self._window.last_of(self._gal(acceleration_mps2))
        return None if found is None else (float(intensity_of_gal(np.array(found[0]))), found[1])

    def _gal(self, acceleration_mps2: Float[np.ndarray, "3 n"]) -> Float64[np.ndarray, " n"]:
        """Length of the filtered vector, NaN where nothing is known."""
        filtered = [
            component.process(trace)
            for component, trace in zip(self._components, acceleration_mps2, strict=True)
        ]
        gal = GAL_PER_MPS2 * np.sqrt(np.sum(np.square(filtered), axis=0))
        return np.where(np.isfinite(acceleration_mps2).any(axis=0), gal, np.nan)

    def state(self) -> dict[str, Any]:
        """Plain data and arrays."""
        return {
            "components": [each.state() for each in self._components],
            "past": self._window.past.copy(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned of one for the same rate and window."""
        for component, each in zip(self._components, state["components"], strict=True):
            component.restore(each)
        self._window.past = np.array(state["past"], dtype=np.float64)


class _Component(Memory):
    """One filtered component: zero where unknown; from rest, its first sample taken for the offset."""

    _carried = ("_memory", "_offset", "_last", "_n_missing")

    def __init__(self, sos: Float64[np.ndarray, "6 6"], most_missing: int) -> None:
        self._sos, self._most_missing = sos, most_missing
        self._memory = np.zeros((len(sos), 2))
        self._offset = self._last = math.nan
        self._n_missing = 0

    def process(self, trace: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        known, out, done = np.isfinite(trace), np.zeros(trace.size), 0
        for first, end in stretches(known, self._most_missing):
            self._n_missing += first - done
            if math.isnan(self._offset) or self._n_missing > self._most_missing:
                self._offset, self._memory = float(trace[first]), np.zeros_like(self._memory)
                self._n_missing = 0
            is_known = known[first:end]
            latest = np.maximum.accumulate(np.where(is_known, np.arange(end - first), 0))
            held = np.concatenate((np.full(self._n_missing, self._last), trace[first:end][latest]))
            filtered, self._memory = signal.sosfilt(self._sos, held - self._offset, zi=self._memory)
            out[first:end] = np.where(is_known, filtered[self._n_missing :], 0.0)
            self._last, self._n_missing, done = float(trace[end - 1]), 0, end
        self._n_missing += trace.size - done
        return out


class _Largest:
    """The k-th largest of the last n values; NaN passes time and is none. 0 while fewer than k are there."""

    def __init__(self, n: int, k: int) -> None:
        self._n, self._k = n, k
        self.past = np.zeros(0)

    def of(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """At each of the values that follow those before; NaN there for NaN."""
        past = deque(self.past.tolist())
        ordered = sorted(value for value in past if not math.isnan(value))
        found = []
        for value in values.tolist():
            past.append(value)
            is_known = not math.isnan(value)
            if is_known:
                bisect.insort(ordered, value)
            if len(past) > self._n:
                gone = past.popleft()
                if not math.isnan(gone):
                    del ordered[bisect.bisect_left(ordered, gone)]
            enough = len(ordered) >= self._k
            found.append((ordered[-self._k] if enough else 0.0) if is_known else math.nan)
        self.past = np.array(past)
        return np.array(found, dtype=np.float64)

    def last_of(self, values: Float64[np.ndarray, " n"]) -> tuple[float, int] | None:
        """At the last of the values that is no NaN, and its place; None where all are NaN."""
        known = np.flatnonzero(~np.isnan(values))
        together = np.concatenate((self.past, values))
        self.past = together[-self._n :]
        if not known.size:
            return None
        last = int(known[-1])
        window = together[: len(together) - (values.size - 1 - last)][-self._n :]
        window = window[~np.isnan(window)]
        enough = window.size >= self._k
        return (float(np.partition(window, -self._k)[-self._k]) if enough else 0.0), last
