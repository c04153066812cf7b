"""Scripts run with the package of this tree, or of another one, in processes of their own."""

import os
import subprocess
from pathlib import Path

import pytest

OLD = "a4aefc9"  # the commit that rows are compared with
REPOSITORY = Path(__file__).parents[1]


def child(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process in a tree, on one core; it may have failed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    return subprocess.run(arguments, cwd=tree, env=environment, capture_output=True, text=True)


def output(tree: Path, *arguments: str) -> str:
    """What a process in a tree prints.

    One that fails in this repository fails whoever asked, with what it said; in an older tree it skips, which
    has no such command, or needs what is no longer installed.
    """
    done = child(tree, *arguments)
    if done.returncode:
        told = f"{' '.join(arguments)[:200]} does not run in {tree}: {done.stderr[-2000:]}"
        (pytest.fail if tree == REPOSITORY else pytest.skip)(told)
    return done.stdout
