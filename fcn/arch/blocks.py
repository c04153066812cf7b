"""Convolution blocks shared by the architectures."""

from collections.abc import Sequence

from torch import Tensor, nn


def convolution(n_in: int, n_out: int, *, separable: bool, width: int = 3) -> nn.Module:
    """`width` x `width` convolution keeping the size: full, or depthwise followed by pointwise."""
    if not separable:
        return nn.Conv2d(n_in, n_out, width, padding=width // 2)
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, width, padding=width // 2, groups=n_in, bias=False), nn.Conv2d(n_in, n_out, 1)
    )


def pair(n_in: int, n_out: int, *, separable: bool) -> nn.Sequential:
    """Two convolutions, each followed by ReLU: the unit FCNloca (Zhang et al. 2020) is built of.

    Batch normalisation is ours: without it the published depth does not begin to learn in the
    number of examples two CPU cores can show it (docs/decisions/003-batch-normalisation.md).
    """
    return nn.Sequential(
        convolution(n_in, n_out, separable=separable),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        convolution(n_out, n_out, separable=separable),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


class Encoder(nn.Module):
    """Pairs of convolutions with max pooling between them; input and output are (batch, channel, row, time)."""

    def __init__(
        self,
        n_in: int,
        channels: Sequence[int],
        pools: Sequence[tuple[int, int]],
        *,
        separable: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        if len(pools) != len(channels) - 1:
            raise ValueError(
                f"{len(channels)} levels need {len(channels) - 1} pools, got {len(pools)}: {pools}"
            )
        levels: list[nn.Module] = []
        for level, n_out in enumerate(channels):
            levels.append(pair(n_in, n_out, separable=separable))
            if level >= len(channels) - 2:  # the two deepest, as FCNloca
                levels.append(nn.Dropout2d(dropout))
            if level < len(pools):
                # ceil_mode: a network of any size keeps at least one row
                levels.append(nn.MaxPool2d(tuple(pools[level]), ceil_mode=True))
            n_in = n_out
        self.layers = nn.Sequential(*levels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, row, time) -> (batch, channels[-1], fewer rows, shorter time)."""
        return self.layers(x)
