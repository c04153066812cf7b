"""How strong P is in which direction: measured in a store, and met by the choice of records."""

import numpy as np
import pytest
import torch
from recombined import composition, dataset, rngs
from toy import RATE_HZ, toy_noise, toy_record

from fcn.recombine import radiation
from fcn.recombine.synthesise import p_radiation
from fcn.store.writer import StoreWriter


def directions(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Unit vectors east, north, up, uniform on the sphere."""
    vectors = rng.standard_normal((*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def couples(rng: np.random.Generator, n: int) -> np.ndarray:
    """Strike, dip, rake, turned at random."""
    turn = 2 * np.pi * rng.random((2, n))
    return np.stack([turn[0], np.arccos(1 - rng.random(n)), turn[1]], axis=-1)


def pattern(mechanism_rad: np.ndarray, direction: np.ndarray) -> np.ndarray:
    east, north, up = direction.T
    angles = np.arctan2(east, north), np.arccos(-up)
    return p_radiation(*(torch.from_numpy(x) for x in (mechanism_rad, *angles))).numpy()


def test_ranks_of_random_directions_are_uniform():
    rng = np.random.default_rng(0)
    ranks = radiation.rank(pattern(couples(rng, 20000), directions(rng, 20000)))
    counts = np.histogram(ranks, 10, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # 99.9 % of chi-squared with 9 degrees of freedom


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_coupled_draws_are_uniform_and_correlated(correlation):
    pick, rank = np.random.default_rng(1).random((2, 20000))
    drawn = radiation.couple(pick, rank, correlation)
    counts = np.histogram(drawn, 10, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9
    assert np.corrcoef(drawn, rank)[0, 1] == pytest.approx(correlation, abs=0.03)
    assert drawn.max() < 1.0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_share_of_the_direction_is_found_beside_those_of_source_and_site(share):
    """Eight records a source, half of them within a fifth of a radian of another."""
    rng, n = np.random.default_rng(2), 4000
    far = directions(rng, n, 4)
    near = far + 0.1 * directions(rng, n, 4)
    direction = np.concatenate([far, near / np.linalg.norm(near, axis=-1, keepdims=True)], axis=1)
    mechanism = np.repeat(couples(rng, n), 8, axis=0)
    radiated = np.log10(np.abs(pattern(mechanism, direction.reshape(-1, 3))) + 0.1)
    strength = np.sqrt(share) * radiated / radiated.std()
    strength += np.sqrt(1 - share) * rng.standard_normal(8 * n) + np.repeat(rng.standard_normal(n), 8)
    source = np.repeat(np.arange(n), 8).astype(str)
    found = radiation.coherence(strength, source, direction.reshape(-1, 3))
    assert found**2 == pytest.approx(share, abs=0.08)
    unknown = np.where(np.arange(8 * n) < 8 * n - 40, np.nan, strength)  # five sources are left
    assert radiation.coherence(unknown, source, direction.reshape(-1, 3)) == 0.0


def test_neighbours_of_a_recombined_event_have_p_alike(tmp_path):
    """A store whose P is what double couples radiate: it is strong where an event's own couple is."""
    rng = np.random.default_rng(3)
    mechanism = couples(rng, 60)
    with StoreWriter(tmp_path / "store", RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(960):
            source = index // 16
            record = toy_record(rng, 4 * source, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            azimuth = np.radians(record.path_azimuth_deg)
            offset = np.array(
                [
                    record.path_ep_distance_km * np.sin(azimuth),
                    record.path_ep_distance_km * np.cos(azimuth),
                    record.source_depth_km,
                ]
            )
            radiated = pattern(mechanism[source][None], (offset / np.linalg.norm(offset))[None])
            record.waveform_mps[0, : round(record.s_arrival_sample)] *= 0.05 + np.abs(radiated).astype("f4")
            writer.add(record)
        for index in range(10):
            writer.add(toy_noise(rng, index))

    def agreement(switch: str) -> float:
        made = dataset(
            tmp_path / "store",
            f"data.corrections.radiation={switch}",
            *("data.tolerances.magnitude=3", "data.limits.magnitude=9", "data.events.elapsed_s=[15,25]"),
        )
        places, library = composition(made, made.draw(rngs(150))).places, made.open()
        measured = dataset(tmp_path / "store").open().index.indexes[0]
        strength = dict(zip(measured.records.tolist(), measured.p_strength.tolist(), strict=True))
        chosen = np.array([strength[record] for record in library.choose(places).record.tolist()])
        return float(np.corrcoef(chosen, radiation.rank(places.p_pattern.double().numpy()))[0, 1])

    assert abs(agreement("false")) < 0.1
    assert agreement("true") > 0.3
