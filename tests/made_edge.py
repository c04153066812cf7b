"""The tree of fcn-edge's wheel, from the table by which it is built, and processes that see it alone."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

EDGE = Path(__file__).parents[1] / "edge"


def assemble(out: Path) -> Path:
    """As hatch puts it together; the folder to import from."""
    project = tomllib.loads((EDGE / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    without = shutil.ignore_patterns("__pycache__")
    for package in wheel["packages"]:
        shutil.copytree(EDGE / package, out / package, ignore=without)
    for source, place in wheel["force-include"].items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        if (EDGE / source).is_dir():
            shutil.copytree(EDGE / source, out / place, ignore=without)
        else:
            shutil.copy(EDGE / source, out / place)
    return out


def run(path: Path, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess:
    """A Python that finds `path` before anything installed."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"},
    )
