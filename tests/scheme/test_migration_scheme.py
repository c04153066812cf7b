"""The migration scheme: its losses, and what its reading of a stream must and must not depend on."""

from dataclasses import replace

import pytest
import torch
from toy import resolved

from fcn.assemble import build_datamodule, build_module
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.batch import Batch
from fcn.scheme.anchors import Picks
from fcn.scheme.migration import travel_times
from fcn.seeding import Purpose

SMALL = (
    "arch.series_width=8",
    "arch.dilations=[1,2]",
    "arch.n_features=4",
    "arch.volume_width=8",
    "arch.volume_layers=1",
    "arch.magnitude_width=8",
    "scheme.volume.shape=[8,8,6]",
    "scheme.reading.least_probability=0.0",
    "scheme.reading.least_evidence=0.0",
)


@pytest.fixture(scope="module")
def config(toy_store) -> dict:
    return resolved(
        "train",
        "experiment=generalized",
        f"store.path={toy_store}",
        "data.velocity.count=1",
        "data.workers=0",
        "velocity_model=iasp91",
        "data.table.step_km=2.0",
        *SMALL,
    )


@pytest.fixture(scope="module")
def module(config):
    return build_module(config, trainable=False).eval()


@pytest.fixture(scope="module")
def batch(config, toy_store) -> Batch:
    data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    return data.__getitems__([(0, i) for i in range(6)])


def single(batch: Batch, row: int) -> Batch:
    """One window of a batch, as a stream's: no targets, and padding left out."""
    exists = batch.mask[row]
    assert isinstance(batch.travel_time, TravelTimeTable)
    return Batch(
        waveforms=batch.waveforms[row : row + 1, exists],
        waveforms_broad=batch.waveforms_broad[row : row + 1, exists],
        station_km=batch.station_km[row : row + 1, exists],
        mask=batch.mask[row : row + 1, exists],
        travel_time=batch.travel_time[torch.tensor([row])],
        now_s=torch.tensor([1000.0], dtype=torch.float64),
    )


def read(module, window: Batch, known=()) -> list[WindowEstimate]:
    module.scheme._coarse = None
    return module.scheme.estimates(module.network, window, list(known))[0]


def an_event(window: Batch, **changes) -> WindowEstimate:
    given = WindowEstimate(
        now_s=999.0,
        detection_score=1.0,
        first_p_time_s=990.0,
        location_score=1.0,
        east_km=0.0,
        north_km=0.0,
        depth_km=8.0,
        origin_time_s=988.0,
        magnitude=3.0,
        horizontal_uncertainty_km=1.0,
    )
    return replace(given, **changes)


def test_losses_are_finite_and_reach_every_parameter(module, batch):
    terms = module.scheme.losses(module.network, batch, batch.targets)
    assert set(terms) == set(module.scheme.terms) == set(module.loss.weights)
    module.loss(terms).backward()
    try:
        for name, parameter in module.network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    finally:
        module.zero_grad(set_to_none=True)


def test_validation_draws_the_same_anchors_every_time(module, batch):
    torch.manual_seed(1)
    with torch.no_grad():
        first, where = module.scheme.validate(module.network, batch, batch.targets)
        torch.manual_seed(2)
        second, again = module.scheme.validate(module.network, batch, batch.targets)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert torch.equal(where.hypocentre_km, again.hypocentre_km)


def test_travel_times_of_a_batch_are_those_of_its_windows(module, batch):
    lattice = module.scheme.volume.coarse(batch.station_km, batch.mask)
    lattice = replace(lattice, first_km=lattice.first_km[:, None], spacing_km=lattice.spacing_km[:, None])
    together = travel_times(batch, lattice)
    row = 0
    for b in range(len(batch)):
        one = replace(lattice, first_km=lattice.first_km[b : b + 1], spacing_km=lattice.spacing_km[b : b + 1])
        alone = travel_times(single(batch, b), one)
        torch.testing.assert_close(together[row : row + len(alone)], alone)
        row += len(alone)
    assert row == len(together)


def test_coarse_volumes_hold_the_network(module, batch):
    lattice = module.scheme.volume.coarse(batch.station_km, batch.mask)
    for b in range(len(batch)):
        cells_km = lattice.cells_km()[b]
        stations_km = batch.station_km[b, batch.mask[b]]
        assert (cells_km[:, :2].amin(dim=0) - lattice.spacing_km[b, :2] / 2 <= stations_km[:, :2]).all()
        assert (cells_km[:, :2].amax(dim=0) + lattice.spacing_km[b, :2] / 2 >= stations_km[:, :2]).all()
    assert (lattice.first_km[:, 2] == module.scheme.volume.min_depth_km).all()


def test_moving_the_whole_frame_moves_the_estimates(module, batch):
    window = single(batch, 0)
    shift_km = torch.tensor([37.0, -12.0, 0.0])
    moved = replace(window, station_km=window.station_km + shift_km)
    before, after = read(module, window), read(module, moved)
    assert before
    assert len(before) == len(after)
    for one, two in zip(before, after, strict=True):
        assert two.east_km - one.east_km == pytest.approx(37.0, abs=0.05)
        assert two.north_km - one.north_km == pytest.approx(-12.0, abs=0.05)
        assert two.depth_km == pytest.approx(one.depth_km, abs=0.05)
        assert two.detection_score == pytest.approx(one.detection_score, abs=1e-3)


def test_the_order_of_stations_does_not_change_the_estimates(module, batch):
    window = single(batch, 1)
    order = torch.arange(window.mask.shape[1]).flip(0)
    turned = replace(
        window,
        waveforms=window.waveforms[:, order],
        waveforms_broad=window.waveforms_broad[:, order],
        station_km=window.station_km[:, order],
        mask=window.mask[:, order],
    )
    for one, two in zip(read(module, window), read(module, turned), strict=True):
        assert two.east_km == pytest.approx(one.east_km, abs=0.01)
        assert two.origin_time_s == pytest.approx(one.origin_time_s, abs=1e-3)
        assert two.magnitude == pytest.approx(one.magnitude, abs=1e-3)


def test_a_network_without_stations_says_nothing(module, batch):
    window = single(batch, 0)
    assert read(module, replace(window, mask=torch.zeros_like(window.mask))) == []


def test_a_batch_of_streams_is_refused(module, batch):
    with pytest.raises(ValueError, match="one at a time"):
        module.scheme.estimates(module.network, batch, [])


def test_picks_of_known_events_are_explained(module, batch):
    window = single(batch, 0)
    known = [Known(an_event(window, horizontal_uncertainty_km=0.0), is_open=True)]
    start_s = 1000.0 - 30.0
    due = module.scheme._due(window, known, start_s)
    n = window.mask.shape[1]
    stations = torch.arange(n).repeat(3)
    times_s = torch.cat([due[0, :, 0] + 0.5, due[0, :, 1] - 0.8, due[0, :, 0] - 1.2])
    picks = Picks(stations, times_s, torch.full_like(times_s, 0.9))
    explained = module.scheme._explained(picks, due, known)
    assert explained[: 2 * n].all()
    assert not explained[2 * n :].any()
    assert not module.scheme._explained(picks, due[:0], []).any()
    vague = [Known(an_event(window, horizontal_uncertainty_km=6.0), is_open=True)]
    assert module.scheme._explained(picks, due, vague).all()  # a second more


def test_settled_events_are_not_read_again(module, batch):
    window = single(batch, 0)
    due_of = lambda known: module.scheme._due(window, known, 970.0)  # noqa: E731
    picks = Picks(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0))
    followed = [Known(an_event(window), is_open=True)]
    settled = [Known(an_event(window), is_open=False)]
    fresh = [Known(an_event(window, now_s=999.6), is_open=True)]
    for known, count in ((followed, 1), (settled, 0), (fresh, 0)):
        centres, _ = module.scheme._followed(window, known, picks, due_of(known))
        assert len(centres) == count


def test_origin_times_are_the_weighted_mean_of_the_picks_that_agree(module):
    picks = Picks(torch.tensor([0, 1, 2]), torch.tensor([10.0, 12.3, 30.0]), torch.tensor([0.5, 1.0, 1.0]))
    travel_s = torch.tensor([[2.0, 4.0, 5.0]])
    origin_s = module.scheme._origin_times(torch.tensor([8.1]), travel_s, picks)
    assert origin_s.item() == pytest.approx((0.5 * 8.0 + 1.0 * 8.3) / 1.5, abs=1e-5)
    none = module.scheme._origin_times(torch.tensor([100.0]), travel_s, picks)
    assert none.item() == 100.0
