"""Training steps, and windows of the image scheme, on another device than the host's: the same, few waits."""

import copy
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from pretended_device import DEVICE, PretendedDevice, there
from small_migration import configured, made_ruptures
from toy import small_training

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.seeding import Purpose

# What a step waits for: whether its loss is a number. The migration network's also for how many stations
# there are and, of the volumes that fine ones are placed about and of those that it is trained on, how many
# stations judge them, and whether travel times reach so far: sizes that all that follows is made for. And how
# many arrivals it has to time, at how many stations.
WAITS_OF_A_STEP = {"migration": 1 + 1 + 2 * 2 + 2, "lite": 1, "eewnet": 1}
# Of a stream's window: seven tensors and the number of its table; whether logits are numbers, whether travel
# times reach so far, and what is said.
WAITS_OF_A_WINDOW = 7 + 1 + 3


def parts(store, arch: str) -> tuple[FcnModule, Batch]:
    """A network to train, and a batch of recombined windows."""
    migration = arch == "migration"
    config = configured(store) if migration else small_training(store, f"arch={arch}")
    dataset = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    batch = dataset.__getitems__([(0, i) for i in range(4)])
    return build_module(config).train(), replace(batch, ruptures=made_ruptures() if migration else None)


def step(module: FcnModule, batch: Batch, device: torch.device, monkeypatch):
    """What a step logs, the gradients it leaves, and what was waited for."""
    module, figures = copy.deepcopy(module), {}
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
    monkeypatch.setattr(FcnModule, "trainer", SimpleNamespace(strategy=strategy))
    monkeypatch.setattr(FcnModule, "_step_generator", lambda self, _: torch.Generator().manual_seed(1))
    monkeypatch.setattr(FcnModule, "log_dict", lambda self, found, **_: figures.update(found))
    with PretendedDevice(pinned=True) as pretended:
        if device == DEVICE:
            module = there(module)
        batch.travel_time.to(device)  # the tables came with an earlier batch, and stay
        pretended.copies.clear()
        module.training_step(batch.to(device), 0).backward()
        waits = pretended.copies.copy()
        gradients = [each.grad.cpu() for each in module.parameters() if each.grad is not None]
        return {name: float(value.detach()) for name, value in figures.items()}, gradients, waits


@pytest.mark.parametrize("arch", WAITS_OF_A_STEP)
def test_a_step_says_and_learns_there_what_it_does_here(toy_store, monkeypatch, arch):
    """What is waited for is listed with -s."""
    module, batch = parts(toy_store, arch)
    here, gradients, none = step(module, batch, torch.device("cpu"), monkeypatch)
    away, gradients_there, waits = step(module, batch, DEVICE, monkeypatch)
    sys.stdout.write("\n".join(f"{n} x {line}" for line, n in waits.most_common()))
    assert away == pytest.approx(here, rel=1e-5)
    assert len(gradients) > 10
    for one, other in zip(gradients, gradients_there, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)
    assert not none
    assert waits.total() == WAITS_OF_A_STEP[arch]


@pytest.mark.parametrize("arch", ["lite", "eewnet"])
def test_windows_of_a_fixed_grid_are_read_there_as_here(toy_store, arch):
    module, batch = parts(toy_store, arch)
    module.eval()
    here = module.scheme.estimates(module.network, batch, [])
    assert all(here)
    with PretendedDevice() as pretended:
        network = there(copy.deepcopy(module.network))
        batch.travel_time.to(DEVICE)
        pretended.copies.clear()
        assert module.scheme.estimates(network, replace(batch, targets=None).to(DEVICE), []) == here
    sys.stdout.write("\n".join(f"{n} x {line}" for line, n in pretended.copies.most_common()))
    assert pretended.copies.total() == WAITS_OF_A_WINDOW
