"""Source terms: found in a store that has them, taken off its records, drawn once per event."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recombined import rngs
from toy import RATE_HZ, resolved, toy_noise, toy_record

from fcn.assemble import build_datamodule
from fcn.config import build
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.source_terms import measure_source_terms
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore
from fcn.store.writer import StoreWriter

N_SOURCES, PER_SOURCE, DEVIATION = 60, 6, 0.3


@pytest.fixture(scope="module")
def store_path(tmp_path_factory):
    """A store whose sources differ by known factors."""
    path = tmp_path_factory.mktemp("terms") / "store"
    rng = np.random.default_rng(0)
    terms = DEVIATION * rng.standard_normal(N_SOURCES)
    with StoreWriter(path, RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(N_SOURCES * PER_SOURCE):
            source = index // PER_SOURCE
            record = toy_record(rng, 4 * source, float(rng.uniform(5, 100)), float(rng.uniform(2, 20)))
            record.waveform_mps[:] *= 10 ** terms[source]
            writer.add(record)
        for index in range(20):
            writer.add(toy_noise(rng, index))
    np.save(path / "terms.npy", terms)
    return path


@pytest.fixture(scope="module")
def band():
    return build(resolved("train", "experiment=smoke")["preprocess"]).narrow


def test_terms_of_sources_are_found(store_path, band):
    store = BaseStore.open(store_path)
    records = store.select(category="earthquake")
    terms = measure_source_terms(store, records, band)
    true = np.load(store_path / "terms.npy")
    want = np.array([true[int(name.removeprefix("toy-"))] for name in store.source_id[records]])
    want = want - want.mean()
    assert np.corrcoef(terms.of_record[records], want)[0, 1] > 0.9
    assert terms.deviation == pytest.approx(DEVIATION, rel=0.3)
    assert (terms.of_record[store.select(category="noise")] == 0).all()


def test_sources_without_terms_of_their_own_get_none(toy_store, band):
    store = BaseStore.open(toy_store)
    terms = measure_source_terms(store, store.select(category="earthquake"), band)
    assert terms.deviation < 0.1
    assert np.abs(terms.of_record).max() < 0.15


def recombined(store_path, *overrides: str) -> RecombinedDataset:
    """Single events, long seen, without faults."""
    config = resolved(
        "train",
        "experiment=smoke",
        f"store.path={store_path}",
        "data.velocity.count=1",
        "data.events.overlap_share=0",
        "data.events.elapsed_s=[22,25]",
        "data.noise_gain=0",
        "data.tolerances.magnitude=9",
        "data.limits.magnitude=9",
        *(f"data.faults.{name}=0" for name in ("gap", "dead", "spike", "step", "clip", "clock")),
        *overrides,
    )
    return build_datamodule(config, store_path).recombined(Purpose.TRAIN, "train")


def test_events_differ_as_much_as_the_sources_of_the_store(store_path):
    """Beside the same events with the mean term, all stations of an event are stronger by one factor."""
    made, n = recombined(store_path), 100
    scene = made.draw(rngs(n))
    ordinary = replace(scene, source_term=torch.zeros_like(scene.source_term))
    some, mean = (made.synthesise(each, rngs(n, seed=1)).waveforms_broad for each in (scene, ordinary))
    louder = (some.abs().amax(dim=(2, 3)) / mean.abs().amax(dim=(2, 3))).log10()
    term = torch.where(scene.mask, louder, torch.nan).nanmean(dim=1)
    torch.testing.assert_close(louder[scene.mask], term[:, None].expand_as(louder)[scene.mask])
    assert float(term.std()) == pytest.approx(DEVIATION, rel=0.3)
    torch.testing.assert_close(term, made.open().terms.deviation * scene.source_term[:, 0], rtol=0, atol=1e-4)


def test_one_event_has_one_term(store_path):
    """Residuals about distance scatter less within an event, and more between events, than without."""
    scatter = {}
    for switch in ("true", "false"):
        data = recombined(store_path, f"data.corrections.source_term={switch}")
        batch = data.__getitems__([(0, i) for i in range(64)])
        offset_km = batch.station_km - batch.targets.source_km[:, None]
        level = (
            batch.waveforms.abs().amax(dim=(2, 3)).log10()
            + torch.linalg.vector_norm(offset_km, dim=-1).log10()
        )
        level = level - batch.targets.magnitude[:, None]
        level = torch.where(batch.mask, level, torch.nan)
        centred = level - level.nanmean(dim=1, keepdim=True)
        scatter[switch] = centred[batch.mask].std().item()
    assert scatter["true"] < 0.8 * scatter["false"]
