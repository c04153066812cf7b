"""Features of a stream's windows, of which only what the last window did not say is made anew.

Consecutive windows share nearly all of their samples, and a feature sees no further than the series network
reaches. What may differ from the last window's are features near the end, which did not see what followed,
those near the beginning, where the padding is nearer now, and those about samples that came late. All others
are kept, layer by layer: features are those of `MigrationNet.encode` to a rounding, whatever came before.
Those near the beginning are made where a volume reads them, which few do, and P logits there not at all.
"""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fcn.arch.migration import Features, MigrationNet
from fcn.arch.series import (
    BLOCK_KERNEL,
    N_SERIES_INPUTS,
    STEM_KERNEL,
    STRIDE,
    Block,
    SeriesNet,
    series_inputs,
    until_the_end,
)
from fcn.batch import Batch

MOST_NEW = 80  # samples: a station of which more are new, or others than before, is made as a whole
N_WINDOWS = 3  # of room that a window moves through before what is kept is moved back


LEAST_REACHES = 3  # in a window, else its beginning is most of it

Rows = slice | Int[Tensor, " some"]


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
        groups = x.shape[-1] // self.weight.shape[1]  # of separable blocks: channels one by one
        made = functional.conv2d(
            image, self.weight, self.bias, stride=stride, dilation=dilation, groups=groups
        )
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

    def seen(
        self, x: Float[Tensor, "row padded in"], n: int, rows: Rows, *, at_end: bool
    ) -> Float[Tensor, "part seen in"]:
        """What the last n samples of output, or the first n, see of the padded input of some rows.

        Where that is all of it: the padded input.
        """
        n_out = self.n_out(x.shape[1] - 2 * self.reach)
        length = self.stride * (n - 1) + 2 * self.reach + 1
        first = self.stride * (n_out - n) if at_end else 0
        return x[rows] if n >= n_out else x[:, first : first + length][rows]


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
        # as much as a layer sees beyond a window, zero on either side of it
        margin = STRIDE * max(layer.reach for layer in self.layers)
        self.margin = margin // STRIDE
        self.inputs = new(n_stations, room + 2 * margin, N_SERIES_INPUTS)
        self.outputs = [
            new(n_stations, (room + 2 * margin) // (STRIDE if number else 1), len(layer.bias))
            for number, layer in enumerate(self.layers)
        ]
        self.p = new(n_stations, room, 1)
        self.after = network.after.detach().clone()
        self.table = new(n_stations, 2, room + 1, series.n_features)  # one row more than windows have
        self.reach = series.reach
        self.is_begun = new(n_stations, dtype=torch.bool)  # what is near the beginning is this window's

    def serves(self, network: MigrationNet, batch: Batch) -> bool:
        """Whether the network's weights, and the shape of windows, are those that this was made for."""
        if self.like != (batch.waveforms.shape, batch.waveforms.device):
            return False
        return torch.equal(_weights(network), self.weights)

    def move(self, n: int) -> None:
        """The window begins so many samples later."""
        self.start += n // STRIDE
        self.is_begun.fill_(False)
        for each in (self.inputs, *self.outputs):  # what was the window's is padding now
            gone = n // STRIDE * self._rate(each)
            self.padded(each, gone)[:, :gone] = 0.0
        if self.start <= (N_WINDOWS - 1) * self.n:
            return
        for each in (self.p, self.table):
            rest = self.window(each).clone()  # beyond the room: as much as there is
            each[..., : rest.shape[-2], :] = rest
        for each in (self.inputs, *self.outputs):
            rest = self.padded(each, self._rate(each) * self.margin).clone()
            each.zero_()[:, : rest.shape[1]] = rest
        self.start = 0

    def window(self, kept: Float[Tensor, "*more room channel"]) -> Float[Tensor, "*more time channel"]:
        """Of what is made of the last layer, the part that is the window's."""
        return kept[..., STRIDE * self.start : STRIDE * (self.start + self.n), :]

    def _rate(self, kept: Float[Tensor, "row room channel"]) -> int:
        """Samples of a layer's for one of the stem's output."""
        return kept.shape[1] // (N_WINDOWS * self.n + 2 * self.margin)

    def padded(self, kept: Float[Tensor, "row room channel"], n: int) -> Float[Tensor, "row padded channel"]:
        """Of what goes into a layer or comes out of it, the window's part and n samples on either side."""
        rate = self._rate(kept)
        first = rate * (self.margin + self.start)
        return kept[:, first - n : first + rate * self.n + n]

    def make(self, batch: Batch, rows: Rows, n_new: int) -> None:
        """What the last n_new samples of some stations change, or everything of them."""
        motion, levels, known = (
            each[0, rows, :, -n_new:] for each in (batch.waveforms, batch.background_mps, batch.known)
        )
        self.padded(self.inputs, 0)[rows, -n_new:] = series_inputs(motion, levels, known).transpose(1, 2)
        self._through(rows, n_new, at_end=True)
        self.table[:, :, STRIDE * (self.start + self.n)] = self.after
        if n_new == STRIDE * self.n:
            self.is_begun[rows] = True

    def begin(self, rows: Rows) -> None:
        """What the padding before the window changes of some stations."""
        self._through(rows, 0, at_end=False)
        self.is_begun[rows] = True

    @torch.no_grad()
    def complete(self, station: Int[Tensor, " pair"], row: Int[Tensor, "pair 2 cell"]) -> None:
        """See `Features`: `begin`, of those stations of which rows near the beginning are read."""
        near = row.amin(dim=(1, 2)) < STRIDE * self.start + self.reach
        asked = station[near & ~self.is_begun[station]].unique()
        if len(asked):
            self.begin(asked)

    def _through(self, rows: Rows, n: int, *, at_end: bool) -> None:
        """Layer by layer what the last n samples of input change, or at the beginning those before them."""
        x = self.inputs
        for layer, output in zip(self.layers, self.outputs, strict=True):
            n = layer.changed(self._rate(x) * self.n, n)
            made = layer(layer.seen(self.padded(x, layer.reach), n, rows, at_end=at_end))
            _put(self.padded(output, 0), made, rows, at_end=at_end)
            x = output
        said = functional.linear(made, *self.heads)
        n_rows, n_made = said.shape[:2]
        _put(self.window(self.p), said[..., :STRIDE].reshape(n_rows, -1, 1), rows, at_end=at_end)
        features = said[..., STRIDE:].view(n_rows, n_made, STRIDE, 2, -1).permute(0, 3, 1, 2, 4)
        _put(self.window(self.table).unflatten(2, (self.n, STRIDE)), features, rows, at_end=at_end, dim=2)


def _put(
    window: Tensor, made: Float[Tensor, "some *more"], rows: Rows, *, at_end: bool, dim: int = 1
) -> None:
    """What was made of some rows into its place, the end along dim or the beginning."""
    n, n_all = made.shape[dim], window.shape[dim]
    window.narrow(dim, n_all - n if at_end else 0, n)[rows] = made.to(window.dtype)  # bfloat16 under autocast


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
    return torch.cat([each.reshape(-1) for each in (*weights, network.after) if each.is_floating_point()])


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
        """Features of a batch of one window, the one after the last or any other, until the next call.

        P logits near the window's beginning are nobody's, but in a window that is hardly longer than what a
        feature sees; whatever made them, so that all backends say the same.
        """
        n_samples, reach = batch.waveforms.shape[-1], network.series.reach
        nobodys = reach if n_samples >= LEAST_REACHES * reach else 0
        if not isinstance(network.series, SeriesNet) or n_samples % STRIDE:
            whole = network.encode(batch.waveforms, batch.background_mps, batch.known, batch.mask)
            return replace(whole, nobodys=nobodys)
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
        # to be asked which are read would be a wait for a device
        at_once = batch.mask.device.type != "cpu" or not nobodys
        if at_once:
            kept.begin(slice(None))
        p = kept.window(kept.p)[..., 0].masked_fill(~batch.mask[0, :, None], 0.0)
        return Features(
            p[None], kept.table[None], kept.start * STRIDE, nobodys, None if at_once else kept.complete
        )

    def _move_on(self, kept: _Kept, batch: Batch) -> Int[Tensor, " station"]:
        """Of each station, how many of the window's last samples the last window did not have as they are."""
        n_samples, last = batch.waveforms.shape[-1], kept.last
        n = round(float((batch.now_s - last.now_s)[0]) * self.sampling_rate_hz)
        if not 0 < n < n_samples or n % STRIDE:
            return torch.full(batch.mask.shape[1:], n_samples)
        kept.move(n)
        pairs = [
            (now[0, ..., :-n], before[0, ..., n:])
            for now, before in (
                (batch.waveforms, last.waveforms),
                (batch.background_mps, last.background_mps),
                (batch.known, last.known),
            )
        ]
        new = torch.full(batch.mask.shape[1:], n)
        if not all(torch.equal(*pair) for pair in pairs):  # something came late
            differs = torch.stack([(now != before).any(dim=1) for now, before in pairs]).any(dim=0)
            new += torch.where(differs.any(dim=1), n_samples - n - differs.int().argmax(dim=1), 0).cpu()
        return new.masked_fill(~(batch.mask[0] & last.mask[0]).cpu(), n_samples)
