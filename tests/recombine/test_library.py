"""What records there are, and which of them stand in for which arrivals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recombined import composition, dataset, rngs
from toy import RATE_HZ, small_training, toy_noise, toy_record, write_toy_store

from fcn.assemble import build_datamodule
from fcn.recombine.dataset import RecombinedDataset
from fcn.seeding import Purpose
from fcn.store.writer import StoreWriter

SPLITS = {"train": 0.7, "dev": 0.2, "test": 0.1}


def test_every_record_drawn_is_of_the_split(toy_store):
    module = build_datamodule(small_training(toy_store), toy_store)
    for purpose, split in ((Purpose.TRAIN, "train"), (Purpose.VALIDATION, "dev")):
        made = module.recombined(purpose, split)
        library = made.open()
        assert set(library.store.split[library.index.records]) == {split}
        assert len(library.noise) == len(library.store.select(split=split, category="noise"))
    train, dev = module.train_dataloader(), module.val_dataloader()[0]
    assert (train.dataset.split, dev.dataset.split) == ("train", "dev")
    assert (train.dataset.purpose, dev.dataset.purpose) == (Purpose.TRAIN, Purpose.VALIDATION)


def test_widened_choices_are_counted(toy_store):
    def widened(width: float, limit: float) -> torch.Tensor:
        names = ("log_distance", "depth_km", "magnitude", "log_s_minus_p")
        made = dataset(
            toy_store,
            "data.events.elapsed_s=[20,25]",
            *(f"data.tolerances.{name}={width}" for name in names),
            f"data.limits={{magnitude: {limit}, log_s_minus_p: {limit}, noise_gain_db: 10.0}}",
        )
        return made.__getitems__([(0, i) for i in range(4)]).targets.widened

    assert widened(1e3, np.inf).max() == 0
    assert widened(1e-6, np.inf).min() == 1
    assert widened(1e3, 1e-6).min() == 1


def test_a_store_of_another_rate_is_refused(toy_store):
    made = dataset(toy_store, "preprocess.sampling_rate_hz=40")
    with pytest.raises(ValueError, match="40"):
        made.__getitems__([(0, 0)])


def test_records_below_the_least_signal_to_noise_ratio_are_left_out(tmp_path):
    store = write_toy_store(tmp_path / "noisy", n_records=100, noise_mps=1e-6)
    every, some = (dataset(store, f"data.min_snr_db={least}").open() for least in ("-inf", "20"))
    snr_db = every.store.snr_db
    assert set(some.index.records) == {r for r in every.index.records if snr_db[r] >= 20}
    assert 0 < len(some.index.records) < len(every.index.records)


def test_every_record_of_the_boxs_distances_is_drawn(toy_store):
    made = dataset(
        toy_store,
        *("data.events.overlap_share=0", "data.events.magnitude=[2,6.5]", "data.events.elapsed_s=[25,25]"),
    )
    places, library = composition(made, made.draw(rngs(2000))).places, made.open()
    record, store = library.choose(places).record, library.store
    ordinary = store.select(split="train", category="earthquake")
    ordinary = ordinary[(store.distance_km[ordinary] > 5) & (store.distance_km[ordinary] < 70)]
    drawn = np.bincount(record, minlength=len(store))
    assert len(ordinary) > 100
    assert drawn[ordinary].min() > 0
    assert drawn.sum() == len(places)


@pytest.fixture(scope="module")
def two_origins(tmp_path_factory) -> Path:
    """A store whose every fourth source is of another origin."""
    path, rng = tmp_path_factory.mktemp("stores") / "origins", np.random.default_rng(0)
    with StoreWriter(path, RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(320):
            record = toy_record(rng, index, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            writer.add(replace(record, origin="rare" if index // 4 % 4 == 0 else "common"))
        for index in range(10):
            writer.add(toy_noise(rng, index))
    return path


def rare_records(made: RecombinedDataset, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every event of n windows: how many records it has, and how many of them of the rare origin."""
    scene, library = made.draw(rngs(n)), made.open()
    places = composition(made, scene).places
    b, _, e = places.at
    rare = library.store.origin[library.choose(places).record] == "rare"
    event = (b * scene.exists.shape[1] + e).numpy()
    count = np.bincount(event)
    return count[count > 1], np.bincount(event, weights=rare)[count > 1]


def test_the_records_of_an_event_come_from_one_origin(two_origins):
    made = dataset(two_origins, "data.events.overlap_share=1", "data.events.elapsed_s=[15,25]")
    count, rare = rare_records(made, 80)
    assert set(rare / count) == {0.0, 1.0}
    store, records = made.open().store, made.open().index.records
    assert sorted(records) == sorted(store.select(split="train", category="earthquake"))
    share = (store.origin[records] == "rare").mean()
    assert 0.1 < share < 0.4
    assert len(count) > 150
    assert (rare > 0).mean() == pytest.approx(share, abs=0.1)  # three standard deviations


def test_origins_mix_where_asked(two_origins):
    made = dataset(two_origins, "data.one_origin=false", "data.events.elapsed_s=[15,25]")
    count, rare = rare_records(made, 40)
    assert ((rare > 0) & (rare < count)).mean() > 0.6


def test_noise_may_be_that_of_another_store(toy_store, tmp_path):
    """Its records of noise alone: earthquakes stay those of the training's store."""
    with StoreWriter(tmp_path / "noisy", RATE_HZ, SPLITS, 0) as writer:
        for index in range(12):
            record = toy_noise(np.random.default_rng(index), index)
            writer.add(replace(record, waveform_mps=100 * record.waveform_mps))
    own, other = (
        build_datamodule(small_training(toy_store, f"store.noise={path}"), toy_store)
        .recombined(Purpose.TRAIN, "train")
        .open()
        for path in ("null", tmp_path / "noisy")
    )
    assert 0 < len(other.noise) < len(own.noise)
    assert float(other.noise.density.mean() / own.noise.density.mean()) == pytest.approx(1e4, rel=0.1)
    assert np.array_equal(other.index.records, own.index.records)


def test_noise_of_another_rate_is_refused(toy_store, tmp_path):
    with StoreWriter(tmp_path / "fast", 2 * RATE_HZ, SPLITS, 0) as writer:
        writer.add(toy_noise(np.random.default_rng(0), 0))
    config = small_training(toy_store, f"store.noise={tmp_path / 'fast'}")
    made = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    with pytest.raises(ValueError, match=r"fast has 40\.0 Hz, the preprocessing 20"):
        made.open()
