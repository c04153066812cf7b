"""One training window as the network sees it: the coarse volume of the event to locate."""

import torch
from torch import Tensor

from fcn.arch.migration import MigrationNet
from fcn.batch import Batch, Targets
from fcn.scheme.base import View, require_event
from fcn.scheme.migration.migrate import Anchors, Migration
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.volume import travel_times, travel_times_of


@torch.no_grad()
def look(
    core: Migration, visible_snr: float, network: MigrationNet, batch: Batch, targets: Targets, index: int
) -> View:
    """The coarse volume of one window, anchored by the first visible P of the event to locate.

    visible_snr: P anchors it above. Raises ValueError where there is none.
    """
    require_event(targets, index)
    window, there = batch.window(index), batch.mask[index]
    station, time_s = _first_visible_p(core, visible_snr, window, targets, index)
    features = core.encode(network, window)
    anchors = Anchors(station[None, None], time_s[None, None])
    near, lattice = core.about_stations(window, anchors.station)
    pairs = pairs_of(near)
    logits, _ = core.volumes(
        network, features, window, anchors, lattice, pairs, travel_times(window, lattice, pairs)
    )
    place_km = core.decode(logits, lattice).hypocentre_km
    travel_s = travel_times_of(window, place_km)[0]
    east_km, north_km, depth_km = (axis_km[0, 0] for axis_km in lattice.axes_km())
    return View.of_logits(
        features.station_p[0, there],
        logits[0, 0],
        axes_km=(east_km, north_km, depth_km),
        hypocentre_km=place_km[0],
        source_km=targets.source_km[index],
        arrival_s=(time_s - travel_s[station, 0] + travel_s)[there],
    )


def _first_visible_p(
    core: Migration, visible_snr: float, window: Batch, targets: Targets, index: int
) -> tuple[Tensor, Tensor]:
    """Station and time of the earliest P of the event to locate that stands above noise in the window."""
    p_s = targets.p_arrival_s[index, :, 0]
    inside = (p_s > 0) & (p_s < core.window_s(window))
    visible = inside & (targets.p_snr[index, :, 0] > visible_snr) & window.mask[0]
    if not visible.any():
        raise ValueError(
            f"no P of the event to locate stands more than scheme.visible_snr={visible_snr:g} above "
            f"noise in window {index}: nothing anchors a volume"
        )
    station = p_s.masked_fill(~visible, torch.inf).argmin()
    return station, p_s[station]
