"""Steps of training a second, beside the same steps on batches that are there already; and 5000 as trained.

What loading costs is the difference: recombination happens in processes of the loader.
Run: pytest benchmarks/bench_training.py
"""

import cProfile
import itertools
import pstats
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rows import row
from toy import resolved, write_toy_store
from trees import OLD, REPOSITORY

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.scheme.base import require_targets

BATCH = 8
# what a step spends its time in, by the functions that do it (torch's have no file)
SHARES = {
    "the backward pass": "run_backward",
    "recombination": "__getitems__",
    "convolutions, forward": "conv2d",
    "volumes along travel times, forward": "apply",  # of autograd functions: fcn.arch.summed
    "travel times of volumes": "from_columns",
    "amplitudes": "measure",
}


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


def begun(store: Path, workers: int) -> tuple[FcnModule, Iterator[Batch]]:
    """Network and batches of experiment=generalized with toy records, which have no ruptures."""
    config = resolved(
        "train",
        "experiment=generalized",
        f"store.path={store}",
        f"data.batch_size={BATCH}",
        f"data.workers={workers}",
        "data.histories=null",
    )
    return build_module(config).train(), iter(build_datamodule(config, store).train_dataloader())


@pytest.mark.parametrize("workers", [0, 1])
def test_steps(benchmark, tmp_path, short, workers):
    """Without histories."""
    module, batches = begun(write_toy_store(tmp_path / "store", n_records=400 if short else 5000), workers)
    n = 2 if short else 12
    ready = [next(batches) for _ in range(2)]
    loaded_s = benchmark.pedantic(stepped, args=(module, batches, n), rounds=1)
    ready_s = stepped(module, itertools.cycle(ready), n)
    ours, there = (statistics.mean(each) for each in (loaded_s, ready_s))
    row(
        f"training, batches of {BATCH}, {workers} loading processes",
        f"{1 / ours:.2f} steps/s",
        f"without loading {1 / there:.2f}: loading costs {1 - there / ours:.0%}",
    )


def test_shares(benchmark, tmp_path, short):
    """A profile of steps without histories; functions are known by their names alone."""
    module, batches = begun(write_toy_store(tmp_path / "store", n_records=400 if short else 5000), 0)
    n = 1 if short else 12
    stepped(module, batches, 1)
    profile = cProfile.Profile()
    benchmark.pedantic(profile.runcall, args=(stepped, module, batches, n), rounds=1)
    stats: Any = pstats.Stats(profile)
    for what, function in SHARES.items():
        took_s = sum(row[3] for (_, _, name), row in stats.stats.items() if _is_of(name, function))
        row(f"training, share of {what}", f"{took_s / stats.total_tt:.0%}", "of a step")


def _is_of(name: str, function: str) -> bool:
    """Whether a profile means that function: of torch's own it says `<built-in method torch.conv2d>`."""
    return name == function or f".{function}>" in name or f"'{function}'" in name


def train_s(in_tree, n_steps: int, *overrides: str) -> float:
    """Seconds of the command that trains: two processes on two cores, start and end included."""
    start_s = time.perf_counter()
    in_tree(
        REPOSITORY,
        *(sys.executable, "-m", "fcn.train", "experiment=generalized"),
        *("trainer=ddp_sim", "data.batch_size=8"),
        *(f"trainer.max_steps={n_steps}", f"data.examples_per_epoch={16 * n_steps}"),
        *("validation=none", "callbacks=default", "data.validation_examples=16", *overrides),
    )
    return time.perf_counter() - start_s


def test_five_thousand_steps(benchmark, in_tree, tmp_path, short):
    """Of 16 windows, with the default store; what steps cost is told from start and end by two lengths."""
    if short:  # toy records, which have no ruptures
        store = write_toy_store(tmp_path / "store", n_records=400)
        given = (f"store.path={store}", "data.histories=null", "data.velocity.count=2")
        folder = f"hydra.run.dir={tmp_path / 'run'}"
        took = benchmark.pedantic(
            train_s, args=(in_tree, 2, "trainer.precision=32-true", *given, folder), rounds=1
        )
        row("training, two steps of a toy store, start and end included", f"{took:.0f} s", "nothing")
        return
    few, many = 20, 140
    took_s: dict[tuple[str, int], float] = {}

    def all_four() -> None:
        for precision, n in itertools.product(("bf16-mixed", "32-true"), (few, many)):
            folder = tmp_path / f"{precision}-{n}"
            given = (f"trainer.precision={precision}", f"hydra.run.dir={folder}")
            took_s[precision, n] = train_s(in_tree, n, *given)

    benchmark.pedantic(all_four, rounds=1)
    bf16_min, float_min = (
        5000 * (took_s[each, many] - took_s[each, few]) / (many - few) / 60.0
        for each in ("bf16-mixed", "32-true")
    )
    row(
        "training, 5000 steps of 16 windows, two cores, without validation",
        f"{bf16_min:.0f} min in bf16-mixed",
        f"32-true {float_min:.0f} min, {float_min / bf16_min:.2f} times",
    )


def test_steps_of_the_old_commit(benchmark, in_tree, old_tree, tmp_path, short):
    """The same command in both trees, on one core, with stochastic records and without histories.

    What that commit trained was a smaller network (386,628 parameters, not 405,123), on windows of its own.
    """
    few, many = (1, 3) if short else (5, 25)
    step_s: dict[str, float] = {}

    def steps_s(name: str, tree: Path, *given: str) -> float:
        took_s = []
        for n in (few, few, many):  # the first builds the store
            start_s = time.perf_counter()
            in_tree(
                tree,
                *(sys.executable, "-m", "fcn.train", "experiment=generalized", "store=smoke"),
                *("validation=none", "callbacks=default", "logger=csv", "trainer.precision=32-true"),
                *(f"trainer.max_steps={n}", f"data.examples_per_epoch={16 * n}", "data.batch_size=16"),
                *("data.validation_examples=16", "data.velocity.count=8", f"cache={tmp_path / name}"),
                *(f"hydra.run.dir={tmp_path / f'{name}-{len(took_s)}'}", *given),
            )
            took_s.append(time.perf_counter() - start_s)
        return (took_s[2] - took_s[1]) / (many - few)

    def both() -> None:
        step_s["ours"] = steps_s("ours", REPOSITORY, "data.histories=null")
        step_s[OLD] = steps_s(OLD, old_tree)

    benchmark.pedantic(both, rounds=1)
    ours_s, old_s = step_s["ours"], step_s[OLD]
    beside = f"{OLD} {old_s:.2f} s, {old_s / ours_s:.2f} times"
    row("training, a step of 16 windows, one core, without histories", f"{ours_s:.2f} s", beside)
