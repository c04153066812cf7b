from dataclasses import replace

import numpy as np
import pytest
import torch
from simulated_records import LEAD_S, simulate, simulate_full_wave

from fcn.simulate.ensemble.earth import draw_nodes, greens_bank, to_store_rate
from fcn.waveform.window_bands import filter_windows

DISTANCES_KM = (20.0, 60.0, 100.0)


@pytest.fixture(scope="module")
def model(recipe):
    return recipe.family.draw(np.random.default_rng(0))


@pytest.fixture(scope="module")
def bank(recipe, model):
    return greens_bank(model, [10.0], DISTANCES_KM, recipe.full_wave, recipe.sampling_rate_hz)


@pytest.mark.parametrize(
    ("full_wave", "magnitude", "distance_km"),
    [
        (False, 1.0, 15.0),
        (False, 3.0, 60.0),
        (False, 5.0, 100.0),
        (False, 7.0, 100.0),
        (True, 2.0, 20.0),
        (True, 4.0, 60.0),
        (True, 6.5, 100.0),
    ],
)
def test_nothing_comes_before_p(recipe, jma2001, model, bank, full_wave, magnitude, distance_km):
    if full_wave:
        records = simulate_full_wave(recipe, model, bank, magnitude, distance_km, n=24)
    else:
        records = simulate(recipe, jma2001, magnitude, distance_km, n=24)
    velocity = torch.from_numpy(to_store_rate(recipe, records.waveforms))
    rate_hz = recipe.preprocess.sampling_rate_hz
    p, s = int(LEAD_S * rate_hz), int(records.s_at_s * rate_hz)
    for band in (velocity, *filter_windows(recipe.preprocess, velocity)):
        before = band[..., : p - 1].abs().amax((1, 2))
        peak = band[..., p:s].abs().amax((1, 2))
        assert (before < 1e-3 * peak).all()


@pytest.mark.parametrize("distance_km", DISTANCES_KM)
def test_waves_come_when_the_table_says(recipe, model, bank, distance_km):
    records = simulate_full_wave(recipe, model, bank, 3.0, distance_km)
    rate_hz = recipe.sampling_rate_hz
    vertical = records.waveforms[:, 0].abs()
    p = int(LEAD_S * rate_hz)
    late_s = (
        vertical[:, p:] > 0.05 * vertical[:, p : p + int(rate_hz)].amax(1, keepdim=True)
    ).float().argmax(1) / rate_hz
    assert float(late_s.quantile(0.9)) < 0.4
    horizontal = records.waveforms[:, 1:].abs().amax(1)
    s = int(records.s_at_s * rate_hz)
    growth = horizontal[:, s : s + round(2 * rate_hz)].amax(1) / horizontal[
        :, s - round(0.5 * rate_hz) : s - 1
    ].amax(1)
    assert float(growth.median()) > 1.5


@pytest.mark.parametrize("distance_km", DISTANCES_KM)
def test_amplitudes_are_like_those_of_stochastic_records(recipe, model, bank, distance_km):
    """One Earth may differ by a factor 4 from the median of all, which is calibrated."""
    full_wave, stochastic = (
        100 * records.waveforms[:, 1:].abs().amax(-1).prod(1).sqrt().median()
        for records in (
            simulate_full_wave(recipe, model, bank, 4.0, distance_km),
            simulate(recipe, model, 4.0, distance_km),
        )
    )
    assert 1 / 4 < float(full_wave / stochastic) < 4


def test_share_of_full_wave_earths(recipe):
    law = replace(recipe.full_wave, share=0.3)
    assert sum(law.covers(earth) for earth in range(1000)) == 300
    assert not any(replace(law, share=0.0).covers(earth) for earth in range(50))
    assert all(replace(law, share=1.0).covers(earth) for earth in range(50))


def test_stations_of_an_earthquake_share_its_depth_and_no_distance(recipe, bank):
    prior = replace(recipe.prior, stations_per_source=3, sources_per_earth=40)
    nodes = draw_nodes(bank, prior, torch.Generator().manual_seed(0))
    distance = nodes.distance.reshape(40, 3)
    assert all(len(set(row)) == 3 for row in distance.tolist())
    assert set(distance.flatten().tolist()) == {0, 1, 2}
    assert len(set(nodes.take(torch.arange(3)).depth.tolist())) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 1.5}, "share"),
        ({"n_depths": 0}, "at least 1"),
        ({"q": 0.0}, "q of full-wave records must be positive, got 0.0"),
        ({"gain": (0.7,)}, "gain is a pair of positive factors"),
        ({"gain_hz": (1.0, 1.0)}, r"low to high, got .* and \(1.0, 1.0\)"),
    ],
)
def test_nonsense_is_refused(recipe, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(recipe.full_wave, **changes)
