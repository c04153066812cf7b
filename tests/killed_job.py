"""A small training, or a store of toy records, by processes that are killed one after another.

python tests/killed_job.py training|store FOLDER N_KILLS LONGEST_S [STORE]

Each dies at a random moment of its first LONGEST_S seconds; the last is left alone. All are forks of this
process, which has imported what takes seconds. What is on the disk after every kill has to be whole;
`kills.json` says how many there were and what they met.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from forked import ended, fork
from toy import RATE_HZ, small_training, toy_noise, toy_record

from fcn import cache
from fcn.publish import PARTIAL
from fcn.run_training import train
from fcn.store.reader import BaseStore
from fcn.store.schema import StoreRecord

N_STEPS = 200  # two an epoch: a hundred validations, and as many times two checkpoints


def training(folder: Path, store: Path) -> None:
    """Goes on from its last checkpoint, where there is one."""
    last = folder / "run" / "checkpoints" / "last.ckpt"
    config = small_training(
        store,
        "~validation.sequences.smoke",
        "callbacks=default",
        "~callbacks.progress",
        "data.validation_examples=4",
        "data.n_candidates=4",
        "trainer.enable_progress_bar=false",
        f"trainer.max_steps={N_STEPS}",
        *([f"ckpt={last}"] if last.exists() else []),
    )
    train(config, folder / "run", [])


def training_is_whole(folder: Path) -> str:
    """Raises for a checkpoint that does not load, or a best one that the last one does not know."""
    checkpoints = folder / "run" / "checkpoints"
    found = {
        path.stem: torch.load(path, weights_only=True)["global_step"] for path in checkpoints.glob("*.ckpt")
    }
    if "last" in found:
        assert found["best"] <= found["last"] + 2, found  # an epoch's best is written before its last
    return "begun" if "last" in found else "nothing yet"


class ToySource:
    """Records of which the order and the content are always the same."""

    n_expected = 1500

    def records(self, report: Callable[[str, str, str], None]) -> Iterator[StoreRecord]:
        rng = np.random.default_rng(0)
        for index in range(self.n_expected):
            yield toy_record(rng, index, 10.0 + index % 90, 8.0) if index % 5 else toy_noise(rng, index)


RECIPE = {"path": None, "recipe": {"recipe": {"preprocess": {"sampling_rate_hz": RATE_HZ}}}}
SPLITS = {"split_fractions": {"train": 0.7, "dev": 0.2, "test": 0.1}, "seed": 0}


def store(folder: Path) -> None:
    """Into a cache of its own, as a training does that needs it."""
    cache.build = lambda _: ToySource()
    cache.cached_store({**RECIPE, "splits": SPLITS}, folder)


def store_is_whole(folder: Path) -> str:
    """Raises for a store that is in its place and not whole; a whole one is taken away, to be built again."""
    there = [path for path in (folder / "stores").glob("*") if path.is_dir() and PARTIAL not in path.name]
    for path in there:
        (folder / "digest").write_text(BaseStore.open(path).digest)
        path.rename(folder / f"built-{time.monotonic_ns()}")
    return "built" if there else "nothing yet"


def main(kind: str, folder: Path, n_kills: int, longest_s: float, *further: Path) -> None:
    work, check = {"training": (training, training_is_whole), "store": (store, store_is_whole)}[kind]
    rng = np.random.default_rng(n_kills)
    met: Counter[str] = Counter()
    for _ in range(n_kills):
        process = fork(lambda: work(folder, *further), folder / "log.txt")
        if not ended(process, rng.uniform(0, longest_s)):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            met["killed"] += 1
        met[check(folder)] += 1
    last = fork(lambda: work(folder, *further), folder / "log.txt")
    assert ended(last, 1000)
    met[f"finally {check(folder)}"] += 1
    (folder / "kills.json").write_text(json.dumps(met))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), *map(Path, sys.argv[5:]))
