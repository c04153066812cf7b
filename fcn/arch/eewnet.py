"""EEWNet: three parallel fully convolutional sub-networks after Zhang & Zhang (2024).

What their public inference code fixes is followed (inputs, scaling, order of stations, outputs);
layer widths are unpublished, and taken from the family's FCNloca (Zhang et al. 2020, Sci. Rep.). What is
ours has a switch each (docs/decisions/003-additions-to-eewnet.md).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from fcn.arch.blocks import IMAGE, SERIES, Encoder, Place, Style, pair
from fcn.arch.prediction import Prediction
from fcn.types import TravelTimes

N_COMPONENTS = 3  # theirs are E, N, Z: ours (Z, N, E) the other way round
TIME_POOL = 4
DISTANCE_SCALE_KM = 110.0  # epicentral distance channel, EEWNet
TINY = 1e-20  # m/s, keeps the scaling of a dead window finite


def _zero_pad(x: Float[Tensor, "... time"], multiple: int) -> Tensor:
    """Zeros after the window up to the next power of `multiple` (600 samples become 1024)."""
    n = x.shape[-1]
    return functional.pad(x, (0, multiple ** math.ceil(math.log(n, multiple) - 1e-9) - n))


def _take_rows(x: Tensor, order: Tensor) -> Tensor:
    """Rows of x (batch, row, ...) in the order (batch, row)."""
    return torch.gather(x, 1, order.view(*order.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:]))


class Detection(nn.Module):
    """P series of each row and of the network, from (batch, 3, row, time)."""

    def __init__(self, channels: Sequence[int], style: Style) -> None:
        super().__init__()
        pools = [(1, TIME_POOL)] * (len(channels) - 1)
        self.encoder = Encoder(3, channels, pools, style, [IMAGE] * len(channels))
        ups = []
        for n_in, n_out in zip(channels[:0:-1], channels[-2::-1], strict=True):
            ups += [nn.Upsample(scale_factor=(1, TIME_POOL)), pair(n_in, n_out, style)]
        self.decoder = nn.Sequential(*ups)
        self.station = nn.Conv2d(channels[0], 1, 1)
        self.network = nn.Conv1d(channels[0] + 1, 1, 1)

    def forward(self, x: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, row, time), (batch, row) -> logits (batch, row, time) and (batch, time)."""
        features = self.decoder(self.encoder(x))
        station = self.station(features)
        both = torch.cat([features, station], dim=1)
        both = both.masked_fill(~present[:, None, :, None], torch.finfo(both.dtype).min)
        best = both.amax(dim=2).masked_fill(~present.any(dim=1)[:, None, None], 0.0)
        return station[:, 0], self.network(best)[:, 0]


class Location(nn.Module):
    """Logits over the grid from the image (batch, n_channels, row, time); depth is the channel axis.

    row_pools:          rows that become one after each level of the encoder but the last.
    levels_by_station:  that many levels of the encoder look along time only, the others across rows as well.
                        (A row is two stations, one of each order.)
    up_factors:         of the decoder's levels.
    interpolation:      the decoder stops at cells this many times as wide as the grid's, horizontally, and
                        its logits are interpolated bilinearly.
    coordinates:        every level is told where its cells lie, along rows and time, then along x and y.
    """

    def __init__(
        self,
        n_channels: int,
        channels: Sequence[int],
        grid_shape: tuple[int, int, int],
        row_pools: Sequence[int],
        up_factors: Sequence[int],
        style: Style,
        *,
        levels_by_station: int,
        interpolation: int,
        coordinates: bool,
    ) -> None:
        super().__init__()
        for name, values in (
            ("row_pools", row_pools),
            ("up_factors", up_factors),
            ("interpolation", [interpolation]),
        ):
            if not values or any(type(value) is not int or value < 1 for value in values):
                raise ValueError(f"arch.{name} takes whole numbers of at least 1, got {values}")
        if len(row_pools) != len(channels) - 1:
            raise ValueError(
                f"arch.row_pools takes one number fewer than arch.location_channels has levels "
                f"({len(channels)}), got {row_pools}"
            )
        n_x, n_y, n_z = grid_shape
        total = math.prod(up_factors) * interpolation
        if n_x % total or n_y % total:
            raise ValueError(
                f"a grid of {n_x} x {n_y} cells cannot be reached by upsampling {tuple(up_factors)} and "
                f"{interpolation}: both must be multiples of {total}"
            )
        if type(levels_by_station) is not int or not 0 <= levels_by_station <= len(channels):
            raise ValueError(
                f"arch.levels_by_station must be 0 to {len(channels)}, the levels there are, "
                f"got {levels_by_station}"
            )
        kernels = [SERIES] * levels_by_station + [IMAGE] * (len(channels) - levels_by_station)
        pools = [(rows, TIME_POOL) for rows in row_pools]
        self.encoder = Encoder(n_channels, channels, pools, style, kernels, coordinates=coordinates)
        # Identity for the paper's image, pools and grid; lets any number of stations and rows through.
        self.bottleneck = nn.AdaptiveAvgPool2d((n_x // total, n_y // total))
        widths = [*channels[-2::-1]][: len(up_factors)]
        widths += [widths[-1]] * (len(up_factors) - len(widths))
        ups: list[nn.Module] = []
        n_in = channels[-1]
        for factor, n_out in zip(up_factors, widths, strict=True):
            ups.append(nn.Upsample(scale_factor=factor))
            if coordinates:
                ups.append(Place(n_in))
            ups.append(pair(n_in, n_out, style))
            n_in = n_out
        ups.append(nn.Conv2d(n_in, n_z, 1))
        if interpolation > 1:
            ups.append(nn.Upsample(scale_factor=interpolation, mode="bilinear"))
        self.decoder = nn.Sequential(*ups)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, n_channels, row, time) -> (batch, x, y, z)."""
        return self.decoder(self.bottleneck(self.encoder(image))).permute(0, 2, 3, 1)


class StationMagnitude(nn.Module):
    """Magnitude pdf of each station relative to the logarithm of its amplitude, from (batch, 5, time)."""

    def __init__(self, channels: Sequence[int], n_bins: int, style: Style) -> None:
        super().__init__()
        pools = [(1, TIME_POOL)] * (len(channels) - 1)
        self.encoder = Encoder(5, channels, pools, style, [SERIES] * len(channels))
        self.head = nn.Conv2d(channels[-1], n_bins, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 5, row, time) -> logits (batch, row, bin)."""
        return self.head(self.encoder(x)).mean(dim=3).permute(0, 2, 1)


class EEWNet(nn.Module):
    """Detection, location and magnitude in parallel: the paper's size as `arch=eewnet`, small as `arch=lite`.

    grid_axes_km:     cell centres of the search grid: east, north, depth.
    magnitude_axis:   centres of the magnitude bins.
    row_pools, levels_by_station, up_factors, interpolation: see `Location`; the product of the last two
                      divides the grid's x and y sizes.
    station_scale_km: (east, north) extent by which station coordinates are divided (82, 100 in the paper).
    n_rows:           rows of the station image; a larger network gets as many as it has stations.
    compression:      the image, scaled to a maximum of 1, becomes asinh(c x) / asinh(c): stations far from
                      the source are seen beside near ones. 0 leaves it as it is, as the paper does.
    coordinates:      see `Location`.
    occupancy:        the image says which of its rows are stations': 1 there, 0 elsewhere. Without it an
                      empty row looks like a silent station in the middle of the box.
    separable, normalise, dropout: see `fcn.arch.blocks.Style`.
    """

    def __init__(
        self,
        *,
        grid_axes_km: tuple[Sequence[float], Sequence[float], Sequence[float]],
        magnitude_axis: Sequence[float],
        location_channels: Sequence[int],
        detection_channels: Sequence[int],
        magnitude_channels: Sequence[int],
        row_pools: Sequence[int],
        levels_by_station: int,
        up_factors: Sequence[int],
        interpolation: int,
        station_scale_km: Sequence[float],
        n_rows: int,
        compression: float,
        coordinates: bool,
        occupancy: bool,
        separable: bool,
        normalise: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        shape = (len(grid_axes_km[0]), len(grid_axes_km[1]), len(grid_axes_km[2]))
        style = Style(separable=separable, normalise=normalise, dropout=dropout)
        self.detection = Detection(detection_channels, style)
        self.occupancy = occupancy
        self.location = Location(
            2 * (N_COMPONENTS + 2 + occupancy),
            location_channels,
            shape,
            row_pools,
            up_factors,
            style,
            levels_by_station=levels_by_station,
            interpolation=interpolation,
            coordinates=coordinates,
        )
        self.station_magnitude = StationMagnitude(magnitude_channels, len(magnitude_axis), style)
        self.n_rows = n_rows
        if compression < 0:
            raise ValueError(f"arch.compression must be 0 (none) or more, got {compression}")
        self.compression = float(compression)
        self.scale_km: Tensor
        self.register_buffer("scale_km", torch.tensor([float(s) for s in station_scale_km]), persistent=False)
        for name, axis in zip(("x_km", "y_km"), grid_axes_km[:2], strict=True):
            self.register_buffer(name, torch.tensor([float(v) for v in axis]), persistent=False)
        self.magnitude_width = float(magnitude_axis[1]) - float(magnitude_axis[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self,
        waveforms: Float[Tensor, "batch station 3 time"],
        waveforms_broad: Float[Tensor, "batch station 3 time"],
        station_km: Float[Tensor, "batch station 3"],
        mask: Bool[Tensor, "batch station"],
        travel_time: TravelTimes | None,
        source_km: Float[Tensor, "batch 3"] | None = None,
    ) -> Prediction:
        """Logits of the three branches.

        travel_time: not asked for.
        source_km: the true hypocentre in training, for the magnitude branch's distance channel; the
            branch uses the location branch's own epicentre where it is None.
        """
        n_samples, n_stations = waveforms.shape[-1], waveforms.shape[1]
        rows = max(self.n_rows, n_stations) - n_stations
        x = _zero_pad(waveforms.flip(2), TIME_POOL)
        x = functional.pad(x * mask[..., None, None], (0, 0, 0, 0, 0, rows))
        present = functional.pad(mask, (0, rows))
        station = functional.pad(station_km[..., :2], (0, 0, 0, rows))
        x = x / x.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(TINY)
        if self.compression > 0:
            x = torch.asinh(self.compression * x) / math.asinh(self.compression)

        by_x, by_y = (self._order(station[..., axis], present) for axis in (0, 1))
        image = torch.cat(
            [self._panel(x, station, present, order) for order in (by_x, by_y)], dim=2
        ).transpose(1, 2)
        image = image.contiguous(memory_format=torch.channels_last)
        station_p, first_p = self.detection(image[:, :3], torch.gather(present, 1, by_x))
        station_p = _take_rows(station_p, by_x.argsort(dim=1))[:, :n_stations, :n_samples]
        location = self.location(image)
        magnitude = self._magnitude(waveforms_broad, station_km, mask, station_p, location, source_km)
        return Prediction(station_p, first_p[:, :n_samples], location, magnitude)

    @staticmethod
    def _order(coordinate_km: Tensor, present: Tensor) -> Tensor:
        """Stations by coordinate, absent ones last: (batch, row)."""
        return coordinate_km.masked_fill(~present, torch.inf).argsort(dim=1, stable=True)

    def _panel(self, x: Tensor, station_km: Tensor, present: Tensor, order: Tensor) -> Tensor:
        """E, N, Z, x, y and, with `occupancy`, 1 of the stations in one order: (batch, row, 5 or 6, time)."""
        constant = (station_km / self.scale_km) * present[..., None]
        if self.occupancy:
            constant = torch.cat([constant, present[..., None].to(constant)], dim=2)
        channels = torch.cat([x, constant[..., None].expand(-1, -1, -1, x.shape[-1])], dim=2)
        return _take_rows(channels, order)

    def epicentre_km(self, location: Float[Tensor, "batch x y z"]) -> Float[Tensor, "batch 2"]:
        """Mean epicentre of the location pdf, without gradient: the origin of the distance channel."""
        flat = location.detach().float().logsumexp(dim=3)
        pdf = torch.softmax(flat.flatten(1), dim=1).view(flat.shape)
        x = (pdf.sum(dim=2) * self.x_km).sum(dim=1)  # type: ignore[operator]
        y = (pdf.sum(dim=1) * self.y_km).sum(dim=1)  # type: ignore[operator]
        return torch.stack([x, y], dim=1)

    def _magnitude(
        self,
        broad: Tensor,
        station_km: Tensor,
        mask: Tensor,
        station_p: Tensor,
        location: Tensor,
        source_km: Tensor | None,
    ) -> Tensor:
        """Product of the stations' pdfs, each weighted by how surely it has seen P: (batch, bin)."""
        x = _zero_pad(broad.flip(2), TIME_POOL)
        peak = x.abs().amax(dim=(2, 3)).clamp_min(TINY)
        horizontal = x[:, :, :2].abs().amax(dim=3).mean(dim=2).clamp_min(1e-10)
        level = (torch.log10(horizontal) + 10) / 10
        epicentre_km = self.epicentre_km(location) if source_km is None else source_km[:, :2]
        distance_km = torch.linalg.vector_norm(station_km[..., :2] - epicentre_km[:, None], dim=-1)
        constant = torch.stack([distance_km / DISTANCE_SCALE_KM, level], dim=2)
        channels = torch.cat(
            [x / peak[..., None, None], constant[..., None].expand(-1, -1, -1, x.shape[-1])], dim=2
        )
        relative = self.station_magnitude(channels.transpose(1, 2))
        log_pdf = torch.log_softmax(self._slide(relative.float(), level), dim=-1)
        weight = torch.sigmoid(station_p.detach().float()).amax(dim=2) * mask
        return (log_pdf * weight[..., None]).sum(dim=1) / weight.sum(dim=1, keepdim=True).clamp_min(1e-6)

    def _slide(self, relative: Tensor, level: Tensor) -> Tensor:
        """Station logits (batch, station, bin) moved up by log10 of the amplitude, edges held.

        A level of 0.6 (1e-4 m/s, a magnitude 3 at 10 km) leaves them in place; one decade of amplitude is
        one unit of magnitude.
        """
        shift = ((level - 0.6) * 10 / self.magnitude_width).round().long()
        index = torch.arange(relative.shape[-1], device=relative.device) - shift[..., None]
        return torch.gather(relative, -1, index.clamp(0, relative.shape[-1] - 1))
