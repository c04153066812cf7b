"""The largest ground motion of a station, block by block: what a magnitude is read from."""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

BLOCK_S = 0.25
PAST_S = 200.0  # of blocks that a stream keeps: longer than the strong motion of any earthquake
# of every block, largest absolute value of the components that are known, and of the vertical
AMPLITUDES = (
    "broad velocity m/s",
    "broad velocity m/s, vertical",
    "broad displacement m",
    "broad displacement m, vertical",
    "long-period displacement m",
    "long-period displacement m, vertical",
)


def samples_in(block_s: float, sampling_rate_hz: float) -> int:
    """Samples of a block. Raises ValueError where they are no whole number."""
    n = round(block_s * sampling_rate_hz)
    if n < 1 or abs(n - block_s * sampling_rate_hz) > 1e-6:
        raise ValueError(
            f"a block of {block_s:g} s is no whole number of samples at {sampling_rate_hz:g} Hz: preprocess."
            f"sampling_rate_hz must be a multiple of {1 / block_s:g} Hz"
        )
    return n


def in_blocks(traces: Shaped[Tensor, "*batch time"], n: int) -> Shaped[Tensor, "*batch block {n}"]:
    """Traces cut into blocks of n samples. Raises ValueError for a rest that fills no block."""
    if traces.shape[-1] % n:
        raise ValueError(f"{traces.shape[-1]} samples are no whole number of blocks of {n}")
    return traces.unflatten(-1, (traces.shape[-1] // n, n))


def block_peaks(
    broad_mps: Float[Tensor, "*batch 3 time"],
    displacement_m: Float[Tensor, "*batch 3 time"],
    long_m: Float[Tensor, "*batch 3 time"],
    known: Bool[Tensor, "*batch 3 time"],
    *,
    sampling_rate_hz: float,
) -> Float[Tensor, "*batch 6 block"]:
    """`AMPLITUDES` of blocks of `BLOCK_S`; Z, N, E, the vertical first. Zero where nothing is known.

    Of arrays of numpy: torch.from_numpy, which copies nothing. Raises ValueError where the time axis is no
    whole number of blocks.
    """
    n = samples_in(BLOCK_S, sampling_rate_hz)
    peaks = []
    for trace in (broad_mps, displacement_m, long_m):
        largest = in_blocks(trace.abs().masked_fill(~known, 0.0), n).amax(dim=-1)
        peaks += [largest.amax(dim=-2), largest[..., 0, :]]
    return torch.stack(peaks, dim=-2)
