"""Command lines in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

SHORT_SEQUENCE = ("dataset=smoke", "dataset.builder.duration_s=90", "dataset.builder.seismicity.0.n_events=1")

# a training of two steps
TINY = (
    "experiment=smoke",
    "logger=csv",
    "data.batch_size=4",
    "data.examples_per_epoch=8",
    "data.validation_examples=4",
    "data.velocity.count=2",
    "data.workers=0",
    "~validation.sequences.smoke",
    "trainer.max_steps=2",
    "arch.location_channels=[4,4,8,8,8]",
    "arch.detection_channels=[4,4,4,4]",
    "arch.magnitude_channels=[4,4,4,4]",
)


def run(command: str, *arguments: str, cwd: Path, timeout_s: float = 280.0) -> str:
    """Output of `python -m command arguments`."""
    done = subprocess.run(
        [sys.executable, "-m", command, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "FCN_CACHE": str(cwd / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    return output
