"""Features of a stream's windows, of which only what the last window did not say is made anew.

Consecutive windows share nearly all of their samples, and a feature sees no further than the series network
reaches. What may differ from the last window's are features near the end, which did not see what followed,
those near the beginning, where the padding is nearer now, and those about samples that came late. All others
are kept, layer by layer: features are those of `MigrationNet.encode` to a rounding, whatever came before.
"""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fcn.arch.migration import (
    BLOCK_KERNEL,
    N_SERIES_INPUTS,
    STEM_KERNEL,
    STRIDE,
    Block,
    Features,
    MigrationNet,
    SeriesNet,
    series_inputs,
    until_the_end,
)
from fcn.batch import Batch

MOST_NEW = 80  # samples: a station of which more are new, or others than before, is made as a whole
N_WINDOWS = 3  # of room that a window moves through before what is kept is moved back


Rows = slice | Int[Tensor, " row"]


@dataclass(frozen=True)
class _Layer:
    """A convolution along time, ReLU, and in a block what follows.

    reach: samples of its input on either side that a sample of its output sees.
    """

    weight: Float[Tensor, "out in 1 kernel"]
    bias: Float[Tensor, " out"]
    stride: int
    dilation: int
    reach: int
    mix: tuple[Float[Tensor, "out out"], Float[Tensor, " out"]] | None = None

    def __call__(self, x: Float[Tensor, "part seen in"]) -> Float[Tensor, "part made out"]:
        """Output where all that it sees is there."""
        stride, dilation = (1, self.stride), (1, self.dilation)
        image = x.transpose(1, 2)[:, :, None]
        made = functional.conv2d(image, self.weight, self.bias, stride=stride, dilation=dilation)
        made = made[:, :, 0].transpose(1, 2).relu_()
        if self.mix is None:
            return made
        return functional.linear(made, *self.mix).add_(x[:, self.reach : x.shape[1] - self.reach])

    def n_out(self, n_in: int) -> int:
        """Samples of output, of so many of input and padding."""
        return -(-n_in // self.stride)

    def changed(self, n_in: int, n_changed: int) -> int:
        """How many of the last samples of output see the last n_changed of input."""
        return self.n_out(n_in) - max(-(-(n_in - n_changed - self.reach) // self.stride), 0)

    def seen(self, x: Float[Tensor, "row in_time in"], n: int) -> Float[Tensor, "part seen in"]:
        """What the first n samples of output, and then the last n, see of the input, padded with zeros.

        Where that is more than all of it: the input, padded.
        """
        (n_rows, n_in, n_channels), reach = x.shape, self.reach
        if 2 * n >= self.n_out(n_in):
            length = self.stride * (self.n_out(n_in) - 1) + 2 * reach + 1
            seen = x.new_zeros(n_rows, length, n_channels)
            seen[:, reach : reach + n_in] = x
            return seen
        length = self.stride * (n - 1) + 2 * reach + 1
        seen = x.new_zeros(2 * n_rows, length, n_channels)
        seen[:n_rows, reach:] = x[:, : length - reach]
        last = x[:, self.stride * (self.n_out(n_in) - n) - reach :]
        seen[n_rows:, : last.shape[1]] = last
        return seen


class _Kept:
    """What every layer said of the last window, of all stations of a network.

    The window begins at the stem's output sample `start` of the arrays, and moves on.
    """

    def __init__(self, network: MigrationNet, batch: Batch) -> None:
        series = network.series
        self.last = batch
        self.like = batch.waveforms.shape, batch.waveforms.device
        self.weights = _weights(network)
        self.layers = _layers(series)
        heads = series.p, series.out
        self.heads = (
            torch.cat([each.weight[:, :, 0, 0] for each in heads]),
            torch.cat([_bias(each) for each in heads]),
        )
        n_stations, n_samples = batch.waveforms.shape[1], batch.waveforms.shape[-1]
        self.start, self.n = 0, n_samples // STRIDE
        new, room = batch.waveforms.new_zeros, N_WINDOWS * n_samples
        after = network.after[:, None].expand(n_stations, 2, 1, -1)
        self.inputs = new(n_stations, room, N_SERIES_INPUTS)
        self.outputs = [
            new(n_stations, room // STRIDE if number else room, len(layer.bias))
            for number, layer in enumerate(self.layers)
        ]
        self.p = new(n_stations, room, 1)
        self.rows = torch.cat([new(n_stations, 2, room, series.n_features), after], dim=2)
        self.table = self.rows[:, :, :room]

    def serves(self, network: MigrationNet, batch: Batch) -> bool:
        """Whether the network's weights, and the shape of windows, are those that this was made for."""
        if self.like != (batch.waveforms.shape, batch.waveforms.device):
            return False
        return torch.equal(_weights(network), self.weights)

    def move(self, n: int) -> None:
        """The window begins so many samples later."""
        self.start += n // STRIDE
        if self.start <= (N_WINDOWS - 1) * self.n:
            return
        for each in (self.inputs, self.p, self.table, *self.outputs):
            rest = self.window(each).clone()  # beyond the room: as much as there is
            each[..., : rest.shape[-2], :] = rest
        self.start = 0

    def window(self, kept: Float[Tensor, "*more room channel"]) -> Float[Tensor, "*more time channel"]:
        """Of one of the arrays, the part that is the window's."""
        step = kept.shape[-2] // (N_WINDOWS * self.n)
        return kept[..., step * self.start : step * (self.start + self.n), :]

    def make(self, batch: Batch, rows: Rows, n_new: int) -> None:
        """Everything of some stations that the last n_new samples, or the padding, change."""
        motion, levels, known = (
            each[0, rows, :, -n_new:] for each in (batch.waveforms, batch.background_mps, batch.known)
        )
        inputs = series_inputs(motion, levels, known).transpose(1, 2)
        self.window(self.inputs)[rows, -n_new:] = inputs
        x, n = self.window(self.inputs)[rows], n_new
        for layer, output in zip(self.layers, self.outputs, strict=True):
            n = layer.changed(x.shape[1], n)
            made = layer(layer.seen(x, n))
            x = self._put(output, made, rows)
        said = functional.linear(made, *self.heads)
        n_parts, n_made = said.shape[:2]
        self._put(self.p, said[..., :STRIDE].reshape(n_parts, -1, 1), rows)
        features = said[..., STRIDE:].reshape(n_parts, n_made, STRIDE, 2, -1).permute(0, 3, 1, 2, 4)
        self._put(self.table, features.flatten(2, 3), rows)

    def _put(self, output: Tensor, made: Float[Tensor, "part *more some channel"], rows: Rows) -> Tensor:
        """What was made of all of some rows, or of both ends, into its place; those rows as they are now."""
        window = self.window(output)
        now = window[rows]  # where they are all stations, no copy
        if len(made) == len(now):
            now.copy_(made)
        else:
            n = made.shape[-2]
            now[..., :n, :], now[..., -n:, :] = made.chunk(2)
        if not isinstance(rows, slice):
            window[rows] = now
        return now


def _layers(series: SeriesNet) -> list[_Layer]:
    """The network's convolutions in order; those of blocks with the batch normalisation that follows."""
    layers = [
        _Layer(conv.weight, _bias(conv), conv.stride[1], 1, STEM_KERNEL // 2)
        for conv in series.stem
        if isinstance(conv, nn.Conv2d)
    ]
    for block in series.blocks:
        assert isinstance(block, Block)
        conv, norm, _, mix = block.layers
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(mix, nn.Conv2d)
        fused = fuse_conv_bn_eval(conv, norm)
        weight, dilation = fused.weight.contiguous(memory_format=torch.channels_last), conv.dilation[1]
        onwards = mix.weight[:, :, 0, 0], _bias(mix)
        layers.append(_Layer(weight, _bias(fused), 1, dilation, dilation * (BLOCK_KERNEL // 2), onwards))
    return layers


def _weights(network: MigrationNet) -> Float[Tensor, " weight"]:
    """What features are made of besides the window, 0.3 MB; compared, as a training changes them unseen."""
    held = [each for module in network.series.modules() for each in (module._parameters, module._buffers)]
    weights = [tensor for each in held for tensor in each.values() if tensor is not None]
    return torch.cat([each.flatten().float() for each in (*weights, network.after)])


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


@dataclass
class IncrementalEncoder:
    """`MigrationNet.encode` of the windows of one stream, in evaluation mode; see the module.

    n_kept: stations, of all windows so far, whose features were kept.
    """

    sampling_rate_hz: float
    n_kept: int = field(default=0, init=False)
    _kept: _Kept | None = field(default=None, init=False, repr=False)

    @torch.no_grad()
    def encode(self, network: MigrationNet, batch: Batch) -> Features:
        """Features of a batch of one window, the one after the last or any other, until the next call."""
        n_samples = batch.waveforms.shape[-1]
        if not isinstance(network.series, SeriesNet) or n_samples % STRIDE:
            return network.encode(batch.waveforms, batch.background_mps, batch.known, batch.mask)
        batch = replace(batch, background_mps=until_the_end(batch.background_mps, batch.known))
        if self._kept is None or not self._kept.serves(network, batch):
            with torch.inference_mode(False), torch.no_grad():  # else it could be changed in that mode alone
                self._kept = _Kept(network, batch)
            n_new = torch.full(batch.mask.shape[1:], n_samples)
        else:
            n_new = self._move_on(self._kept, batch)
        kept, kept.last = self._kept, batch
        there = batch.mask[0].cpu()
        partly = there & (n_new <= MOST_NEW)
        self.n_kept += int(partly.sum())
        for chosen in (there & ~partly, partly):
            if chosen.any():
                rows = slice(None) if chosen.all() else chosen.nonzero()[:, 0].to(batch.mask.device)
                kept.make(batch, rows, int(n_new[chosen].max()))
        p = kept.window(kept.p)[..., 0].masked_fill(~batch.mask[0, :, None], 0.0)
        return Features(p[None], kept.rows[None], kept.start * STRIDE)

    def _move_on(self, kept: _Kept, batch: Batch) -> Int[Tensor, " station"]:
        """Of each station, how many of the window's last samples the last window did not have as they are."""
        n_samples, last = batch.waveforms.shape[-1], kept.last
        n = round(float((batch.now_s - last.now_s)[0]) * self.sampling_rate_hz)
        if not 0 < n < n_samples or n % STRIDE:
            return torch.full(batch.mask.shape[1:], n_samples)
        kept.move(n)
        differs = torch.zeros(batch.mask.shape[1], n_samples - n, dtype=torch.bool, device=batch.mask.device)
        for now, before in (
            (batch.waveforms, last.waveforms),
            (batch.background_mps, last.background_mps),
            (batch.known, last.known),
        ):
            differs |= (now[0, ..., :-n] != before[0, ..., n:]).any(dim=1)
        same = torch.where(differs.any(dim=1), differs.int().argmax(dim=1), n_samples - n)
        return torch.where(batch.mask[0] & last.mask[0], n_samples - same, n_samples).cpu()
