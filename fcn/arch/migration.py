"""Travel-time migration: learned features of single stations, summed along predicted P and S arrivals.

One series network, shared by all stations, turns three components into features. For a hypothesis, a cell
of a search volume and a P pick at one station, every other arrival is predicted; the features there are
summed over the stations, and a small image network reads the sums. The number of stations, their layout, the
volume's place and scale and the velocity model are inputs, not weights
(docs/decisions/007-travel-time-migration.md).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from fcn.arch.blocks import IMAGE, convolution
from fcn.arch.ear import Ear
from fcn.arch.series import SeriesNet, until_the_end
from fcn.arch.summed import Summed

N_CONDITIONS = 5  # see MigrationNet.volume
N_MAGNITUDE_INPUTS = 31  # see fcn.scheme.migration.amplitudes


@dataclass(frozen=True)
class Features:
    """What the series network says about each station.

    station_p: (batch, station, time) logits of a P arrival, per sample.
    table:     (batch, station, phase, row, channel) features read at P and at S times; one row per sample of
               the window, from row `first` on, and the next one for what lies after the window. What other
               rows and stations that do not exist have is nobody's.
    nobodys:   first samples whose logits are nobody's, either.
    complete:  to be told which stations are read, and in which rows, before they are; None: all is there.
    """

    station_p: Float[Tensor, "batch station time"]
    table: Float[Tensor, "batch station 2 row channel"]
    first: int = 0
    nobodys: int = 0
    complete: Callable[[Int[Tensor, " pair"], Int[Tensor, "pair 2 cell"]], None] | None = None

    def rows(self, sample: Float[Tensor, "*any"]) -> Int[Tensor, "*any"]:
        """Rows to read at samples after the window's first, which are rounded in place.

        Those before the window read its first.
        """
        return sample.round_().clamp_(0, self.station_p.shape[-1]).int().add_(self.first)


@dataclass(frozen=True)
class Sized:
    """What amplitudes say of each event.

    magnitude: of what has been released so far, and its standard deviation.
    growing: logit that the magnitude is a lower bound (`fcn.catalogue.released`).
    by_station: magnitude that each station alone stands for; of those in use.
    """

    magnitude: Float[Tensor, " event"]
    deviation: Float[Tensor, " event"]
    growing: Float[Tensor, " event"]
    by_station: Float[Tensor, "event station"]


def _image(width: int, *, separable: bool) -> nn.Sequential:
    layer = convolution(width, width, separable=separable, kernel=IMAGE)
    return nn.Sequential(layer, nn.BatchNorm2d(width), nn.ReLU())


class VolumeNet(nn.Module):
    """Logits over a volume and evidence for it, from the migrated features; depth is the channel axis."""

    def __init__(self, n_features: int, n_depths: int, width: int, n_layers: int, *, separable: bool) -> None:
        super().__init__()
        self.n_depths = n_depths
        self.mix = nn.Conv2d(n_features * n_depths, width, 1, bias=False)
        self.condition = nn.Linear(N_CONDITIONS, width)  # the same in every column: added, not copied to each
        self.mixed = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.layers = nn.ModuleList([_image(width, separable=separable) for _ in range(n_layers)])
        self.out = convolution(width, n_depths, separable=separable, kernel=IMAGE)
        self.evidence = nn.Sequential(
            nn.Linear(2 * width + 2 * n_depths + N_CONDITIONS, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(
        self, migrated: Float[Tensor, "volume x y channel"], condition: Float[Tensor, "volume condition"]
    ) -> tuple[Float[Tensor, "volume x y depth"], Float[Tensor, " volume"]]:
        """Features of all depths of a column, as channels -> logits of its cells; evidence logit."""
        n_x, n_y = migrated.shape[1:3]
        # kernels of one cell: a product, in a third of the time of a convolution
        mixed = functional.linear(migrated, self.mix.weight[:, :, 0, 0])
        hidden = mixed + self.condition(condition)[:, None, None]
        # a permuted view of channels-last data is a channels-last image
        hidden = self.mixed(hidden.permute(0, 3, 1, 2))
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        logits = self.out(hidden).float()
        hidden = hidden.float()
        summary = [
            hidden.amax(dim=(2, 3)),
            hidden.mean(dim=(2, 3)),
            logits.amax(dim=(2, 3)),
            torch.logsumexp(logits.flatten(2), dim=2) - math.log(n_x * n_y),
            condition,
        ]
        return logits.permute(0, 2, 3, 1), self.evidence(torch.cat(summary, dim=1))[:, 0].float()


class MagnitudeNet(nn.Module):
    """Magnitude from the amplitudes at each station, combined as a product of Gaussian pdfs.

    What all stations say together corrects what each says: how far strong motion reaches and how long it
    lasts tell large ruptures apart where amplitudes no longer do.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.station = nn.Sequential(
            nn.Linear(N_MAGNITUDE_INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.alone = nn.Linear(width, 2)
        self.together = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())
        self.own = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 2))
        self.event = nn.Linear(width, 2)
        with torch.no_grad():
            self.event.bias.copy_(torch.tensor([-1.5, 0.0]))  # log standard deviation of what stations share

    def forward(
        self,
        first_guess: Float[Tensor, "event station"],
        inputs: Float[Tensor, "event station input"],
        use: Bool[Tensor, "event station"],
    ) -> Sized:
        """What is said of each event; first_guess is corrected station by station.

        Without a station to use: the guess is 0 with a standard deviation that says so.
        """
        hidden = self.station(inputs)
        first, weight = self.alone(hidden).float().unbind(dim=-1)
        weight = (weight.clamp(-6, 6).exp() * use)[..., None]
        mean = (weight * hidden).sum(dim=1) / weight.sum(dim=1).clamp_min(1e-6)
        largest = (hidden * use[..., None]).amax(dim=1)  # hidden values are not negative
        context = self.together(torch.cat([mean, largest], dim=-1).to(hidden.dtype))
        beside = context[:, None].expand(-1, hidden.shape[1], -1)
        correction, log_precision = self.own(torch.cat([hidden, beside], dim=-1)).float().unbind(dim=-1)
        precision = log_precision.clamp(-6, 6).exp() * use
        total = precision.sum(dim=1)
        guess = first_guess + first + correction
        magnitude = (precision * guess).sum(dim=1) / total.clamp_min(1e-6)
        common, growing = self.event(context).float().unbind(dim=-1)
        variance = 1 / total.clamp_min(1e-2) + (2 * common.clamp(-4, 1)).exp()
        return Sized(magnitude, variance.sqrt(), growing, guess)


class MigrationNet(nn.Module):
    """The parts, driven by `fcn.scheme.migration`.

    n_depths: cells of a volume along depth; its horizontal cells are free.
    ear_width, ear_dilations: of `Ear`; a width of 0: none.
    separable: convolutions of blocks and volumes channel by channel, followed by one that mixes channels, as
        of MobileNets (Howard et al. 2017): a wider network for the same operations.
    """

    def __init__(
        self,
        *,
        series_width: int,
        dilations: Sequence[int],
        n_features: int,
        n_depths: int,
        volume_width: int,
        volume_layers: int,
        magnitude_width: int,
        separable: bool,
        ear_width: int,
        ear_dilations: Sequence[int],
    ) -> None:
        super().__init__()
        self.n_depths = n_depths
        self.series = SeriesNet(series_width, dilations, n_features, separable=separable)
        self.after = nn.Parameter(0.1 * torch.randn(2, n_features))
        self.volumes = VolumeNet(n_features, n_depths, volume_width, volume_layers, separable=separable)
        self.magnitude = MagnitudeNet(magnitude_width)
        # last: what the others begin with stays what it was
        self.ear = Ear(ear_width, ear_dilations) if ear_width else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def encode(
        self,
        waveforms: Float[Tensor, "batch station 3 time"],
        background_mps: Float[Tensor, "batch station 2 time"],
        known: Bool[Tensor, "batch station 3 time"],
        mask: Bool[Tensor, "batch station"],
    ) -> Features:
        """Features of every station that exists; zeros elsewhere."""
        n_batch, n_stations, _, n_samples = waveforms.shape
        background_mps = until_the_end(background_mps, known)
        where = mask.flatten().nonzero()[:, 0]  # the one wait for a device
        # an all-padding batch still needs one row for the batch normalisation to see
        rows = where if len(where) else where.new_zeros(1)
        p, features = self.series(*(each.flatten(0, 1)[rows] for each in (waveforms, background_mps, known)))
        features = torch.cat([features, self.after[:, None].expand(len(features), 2, 1, -1)], dim=2)
        shape = (n_batch * n_stations, 2, n_samples + 1, features.shape[-1])
        table = features.new_zeros(shape).index_copy(0, where, features[: len(where)])
        station_p = p.new_zeros(n_batch * n_stations, n_samples).index_copy(0, where, p[: len(where)])
        return Features(
            station_p.view(n_batch, n_stations, n_samples), table.view(n_batch, n_stations, *shape[1:])
        )

    def volume(
        self,
        features: Features,
        pairs: Int[Tensor, "pair 3"],
        arrival_sample: Float[Tensor, "pair 2 x y depth"],
        condition: Float[Tensor, "batch anchor condition"],
    ) -> tuple[Float[Tensor, "batch anchor x y depth"], Float[Tensor, "batch anchor"]]:
        """Logits over the cells, and evidence logits, of each anchor's volume.

        pairs:          window, anchor and station of every station that judges an anchor's volume, in order.
        arrival_sample: predicted P and S arrivals from each cell, samples after the window's first; they are
                        used up.
        condition:      what the sums do not say (`fcn.scheme.migration.migrate`), `N_CONDITIONS` numbers.
        """
        n_batch, n_anchors = condition.shape[:2]
        n_x, n_y, n_z = arrival_sample.shape[2:]
        window, anchor, station = pairs.unbind(dim=1)
        number = window * n_anchors + anchor
        # not bincount, for whose size a device is waited for
        count = number.new_zeros(n_batch * n_anchors).index_add_(0, number, torch.ones_like(number))
        with torch.no_grad():
            row = features.rows(arrival_sample.flatten(2))
        if features.complete is not None:
            features.complete(station, row)
        place = window * features.table.shape[1] + station
        migrated: Tensor = Summed.apply(features.table.flatten(0, 1), row, place, count)
        mean = migrated.view(len(count), n_x, n_y, -1) / count.clamp_min(1)[:, None, None, None]
        logits, evidence = self.volumes(mean, condition.flatten(0, 1))
        return logits.view(n_batch, n_anchors, n_x, n_y, n_z), evidence.view(n_batch, n_anchors)
