"""An offline run of Weights & Biases, made from a folder of results by a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from documents import ROOT, python_blocks
from matplotlib.figure import Figure
from toy import resolved

from fcn.metrics.by_event import EventOutcome, write_events

TOKEN = "0123456789abcdef0123456789abcdef01234567"  # made up, of the form of W&B's own
SCORE = {"simulated": True, "recall": 0.5, "alarm_latency_s_p50": 3.25, "n_false": 0, "depth_rmse_km": None}
EVENTS = [
    EventOutcome("a", 4.5, True, 3.25, 1.5, 1.25, -0.5, 0.25),
    EventOutcome("b", None, False),
]
GIVEN = (
    "logger.wandb.checkpoints=true",
    "logger.wandb.id=abc",
    "logger.wandb.group=a-sweep",
    "logger.wandb.job_type=test",
    "logger.wandb.tags=[dataset:smoke]",
)


def make(folder: Path) -> Path:
    """The run's folder in `folder`, a git checkout whose remote holds a token; the process has W&B's, too."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(SCORE))
    (folder / "best.ckpt").write_bytes(b"weights")
    write_events(EVENTS, folder / "events.csv")
    (folder / "figures").mkdir()
    Figure((1, 1)).savefig(folder / "figures" / "map.png")
    remote = ("remote", "add", "origin", f"https://{TOKEN}:x-oauth-basic@example.org/a.git")
    commit = ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a")
    for command in (("init", "-q"), remote, commit):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    config = json.dumps(resolved("test", "ckpt=generalized", *GIVEN))
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("logged_run.py")), str(folder), config],
        cwd=folder,
        env={**os.environ, "WANDB_API_KEY": TOKEN, "WANDB_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )
    (run,) = (folder / "wandb").glob("offline-run-*")
    return run


def reader() -> dict:
    """The functions that docs/wandb.md reads such a run with, by name."""
    found: dict = {"__name__": "docs/wandb.md"}
    exec(python_blocks((ROOT / "docs" / "wandb.md").read_text("utf-8"))[0], found)
    return found
