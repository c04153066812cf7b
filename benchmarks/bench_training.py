"""Steps of training a second, beside the same steps on batches that are there already.

What loading costs is the difference: recombination happens in processes of the loader.
Run: pytest benchmarks/bench_training.py
"""

import itertools
import statistics
import time
from collections.abc import Iterator

import pytest
import torch
from rows import row
from toy import resolved, write_toy_store

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.scheme.base import require_targets

BATCH = 8


def stepped(module, batches: Iterator[Batch], n: int) -> list[float]:
    """Seconds of each of n steps, waiting for its batch included."""
    optimiser = torch.optim.AdamW(module.parameters())
    seconds = []
    for index in range(n):
        start_s = time.perf_counter()
        batch = next(batches)
        generator = torch.Generator().manual_seed(index)
        loss = module.loss(module.scheme.losses(module.network, batch, require_targets(batch), generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seconds.append(time.perf_counter() - start_s)
    return seconds


@pytest.mark.parametrize("workers", [0, 1])
def test_steps(benchmark, tmp_path, short, workers):
    """Of experiment=generalized with toy records, which have no ruptures: without histories."""
    store = write_toy_store(tmp_path / "store", n_records=400 if short else 5000)
    config = resolved(
        "train",
        "experiment=generalized",
        f"store.path={store}",
        f"data.batch_size={BATCH}",
        f"data.workers={workers}",
        "data.histories=null",
    )
    module = build_module(config).train()
    loader = build_datamodule(config, store).train_dataloader()
    n = 2 if short else 12
    batches = iter(loader)
    ready = [next(batches) for _ in range(2)]
    loaded_s = benchmark.pedantic(stepped, args=(module, batches, n), rounds=1)
    ready_s = stepped(module, itertools.cycle(ready), n)
    ours, there = (statistics.mean(each) for each in (loaded_s, ready_s))
    row(
        f"training, batches of {BATCH}, {workers} loading processes",
        f"{1 / ours:.2f} steps/s",
        f"without loading {1 / there:.2f}: loading costs {1 - there / ours:.0%}",
    )
