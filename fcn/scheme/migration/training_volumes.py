"""Volumes to train on: places and sizes are drawn, and travel times are as wrong as a velocity model is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from fcn import checked
from fcn.batch import Batch
from fcn.devices import numbers
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.anchors import DrawnAnchors
from fcn.scheme.migration.volume import VolumeSpec

FINE_SLOTS = slice(1, None, 2)  # odd anchors have fine volumes, even ones coarse ones
ABOUT_STATION_DEPTH_KM = 10.0  # a false anchor's fine volume lies about this depth below its station
S_DELAY_OVER_P = 2.0  # of soft ground, which slows S more than P: as validation sequences have it
WANDER = 0.9  # of a fine volume's width that its centre is drawn in: it holds its event in nine cases of ten


@dataclass(frozen=True)
class TimeError:
    """What a velocity model has wrong in each window: factors on stations' P and S times, and delays, s."""

    factor: Float[Tensor, "batch station 2"]
    delay_s: Float[Tensor, "batch station 2"]

    def of(
        self, travel_s: Float[Tensor, "pair 2 cell"], pairs: Int[Tensor, "pair 3"]
    ) -> Float[Tensor, "pair 2 cell"]:
        """Travel times as a model with these errors has them; pairs: window, anchor and station of each."""
        window, station = pairs[:, 0], pairs[:, 2]
        factor, delay_s = self.factor[window, station], self.delay_s[window, station]
        return torch.addcmul(delay_s[..., None], travel_s, factor[..., None])  # one pass over many cells


@dataclass(frozen=True)
class ModelError:
    """How wrong the travel times given to the network are in training: standard deviations.

    path: relative, of all times of a window; station: of each station's; s: of all S times beside P's.
    delay_s: of what a station's own ground adds to P, and `S_DELAY_OVER_P` times to S, s. times: what all of
    these are multiplied by in a window, log-uniform from the first to the second: one crust is known well, of
    another, with basins, next to nothing. Raises ValueError for times that are not positive, or out of order.
    """

    path: float
    station: float
    s: float
    delay_s: float
    times: Sequence[float]

    def __post_init__(self) -> None:
        low, high = checked.numbers("model_error.times", self.times, 2)
        if not 0 < low <= high:
            raise ValueError(f"model_error.times from {low} to {high}: wants 0 < first <= second")

    def draw(self, mask: Bool[Tensor, "batch station"], generator: Generator) -> TimeError:
        """Those of every station."""
        n_batch, n_stations = mask.shape
        normal = torch.randn((n_batch, 2 * n_stations + 2), generator=generator, device=mask.device)
        uniform = torch.rand((n_batch, 1), generator=generator, device=mask.device)
        low, high = self.times
        normal = normal * low * (high / low) ** uniform
        path, s, station, delay = normal.split([1, 1, n_stations, n_stations], dim=1)
        p_factor = 1 + self.path * path + self.station * station
        factor = torch.stack([p_factor, p_factor + self.s * s], dim=-1)
        delay_s = self.delay_s * delay
        return TimeError(factor, torch.stack([delay_s, S_DELAY_OVER_P * delay_s], dim=-1))


def draw_volumes(
    volume: VolumeSpec,
    batch: Batch,
    anchors: DrawnAnchors,
    coarse: Lattice,
    source_km: Float[Tensor, "batch anchor 3"],
    own_km: Float[Tensor, "batch anchor 3"],
    *,
    own_share: float,
    generator: Generator,
) -> Lattice:
    """A volume per anchor of a training batch, coarse or fine.

    coarse: volumes about the anchors' stations. source_km: hypocentre of the anchor's event. own_km: where
    the network itself would put the anchor's fine volume, as it does for `own_share` of them.
    """
    n_anchors, device = anchors.station.shape[1], source_km.device
    uniform = torch.rand((*anchors.station.shape, 6), generator=generator, device=device)
    step_km = coarse.spacing_km[..., :1]
    is_fine = torch.zeros(n_anchors, 1, dtype=torch.bool, device=device)
    is_fine[FINE_SLOTS] = True
    spacing_km = _spacings(volume, step_km, uniform[..., :2], is_fine)
    cells = numbers(volume.cells, source_km)
    middle_km = coarse.first_km + coarse.spacing_km * (cells - 1) / 2
    half_km = coarse.spacing_km * cells / 2
    station_km = torch.gather(batch.station_km, 1, anchors.station[..., None].expand(-1, -1, 3))
    below_km = torch.cat(
        [station_km[..., :2], torch.full_like(station_km[..., 2:], ABOUT_STATION_DEPTH_KM)], -1
    )
    about_km = torch.where((anchors.event >= 0)[..., None], source_km, below_km)
    # no training looks beyond the coarse volume
    about_km = torch.minimum(torch.maximum(about_km, middle_km - half_km), middle_km + half_km)
    off = uniform[..., 2:5] - 0.5
    fine_centre_km = about_km + off * WANDER * cells * spacing_km
    fine_centre_km = torch.where(uniform[..., 5:6] < own_share, own_km, fine_centre_km)
    coarse_centre_km = middle_km + off * step_km
    high_above_km = torch.full_like(coarse_centre_km[..., 2:], -1e3)  # a coarse volume begins at the surface
    coarse_centre_km = torch.cat([coarse_centre_km[..., :2], high_above_km], dim=-1)
    centre_km = torch.where(is_fine, fine_centre_km, coarse_centre_km)
    return Lattice.about(centre_km, spacing_km, volume.cells, min_depth_km=volume.min_depth_km)


def _spacings(
    volume: VolumeSpec,
    step_km: Float[Tensor, "batch anchor 1"],
    uniform: Float[Tensor, "batch anchor 2"],
    is_fine: Bool[Tensor, "anchor 1"],
) -> Float[Tensor, "batch anchor 3"]:
    """Between cells: coarse ones near a stream's, `step_km`; fine ones log-uniform, horizontal and depth."""
    low, high = volume.fine_range_km
    # never coarser than the coarse pass
    top = torch.minimum(torch.full_like(step_km, high), step_km).clamp_min(low * 1.001)
    deep_low, deep_high = volume.fine_depth_range_km
    fine_km = low * (top / low) ** uniform[..., :1]
    fine_deep_km = deep_low * (deep_high / deep_low) ** uniform[..., 1:]
    near = 0.8 + 0.4 * uniform  # of the sizes of a stream's coarse cells
    horizontal_km = torch.where(is_fine, fine_km, step_km * near[..., :1])
    depth_km = torch.where(is_fine, fine_deep_km, volume.coarse_depth_km * near[..., 1:])
    return torch.cat([horizontal_km, horizontal_km, depth_km], dim=-1)
