"""When P and S of known events come to single stations: asked where they are due."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from fcn.arch.series import N_SERIES_INPUTS, STEM_KERNEL, Block, along, series_inputs


class Ear(nn.Module):
    """Logits of P and of S at every sample, at the waveforms' rate, by which an arrival that is due is timed.

    The softmax over the samples where it may come is the pdf of its time: what is asked is when, not whether.
    It is trained by that alone, and shares nothing with `SeriesNet`, whose features say for places what they
    say of times. width: channels inside; dilations: one residual block each.
    """

    def __init__(self, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(along(N_SERIES_INPUTS, width, STEM_KERNEL), nn.ReLU())
        self.blocks = nn.Sequential(*(Block(width, dilation, separable=False) for dilation in dilations))
        self.out = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, 2, 1))

    def forward(
        self,
        waveforms: Float[Tensor, "row 3 time"],
        background_mps: Float[Tensor, "row 2 time"],
        known: Bool[Tensor, "row 3 time"],
        beyond: int,
    ) -> Float[Tensor, "row 2 longer"]:
        """Stations one by one, m/s, and their levels, as `fcn.arch.series.until_the_end` leaves them.

        beyond: samples of logits before the first one and after the last: an arrival may come there, too.
        """
        x = functional.pad(series_inputs(waveforms, background_mps, known), (beyond, beyond))[:, :, None]
        hidden = self.blocks(self.stem(x.contiguous(memory_format=torch.channels_last)))
        logits: Tensor = self.out(hidden)
        return logits[:, :, 0].float()
