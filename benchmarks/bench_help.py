"""What `--help` takes, beside a process that only imports Hydra and beside an old commit."""

import statistics
import sys
import time

import pytest
from rows import row
from trees import OLD, REPOSITORY

COMMANDS = ("test", "monitor", "train", "report")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(benchmark, in_tree, old_tree, short, command):
    ask = (sys.executable, "-m", f"fcn.{command}", "--help")
    benchmark.pedantic(in_tree, args=(REPOSITORY, *ask), rounds=5, warmup_rounds=1)
    ours_s, others = benchmark.stats.stats.median, []
    for name, tree, call in (
        ("importing Hydra", REPOSITORY, (sys.executable, "-c", "import hydra")),
        (OLD, old_tree, ask),
    ):
        try:
            in_tree(tree, *call)  # compiles
            seconds = []
            for _ in range(1 if short else 3):
                start_s = time.perf_counter()
                in_tree(tree, *call)
                seconds.append(time.perf_counter() - start_s)
            other_s = statistics.median(seconds)
            others.append(f"{name} {other_s:.2f} s, {other_s / ours_s:.1f} times")
        except pytest.skip.Exception as why:
            others.append(f"{name}: {str(why)[:40]}")
    row(f"python -m fcn.{command} --help", f"{ours_s:.2f} s", "; ".join(others))
