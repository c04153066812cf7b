"""Trainings of as many operations as each other."""

import json
from types import SimpleNamespace

import pytest
import torch
from toy import resolved, small_training

from fcn import run_training, training_cost
from fcn.module import FcnModule
from fcn.training_cost import at_equal_cost, count_step_tflop


@pytest.fixture(scope="module")
def config(toy_store) -> dict:
    return small_training(toy_store, "budget=short")


def test_operations_are_those_of_the_layers_forward_and_backward(config):
    """A step of twice the windows takes twice as many, one of several batches as many times more."""
    one = count_step_tflop(config)
    double = count_step_tflop({**config, "data": {**config["data"], "batch_size": 8}})
    assert double == pytest.approx(2 * one, rel=0.03)  # of as many stations, about
    assert count_step_tflop({**config, "trainer": {**config["trainer"], "accumulate_grad_batches": 3}}) == (
        pytest.approx(3 * one)
    )
    assert 1e-6 < one < 1e-2


def test_the_count_is_that_of_a_network_known_by_heart(config, monkeypatch):
    """A product of (5, 7) and (7, 3): 2 * 5 * 7 * 3 forward, as many for the gradient of the weights."""

    network = torch.nn.Linear(7, 3, bias=False)
    scheme = SimpleNamespace(losses=lambda network, *_: network(torch.ones(5, 7)))
    module = SimpleNamespace(network=network, scheme=scheme, loss=torch.sum)
    module.train = lambda: module
    monkeypatch.setattr(training_cost, "build_module", lambda *_, **__: module)
    assert count_step_tflop(config) == pytest.approx(2 * 2 * 5 * 7 * 3 / 1e12)


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("layer", [torch.nn.Conv2d, torch.nn.ConvTranspose2d])
def test_gradients_of_a_convolution_cost_twice_the_convolution(layer, groups):
    """One for the input, one for the weights, channel by channel as well."""
    made = layer(8, 16, 3, groups=groups)
    x = torch.randn(2, 8, 6, 5, requires_grad=True)
    with training_cost.operations_counted() as counter:
        y = made(x)
        forward = counter.get_total_flops()
        y.sum().backward()
    places = 6 * 5 if made.transposed else 4 * 3
    assert forward == 2 * 2 * places * 9 * 8 * 16 / groups  # two of a batch; a product and a sum
    assert counter.get_total_flops() == 3 * forward
    made.weight.requires_grad_(False)
    with training_cost.operations_counted() as counter:
        made(x).sum().backward()
    assert counter.get_total_flops() == 2 * forward


def test_steps_are_those_that_the_budget_pays_for_in_whole_epochs(config, tmp_path, monkeypatch):
    monkeypatch.setattr(training_cost, "count_step_tflop", lambda _: 0.3)
    made = at_equal_cost(config, tmp_path, resume=False)
    assert config["budget"]["training_tflop"] == 5.0  # 16 steps of 0.3, in two epochs
    assert made["trainer"]["max_steps"] == made["optim"]["scheduler"]["total_steps"] == 16
    assert made["data"]["examples_per_epoch"] == 8 * config["data"]["batch_size"]
    said = json.loads((tmp_path / "cost.json").read_text())
    assert said == {"step_tflop": 0.3, "max_steps": 16, "training_tflop": pytest.approx(4.8)}
    monkeypatch.setattr(training_cost, "count_step_tflop", lambda _: 1.0)
    assert at_equal_cost(config, tmp_path, resume=True) == made  # counted once
    assert at_equal_cost(config, tmp_path, resume=False)["trainer"]["max_steps"] == 4
    monkeypatch.setattr(training_cost, "count_step_tflop", lambda _: 3.0)
    with pytest.raises(ValueError, match=r"training_tflop=5 is less than the 2 steps .* of 3 TFLOP each"):
        at_equal_cost(config, tmp_path, resume=False)


def test_without_a_budget_an_experiment_is_as_it_is(toy_store, tmp_path):
    config = small_training(toy_store)
    assert at_equal_cost(config, tmp_path, resume=False) is config
    assert not (tmp_path / "cost.json").exists()


def test_a_budget_shortens_the_validation_of_jobs_of_sweeps_alone(tmp_path, monkeypatch):
    for name in ("check_training", "count_step_tflop"):
        monkeypatch.setattr(training_cost, name, lambda _: 1.0)
    alone = resolved("train", "experiment=generalized")
    of_sweep = at_equal_cost(alone, tmp_path, resume=False)
    minutes, module = [], FcnModule.__new__(FcnModule)
    monkeypatch.setattr(run_training, "sequence_root", lambda *_: tmp_path)
    monkeypatch.setattr(run_training.Sequence, "load", lambda *_: None)
    monkeypatch.setattr(run_training, "some_minutes", lambda _, asked: minutes.append(asked) or 1 / 0)
    for config in (alone, of_sweep):
        with pytest.raises(ZeroDivisionError):
            run_training.validation_replays(config, module)
    assert minutes == [None, alone["budget"]["validation_minutes"]]
    assert minutes[1] == 10.0


def test_what_could_not_be_trained_is_said_before_anything_is_built(toy_store, tmp_path, monkeypatch):
    monkeypatch.setattr(training_cost, "count_step_tflop", lambda _: 1 / 0)
    missing = tmp_path / "none"
    with pytest.raises(FileNotFoundError) as raised:
        at_equal_cost(
            small_training(toy_store, "budget=short", f"store.noise={missing}"), tmp_path, resume=False
        )
    assert f"store.noise={missing} is to be made by" in raised.value.__notes__[0]


def test_a_budget_without_validations_is_refused(toy_store, tmp_path):
    config = small_training(toy_store, "budget.training_tflop=5.0")
    with pytest.raises(ValueError, match=r"budget\.validations must be a whole number"):
        at_equal_cost(config, tmp_path, resume=False)
