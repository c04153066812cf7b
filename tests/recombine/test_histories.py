"""Examples of how amplitudes grow: what they hold, and that they are those of one source each."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_ruptures import write_store
from toy import RATE_HZ, resolved, toy_noise, toy_record

from fcn.config import build
from fcn.recombine.histories import N_BLOCKS, HistoryBank, HistoryLaw
from fcn.recombine.released import released_magnitude
from fcn.store.reader import BaseStore
from fcn.store.schema import RUPTURES
from fcn.store.writer import StoreWriter
from fcn.waveform.amplitude import BLOCK_S


@pytest.fixture(scope="module")
def law() -> HistoryLaw:
    """Nothing broken, no noise to speak of."""
    law = build(resolved("train", "data=anywhere")["data"]["histories"])
    return replace(
        law,
        vertical_share=0.0,
        clipped_share=0.0,
        withheld_share=0.0,
        silent_share=0.0,
        stopped_share=0.0,
        noise_gain_db=[-200, -200],
        fewest_stations=4,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> BaseStore:
    return BaseStore.open(write_store(tmp_path_factory.mktemp("stores") / "ruptures"))


@pytest.fixture(scope="module")
def bank(store, law) -> HistoryBank:
    return HistoryBank.of(store, "train", build(resolved("train")["preprocess"]), law)


@pytest.fixture(scope="module")
def examples(bank):
    return bank.draw(np.random.default_rng(1), 200)


def test_a_bank_holds_whole_sources_of_its_split(bank, store):
    of_rupture = (store.origin == RUPTURES) & (store.split == "train")
    assert bank.large.sum() == len(np.unique(store.source_id[of_rupture]))
    assert 0 < (~bank.large).sum() < bank.large.sum() * 8
    for row, (source, first, last) in enumerate(
        zip(bank.source_id, bank.first[:-1], bank.first[1:], strict=True)
    ):
        assert last - first == (store.source_id == source).sum()
        assert set(store.split[store.source_id == source]) == {"train"}
        assert bank.magnitude[row] == store.magnitude[store.source_id == source][0]
    assert bank.first[-1] == len(bank.blocks) == len(bank.arrival_s)


def test_examples_depend_on_their_generator_alone(bank):
    one, same, other = (bank.draw(np.random.default_rng(seed), 5) for seed in (3, 3, 4))
    assert torch.equal(one.peaks, same.peaks)
    assert torch.equal(one.station_km, same.station_km)
    assert not torch.equal(one.elapsed_s, other.elapsed_s)


def test_shapes_counts_and_times(examples, bank):
    n_stations = examples.mask.sum(dim=1)
    assert examples.peaks.shape == (200, int(n_stations.max()), 6, N_BLOCKS)
    assert (n_stations.min(), n_stations.max()) == (3, 32)
    assert examples.peaks[~examples.mask].max() == 0
    first_s = examples.arrival_s[..., 0].masked_fill(~examples.mask, torch.inf).amin(dim=1)
    torch.testing.assert_close(first_s, -examples.elapsed_s, atol=1e-3, rtol=0)
    assert float(examples.elapsed_s.min()) < 1.0
    assert 100.0 < float(examples.elapsed_s.max()) < 146.0  # the records of this store last 145 s from P
    assert (examples.arrival_s[..., 1] >= examples.arrival_s[..., 0])[examples.mask].all()
    large = examples.magnitude > 6.3
    assert 0.4 < large.float().mean() < 0.95


def test_amplitudes_begin_with_p_and_are_right_aligned_at_now(examples):
    """Records of the toy store are silent before P, and the ruptures' ring to their end."""
    large = (examples.magnitude > 6.5)[:, None] & examples.mask
    since_p_s = -examples.arrival_s[..., 0]
    velocity = examples.peaks[:, :, 0]
    begun = velocity > 1e-3 * velocity.amax(dim=2, keepdim=True).clamp_min(1e-9)
    seen = large & (since_p_s > 1.0)
    counted_s = BLOCK_S * begun.sum(dim=2)
    assert (counted_s - since_p_s)[seen].abs().max() <= 2 * BLOCK_S
    assert begun[seen][:, -1].all()
    unseen = large & (since_p_s < -0.5)
    assert unseen.any()
    assert velocity[unseen].max() < 1e-8
    # nothing is said of what was long before the first P
    blank = N_BLOCKS - math.ceil((float(examples.elapsed_s[0]) + 5.0) / BLOCK_S)
    assert examples.peaks[0, :, :, :blank].max() == 0


def test_geometry_is_that_of_the_source_turned(bank, examples):
    distance_km = examples.station_km[..., :2].norm(dim=-1)
    held_km = np.sort(np.hypot(*bank.station_km[:, :2].T))
    found = distance_km[examples.mask].double().numpy()
    place = np.searchsorted(held_km, found).clip(1, len(held_km) - 1)
    off = np.minimum(np.abs(held_km[place] - found), np.abs(held_km[place - 1] - found))
    assert off.max() < 1e-3
    for e in range(5):
        depths_km = examples.station_km[e, examples.mask[e], 2]
        assert (depths_km == depths_km[0]).all()
        assert depths_km[0] < 0


def test_released_magnitudes_grow_to_the_final_one(bank, examples):
    assert (examples.released_magnitude <= examples.magnitude + 1e-4).all()
    late = examples.elapsed_s > 40  # the longest rupture of the store takes 24 s
    assert late.any()
    torch.testing.assert_close(examples.released_magnitude[late], examples.magnitude[late])
    torch.testing.assert_close(examples.heard_magnitude[late], examples.magnitude[late])
    early = (examples.elapsed_s < 3) & (examples.magnitude > 7.0)
    assert early.any()
    assert (examples.heard_magnitude < examples.magnitude - 0.05)[early].all()
    # news takes its time: what has been released is more than can have been heard of
    assert (examples.heard_magnitude <= examples.released_magnitude + 1e-4).all()
    large = np.flatnonzero(bank.large)[0]
    release_s = torch.from_numpy(bank.release_s[large]).float().expand(50, -1)
    said = released_magnitude(torch.full((50,), 7.0), release_s, torch.linspace(0, 40, 50))
    assert said.diff().min() >= 0


def test_layouts_reach_from_all_round_to_one_side(bank):
    rng = np.random.default_rng(0)
    source = int(np.flatnonzero(bank.large)[0])
    gaps, reach_km, nearest_km = [], [], []
    for _ in range(300):
        station_km = bank.station_km[bank._stations(rng, source)]
        around = np.sort(np.arctan2(station_km[:, 0], station_km[:, 1]))
        gaps.append(np.degrees(max(np.diff(around).max(), 2 * np.pi + around[0] - around[-1])))
        apart_km = np.hypot(station_km[:, 0], station_km[:, 1])
        reach_km.append(apart_km.max())
        nearest_km.append(apart_km.min())
    assert np.mean(np.array(gaps) > 180) > 0.2
    assert np.mean(np.array(gaps) < 90) > 0.1
    assert np.mean(np.array(reach_km) < 40) > 0.1
    assert np.mean(np.array(nearest_km) > 30) > 0.05


def test_verticals_clipping_and_noise(bank):
    def drawn(**changes):
        return replace(bank, law=replace(bank.law, **changes)).draw(np.random.default_rng(2), 30)

    plain = drawn()
    upright = drawn(vertical_share=1.0)
    assert upright.vertical[upright.mask].all()
    torch.testing.assert_close(upright.peaks[:, :, 0::2], upright.peaks[:, :, 1::2])
    torch.testing.assert_close(upright.peaks[:, :, 1::2], plain.peaks[:, :, 1::2])
    limited = drawn(clipped_share=1.0, clip_mps=[1e-5, 1e-5])
    assert float(plain.peaks[:, :, 0].max()) > 1e-4
    assert float(limited.peaks[:, :, 0].max()) == pytest.approx(1e-5, rel=1e-4)
    assert (limited.peaks <= plain.peaks).all()
    small = plain.peaks[:, :, 0] < 1e-5
    assert torch.equal(limited.peaks[:, :, 0][small], plain.peaks[:, :, 0][small])
    noisy = drawn(noise_gain_db=[40, 40])
    waiting = noisy.mask & (noisy.arrival_s[..., 0] > 1.0)
    level = float(noisy.peaks[:, :, 0][waiting][:, -8:].median())
    assert 1e-5 < level < 5e-5  # white noise of 1e-7 m/s, its peaks in blocks, 100 times
    assert (noisy.peaks >= 0.999 * plain.peaks).all()


def test_travel_times_are_taken_from_s_minus_p_where_they_are_not_known(bank, store):
    assert np.isnan(store.p_travel_s).all()
    s_minus_p_s = bank.arrival_s[:, 1] - bank.arrival_s[:, 0]
    np.testing.assert_allclose(bank.arrival_s[:, 0], 1.37 * s_minus_p_s)


def test_a_store_without_sources_or_noise_is_refused(tmp_path, law):
    rng, preprocess = np.random.default_rng(0), build(resolved("train")["preprocess"])

    def made(name: str, n_records: int, n_noise: int) -> BaseStore:
        with StoreWriter(tmp_path / name, RATE_HZ, {"train": 1.0, "dev": 0.0, "test": 0.0}, seed=0) as writer:
            for index in range(n_records):
                writer.add(toy_record(rng, index, 20.0, 10.0))
            for index in range(n_noise):
                writer.add(toy_noise(rng, index))
        return BaseStore.open(tmp_path / name)

    with pytest.raises(ValueError, match=r"no ruptures in split 'train'"):
        HistoryBank.of(made("noise", 0, 3), "train", preprocess, law)
    with pytest.raises(ValueError, match=r"has no noise of 30 s"):
        HistoryBank.of(made("quiet", 40, 0), "train", preprocess, law)
    with pytest.raises(ValueError, match="at least 3"):
        replace(law, stations=[1, 5])
    with pytest.raises(ValueError, match="must be positive"):
        replace(law, elapsed_s=[0.0, 5.0])


def test_some_stations_record_noise_alone(store, law):
    law = replace(law, silent_share=1.0, noise_gain_db=[0, 0])
    preprocess = build(resolved("train")["preprocess"])
    silent = HistoryBank.of(store, "train", preprocess, law).draw(np.random.default_rng(1), 50)
    loud = HistoryBank.of(store, "train", preprocess, replace(law, silent_share=0.0)).draw(
        np.random.default_rng(1), 50
    )
    velocity = silent.peaks[:, :, 0][silent.mask]
    assert (velocity.amax(dim=-1) > 0).all()
    assert velocity.max() < 0.01 * loud.peaks[:, :, 0].max()


def test_some_stations_stop(store, law, examples):
    law = replace(law, stopped_share=1.0)
    stopped = HistoryBank.of(store, "train", build(resolved("train")["preprocess"]), law).draw(
        np.random.default_rng(1), 200
    )
    ends_dead = (stopped.peaks[:, :, 0, -1] == 0)[stopped.mask]
    assert ends_dead.float().mean() > 0.95
    assert (examples.peaks[:, :, 0, -1] > 0)[examples.mask].float().mean() > 0.9
    assert stopped.peaks[:, :, 0, :-1].amax(dim=-1)[stopped.mask].gt(0).float().mean() > 0.5
