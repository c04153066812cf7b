"""The migration scheme: its losses, and what its reading of a stream must and must not depend on."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import resolved

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.lattice import Lattice
from fcn.scheme import migration
from fcn.scheme.anchors import Picks
from fcn.scheme.migration import Hypotheses, ModelError, travel_times
from fcn.seeding import Purpose
from fcn.targets.location import LocationEstimate

SMALL = (
    "arch.series_width=8",
    "arch.dilations=[1,2]",
    "arch.n_features=4",
    "arch.volume_width=8",
    "arch.volume_layers=1",
    "arch.magnitude_width=8",
    "scheme.volume.shape=[8,8,6]",
    "scheme.reading.least_probability=0.001",
    "scheme.reading.least_evidence=0.0",
    "scheme.reading.least_picks=0",
)


def configured(store: Path, *overrides: str) -> dict:
    return resolved(
        "train",
        "experiment=generalized",
        f"store.path={store}",
        "data.velocity.count=1",
        "data.workers=0",
        "velocity_model=iasp91",
        "data.table.step_km=2.0",
        *SMALL,
        *overrides,
    )


@pytest.fixture(scope="module")
def config(toy_store) -> dict:
    return configured(toy_store)


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


def middle_km(lattice: Lattice) -> torch.Tensor:
    return lattice.first_km + lattice.spacing_km * (torch.tensor(lattice.shape) - 1) / 2


class Watched:
    """One training step of a copy of the network: the volumes that were read, and in which mode."""

    def __init__(self, module, batch: Batch, own_share: float, *, training: bool) -> None:
        self.network = copy.deepcopy(module.network).train(training)
        self.scheme = replace(module.scheme, own_share=own_share)
        self.lattices, self.logits, self.anchors, self.modes, self.travel_s = [], [], [], [], []
        volumes = self.scheme._volumes

        def watch(network, features, batch, anchors, lattice, travel_s):
            self.modes.append(network.training)
            found = volumes(network, features, batch, anchors, lattice, travel_s)
            self.lattices.append(lattice)
            self.anchors.append(anchors)
            self.travel_s.append(travel_s)
            self.logits.append(found[0])
            return found

        self.scheme._volumes = watch
        torch.manual_seed(5)
        self.scheme.losses(self.network, batch, batch.targets)


def peaks_km(scheme, logits: torch.Tensor, lattice: Lattice) -> torch.Tensor:
    flat = replace(
        lattice, first_km=lattice.first_km.flatten(0, 1), spacing_km=lattice.spacing_km.flatten(0, 1)
    )
    return scheme._decode(logits.detach().flatten(0, 1), flat).hypocentre_km.view(*logits.shape[:2], 3)


@pytest.mark.parametrize("training", [True, False])
def test_fine_volumes_lie_about_the_networks_own_coarse_peaks(module, batch, training):
    seen = Watched(module, batch, 1.0, training=training)
    (coarse, trained), (first, every) = seen.lattices, seen.anchors
    want = seen.scheme.volume.coarse(batch.station_km, batch.mask)
    torch.testing.assert_close(coarse.first_km, want.first_km[:, None].expand_as(coarse.first_km))
    for name in ("station", "time_s"):
        assert torch.equal(getattr(first, name), getattr(every, name)[:, 1::2])
    own_km = peaks_km(seen.scheme, seen.logits[0], coarse)
    fine = replace(trained, first_km=trained.first_km[:, 1::2], spacing_km=trained.spacing_km[:, 1::2])
    at_surface = fine.first_km[..., 2] <= seen.scheme.volume.min_depth_km
    centre_km = middle_km(fine)
    torch.testing.assert_close(centre_km[..., :2], own_km[..., :2], rtol=0, atol=1e-3)
    torch.testing.assert_close(centre_km[..., 2][~at_surface], own_km[..., 2][~at_surface], rtol=0, atol=1e-3)
    assert (own_km[..., 2] <= centre_km[..., 2] + 1e-3)[at_surface].all()


def test_with_no_share_no_fine_volume_does(module, batch):
    own = Watched(module, batch, 1.0, training=False)
    own_km = peaks_km(own.scheme, own.logits[0], own.lattices[0])
    none = Watched(module, batch, 0.0, training=False)
    (drawn,) = none.lattices  # no coarse pass either
    off_km = (middle_km(drawn)[:, 1::2] - own_km)[..., :2].norm(dim=-1)
    assert float(off_km.min()) > 0.05
    # coarse volumes are the same whatever the share
    assert torch.equal(drawn.first_km[:, ::2], own.lattices[1].first_km[:, ::2])


@pytest.mark.parametrize("training", [True, False])
def test_looking_for_its_own_peaks_leaves_the_network_as_it_was(module, batch, training):
    """It is read as in a stream: neither its mode nor the statistics of its volumes change."""
    seen = Watched(module, batch, 1.0, training=training)
    assert seen.modes == [False, training]
    assert all(each.training == training for each in seen.network.modules())
    network = seen.network
    features = network.encode(batch.waveforms, batch.mask)
    before = copy.deepcopy(network.state_dict())
    factor = torch.ones(int(batch.mask.sum()), 1, 1, 2)
    own_km = seen.scheme._own_peaks(network, features, batch, seen.anchors[1], factor)
    assert not own_km.requires_grad
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert network.training == training


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


def reordered(window: Batch, order: torch.Tensor) -> Batch:
    return replace(
        window,
        waveforms=window.waveforms[:, order],
        waveforms_broad=window.waveforms_broad[:, order],
        station_km=window.station_km[:, order],
        mask=window.mask[:, order],
    )


def padded(window: Batch) -> Batch:
    """With loud rows of absent stations before, among and after the others."""
    n = window.mask.shape[1]
    order = torch.cat([torch.zeros(2, dtype=torch.long), torch.arange(n).repeat_interleave(2)])
    absent = torch.ones(len(order), dtype=torch.bool)
    absent[2::2] = False
    more = reordered(window, order)
    for waveforms in (more.waveforms, more.waveforms_broad):
        waveforms[:, absent] = 1e3 * waveforms[:, absent].flip(-1) + 1.0
    return replace(more, mask=~absent[None])


@pytest.fixture(scope="module")
def windows(toy_store) -> dict[int, list[Batch]]:
    """Windows of the smallest and of a large network, as a stream's."""
    made = {}
    for count in (3, 64):
        config = configured(toy_store, f"stations.count=[{count},{count}]", "data.events.elapsed_s=[8,12]")
        data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
        batch = data.__getitems__([(0, i) for i in range(3)])
        made[count] = [single(batch, row) for row in range(len(batch))]
    return made


def coarse_volume(module, window: Batch, station: int) -> tuple[torch.Tensor, ...]:
    """First cell, logits and evidence of the coarse volume of an anchor 20 s into the window."""
    scheme = module.scheme
    one = scheme.volume.coarse(window.station_km, window.mask)
    lattice = replace(one, first_km=one.first_km[:, None], spacing_km=one.spacing_km[:, None])
    with torch.no_grad():
        logits, evidence = scheme._volumes(
            module.network,
            module.network.encode(window.waveforms, window.mask),
            window,
            scheme._as_anchors(torch.tensor([station]), torch.tensor([20.0])),
            lattice,
            travel_times(window, lattice),
        )
    return one.first_km, logits, evidence


def numbers(found: list[WindowEstimate]) -> torch.Tensor:
    """One row per estimate: all it says but the time of the window."""
    return torch.tensor(
        [
            [
                *(each.east_km, each.north_km, each.depth_km, each.magnitude, each.magnitude_uncertainty),
                *(each.origin_time_s - 1000, each.first_p_time_s - 1000),
                *(each.detection_score, each.location_score),
                *(each.horizontal_uncertainty_km, each.depth_uncertainty_km),
            ]
            for each in found
        ]
    )


@pytest.mark.parametrize("count", [3, 64])
def test_the_order_of_stations_does_not_matter(module, windows, count):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    for window in windows[count]:
        turned = reordered(window, order)
        here = int((order == 1).nonzero())
        for one, two in zip(
            coarse_volume(module, window, 1), coarse_volume(module, turned, here), strict=True
        ):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            numbers(read(module, window)), numbers(read(module, turned)), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("count", [3, 64])
def test_absent_stations_do_not_matter(module, windows, count):
    for window in windows[count]:
        more = padded(window)
        far_km = more.station_km.masked_fill(~more.mask[..., None], 90.0)
        far_km[:, 0] *= -1  # on either side
        for one, two in zip(
            coarse_volume(module, window, 1),
            coarse_volume(module, replace(more, station_km=far_km), 4),
            strict=True,
        ):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        # a stream's absent stations are silent for a while, and keep their places in the coarse volume
        torch.testing.assert_close(
            numbers(read(module, window)), numbers(read(module, more)), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("count", [3, 64])
def test_moving_the_whole_frame_moves_the_estimates(module, windows, count):
    shift_km = torch.tensor([37.0, -12.0, 0.0])
    for window in windows[count]:
        moved = replace(window, station_km=window.station_km + shift_km)
        (first_km, *one), (moved_km, *two) = (coarse_volume(module, w, 1) for w in (window, moved))
        torch.testing.assert_close(moved_km, first_km + shift_km, rtol=0, atol=1e-4)
        for before, after in zip(one, two, strict=True):
            # an arrival half-way between two samples may be rounded to the other
            torch.testing.assert_close(before, after, rtol=0, atol=1e-2)
            assert float((before - after).abs().mean()) < 1e-3
        before, after = numbers(read(module, window)), numbers(read(module, moved))
        assert len(before)
        before[:, :2] += shift_km[:2]
        torch.testing.assert_close(after, before, rtol=0, atol=2e-2)


def test_a_network_without_stations_says_nothing(module, batch):
    window = single(batch, 0)
    assert read(module, replace(window, mask=torch.zeros_like(window.mask))) == []


def test_a_batch_of_streams_is_refused(module, batch):
    with pytest.raises(ValueError, match="one at a time"):
        module.scheme.estimates(module.network, batch, [])


def test_picks_of_known_events_are_explained(module, batch):
    window = single(batch, 0)
    known = [Known("one", an_event(window, horizontal_uncertainty_km=0.0), is_open=True)]
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
    vague = [Known("one", an_event(window, horizontal_uncertainty_km=6.0), is_open=True)]
    assert module.scheme._explained(picks, due, vague).all()  # a second more


def test_settled_events_are_not_read_again(module, batch):
    window = single(batch, 0)
    due_of = lambda known: module.scheme._due(window, known, 970.0)  # noqa: E731
    picks = Picks(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0))
    followed = [Known("one", an_event(window), is_open=True)]
    settled = [Known("one", an_event(window), is_open=False)]
    fresh = [Known("one", an_event(window, now_s=999.6), is_open=True)]
    for known, count in ((followed, 1), (settled, 0), (fresh, 0)):
        again = module.scheme._followed(window, known, picks, due_of(known))
        assert again.follows == ("one",) * count


def test_origin_times_are_the_weighted_mean_of_the_picks_that_agree(module):
    picks = Picks(torch.tensor([0, 1, 2]), torch.tensor([10.0, 12.3, 30.0]), torch.tensor([0.5, 1.0, 1.0]))
    travel_s = torch.tensor([[2.0, 4.0, 5.0]])
    origin_s = module.scheme._origin_times(torch.tensor([8.1]), travel_s, picks)
    assert origin_s.item() == pytest.approx((0.5 * 8.0 + 1.0 * 8.3) / 1.5, abs=1e-5)
    none = module.scheme._origin_times(torch.tensor([100.0]), travel_s, picks)
    assert none.item() == 100.0


def test_a_new_hypothesis_needs_picks_that_nothing_better_explains(module):
    """Three hypotheses of one window: a good one, its ghost, and a declared event followed."""
    scheme = copy.deepcopy(module.scheme)
    scheme.reading = replace(scheme.reading, least_picks=2, p_tolerance_s=0.6, s_tolerance_s=0.9)
    p_s = torch.tensor([[10.0, 11.0, 12.0], [10.0, 14.0, 17.0], [2.0, 3.0, 4.0]])  # event, station
    arrival_s = torch.stack([p_s, p_s + torch.tensor([[3.0], [4.5], [3.0]])], dim=-1)
    # P of the good one at all stations; its S at the third, which the ghost takes for a P
    picks = Picks(torch.tensor([0, 1, 2, 2]), torch.tensor([10.0, 11.1, 12.0, 15.0]), torch.full((4,), 0.9))
    arrival_s[1, 2, 0] = 15.1
    none = torch.zeros(4, dtype=torch.bool)
    is_new = torch.tensor([True, True, False])

    def standing(evidence: list[float], explained: torch.Tensor) -> list[bool]:
        return scheme._have_picks(arrival_s, torch.tensor(evidence), picks, is_new, explained).tolist()

    assert standing([2.0, 1.0, 0.0], none) == [True, False, True]
    # with more evidence the ghost, with two picks, stands, and takes one of the good one's three
    assert standing([1.0, 2.0, 0.0], none) == [True, True, True]
    # of two picks that are left to the good one, a declared event explains one
    assert standing([2.0, 1.0, 0.0], torch.tensor([True, True, False, False])) == [False, False, True]


def test_a_declared_event_moves_only_out_of_reach_and_with_evidence(module, batch, monkeypatch):
    """Peaks inside the volume about the last place are the fine pass's; weak ones are nobody's."""
    scheme = copy.deepcopy(module.scheme)
    scheme.reading = replace(scheme.reading, least_evidence=0.5)
    half_km = 0.5 * scheme.volume.cells[0] * scheme.volume.fine_km[0]
    centre_km = torch.zeros(4, 3)
    peak_km = torch.zeros(4, 3)
    peak_km[:, 0] = torch.tensor([1.1, 0.9, 1.1, 0.0]) * half_km
    peak_km[3, 1] = -1.1 * half_km
    score = torch.tensor([0.6, 0.6, 0.4, 0.6])
    none = torch.zeros(4)
    found = LocationEstimate(peak_km, none, none, none)
    monkeypatch.setattr(scheme, "_coarse_peaks", lambda *_: (found, score, None))
    station, time_s = torch.arange(4), torch.arange(4) + 10.0
    with torch.no_grad():
        features = module.network.encode(batch.waveforms, batch.mask)
    followed = Hypotheses(centre_km, station, time_s, ("a", "b", "c", "d"))
    moved = scheme._moved(module.network, features, batch, followed)
    assert moved.station.tolist() == [0, 3]
    assert moved.time_s.tolist() == [10.0, 13.0]
    assert moved.follows == ("a", "d")
    assert torch.equal(moved.centre_km, peak_km[[0, 3]])


def test_two_picks_of_one_station_are_not_two_stations(module):
    scheme = copy.deepcopy(module.scheme)
    scheme.reading = replace(scheme.reading, least_picks=2, p_tolerance_s=0.6)
    arrival_s = torch.tensor([[[10.0, 13.0], [11.0, 14.5]]])  # event, station, phase
    new, none = torch.tensor([True]), torch.zeros(2, dtype=torch.bool)
    for station, stands in ((1, True), (0, False)):
        picks = Picks(torch.tensor([0, station]), torch.tensor([9.7, 10.5]), torch.full((2,), 0.9))
        assert scheme._have_picks(arrival_s, torch.ones(1), picks, new, none).tolist() == [stands]


def test_fine_volumes_stay_inside_the_coarse_one(module):
    """So that no event, however deep or far, leads them to where no travel time is known."""
    volume = replace(module.scheme.volume, shape=(20, 20, 10), fine_km=(1.2, 1.6), min_depth_km=0.0)
    coarse = Lattice(torch.tensor([[-48.0, -48.0, 0.0]]), torch.tensor([[5.0, 5.0, 4.0]]), (20, 20, 10))
    places_km = torch.tensor([[0.0, 0.0, 12.0], [300.0, -300.0, 80.0], [45.0, 0.0, 0.0]])
    fine = volume.fine(places_km, coarse)
    half_km = fine.spacing_km / 2
    low_km = fine.first_km - half_km
    high_km = fine.first_km + fine.spacing_km * torch.tensor([20.0, 20.0, 10.0]) - half_km
    assert (low_km >= torch.tensor([-50.5, -50.5, -2.0]) - 1e-3).all()
    assert (high_km <= torch.tensor([49.5, 49.5, 38.0]) + 1e-3).all()
    middle_km = (low_km + high_km) / 2
    torch.testing.assert_close(middle_km[0], places_km[0])  # where there is room nothing moves
    small = Lattice(torch.tensor([[-5.0, -5.0, 0.0]]), torch.tensor([[0.5, 0.5, 4.0]]), (20, 20, 10))
    about = volume.fine(places_km[1:2], small)
    assert float(about.first_km[0, 0]) == pytest.approx(-0.25 - 9.5 * 1.2)  # about its middle


# ------------------------------------------------------------------ what training asks and varies


def test_amplitudes_are_those_of_the_broad_band(module, batch):
    targets = batch.targets
    p_s, s_s = (
        t.nan_to_num(posinf=300.0).transpose(1, 2) for t in (targets.p_arrival_s, targets.s_arrival_s)
    )

    def seen(**changes: torch.Tensor):
        return module.scheme._measure(replace(batch, **changes), targets.event_km, p_s, s_s)

    as_it_is = seen()
    assert as_it_is.use.any()
    other = seen(waveforms=torch.randn_like(batch.waveforms))
    assert torch.equal(other.first_guess, as_it_is.first_guess)
    assert torch.equal(other.inputs, as_it_is.inputs)
    louder = seen(waveforms_broad=10 * batch.waveforms_broad).first_guess - as_it_is.first_guess
    torch.testing.assert_close(louder[as_it_is.use], torch.ones_like(louder[as_it_is.use]), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("off_cells", "inside"), [(3.9, True), (-3.9, True), (4.1, False), (-4.1, False)])
def test_there_is_evidence_only_where_the_event_lies_in_the_volume(
    module, batch, monkeypatch, off_cells, inside
):
    """Eight cells across, moved so that the event of every true anchor is just inside or just outside."""
    scheme = replace(
        module.scheme, own_share=0.0, anchors=replace(module.scheme.anchors, true_share=[1.0] * 2)
    )
    sure, drawn = 30.0, []

    def about_the_source(batch, anchors, source_km, own_km, generator):
        spacing_km = torch.full_like(source_km, 0.5)
        half = (torch.tensor(scheme.volume.cells) - 1) / 2
        first_km = source_km - spacing_km * half
        first_km[..., 0] += off_cells * 0.5
        drawn.append(anchors)
        return Lattice(first_km, spacing_km, scheme.volume.cells)

    volumes = scheme._volumes

    def surely(*given):
        logits, evidence = volumes(*given)
        return logits, torch.full_like(evidence, sure)

    monkeypatch.setattr(scheme, "_draw_lattice", about_the_source)
    monkeypatch.setattr(scheme, "_volumes", surely)
    torch.manual_seed(3)
    with torch.no_grad():
        terms = scheme.losses(module.network, batch, batch.targets)
    (anchors,) = drawn
    true = (anchors.event >= 0)[anchors.valid].float().mean()
    assert true > 0.3
    # a label that is false costs as much as the network is sure
    wrong = 1 - true if inside else torch.tensor(1.0)
    assert float(terms["evidence"]) == pytest.approx(sure * float(wrong), rel=1e-4, abs=1e-4)
    assert (float(terms["location"]) > 0) == inside


P_AT_S = 10.0


def p_loss(module, batch: Batch, snr: list[float], *, picked: bool) -> float:
    """Station-P loss where the first station has P of so many events at `P_AT_S`, and says it or not."""
    targets = batch.targets
    p_s, p_snr = torch.full_like(targets.p_arrival_s, torch.inf), torch.zeros_like(targets.p_snr)
    b, station = batch.mask.nonzero()[0]
    p_s[b, station, : len(snr)], p_snr[b, station, : len(snr)] = P_AT_S, torch.tensor(snr)
    station_p = torch.full((*batch.mask.shape, batch.waveforms.shape[-1]), -12.0)
    if picked:
        at = round(P_AT_S * module.scheme.sampling_rate_hz)
        station_p[b, station, at - 1 : at + 2] = 12.0
    loss = module.scheme._station_p_loss(station_p, batch, replace(targets, p_arrival_s=p_s, p_snr=p_snr))
    return float(loss)


@pytest.mark.parametrize(
    ("snr", "wanted"),
    [
        ([0.0], False),  # P is yet to come
        ([0.1], None),
        ([3.0], None),
        ([3.1], True),
        ([3.1, 1.0], True),  # a doubtful one beside a visible one takes nothing away
        ([0.0, 1.0], None),
    ],
)
def test_samples_about_a_doubtful_p_do_not_count(module, batch, snr, wanted):
    """None: neither picking it nor leaving it costs anything."""
    assert module.scheme.visible_snr == 3.0
    picked, left = (p_loss(module, batch, snr, picked=each) for each in (True, False))
    n_samples = int(batch.mask.sum()) * batch.waveforms.shape[-1]
    wrong = 12.0 / n_samples  # of one sample
    if wanted is None:
        assert picked == pytest.approx(left, abs=1e-3 * wrong)
        assert left < 0.1 * wrong
    elif wanted:
        assert left > picked + 3 * wrong
    else:
        assert picked > left + 2 * wrong


def drawn_factors(module, batch: Batch, **deviations: float) -> torch.Tensor:
    """(draw, window, station, phase) of windows of as many stations."""
    error = ModelError(**({"path": 0.0, "station": 0.0, "s": 0.0} | deviations))
    scheme = replace(module.scheme, model_error=error)
    there = torch.zeros_like(batch.mask)
    there[:, [0, 2]] = True  # not one after another: an absent station draws as well
    generator = torch.Generator().manual_seed(0)
    factors = [scheme._draw_errors(replace(batch, mask=there), generator) for _ in range(400)]
    return torch.stack(factors).view(400, len(batch), 2, 2)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_the_error_of_the_path_is_one_per_window(module, batch):
    factor = drawn_factors(module, batch, path=0.03)
    assert float(factor.mean()) == pytest.approx(1.0, abs=2e-3)
    assert float(factor.std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor, factor[:, :, :1, :1].expand_as(factor))  # all stations, P and S
    assert abs(correlation(factor[:, 0], factor[:, 1])) < 0.15


def test_the_error_of_a_station_is_its_own(module, batch):
    factor = drawn_factors(module, batch, station=0.03)
    assert float(factor.mean()) == pytest.approx(1.0, abs=2e-3)
    assert float(factor.std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor[..., 0], factor[..., 1])
    assert abs(correlation(factor[:, :, 0], factor[:, :, 1])) < 0.1
    assert abs(correlation(factor[:, 0], factor[:, 1])) < 0.15


def test_the_error_of_s_is_one_per_window_beside_that_of_p(module, batch):
    factor = drawn_factors(module, batch, s=0.03)
    assert torch.equal(factor[..., 0], torch.ones_like(factor[..., 0]))
    assert float(factor[..., 1].std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor[:, :, 0], factor[:, :, 1])
    together = drawn_factors(module, batch, path=0.03, station=0.02, s=0.01)
    p, beside = together[..., 0], together[..., 1] - together[..., 0]
    assert float(p.std()) == pytest.approx((0.03**2 + 0.02**2) ** 0.5, rel=0.05)
    assert correlation(p[:, :, 0], p[:, :, 1]) == pytest.approx(0.03**2 / (0.03**2 + 0.02**2), abs=0.05)
    assert float(beside.std()) == pytest.approx(0.01, rel=0.05)
    assert abs(correlation(p, beside)) < 0.1


def test_volumes_are_trained_with_travel_times_that_are_wrong(module, batch):
    """Both passes of a step with the same errors."""
    seen = Watched(module, batch, 1.0, training=False)
    ratios = []
    for lattice, given_s in zip(seen.lattices, seen.travel_s, strict=True):
        true_s = travel_times(batch, lattice)
        ratio = given_s / true_s
        mean = ratio.mean(dim=(1, 2), keepdim=True)
        torch.testing.assert_close(ratio, mean.expand_as(ratio), rtol=1e-3, atol=0)
        ratios.append(mean)
    torch.testing.assert_close(ratios[0], ratios[1], rtol=1e-3, atol=0)
    assert float(ratios[0].std()) > 0.005


@pytest.mark.parametrize("jitter_km", [(0.0, 0.0), (1.5, 4.0)])
def test_amplitudes_are_trained_about_the_hypocentre(module, batch, monkeypatch, jitter_km):
    """As far from it as `hypocentre_jitter_km` says: a stream's are never the true ones."""
    scheme = replace(module.scheme, hypocentre_jitter_km=jitter_km)
    measure, seen_km = scheme._measure, []

    def watch(batch, hypocentre_km, p_s, s_s):
        seen_km.append(hypocentre_km)
        return measure(batch, hypocentre_km, p_s, s_s)

    monkeypatch.setattr(scheme, "_measure", watch)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(40):
            scheme._magnitudes(module.network, batch, batch.targets, generator)
    off_km = (torch.stack(seen_km) - batch.targets.event_km)[:, batch.targets.event_exists].flatten(0, 1)
    want = torch.tensor([jitter_km[0], jitter_km[0], jitter_km[1]])
    torch.testing.assert_close(off_km.std(dim=0), want, rtol=0.15, atol=1e-6)
    assert (off_km.mean(dim=0).abs() <= 0.2 * want + 1e-6).all()


# ------------------------------------------------------------------ which picks anchor and count


def picked(monkeypatch, *picks: tuple[int, float]) -> None:
    """A network that picks P at these (station, seconds after the window's first sample)."""
    station, time_s = zip(*picks, strict=True)
    found = Picks(torch.tensor(station), torch.tensor(time_s), torch.full((len(picks),), 0.9))
    monkeypatch.setattr(migration, "find_picks", lambda *_, **__: found)


def reading(module, **changes):
    """A copy of the module whose scheme reads otherwise."""
    other = copy.copy(module)
    other.scheme = replace(module.scheme, reading=replace(module.scheme.reading, **changes))
    return other


@pytest.mark.parametrize(("recent_s", "n_found"), [(12.0, 1), (10.0, 0)])
def test_an_old_unexplained_pick_anchors_nothing(module, batch, monkeypatch, recent_s, n_found):
    picked(monkeypatch, (1, 19.0))  # 11 s ago
    assert len(read(reading(module, recent_s=recent_s), single(batch, 0))) == n_found


@pytest.mark.parametrize(
    ("explained", "n_found"), [([False, False], 1), ([False, True], 0), ([True, False], 0), ([True, True], 0)]
)
def test_picks_that_a_declared_event_explains_do_not_make_a_new_one(
    module, batch, monkeypatch, explained, n_found
):
    """Two stations have a pick where the new hypothesis has its P; it needs two of its own."""
    # so wide that either pick fits wherever the network puts the event
    other = reading(module, least_picks=2, p_tolerance_s=100.0, max_anchors=1)
    picked(monkeypatch, (0, 22.0), (1, 23.0))
    monkeypatch.setattr(other.scheme, "_explained", lambda *_: torch.tensor(explained))
    assert len(read(other, single(batch, 0))) == n_found
