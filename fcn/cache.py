"""Sequences simulated on first use and kept, named by the digest of their recipe."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn.config import build, digest

log = logging.getLogger(__name__)


def sequence_root(dataset: Mapping[str, Any], cache: Path) -> Path:
    """Folder of a `dataset` group: `root`, or what its builder makes, built if it is not in the cache.

    Raises FileNotFoundError for a folder that does not exist and ValueError where there is neither.
    """
    if dataset["root"] is not None:
        root = Path(dataset["root"]).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(f"no sequence folder at {root} (dataset.root)")
        return root
    if dataset["builder"] is None:
        raise ValueError(f"dataset {dataset['name']!r} has no builder: give its folder as dataset.root=...")
    root = cache / "sequences" / f"{dataset['name']}-{digest(dataset['builder'])}"
    if not root.is_dir():
        log.info("building %s in %s", dataset["name"], root)
        build(dataset["builder"]).build(root)
    return root
