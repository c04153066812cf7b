"""Source terms: found in a store that has them, taken off its records, drawn once per event."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recombined import rngs
from toy import RATE_HZ, resolved, toy_noise, toy_record

from fcn.assemble import build_datamodule
from fcn.config import build
from fcn.recombine.amplitudes import measure_residuals
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.source_terms import SourceTerms, measure_source_terms
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


def measured(path, band) -> tuple[BaseStore, np.ndarray, SourceTerms]:
    """A store, its earthquake records, and the terms of their sources."""
    store = BaseStore.open(path)
    records = store.select(category="earthquake")
    residuals = measure_residuals(store, records, band)
    return store, records, measure_source_terms(residuals.whole, store.source_id[records])


def test_terms_of_sources_are_found(store_path, band):
    store, records, terms = measured(store_path, band)
    true = np.load(store_path / "terms.npy")
    want = np.array([true[int(name.removeprefix("toy-"))] for name in store.source_id[records]])
    want = want - want.mean()
    assert np.corrcoef(terms.of_record, want)[0, 1] > 0.9
    assert terms.deviation == pytest.approx(DEVIATION, rel=0.3)


def test_sources_without_terms_of_their_own_get_none(toy_store, band):
    _, _, terms = measured(toy_store, band)
    assert terms.deviation < 0.1
    assert np.abs(terms.of_record).max() < 0.15


@pytest.mark.parametrize("n_records", [1, 3, 8])
def test_what_is_left_of_records_varies_as_records_of_one_source_do(n_records):
    """However few records tell a source's term."""
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(3000), n_records)
    own = 0.25 * rng.standard_normal(len(source))
    few = np.repeat(np.arange(3000, 3500), 8)  # of other sources, which tell the variances
    source, own = np.concatenate([source, few]), np.append(own, 0.25 * rng.standard_normal(len(few)))
    residual = own + 0.2 * rng.standard_normal(3500)[source]
    terms = measure_source_terms(residual, source.astype(str))
    left = (residual - terms.of_record)[: 3000 * n_records]
    assert left.std() == pytest.approx(0.25, rel=0.03)
    assert terms.deviation == pytest.approx(0.2, rel=0.1)


def test_unknown_peaks_say_nothing():
    residual = np.array([0.3, np.nan, 0.3, np.nan, -0.3, -0.3])
    terms = measure_source_terms(residual, np.array(["a", "a", "a", "b", "c", "c"]))
    assert terms.of_record[3] == 0.0
    assert terms.of_record[0] == terms.of_record[1] > 0.2


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
    torch.testing.assert_close(
        term, made.open().term_deviation.max() * scene.source_term[:, 0], rtol=0, atol=1e-4
    )


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
    assert scatter["true"] < 0.85 * scatter["false"]
