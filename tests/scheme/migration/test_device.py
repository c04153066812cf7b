"""Windows on another device than the host's: no operation mixes the two, and few copies are made."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
from pretended_device import DEVICE, Pretended, PretendedDevice, there
from small_migration import configured, single

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.catalogue.event import Known
from fcn.earth import travel_time
from fcn.module import FcnModule
from fcn.scheme.migration.candidates import CandidateLaw
from fcn.scheme.migration.scheme import MigrationScheme
from fcn.seeding import Purpose

N_WINDOWS = 3
MOST_PER_WINDOW = 40  # of a window with hypotheses, whatever its stations and anchors; the batch itself is 8


@pytest.fixture(scope="module")
def parts(toy_store):
    """A small network and a window of many stations in which it finds something."""
    config = configured(toy_store, "stations.count=[16,16]")
    module = build_module(config, trainable=False).eval()
    dataset = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    return module, single(dataset.__getitems__([(0, 0), (0, 1)]), 0)


def read(module: FcnModule, window: Batch, device: torch.device, *, most: int = 8, n_stations: int = 16):
    """What is said of a stream's windows, with so many anchors at most, and the copies of each window."""
    scheme, network = copy.deepcopy(module.scheme), copy.deepcopy(module.network)
    assert isinstance(scheme, MigrationScheme)
    scheme = replace(scheme, reading=replace(scheme.reading, max_anchors=most))
    here = {
        name: getattr(window, name)[:, :n_stations]
        for name in ("waveforms", "waveforms_broad", "station_km", "mask", "known", "background_mps", "peaks")
    }
    said, copies = [], []
    for step in range(N_WINDOWS):
        with PretendedDevice() as pretended:
            if step == 0 and device == DEVICE:
                network = there(network)
            given = replace(window, **here, now_s=window.now_s + 0.5 * step).to(device)
            said += scheme.estimates(network, given, [])
        copies.append(pretended.copies)
    return said, copies


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
        assert here.double().long().dtype == torch.long  # no copy between devices
        assert not torch.equal(away, 2 * away)
    assert device.copies.total() == 3


def test_windows_are_read_there_as_here(parts):
    """Windows of a stream; what is copied between devices is listed with -s. Tables stay where they are."""
    travel_time._ON_DEVICES.clear()
    here, _ = read(*parts, torch.device("cpu"))
    away, copies = read(*parts, DEVICE)
    assert here == away  # to the last digit
    assert all(len(said) > 0 for said in here)
    lines = sum(copies[1:], start=copies[0])
    sys.stdout.write("\n".join(f"{n} x {line}" for line, n in lines.most_common()))
    assert sum(n for line, n in lines.items() if "self.values.to(device)" in line) == 1


def test_what_is_known_and_what_was_found_is_read_there_as_here(parts):
    """What the window before found is asked again, beside an event that a hypothesis may turn out to be."""
    module, window = parts
    law = CandidateLaw(least_evidence=1e-9, least_magnitude=-99.0)
    found = []
    for device in (torch.device("cpu"), DEVICE):
        scheme = replace(module.scheme, reading=replace(module.scheme.reading, candidates=law))
        said, known = [], []
        for step in range(N_WINDOWS):
            with PretendedDevice():
                network = there(copy.deepcopy(module.network)) if device == DEVICE else module.network
                given = replace(window, now_s=window.now_s + 0.5 * step).to(device)
                (each,) = scheme.estimates(network, given, known)
            said.append(each)
            known = known or [Known("declared", each[0], is_open=True)]
        assert any(one.follows for one in said[-1])
        assert scheme.reader.candidates.last
        found.append(said)
    assert found[0] == found[1]


def test_copies_grow_neither_with_anchors_nor_with_stations(parts):
    """A device is waited for at every one."""
    found = {}
    for most, n_stations in ((1, 6), (1, 16), (8, 16)):
        said, copies = read(*parts, DEVICE, most=most, n_stations=n_stations)
        of_ear = sum(n for line, n in copies[-1].items() if "hearing.py" in line)
        assert of_ear <= 2, "there and back, where an arrival is due"
        found[most, n_stations] = copies[-1].total() - of_ear, len(said[-1])
    few, stations, many = found.values()
    sys.stdout.write(f"{many[0]} copies of a window with {many[1]} hypotheses")
    assert few[1] >= 1
    assert many[1] >= stations[1] + 2  # more was asked for
    assert few[0] == stations[0] == many[0] <= MOST_PER_WINDOW


def test_one_reader_reads_now_here_and_now_there(parts):
    """What it keeps of windows is where it computes: features, travel times."""
    module, window = parts
    scheme = copy.deepcopy(module.scheme)
    said = []
    for step, away in enumerate((False, True, False, True, True)):
        with PretendedDevice():
            network = there(copy.deepcopy(module.network)) if away else module.network
            given = replace(window, now_s=window.now_s + 0.5 * (step // 4))
            said.append(scheme.estimates(network, given.to(DEVICE) if away else given, []))
    assert said[0] == said[1] == said[2] == said[3]
    assert len(said[0]) > 0
