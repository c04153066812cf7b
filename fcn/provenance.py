"""What a result came from: code, versions, configuration, data."""

import datetime
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import fcn

PACKAGES = ("torch", "lightning", "hydra-core", "obspy", "numpy", "h5py", "scipy", "torchmetrics")

# of a checkout: what a result depends on
PARTS = (":/fcn", ":/conf", ":/pyproject.toml")


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and whether its code or configuration were changed; both None outside a git checkout."""
    try:
        commit, status = (
            subprocess.run(
                ["git", "-C", str(folder), *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no", "--", *PARTS],
            )
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {"commit": None, "modified": None}
    return {"commit": commit, "modified": bool(status)}


def manifest(config: dict[str, Any], overrides: Sequence[str], *, store_digest: str | None) -> dict[str, Any]:
    """Plain data that says what made a run; written beside it and into its checkpoints."""
    return {
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "fcn": fcn.__version__,
        "git": git_state(Path(fcn.__file__).parent),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "store_digest": store_digest,
        "overrides": list(overrides),
        "config": config,
    }


def went_on(former: Mapping[str, Any], step: int) -> dict[str, Any]:
    """What the manifest of a training says besides, that goes on from a checkpoint of another's at a step.

    former: the manifest in that checkpoint. `parts` are those of the training until then, oldest first.
    """
    part = {key: former.get(key) for key in ("created_utc", "fcn", "git", "precision")}
    kept = {key: former[key] for key in ("weights_digest",) if key in former}
    return {"parts": [*former.get("parts", []), {**part, "to_step": step}], **kept}
