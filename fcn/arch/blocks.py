"""Convolution blocks shared by the architectures."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Kernel = tuple[int, int]
IMAGE: Kernel = (3, 3)  # across stations and time
SERIES: Kernel = (1, 3)  # along time, each row by itself


def convolution(n_in: int, n_out: int, *, separable: bool, kernel: Kernel) -> nn.Module:
    """Convolution of odd size keeping the shape: full, or depthwise followed by pointwise."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    if not separable:
        return nn.Conv2d(n_in, n_out, kernel, padding=padding)
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, kernel, padding=padding, groups=n_in, bias=False), nn.Conv2d(n_in, n_out, 1)
    )


@dataclass(frozen=True)
class Style:
    """How every block of a network is built.

    separable: depthwise-separable convolutions instead of full ones.
    normalise: batch normalisation after each convolution; FCNloca has none
        (docs/decisions/003-additions-to-eewnet.md).
    dropout:   share of channels dropped on the two deepest levels of an encoder.
    """

    separable: bool
    normalise: bool
    dropout: float


def pair(n_in: int, n_out: int, style: Style, kernel: Kernel = IMAGE) -> nn.Sequential:
    """Two convolutions, each followed by ReLU: the unit FCNloca (Zhang et al. 2020) is built of."""
    layers: list[nn.Module] = []
    for width in (n_in, n_out):
        layers.append(convolution(width, n_out, separable=style.separable, kernel=kernel))
        if style.normalise:
            layers.append(nn.BatchNorm2d(n_out))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Place(nn.Module):
    """Adds to every channel a learned linear function of the place, from -1 to 1 along both axes.

    A convolution is the same everywhere: without it only the zeros around the image tell it where it is.
    As two more input channels would (Liu et al. 2018, CoordConv), but without copying the image.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.slopes = nn.Conv2d(2, n_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, height, width) -> the same shape."""
        along = [torch.linspace(-1, 1, n, device=x.device) for n in x.shape[2:]]
        place = self.slopes(torch.stack(torch.meshgrid(*along, indexing="ij"))[None])
        return x + place.to(x.dtype)


class Encoder(nn.Module):
    """Pairs of convolutions, max pooling between them; in and out are (batch, channel, row, time).

    kernels:     of each level.
    coordinates: a `Place` before each pair; pooling then keeps when something was, not only that it was.
    """

    def __init__(
        self,
        n_in: int,
        channels: Sequence[int],
        pools: Sequence[tuple[int, int]],
        style: Style,
        kernels: Sequence[Kernel],
        *,
        coordinates: bool = False,
    ) -> None:
        super().__init__()
        if len(pools) != len(channels) - 1:
            raise ValueError(
                f"{len(channels)} levels need {len(channels) - 1} pools, got {len(pools)}: {pools}"
            )
        levels: list[nn.Module] = []
        for level, (n_out, kernel) in enumerate(zip(channels, kernels, strict=True)):
            if coordinates:
                levels.append(Place(n_in))
            levels.append(pair(n_in, n_out, style, kernel))
            if level >= len(channels) - 2:  # the two deepest, as FCNloca
                levels.append(nn.Dropout2d(style.dropout))
            if level < len(pools):
                # ceil_mode: a network of any size keeps at least one row
                levels.append(nn.MaxPool2d(tuple(pools[level]), ceil_mode=True))
            n_in = n_out
        self.layers = nn.Sequential(*levels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, row, time) -> (batch, channels[-1], fewer rows, shorter time)."""
        return self.layers(x)
