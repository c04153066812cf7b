"""Events simulated whole, in the place of recombined ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from audited import RATE_HZ, configuration

from fcn.assemble import build_datamodule
from fcn.audit.direct import DirectSimulation
from fcn.batch import Batch
from fcn.config import build
from fcn.recombine.noise import NoiseBank
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore


def simulation(store: Path, **changes) -> DirectSimulation:
    recipe = build(configuration(store)["store"]["recipe"]["recipe"])
    return DirectSimulation(
        recipe, NoiseBank(BaseStore.open(store), "train", None), lead_s=5.0, seed=1, **changes
    )


@pytest.fixture(scope="module")
def batch(toy_store) -> Batch:
    module = build_datamodule(configuration(toy_store), toy_store)
    return module.recombined(Purpose.TRAIN, "train").__getitems__([(0, i) for i in range(6)])


@pytest.fixture(scope="module")
def direct(batch, toy_store) -> Batch:
    return simulation(toy_store).like(batch, 0)


def test_direct_events_have_the_same_network_and_first_p(batch, direct):
    assert direct.waveforms.shape == batch.waveforms.shape
    assert torch.equal(direct.station_km, batch.station_km)
    assert torch.equal(direct.targets.magnitude, batch.targets.magnitude)
    assert direct.waveforms[~batch.mask].abs().sum() == 0
    first = [
        b.targets.p_arrival_s[..., 0].masked_fill(~b.mask, torch.inf).amin(dim=1) for b in (batch, direct)
    ]
    torch.testing.assert_close(first[0], first[1], atol=0.5 / RATE_HZ + 1e-3, rtol=0)


def test_direct_events_begin_at_their_p(direct):
    """Before it there is noise alone, of at most 1e-7 m/s; the events are thousands of times larger."""
    p_s = direct.targets.p_arrival_s[..., 0]
    loud = 1e-3 * direct.waveforms.abs().amax(dim=(2, 3))
    onset_s = (direct.waveforms.abs().amax(dim=2) > loud[..., None]).float().argmax(dim=-1) / RATE_HZ
    clear = direct.mask & (loud > 6e-7)
    clear &= (direct.targets.magnitude < 5.5)[:, None]  # larger ones are ruptures, whose beginnings are small
    assert clear.sum() > 15
    late_s = (onset_s - p_s)[clear]
    assert 0.0 < float(late_s.median()) < 0.2  # the band's upper edge delays by a tenth of a second
    assert float(late_s.quantile(0.05)) > -0.06


def test_a_direct_event_depends_on_its_number_alone(batch, direct, toy_store):
    rows = slice(4, 6)
    fields = (
        "waveforms",
        "waveforms_broad",
        "station_km",
        "mask",
        "known",
        "background_mps",
        "peaks",
        "now_s",
    )
    cut = {name: value[rows] for name, value in vars(batch.targets).items()}
    part = replace(
        batch,
        targets=replace(batch.targets, **cut),
        travel_time=batch.travel_time[torch.tensor([4, 5])],
        **{name: getattr(batch, name)[rows] for name in fields},
    )
    again = simulation(toy_store).like(part, 4)
    torch.testing.assert_close(again.waveforms, direct.waveforms[rows], rtol=1e-4, atol=1e-9)
    other = simulation(toy_store).like(part, 5)
    assert not torch.allclose(other.waveforms, direct.waveforms[rows], rtol=0.1, atol=1e-9)


def test_full_wave_events_are_those_of_a_layered_earth(batch, toy_store):
    stochastic = simulation(toy_store)
    law = replace(stochastic.recipe.full_wave, share=1.0)
    full = replace(stochastic, recipe=replace(stochastic.recipe, full_wave=law))
    motion = full.motion(batch, 0, 0)
    peak = np.abs(motion.velocity_mps).max(axis=(1, 2))
    plain = np.abs(stochastic.motion(batch, 0, 0).velocity_mps).max(axis=(1, 2))
    assert np.median(np.abs(np.log10(peak / plain))) < 0.7  # the same earthquake in another Earth
    p_sample = motion.arrival_s[:, 0].numpy() * RATE_HZ - motion.start_sample
    for record, p in zip(motion.velocity_mps, p_sample, strict=True):
        assert np.abs(record[:, : int(p) - 2]).max() < 0.02 * np.abs(record).max()
