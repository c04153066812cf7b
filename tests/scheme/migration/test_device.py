"""Windows on another device than the host's: no operation mixes the two."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
from pretended_device import DEVICE, Pretended, PretendedDevice, there
from small_migration import configured, single

from fcn.assemble import build_datamodule, build_module
from fcn.earth import travel_time
from fcn.seeding import Purpose


@pytest.fixture(scope="module")
def parts(toy_store):
    """A small network and a window in which it finds something."""
    config = configured(toy_store, "stations.count=[8,8]")
    module = build_module(config, trainable=False).eval()
    dataset = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    return module, single(dataset.__getitems__([(0, 0), (0, 1)]), 0)


def test_a_mix_of_devices_is_refused():
    with PretendedDevice() as device:
        here = torch.ones(3)
        away = here.to(DEVICE)
        assert isinstance(away + 1.0 + torch.tensor(2.0), Pretended)
        assert (2 * away).tolist() == [2.0] * 3
        with pytest.raises(RuntimeError, match="two devices"):
            away + here
        with pytest.raises(RuntimeError, match="two devices"):
            torch.arange(3) * torch.arange(3, device=DEVICE)
    assert device.copies.total() == 2


def test_windows_are_read_there_as_here(parts):
    """Two of a stream; what is copied between devices is listed with -s. Tables stay where they are."""
    module, window = parts
    travel_time._ON_DEVICES.clear()
    found = {}
    for name in ("here", "there"):
        scheme, network = copy.deepcopy(module.scheme), copy.deepcopy(module.network)
        found[name] = []
        with PretendedDevice() as device:
            if name == "there":
                network = there(network)
            for step in range(2):
                given = replace(window, now_s=window.now_s + 0.5 * step)
                given = given.to(DEVICE) if name == "there" else given
                found[name] += scheme.estimates(network, given, [])
    sys.stdout.write("\n".join(f"{n} x {line}" for line, n in device.copies.most_common()))
    assert found["here"] == found["there"]  # to the last digit
    assert len(found["here"][0]) > 0
    assert sum(n for line, n in device.copies.items() if "self.values.to(device)" in line) == 1
