"""Interpolation of a stream of samples onto the global grid t = k / rate, chunk by chunk."""

import functools
import math

import numpy as np
from jaxtyping import Bool, Float64, Int64

from fcn.waveform.memory import Memory

# An input sample closer than this (in input samples) to a wanted time is taken as it is: 10 us at 100 Hz.
ON_GRID_SAMPLES = 1e-3
CLOCK_SAMPLES = 2e-5  # POSIX seconds as a double are good to 2.4e-7 s, 5e-6 of a sample at 20 Hz


class GridResampler(Memory):
    """4-point Lagrange interpolation of samples that start at `start_time_s` and follow at `input_rate_hz`.

    A grid value needs two input samples after its time, or none where an input sample sits on it.
    """

    _carried = ("_first_grid", "_next_grid", "_ahead_s", "_n_received", "_values", "_valid")

    def __init__(
        self, start_time_s: float, input_rate_hz: float, output_rate_hz: float, n_channels: int
    ) -> None:
        self.input_rate_hz = input_rate_hz
        self.output_rate_hz = output_rate_hz
        self._first_grid = math.ceil(start_time_s * output_rate_hz - CLOCK_SAMPLES)
        self._next_grid = self._first_grid
        # From the first sample to the first grid time: small, so that positions keep their precision.
        self._ahead_s = self._first_grid / output_rate_hz - start_time_s
        self._n_received = 0
        self._values = np.zeros((n_channels, 0))
        self._valid = np.zeros(0, dtype=bool)

    @property
    def n_received(self) -> int:
        """Input samples so far."""
        return self._n_received

    def push(self, values: Float64[np.ndarray, "channel n"], valid: Bool[np.ndarray, " n"]) -> None:
        """Append input samples."""
        self._values = np.concatenate((self._values, values), axis=1)
        self._valid = np.concatenate((self._valid, valid))
        self._n_received += values.shape[1]

    def pop(self, final: bool) -> tuple[int, Float64[np.ndarray, "channel time"], Bool[np.ndarray, " time"]]:
        """Index of the first grid value not given yet, all that are ready, and which saw only valid samples.

        final: also those up to the last input sample, with its value held beyond it.
        """
        given = self._next_grid - self._first_grid
        rates_hz = self.input_rate_hz, self.output_rate_hz
        left, fraction = _positions(given, self._n_received, self._ahead_s, *rates_hz)
        n_ready = _ready(given, self._n_received, self._ahead_s, *rates_hz, final=final)
        oldest = self._n_received - self._values.shape[1]
        if not fraction[:n_ready].any():  # every grid value is an input sample
            at = left[:n_ready] - oldest
            values, valid = self._values[:, at], self._valid[at]
        else:
            steps = np.arange(-1, 3)[:, None]
            stencil = np.clip(left[:n_ready] + steps, oldest, self._n_received - 1) - oldest
            weights = lagrange_weights(fraction[:n_ready])
            values = (self._values[:, stencil] * weights).sum(axis=1)
            valid = (self._valid[stencil] | (weights == 0.0)).all(axis=0)
        start = self._next_grid
        self._next_grid += n_ready
        self._forget(int(left[n_ready]) - 1 - oldest)
        return start, values, valid

    def _forget(self, n_samples: int) -> None:
        self._values = self._values[:, max(n_samples, 0) :]
        self._valid = self._valid[max(n_samples, 0) :]


# The channels of a network ask for the same ones after another.
@functools.lru_cache(maxsize=64)
def _positions(
    given: int, n_received: int, ahead_s: float, input_rate_hz: float, output_rate_hz: float
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """From the next grid value to one whose input has not come: the input sample before, the fraction.

    given: grid values so far. n_received: input samples so far. ahead_s: from their first to the grid's.
    """
    reached_s = n_received / input_rate_hz - ahead_s
    end = max(math.ceil(reached_s * output_rate_hz), 0) + 1
    grid = np.arange(given, max(end, given + 1))
    position = (grid / output_rate_hz + ahead_s) * input_rate_hz
    nearest = np.rint(position)
    position = np.where(np.abs(position - nearest) < ON_GRID_SAMPLES, nearest, position)
    left = np.floor(position).astype(np.int64)
    return left, position - left


@functools.lru_cache(maxsize=64)
def _ready(
    given: int, n_received: int, ahead_s: float, input_rate_hz: float, output_rate_hz: float, *, final: bool
) -> int:
    """How many of the `_positions` have all their input; final: what comes after it is held."""
    left, fraction = _positions(given, n_received, ahead_s, input_rate_hz, output_rate_hz)
    needed = np.where(fraction > 0.0, left + (1 if final else 2), left)
    return int(np.argmin(np.append(needed < n_received, False)))


def lagrange_weights(fraction: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "4 n"]:
    """Weights of the samples at -1, 0, 1, 2 for the value at `fraction` in [0, 1): the cubic through them."""
    f = fraction
    return np.stack(
        (
            -f * (f - 1.0) * (f - 2.0) / 6.0,
            (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0,
            -(f + 1.0) * f * (f - 2.0) / 2.0,
            (f + 1.0) * f * (f - 1.0) / 6.0,
        )
    )
