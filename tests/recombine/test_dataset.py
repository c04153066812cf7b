from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from recombined import dataset, rngs
from small_migration import made_ruptures
from torch.utils.data._utils.pin_memory import pin_memory
from toy import small_training

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.recombine.dataset import EpochSampler, RecombinedDataset


@pytest.fixture(scope="module")
def recombined(toy_store) -> RecombinedDataset:
    return dataset(toy_store)


@pytest.fixture(scope="module")
def batch(recombined) -> Batch:
    return recombined.__getitems__([(0, i) for i in range(48)])


def same(first: Batch, second: Batch) -> bool:
    return (
        torch.equal(first.waveforms, second.waveforms)
        and torch.equal(first.waveforms_broad, second.waveforms_broad)
        and torch.equal(first.targets.source_km, second.targets.source_km)
        and torch.equal(first.station_km, second.station_km)
    )


def test_a_batch_has_the_shapes_of_the_contract(batch):
    n, rows = 48, 12
    assert batch.waveforms.shape == batch.waveforms_broad.shape == (n, rows, 3, 600)
    assert batch.station_km.shape == (n, rows, 3)
    assert batch.mask.shape == (n, rows)
    assert batch.targets.p_arrival_s.shape == (n, rows, 4)
    assert batch.targets.event_km.shape == (n, 4, 3)
    assert batch.all_finite()


def test_absent_stations_are_silent_and_present_ones_are_not(batch):
    assert batch.waveforms[~batch.mask].abs().max() == 0
    assert batch.waveforms[batch.mask].abs().amax(dim=(1, 2)).min() > 0


def test_examples_depend_on_their_key_alone(recombined, batch):
    alone = recombined.__getitems__([(0, 7)])
    n = int(alone.mask.sum())
    # a sum may be rounded otherwise at the end of a vector of the processor
    torch.testing.assert_close(alone.waveforms[0], batch.waveforms[7, :n], rtol=1e-5, atol=1e-9)
    again = recombined.__getitems__([(0, i) for i in range(48)])
    assert same(batch, again)
    other = recombined.__getitems__([(1, i) for i in range(48)])
    assert not torch.equal(other.targets.source_km, batch.targets.source_km)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_examples_for_any_number_of_workers(toy_store, workers):
    def epoch(n_workers: int) -> list[Batch]:
        config = small_training(toy_store, "data.examples_per_epoch=16", f"data.workers={n_workers}")
        return list(build_datamodule(config, toy_store).train_dataloader())

    for here, there in zip(epoch(0), epoch(workers), strict=True):
        assert same(here, there)


@pytest.mark.parametrize(("workers", "method"), [(1, "spawn"), (0, None)])
def test_workers_begin_as_they_can_where_the_training_runs(toy_store, monkeypatch, workers, method):
    """Within a job of joblib's launcher no worker begins by the default."""
    monkeypatch.setattr("fcn.data.datamodule.start_method", lambda: "spawn")
    module = build_datamodule(small_training(toy_store, f"data.workers={workers}"), toy_store)
    context = module.train_dataloader().multiprocessing_context
    assert (context and context.get_start_method()) == method


@pytest.mark.parametrize(("device", "pinned"), [("cuda:1", True), ("cpu", False), (None, False)])
def test_batches_for_a_gpu_are_page_locked(toy_store, device, pinned):
    """Copies to it then are not waited for."""
    module = build_datamodule(small_training(toy_store), toy_store)
    strategy = SimpleNamespace(root_device=torch.device(device or "cpu"))
    trainer = SimpleNamespace(global_rank=0, world_size=1, strategy=strategy)
    module.trainer = None if device is None else trainer
    assert module.train_dataloader().pin_memory == pinned


def test_all_of_a_batch_but_its_tables_is_page_locked(recombined, monkeypatch):
    """As loaders ask for it; a GPU is needed to lock memory."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda values: values.clone())
    batch = replace(recombined.__getitems__([(0, 0)]), ruptures=made_ruptures())
    locked = pin_memory(batch)
    assert locked.travel_time is batch.travel_time
    for one, other in ((batch, locked), (batch.targets, locked.targets), (batch.ruptures, locked.ruptures)):
        tensors = [f.name for f in fields(one) if isinstance(getattr(one, f.name), torch.Tensor)]
        assert len(tensors) >= 8
        for name in tensors:
            assert getattr(one, name) is not getattr(other, name)
            assert torch.equal(getattr(one, name), getattr(other, name))


def test_every_station_count_layout_and_elapsed_time_is_reached(recombined):
    recipe, scene = recombined.recipe, recombined.draw(rngs(2000))
    counts = np.bincount(scene.mask.sum(dim=1).numpy(), minlength=13)[6:]
    expected = 2000 / 7
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # 99.9 %, 6 degrees of freedom
    elapsed = 30.0 - scene.first_p_s[:, 0].numpy()
    bins = np.histogram(elapsed, bins=10, range=recipe.events.elapsed_s)[0]
    assert ((bins - 200) ** 2 / 200).sum() < 27.9  # 99.9 %, 9 degrees of freedom
    assert abs(float(scene.exists[:, 1].float().mean()) - recipe.events.overlap_share) < 0.035


def test_validation_examples_do_not_depend_on_the_runs_seed(toy_store):
    first, second = (
        next(iter(build_datamodule(small_training(toy_store, f"seed={seed}"), toy_store).val_dataloader()[0]))
        for seed in (1, 2)
    )
    assert torch.equal(first.targets.source_km, second.targets.source_km)


def test_every_pass_asks_for_its_epoch():
    epochs = iter([4, 5])
    sampler = EpochSampler(2, epoch=lambda: next(epochs))
    assert list(sampler) == [(4, 0), (4, 1)]
    assert list(sampler) == [(5, 0), (5, 1)]
    with pytest.raises(ValueError, match="at least one example"):
        EpochSampler(0, epoch=lambda: 0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stations.count=[2,4]", "at least 3"),
        ("stations.count=[9,4]", "low <= high"),
        ("stations.weights={random: 0, clustered: 0, grid: 0}", "not all 0"),
        ("data.events.depth_km=[9,4]", "low <= high"),
        ("data.events.overlap_share=1.5", "overlap_share must be within 0 to 1"),
        ("geometry.half_width_km=[40,0]", "positive half-widths"),
    ],
)
def test_impossible_priors_are_refused(toy_store, override, message):
    with pytest.raises(ValueError, match=message):
        dataset(toy_store, override)
