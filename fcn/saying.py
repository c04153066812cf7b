"""Where a monitor or a merger says things: its sinks and its log, from a configuration."""

import errno
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fcn.alert.sinks.sinks import Sinks
from fcn.config import build


def make_folder(folder: Path) -> None:
    """Raise ValueError for one that cannot be made, or not be written to; one whose disk is full will do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ValueError(
            f"folder={folder} cannot be written to ({error.strerror}): give one that this user may make, or "
            "write to"
        ) from error


def owned(folder: Path) -> FileLock:
    """The folder's lock, taken; it goes with the process. Raises ValueError for another monitor's folder."""
    lock = FileLock(folder / ".monitor.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"folder={folder} is another monitor's, which runs: give each its own, or end that one"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise ValueError(
            f"folder={folder} cannot be locked ({error}): give a folder of this user's, on a disk with locks"
        ) from error
    return lock


def build_sinks(config: Mapping[str, Any], folder: Path) -> Sinks:
    """The sinks of a configuration and their journal; relative paths of what they write are in the folder."""
    alerts = config["alerts"]
    journal = alerts["journal"] and placed(alerts["journal"], folder)
    sinks = {name: placed(node, folder) for name, node in config["sinks"].items()}
    made: Sinks = build({**alerts, "sinks": sinks, "journal": journal})
    return made


def log_to(node: Mapping[str, Any] | None, folder: Path) -> None:
    """What is logged from now on goes to the file of a node, too; None: it does not."""
    if node is not None:
        logging.getLogger().addHandler(build(placed(node, folder)))


def placed(node: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The node with its relative paths in the folder."""
    stated = {key: node[key] for key in ("path", "folder") if key in node}
    return {**node, **{key: str(folder / Path(path).expanduser()) for key, path in stated.items()}}
