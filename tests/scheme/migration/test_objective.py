"""Losses of the migration network: what training asks, draws and varies."""

import copy
from collections import defaultdict
from dataclasses import dataclass, field, fields, replace

import pytest
import torch

from fcn.batch import Batch
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration import objective as module_of_losses
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.objective import MigrationObjective
from fcn.scheme.migration.training_volumes import TimeError
from fcn.scheme.migration.volume import travel_times


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_losses_are_finite_and_reach_every_parameter(module, batch):
    terms = module.scheme.losses(module.network, batch, batch.targets, seeded(0))
    assert set(terms) == set(module.scheme.terms) == set(module.loss.weights)
    module.loss(terms).backward()
    try:
        for name, parameter in module.network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    finally:
        module.zero_grad(set_to_none=True)


def test_arrivals_are_learnt_beside_everything_and_change_none_of_it(module, batch):
    """Of the network only what times them is trained by that, and by P and S."""
    terms = module.scheme.losses(module.network, batch, batch.targets, seeded(0))
    for phase in ("p", "s"):
        name = f"{phase}_arrival_s"
        later = replace(batch.targets, **{name: getattr(batch.targets, name) + 0.4})
        moved = module.scheme.losses(module.network, batch, later, seeded(0))
        assert moved["arrivals"] != terms["arrivals"]
    assert moved["station_p"] == terms["station_p"]
    terms["arrivals"].backward()
    try:
        trained = {name for name, each in module.network.named_parameters() if each.grad is not None}
        assert trained == {name for name, _ in module.network.named_parameters() if name.startswith("ear.")}
    finally:
        module.zero_grad(set_to_none=True)


def test_a_network_that_times_nothing_loses_nothing_by_it(module, batch):
    deaf = copy.deepcopy(module.network)
    deaf.ear = None
    assert module.scheme.losses(deaf, batch, batch.targets, seeded(0))["arrivals"] == 0.0


def test_what_is_drawn_comes_from_the_generator_alone(module, batch):
    """Whatever torch's own generator has been used for; and it is not used."""

    def terms(seed: int, unrelated: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(unrelated)
        state = torch.get_rng_state()
        with torch.no_grad():
            found = module.scheme.losses(module.network, batch, batch.targets, seeded(seed))
        assert torch.equal(torch.get_rng_state(), state)
        return found

    first, again, other = terms(1, 0), terms(1, 5), terms(2, 0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in ("evidence", "location", "magnitude"))


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


@dataclass(frozen=True)
class Watching(Migration):
    """Keeps what it is asked: the volumes, and in which mode the network was."""

    seen: dict[str, list] = field(default_factory=lambda: defaultdict(list))

    def volumes(self, network, features, batch, anchors, lattice, pairs, travel_s):
        logits, evidence = super().volumes(network, features, batch, anchors, lattice, pairs, travel_s)
        given = {"lattice": lattice, "anchors": anchors, "pairs": pairs, "travel_s": travel_s}
        given["logits"] = logits
        for name, value in (given | {"mode": network.training}).items():
            self.seen[name].append(value)
        return logits, evidence

    def peaks_km(self, index: int) -> torch.Tensor:
        """Places read from the logits of one call."""
        logits = self.seen["logits"][index].detach()
        return self.decode(logits, self.seen["lattice"][index]).hypocentre_km.view(*logits.shape[:2], 3)


def watched(objective, **changes) -> tuple[MigrationObjective, Watching]:
    """A copy of the objective, otherwise, and its core, which keeps what it is asked."""
    core = objective.core
    core = Watching(*(getattr(core, each.name) for each in fields(Migration)))
    return replace(objective, core=core, **changes), core


def step(module, batch: Batch, own_share: float, *, training: bool):
    """One training step of a copy of the network: the objective, its core and the network."""
    network = copy.deepcopy(module.network).train(training)
    objective, core = watched(module.scheme.objective, own_share=own_share)
    objective.losses(network, batch, batch.targets, seeded(5))
    return objective, core, network


@pytest.mark.parametrize("training", [True, False])
def test_fine_volumes_lie_about_the_networks_own_coarse_peaks(module, batch, training):
    _, core, _ = step(module, batch, 1.0, training=training)
    (coarse, trained), (first, every) = core.seen["lattice"], core.seen["anchors"]
    _, want = core.about_stations(batch, first.station)
    torch.testing.assert_close(coarse.first_km, want.first_km)
    for name in ("station", "time_s"):
        assert torch.equal(getattr(first, name), getattr(every, name)[:, 1::2])
    own_km = core.peaks_km(0)
    fine = replace(trained, first_km=trained.first_km[:, 1::2], spacing_km=trained.spacing_km[:, 1::2])
    at_surface = fine.first_km[..., 2] <= core.volume.min_depth_km
    centre_km = middle_km(fine)
    torch.testing.assert_close(centre_km[..., :2], own_km[..., :2], rtol=0, atol=1e-3)
    torch.testing.assert_close(centre_km[..., 2][~at_surface], own_km[..., 2][~at_surface], rtol=0, atol=1e-3)
    assert (own_km[..., 2] <= centre_km[..., 2] + 1e-3)[at_surface].all()


def test_with_no_share_no_fine_volume_does(module, batch):
    _, own, _ = step(module, batch, 1.0, training=False)
    _, none, _ = step(module, batch, 0.0, training=False)
    (drawn,) = none.seen["lattice"]  # no coarse pass either
    off_km = (middle_km(drawn)[:, 1::2] - own.peaks_km(0))[..., :2].norm(dim=-1)
    assert float(off_km.min()) > 0.05
    # coarse volumes are the same whatever the share
    assert torch.equal(drawn.first_km[:, ::2], own.seen["lattice"][1].first_km[:, ::2])


@pytest.mark.parametrize("training", [True, False])
def test_looking_for_its_own_peaks_leaves_the_network_as_it_was(module, batch, training):
    """It is read as in a stream: neither its mode nor the statistics of its volumes change."""
    objective, core, network = step(module, batch, 1.0, training=training)
    assert core.seen["mode"] == [False, training]
    assert all(each.training == training for each in network.modules())
    features = core.encode(network, batch)
    before = copy.deepcopy(network.state_dict())
    anchors = core.seen["anchors"][1]
    near, coarse = core.about_stations(batch, anchors.station)
    error = TimeError(torch.ones(*batch.mask.shape, 2), torch.zeros(*batch.mask.shape, 2))
    own_km = objective._own_peaks(network, features, batch, anchors, near, coarse, error)
    assert not own_km.requires_grad
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert network.training == training


def test_looking_for_its_own_peaks_leaves_what_is_frozen_frozen(module, batch):
    """Statistics of volumes that are trained go on, those of series that are not stay."""
    network = copy.deepcopy(module.network).train()
    for each in network.series.modules():
        each.training = False
    modes = [each.training for each in network.modules()]
    before = copy.deepcopy(network.state_dict())
    objective, _ = watched(module.scheme.objective, own_share=1.0)
    objective.losses(network, batch, batch.targets, seeded(5))
    assert [each.training for each in network.modules()] == modes
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("volumes.") and name.endswith("running_mean") for name in moved)
    assert not any(name.startswith("series.") for name in moved)


def test_volumes_are_trained_with_travel_times_that_are_wrong(module, batch):
    """Both passes of a step with the same errors."""
    _, core, _ = step(module, batch, 1.0, training=False)
    errors: dict[tuple[int, int], list[torch.Tensor]] = defaultdict(list)
    for lattice, pairs, given_s in zip(
        *(core.seen[name] for name in ("lattice", "pairs", "travel_s")), strict=True
    ):
        true_s = travel_times(batch, lattice, pairs)
        from_mean_s, given_from_mean_s = (each - each.mean(dim=2, keepdim=True) for each in (true_s, given_s))
        factor = (from_mean_s * given_from_mean_s).sum(dim=2) / (from_mean_s**2).sum(dim=2)
        delay_s = given_s.mean(dim=2) - factor * true_s.mean(dim=2)
        torch.testing.assert_close(
            given_s, factor[..., None] * true_s + delay_s[..., None], rtol=0, atol=2e-3
        )  # of every cell of a volume the same two
        for (window, _, station), *each in zip(pairs.tolist(), factor, delay_s, strict=True):
            errors[window, station].append(torch.stack(each))
    of_station = [torch.stack(each) for each in errors.values()]
    for each in of_station:
        torch.testing.assert_close(each, each[:1].expand_as(each), rtol=0, atol=5e-3)
    factors, delays_s = torch.stack([each[0] for each in of_station]).unbind(dim=1)
    assert float((factors[:, 0]).std()) > 0.005
    assert float(delays_s[:, 0].std()) > 0.02
    torch.testing.assert_close(delays_s[:, 1], 2 * delays_s[:, 0], rtol=0, atol=0.03)


class Sure(Watching):
    """Of evidence everywhere."""

    EVIDENCE = 30.0

    def volumes(self, *given):
        logits, evidence = super().volumes(*given)
        return logits, torch.full_like(evidence, self.EVIDENCE)


@pytest.mark.parametrize(("off_cells", "inside"), [(3.9, True), (-3.9, True), (4.1, False), (-4.1, False)])
def test_there_is_evidence_only_where_the_event_lies_in_the_volume(
    module, batch, monkeypatch, off_cells, inside
):
    """Eight cells across, moved so that the event of every true anchor is just inside or just outside."""
    given = module.scheme.objective
    core = Sure(*(getattr(given.core, each.name) for each in fields(Migration)))
    anchors = replace(given.anchors, true_share=[1.0] * 2)
    objective = replace(given, core=core, own_share=0.0, anchors=anchors)

    def about_the_source(volume, batch, anchors, coarse, source_km, own_km, **_):
        spacing_km = torch.full_like(source_km, 0.5)
        half = (torch.tensor(volume.cells) - 1) / 2
        first_km = source_km - spacing_km * half
        first_km[..., 0] += off_cells * 0.5
        return Lattice(first_km, spacing_km, volume.cells)

    monkeypatch.setattr(module_of_losses, "draw_volumes", about_the_source)
    with torch.no_grad():
        terms = objective.losses(module.network, batch, batch.targets, seeded(3))
    (drawn,) = core.seen["anchors"]
    true = (drawn.event >= 0)[drawn.valid].float().mean()
    assert true > 0.3
    # a label that is false costs as much as the network is sure
    wrong = 1 - true if inside else torch.tensor(1.0)
    assert float(terms["evidence"]) == pytest.approx(core.EVIDENCE * float(wrong), rel=1e-4, abs=1e-4)
    assert (float(terms["location"]) > 0) == inside
