"""Where a run puts its records: a folder of its own, whoever begins at the same time."""

import contextlib
import functools
import itertools
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

RANKS = ("WORLD_SIZE", "SLURM_NTASKS")  # of a run of several processes, which share one folder
FAILURE = "failure.txt"  # of a job of a sweep


def unused(parent: str, name: str) -> str:
    """The name, or with -2, -3, ... behind it, of a folder that is made here and that no other process made.

    Names of runs end with the second in which they begin; of two that begin in the same one, as jobs of a
    scheduler do, one would overwrite what the other has written. Asked again, a process is told the same.
    Where the folder cannot be made Hydra, which makes it otherwise, says why.
    """
    if any(os.environ.get(each, "1") != "1" for each in RANKS):
        return name
    return _made(Path(parent).resolve(), name)


@functools.cache
def _made(parent: Path, name: str) -> str:
    try:
        (parent / name).parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            tried = name if number == 1 else f"{name}-{number}"
            with contextlib.suppress(FileExistsError):
                (parent / tried).mkdir()
                return tried
    except OSError:
        pass
    return name


@contextlib.contextmanager
def noted(folder: Path) -> Iterator[None]:
    """What is raised stands in failure.txt, too."""
    try:
        yield
    except Exception:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(traceback.format_exc())
        raise
