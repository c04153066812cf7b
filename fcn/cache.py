"""Stores and sequences simulated on first use and kept, named by the digest of their recipe."""

import contextlib
import errno
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fcn.config import build, digest
from fcn.publish import only_one
from fcn.simulate import VERSION
from fcn.store.build import build_store, print_summary
from fcn.store.reader import BaseStore
from fcn.waveform.folder import STATIONS, WAVEFORMS

log = logging.getLogger(__name__)


def cached_store(config: Mapping[str, Any], cache: Path) -> Path:
    """The store a training configuration names, built on first use into the cache.

    config: `path` of an existing store, else `recipe`, the simulated source it is made by, and `splits`.
    Raises what `BaseStore.open` raises for a store that is not there or broken.
    """
    if config["path"] is not None:
        path = Path(config["path"]).expanduser()
        BaseStore.open(path)
        return path
    recipe, splits = config["recipe"], config["splits"]
    path = cache / "stores" / digest({"recipe": recipe, "splits": splits, "simulation": VERSION})
    with built_once(path) as missing:
        if missing:
            log.info("building the store %s", path)
            rate_hz = recipe["recipe"]["preprocess"]["sampling_rate_hz"]
            print_summary(build_store({"simulated": build(recipe)}, path, sampling_rate_hz=rate_hz, **splits))
    with damaged_means_build_again(path):
        BaseStore.open(path)
    return path


@contextlib.contextmanager
def built_once(path: Path) -> Iterator[bool]:
    """Whether a folder of the cache has to be built by whoever asks; others wait until it is.

    What is there is whole, and needs no lock: a cache may be somebody else's, or read-only. Raises ValueError
    for one that cannot be written to where it is to be.
    """
    if path.is_dir():
        yield False
    else:
        _make(path.parent)
        with only_one(path):
            yield not path.is_dir()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ValueError(
            f"{folder}, in the cache, cannot be written to ({error.strerror}): name another folder by "
            "cache=, or in the environment by FCN_CACHE"
        ) from error


@contextlib.contextmanager
def damaged_means_build_again(path: Path) -> Iterator[None]:
    """Add to what is wrong with a folder of the cache what to do about it."""
    try:
        yield
    except (OSError, ValueError) as error:
        error.add_note(f"it is a copy in the cache: remove {path}, and it is built again")
        raise


def simulated_recipe(source: Mapping[str, Any]) -> Any:
    """The one simulated source whose store the cache keeps; ValueError for any other choice of sources."""
    if list(source) != ["simulated"]:
        raise ValueError(
            f"only a simulated store has a place in the cache, not {', '.join(source)}: give out="
        )
    return source["simulated"]


def sequence_root(dataset: Mapping[str, Any], cache: Path) -> Path:
    """Folder of a `dataset` group: `root`, or what its builder makes, built if it is not in the cache.

    A builder may make a sequence of the files in `root` (recordings the user has); a `root` that is a
    sequence folder already is taken as it is. Raises FileNotFoundError for a folder that does not exist and
    ValueError where there is neither root nor builder.
    """
    name, builder = dataset["name"], dataset["builder"]
    if dataset["root"] is not None:
        root = Path(dataset["root"]).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(f"no sequence folder at {root} (dataset.root)")
        if builder is None or (root / WAVEFORMS).is_dir():
            return root
    elif builder is None:
        raise ValueError(f"dataset {name!r} has no builder: give its folder as dataset.root=...")
    root = cache / "sequences" / f"{name}-{digest([VERSION, builder])}"
    with built_once(root) as missing:
        if missing:
            log.info("building %s in %s", name, root)
            build(builder).build(root)
    lacking = [part for part in (WAVEFORMS, STATIONS) if not (root / part).exists()]
    if lacking:
        raise FileNotFoundError(
            f"{root} in the cache lacks {' and '.join(lacking)}: remove it, and it is built again"
        )
    return root
