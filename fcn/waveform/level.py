"""The level of a station's ground motion, from its past alone.

Geometric means: of the logarithm of the root mean square in blocks of `LEVEL_BLOCK_S`, over blocks that have
ended, weighted exponentially. A burst lifts them less than it would a mean of powers. The first block after a
silence does not count: the filters start from rest in it.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy import signal
from torch import Tensor

from fcn.waveform.amplitude import in_blocks, samples_in
from fcn.waveform.memory import Memory

LEVEL_BLOCK_S = 0.5
TAU_S = (30.0, 4.0)  # slow, fast
LEAST_LEVEL_MPS = 1e-12
# Of a full block's: less left of the fast mean's weight, and the station is as one never heard of (a minute)
LEAST_WEIGHT = 1e-6


def block_logs(
    narrow_mps: Float[Tensor, "*batch 3 time"],
    known: Bool[Tensor, "*batch 3 time"],
    *,
    sampling_rate_hz: float,
) -> tuple[Float[Tensor, "*batch block"], Float[Tensor, "*batch block"], Bool[Tensor, "*batch block"]]:
    """Of blocks: natural logarithm of the rms of what is known, in m/s; the share that is known; half is.

    Raises ValueError where the time axis is no whole number of blocks.
    """
    n = samples_in(LEVEL_BLOCK_S, sampling_rate_hz)
    there = in_blocks(known, n).to(narrow_mps.dtype)
    power = in_blocks(narrow_mps, n).square() * there
    count = there.sum(dim=(-3, -1))
    rms = (power.sum(dim=(-3, -1)) / count.clamp_min(1.0)).sqrt()
    half = 2 * in_blocks(known.any(dim=-2), n).sum(dim=-1) >= n
    return rms.clamp_min(LEAST_LEVEL_MPS).log(), count / (3 * n), half


def window_levels(
    narrow_mps: Float[Tensor, "*batch 3 time"],
    known: Bool[Tensor, "*batch 3 time"],
    *,
    sampling_rate_hz: float,
) -> Float[Tensor, "*batch 2 block"]:
    """Slow and fast level of every block of windows, m/s, from the blocks before it; 0 where unknown."""
    logs, share, half = block_logs(narrow_mps, known, sampling_rate_hz=sampling_rate_hz)
    share = share * torch.nn.functional.pad(half[..., :-1], (1, 0))
    n_blocks = logs.shape[-1]
    age = torch.arange(n_blocks, device=logs.device)
    age = (age - age[:, None] - 1).to(logs.dtype)  # of block i, seen from block k: (i, k)
    levels, weights = [], []
    for tau_s in TAU_S:
        decay = torch.where(age >= 0, torch.exp(-age * LEVEL_BLOCK_S / tau_s), torch.zeros_like(age))
        weights.append(share @ decay)
        levels.append((share * logs) @ decay / weights[-1].clamp_min(LEAST_WEIGHT))
    unknown = weights[-1] < LEAST_WEIGHT
    return torch.stack(levels, dim=-2).exp().masked_fill(unknown.unsqueeze(-2), 0.0)


class RunningLevels(Memory):
    """`window_levels` of a stream, chunk by chunk, every chunk a whole number of blocks."""

    _carried = ("_memory", "_half")

    def __init__(self, n_stations: int, sampling_rate_hz: float) -> None:
        self.sampling_rate_hz = sampling_rate_hz
        # per tau: what is carried on of weighted logs and of weights
        self._memory = np.zeros((len(TAU_S), 2, n_stations, 1))
        self._half = np.zeros((n_stations, 1), dtype=bool)  # of the last block was known

    @classmethod
    def of(cls, each: Sequence["RunningLevels"]) -> "RunningLevels":
        """Of the stations of several, side by side; those go on without it."""
        made = cls(0, each[0].sampling_rate_hz)
        made._memory = np.concatenate([one._memory for one in each], axis=2)
        made._half = np.concatenate([one._half for one in each])
        return made

    def station(self, row: int) -> "RunningLevels":
        """Of one of its stations alone."""
        made = RunningLevels(1, self.sampling_rate_hz)
        made._memory, made._half = self._memory[:, :, row : row + 1].copy(), self._half[row : row + 1].copy()
        return made

    def process(
        self,
        narrow_mps: Float[np.ndarray, "station 3 time"],
        known: Bool[np.ndarray, "station 3 time"],
    ) -> Float64[np.ndarray, "station 2 block"]:
        """Slow and fast level of every block, m/s, from the blocks before it; 0 where unknown."""
        if not narrow_mps.shape[-1]:  # lfilter forgets its memory
            return np.zeros((len(narrow_mps), len(TAU_S), 0))
        logs, share, half = (
            each.numpy()
            for each in block_logs(
                torch.from_numpy(narrow_mps), torch.from_numpy(known), sampling_rate_hz=self.sampling_rate_hz
            )
        )
        half = np.concatenate((self._half, half), axis=1)
        share, self._half = share * half[:, :-1], half[:, -1:]
        sums = np.stack((share * logs, share))
        levels = []
        for row, tau_s in enumerate(TAU_S):
            # y[k] = x[k - 1] + w y[k - 1]
            numerator, denominator = (0.0, 1.0), (1.0, -math.exp(-LEVEL_BLOCK_S / tau_s))
            past, self._memory[row] = signal.lfilter(numerator, denominator, sums, zi=self._memory[row])
            known_past = past[1] >= LEAST_WEIGHT
            levels.append(past[0] / np.where(known_past, past[1], 1.0))
        return np.where(known_past[:, None], np.exp(np.stack(levels, axis=1)), 0.0)
