"""Series of single stations: what networks see of their motion, and the convolutions along it."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

STRIDE = 2  # of the series network; its output is brought back to the waveforms' rate
STEM_KERNEL, BLOCK_KERNEL = 7, 5
N_SERIES_INPUTS = 11  # three components against two levels, three flags, two levels
SILENT_MPS = 1e-12  # a smaller level is a dead trace
# Samples, 1 s: what ends earlier has stopped, which training has; chosen by experiments/generalized/late.py.
MOST_LATE = 20


def along(
    n_in: int, n_out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Convolution along time, as an image one row high: bfloat16 is fast for channels-last images."""
    padding = (0, dilation * (kernel // 2))
    shape = (1, kernel), (1, stride), padding, (1, dilation)
    return nn.Conv2d(n_in, n_out, *shape, groups=groups)


class Block(nn.Module):
    """Residual block of dilated convolutions; separable: channel by channel, and mixed by what follows."""

    def __init__(self, width: int, dilation: int, *, separable: bool) -> None:
        super().__init__()
        groups = width if separable else 1
        self.layers = nn.Sequential(
            along(width, width, BLOCK_KERNEL, dilation=dilation, groups=groups),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(row, channel, 1, time) -> the same shape."""
        return x + self.layers(x)


class SeriesNet(nn.Module):
    """P logits and migration features of single stations.

    width: channels inside; dilations: one residual block each; n_features: channels of either phase.
    """

    def __init__(self, width: int, dilations: Sequence[int], n_features: int, *, separable: bool) -> None:
        super().__init__()
        self.n_features = n_features
        self.stem = nn.Sequential(
            along(N_SERIES_INPUTS, width // 2, STEM_KERNEL),
            nn.ReLU(),
            along(width // 2, width, STEM_KERNEL, stride=STRIDE),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(Block(width, dilation, separable=separable) for dilation in dilations))
        self.p = nn.Conv2d(width, STRIDE, 1)
        self.out = nn.Conv2d(width, STRIDE * 2 * n_features, 1)
        in_stem = -(-2 * (STEM_KERNEL // 2) // STRIDE)
        # samples at either end of a window that see beyond it
        self.reach = STRIDE * (in_stem + sum(dilations) * (BLOCK_KERNEL // 2))

    def forward(
        self,
        waveforms: Float[Tensor, "row 3 time"],
        background_mps: Float[Tensor, "row 2 time"],
        known: Bool[Tensor, "row 3 time"],
    ) -> tuple[Float[Tensor, "row time"], Float[Tensor, "row 2 time channel"]]:
        """Stations one by one, m/s, beside the slow and the fast level of what came before."""
        x = series_inputs(waveforms, background_mps, known)[:, :, None]
        hidden = self.blocks(self.stem(x.contiguous(memory_format=torch.channels_last)))
        n_rows, n_samples = waveforms.shape[0], waveforms.shape[-1]  # len() is no symbol when exported
        p = self.p(hidden).float()[:, :, 0].transpose(1, 2).reshape(n_rows, -1)[:, :n_samples]
        out = self.out(hidden).float()[:, :, 0]
        out = out.reshape(n_rows, STRIDE, 2, self.n_features, -1).permute(0, 2, 4, 1, 3)
        return p, out.reshape(n_rows, 2, -1, self.n_features)[:, :, :n_samples]


def series_inputs(
    waveforms: Float[Tensor, "row 3 time"],
    background_mps: Float[Tensor, "row 2 time"],
    known: Bool[Tensor, "row 3 time"],
) -> Float[Tensor, "row input time"]:
    """Motion against both levels, compressed; which components are known; the levels themselves.

    Each sample is scaled by what came before it: later motion changes none of it.
    """
    level = background_mps.clamp_min(SILENT_MPS)[:, :, None]  # (row, level, 1, time)
    ratio = _asinh(waveforms[:, None] / level) / 4 * known[:, None]
    height = (level[:, :, 0].log10() / 2 + 3) * (background_mps > 0)  # of order one near 1 um/s
    return torch.cat([ratio.flatten(1, 2), known.to(waveforms.dtype), height], dim=1)


def until_the_end(
    background_mps: Float[Tensor, "batch station 2 time"], known: Bool[Tensor, "batch station 3 time"]
) -> Float[Tensor, "batch station 2 time"]:
    """Levels, m/s, but none after the last sample of a station whose data are up to `MOST_LATE` samples late.

    What follows them is then nearly as what follows a window, and noise before it is taken for arrivals
    less often (docs/decisions/017-one-engine.md).
    """
    last = known[..., -MOST_LATE - 1 :].any(dim=2)  # those before are not asked for
    to_come = last.flip(dims=(2,)).int().cummax(dim=2).values.flip(dims=(2,)) == 0
    is_late = to_come & (to_come.sum(dim=2, keepdim=True) <= MOST_LATE)
    levels = background_mps.clone()
    levels[..., -MOST_LATE - 1 :].masked_fill_(is_late[:, :, None], 0.0)
    return levels


def _asinh(x: Tensor) -> Tensor:
    """torch.asinh, which is not vectorised on CPUs: a sixth of its time, the same to a rounding."""
    size = x.abs()
    # not copysign, which ONNX has no operator for
    return torch.sign(x) * torch.log1p(size + size * size / (1 + torch.sqrt(size * size + 1)))
