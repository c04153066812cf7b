import math
from dataclasses import replace

import numpy as np
import pytest

from fcn.simulate.ensemble.source import SimulatedSource


@pytest.fixture(scope="module")
def small(recipe):
    """A recipe of few records."""
    prior = replace(recipe.prior, stations_per_source=3, sources_per_earth=2)
    stochastic = replace(recipe.full_wave, share=0.0)
    return replace(recipe, prior=prior, duration_s=40.0, full_wave=stochastic)


def source(recipe, **changes):
    counts = {"n_records": 14, "n_ruptures": 0, "n_noise": 3}
    return SimulatedSource(**{**counts, "seed": 1, "n_workers": 0, "recipe": recipe, **changes})


def refuse(*_):
    raise AssertionError("a simulated record was refused")


def same(one, other) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.waveform_mps, b.waveform_mps) and a.source_id == b.source_id
        for a, b in zip(one, other, strict=True)
    )


def test_records_are_as_many_as_promised_and_valid(small):
    made = source(small)
    records = list(made.records(refuse))
    assert len(records) == made.n_expected == 17
    assert [record.category for record in records] == ["earthquake"] * 14 + ["noise"] * 3
    for record in records:
        record.check()
        assert record.waveform_mps.shape == (3, 800)
        assert record.origin.startswith("simulated")
    assert len({record.station_code for record in records}) == 17


def test_metadata_are_those_of_the_geometry(small):
    for record in source(small, n_records=30, n_noise=0).records(refuse):
        low, high = small.prior.distance_km
        assert low <= record.path_ep_distance_km <= high
        assert small.prior.magnitude[0] <= record.source_magnitude <= small.prior.magnitude[1]
        assert 100.0 <= record.p_arrival_sample < 101.0  # lead_s, anywhere between two samples
        hypocentral_km = math.hypot(record.path_ep_distance_km, record.source_depth_km)
        s_minus_p_s = (record.s_arrival_sample - record.p_arrival_sample) / 20.0
        assert 5.0 < hypocentral_km / s_minus_p_s < 12.0  # Omori's rule, 8 km/s give or take the crust


def test_same_seed_same_records_and_another_seed_others(small):
    records = list(source(small).records(refuse))
    assert same(records, list(source(small).records(refuse)))
    assert not same(records, list(source(small, seed=2).records(refuse)))


def test_fewer_records_are_the_first_of_more(small):
    few, many = (list(source(small, n_records=n, n_noise=0).records(refuse)) for n in (5, 14))
    assert same(few, many[:5])


@pytest.mark.parametrize("n_workers", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_processes_do_not_change_the_records(small, n_workers):
    assert same(list(source(small).records(refuse)), list(source(small, n_workers=n_workers).records(refuse)))


def test_priors_are_filled_to_their_edges(small):
    wide = replace(small, prior=replace(small.prior, stations_per_source=1, sources_per_earth=300))
    records = list(source(wide, n_records=300, n_noise=0).records(refuse))
    for name, (low, high) in (
        ("source_magnitude", small.prior.magnitude),
        ("source_depth_km", small.prior.depth_km),
        ("path_ep_distance_km", small.prior.distance_km),
        ("path_azimuth_deg", (0.0, 360.0)),
    ):
        values = [getattr(record, name) for record in records]
        margin = 0.03 * (high - low)
        assert low <= min(values) < low + margin
        assert high - margin < max(values) <= high


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("source", {"n_records": -1}, "n_records -1"),
        ("source", {"n_workers": -1}, "n_workers -1"),
        ("source", {"n_ruptures": -1}, "n_ruptures -1"),
        ("ruptures", {"distance_km": (0.0, 5.0)}, "ruptures.distance_km"),
        ("ruptures", {"magnitude": (8.0, 6.0)}, "ruptures.magnitude"),
        ("ruptures", {"stations_per_rupture": 0}, "at least 1"),
        ("source", {"n_records": 0, "n_noise": 0}, "some records are needed"),
        ("prior", {"magnitude": (5.0, 2.0)}, "low to high"),
        ("prior", {"magnitude": (5.0,)}, r"magnitude is a range low to high, got \[5.0\]"),
        ("prior", {"depth_km": (0.0, 5.0)}, "depth_km must be positive"),
        ("prior", {"sources_per_earth": 0}, "at least 1"),
        ("family", {"models": {}}, "at least one"),
        ("family", {"velocity_fraction": -0.1}, "velocity_fraction .* -0.1"),
        ("family", {"top_km": (0.1,)}, r"got \[0.1\]"),
        ("family", {"top_km": (0.0, 0.3)}, "top_km"),
        ("recipe", {"crust_fraction": -1.0}, "crust_fraction .* -1"),
        ("recipe", {"lead_s": 50.0}, "lead_s"),
    ],
)
def test_nonsense_is_refused(small, part, changes, message):
    parts = {"recipe": small, "prior": small.prior, "family": small.family, "ruptures": small.ruptures}
    with pytest.raises(ValueError, match=message):
        source(small, **changes) if part == "source" else replace(parts[part], **changes)


def test_records_of_ruptures_must_reach_beyond_p(small):
    with pytest.raises(ValueError, match=r"ruptures\.duration_s must exceed lead_s"):
        replace(small, ruptures=replace(small.ruptures, duration_s=4.0))


def test_more_stations_than_distances_are_refused_where_there_is_a_bank(small):
    many = replace(small.prior, stations_per_source=small.full_wave.n_distances + 1)
    with pytest.raises(ValueError, match=r"33 exceeds full_wave\.n_distances 32"):
        replace(small, prior=many, full_wave=replace(small.full_wave, share=0.5))
    replace(small, prior=many, full_wave=replace(small.full_wave, share=0.0))


def test_half_the_earths_are_full_wave_and_their_records_are_valid(small):
    bank = replace(small.full_wave, share=0.5, n_depths=2, n_distances=4, max_frequency_hz=5.0)
    mixed = replace(small, full_wave=bank)
    records = list(source(mixed, n_records=12, n_noise=0).records(refuse))
    assert same(records[:6], list(source(small, n_records=6, n_noise=0).records(refuse)))
    full_wave = records[6:]
    for record in full_wave:
        record.check()
        assert 100.0 <= record.p_arrival_sample < 101.0
    assert len({record.source_depth_km for record in full_wave}) <= 2
    for event in {record.source_id for record in full_wave}:
        distances = [record.path_ep_distance_km for record in full_wave if record.source_id == event]
        assert len(set(distances)) == 3


def test_a_weathered_layer_is_put_on_top(recipe):
    family = replace(recipe.family, top_km=(0.3, 0.3), top_vs_kmps=(1.5, 1.5))
    model = family.draw(np.random.default_rng(0))
    assert model.top_depth_km[:2] == (0.0, 0.3)
    assert model.vs_kmps[0] == pytest.approx(1.5)
    assert model.vs_kmps[1] > 2.0
    hard = replace(family, top_vs_kmps=(9.0, 9.0)).draw(np.random.default_rng(0))
    assert hard.top_depth_km[1] != 0.3
