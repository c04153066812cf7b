"""Sequences simulated on first use and kept, named by the digest of their recipe."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn.config import build, digest
from fcn.simulate import VERSION
from fcn.waveform.folder import WAVEFORMS

log = logging.getLogger(__name__)


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
    if not root.is_dir():
        log.info("building %s in %s", name, root)
        build(builder).build(root)
    return root
