"""What the module asks of its network, and how it answers windows without data."""

import copy
import sys
import types
from dataclasses import replace

import pytest
import torch
from toy import resolved, small_training

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.scheme.base import NonFiniteError
from fcn.scheme.image import objective
from fcn.scheme.image.predict import predict
from fcn.seeding import Purpose


@pytest.fixture(scope="module")
def module(toy_store):
    return build_module(small_training(toy_store)).eval()


@pytest.fixture(scope="module")
def batch(toy_store) -> Batch:
    made = build_datamodule(small_training(toy_store), toy_store).recombined(Purpose.TRAIN, "train")
    return made.__getitems__([(0, i) for i in range(12)])


def terms(module, batch: Batch, **rubbish) -> dict[str, float]:
    with torch.no_grad():
        prediction = replace(predict(module.network, batch), **rubbish)
        return {
            k: float(v) for k, v in module.scheme.objective.score(prediction, batch, batch.targets).items()
        }


def test_padded_stations_do_not_count(module, batch):
    assert (~batch.mask).any()
    with torch.no_grad():
        station_p = predict(module.network, batch).station_p
    wild = torch.where(batch.mask[..., None], station_p, torch.full_like(station_p, 50.0))
    assert terms(module, batch, station_p=wild) == pytest.approx(terms(module, batch))
    everywhere = terms(module, batch, station_p=torch.full_like(station_p, 50.0))
    assert everywhere["station_p"] > terms(module, batch)["station_p"]


def test_windows_without_an_event_have_no_place_and_no_size(module, batch):
    quiet = ~batch.targets.is_event
    assert quiet.any()
    assert batch.targets.is_event.any()
    with torch.no_grad():
        found = predict(module.network, batch)
    location, magnitude = found.location.clone(), found.magnitude.clone()
    location[quiet] = torch.randn_like(location[quiet]) * 9
    magnitude[quiet] = torch.randn_like(magnitude[quiet]) * 9
    assert terms(module, batch, location=location, magnitude=magnitude) == pytest.approx(terms(module, batch))


def test_an_event_nobody_can_see_yet_is_none(batch):
    seen = (batch.targets.p_snr[..., 0] > 3.0).any(dim=1)
    assert torch.equal(batch.targets.is_event, seen & (batch.targets.elapsed_s > 0))


def test_each_branch_gets_its_band(module, batch):
    given = {}
    network = module.network

    class Spy(torch.nn.Module):
        def forward(self, *args):
            given.update(narrow=args[0], broad=args[1])
            return network(*args)

    module.network = Spy()
    try:
        predict(module.network, batch)
    finally:
        module.network = network
    assert given["narrow"] is batch.waveforms
    assert given["broad"] is batch.waveforms_broad


def test_the_image_holds_e_n_z_and_position_by_x_then_by_y(module):
    """Zhang & Zhang (2024): rows by x, then by y; channels E, N, Z, x, y."""
    seen = {}
    handle = module.network.location.register_forward_pre_hook(lambda _, args: seen.update(image=args[0]))
    station_km = torch.tensor([[[30.0, -10.0, 0.0], [-20.0, 5.0, 0.0], [10.0, 40.0, 0.0]]])
    waveforms = torch.zeros(1, 3, 3, 600)
    for station in range(3):
        for component in range(3):  # Z, N, E
            waveforms[0, station, component, 100] = 1 + 10 * station + component
    try:
        with torch.no_grad():
            mask = torch.ones(1, 3, dtype=torch.bool)
            module.network(waveforms, waveforms, station_km, mask, _NoTimes())
    finally:
        handle.remove()
    sample = seen["image"][0, :, :3, 100] * 23.0  # undo the scaling by the network's maximum
    by_x, by_y = [1, 2, 0], [0, 1, 2]
    for first, order in ((0, by_x), (5, by_y)):
        for row, station in enumerate(order):
            want = [1 + 10 * station + component for component in (2, 1, 0)]
            assert sample[first : first + 3, row].tolist() == pytest.approx(want, rel=1e-5)
            position = (station_km[0, station, :2] / module.network.scale_km).tolist()
            assert (sample[first + 3 : first + 5, row] / 23.0).tolist() == pytest.approx(position, rel=1e-5)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda made: (made.first_p, made.location),
            r"EEWNet returns a tuple: it must be a fcn\.arch\.\S+tion",
        ),
        (
            lambda made: replace(made, location=made.location.transpose(2, 3)),
            r"returns location of shape \(12, (\d+), (\d+), (\d+)\), and it must be \(12, \1, \3, \2\)",
        ),
        (
            lambda made: replace(made, station_p=made.station_p[..., 1:], first_p=made.first_p[..., 1:]),
            "station_p of shape .*599.*must be .*600",
        ),
        (lambda made: replace(made, magnitude=made.magnitude[:, 1:]), "magnitude of shape"),
    ],
)
def test_an_answer_of_another_shape_is_named(module, batch, monkeypatch, spoil, message):
    """As of a network of one's own; replaced where it is called, for types are checked in tests alone."""
    monkeypatch.setattr(objective, "predict", lambda *args: spoil(predict(*args)))
    with pytest.raises(ValueError, match=message):
        module.scheme.losses(module.network, batch, batch.targets, torch.Generator())


class _NoTimes:
    def between(self, source_km, station_km):
        raise AssertionError("not needed")

    def to(self, device):
        return self


def test_a_window_without_any_station_says_nothing(module, batch):
    """The event after an outage of the whole network must still be found."""
    dead = replace(batch, mask=torch.zeros_like(batch.mask), waveforms=torch.zeros_like(batch.waveforms))
    with torch.no_grad():
        found = predict(module.network, dead)
    assert torch.isfinite(found.first_p).all()
    estimates = module.scheme.estimates(module.network, dead, [])
    assert estimates == [[] for _ in range(len(dead))]


@pytest.mark.parametrize(("branch", "output"), [("detection", "first_p"), ("location", "location")])
def test_a_network_that_answers_with_no_number_is_no_quiet_one(module, batch, branch, output):
    spoilt = copy.deepcopy(module.network)
    for parameter in getattr(spoilt, branch).parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match=rf"network's {output} is not finite, for ground velocities"):
        module.scheme.estimates(spoilt, batch, [])


class OwnNetwork(torch.nn.Module):
    """Takes what the scheme gives, and nothing of EEWNet's."""

    def __init__(self, *, grid_axes_km, magnitude_axis):
        super().__init__()


def test_a_loss_names_its_terms_and_makes_one_number_of_them(module, batch, monkeypatch):
    other = copy.deepcopy(module.loss)
    del other.weights
    with pytest.raises(ValueError, match=r"Loss has no weights: .* each term \(station_p, first_p, loc"):
        FcnModule(module.network, other, module.scheme)
    trained = FcnModule(module.network, module.loss, module.scheme, seed=1)
    monkeypatch.setattr(trained, "_step_generator", lambda _: torch.Generator())
    for total, message in ((torch.ones(4), r"returns of shape \(4,\)"), (2.0, "returns 2.0")):
        monkeypatch.setattr(module.loss, "forward", lambda _, total=total: total)
        with pytest.raises(ValueError, match=f"MultitaskLoss {message}: it must be a tensor of one number"):
            trained.training_step(batch, 0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["arch=migration", "scheme=image"], "not made for ImageScheme"),
        (["arch=eewnet", "scheme=migration"], "not made for MigrationScheme"),
        (["arch=migration", "loss=image"], "choose the loss"),
        (
            ["experiment=smoke", "arch._target_=test_module.OwnNetwork"],
            r"'location_channels'\): leave scheme= out, .* keys of arch an experiment .*~arch\.<key>",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(overrides, message):
    with pytest.raises(ValueError, match=message):
        build_module(resolved("train", *overrides), trainable=False)


@pytest.mark.parametrize("target", ["tests_own.Short", "tests_own.Long"])
def test_what_a_constructor_raises_is_not_blamed_on_the_choice_of_scheme(monkeypatch, target):
    class Short(torch.nn.Module):
        def __init__(self, **arguments):
            super().__init__()
            raise TypeError("unsupported operand")

    class Long(Short):
        def __init__(self, **arguments):
            len(3)

    monkeypatch.setitem(sys.modules, "tests_own", types.SimpleNamespace(Short=Short, Long=Long))
    config = resolved("train", "arch=lite")
    with pytest.raises(TypeError, match=r"unsupported operand|has no len") as raised:
        build_module({**config, "arch": {"_target_": target, "_partial_": True}}, trainable=False)
    assert f"while building the network of arch: {{'_target_': '{target}'" in raised.value.__notes__[0]


def test_a_module_without_a_seed_does_not_train(toy_store, batch):
    module = build_module(small_training(toy_store), trainable=False)
    with pytest.raises(RuntimeError, match="without a seed"):
        module.training_step(batch, 0)
