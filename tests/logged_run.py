"""A process of its own that logs a run to Weights & Biases, offline: python logged_run.py FOLDER CONFIG.

What it logs is made: the manifest of a test, and the files that lie in FOLDER.
"""

import json
import sys
from pathlib import Path

import wandb

from fcn.callbacks.run_log import run_logs
from fcn.engine import build_loggers

if __name__ == "__main__":
    folder, config = Path(sys.argv[1]), json.loads(sys.argv[2])
    manifest = {
        "config": config,
        "overrides": ["ckpt=generalized", "+subset.n_stations=6", "stations.count=[4,4]"],
        "git": {"commit": "abc", "modified": False},
        "checkpoint": {"store_digest": "def", "config": {"seed": 1}},
    }
    (log,) = run_logs(build_loggers(config, folder))
    log.describe(manifest)
    log.log_metrics({"val/loss": 0.5}, step=1)
    (again,) = run_logs(build_loggers(config, folder))  # as a job of a sweep is scored, once it is trained
    score = json.loads((folder / "metrics.json").read_text())
    again.show(score, folder)
    again.show({"recall": 0.25}, folder / "none", prefix="twin/")
    again.keep(folder / "best.ckpt")
    wandb.finish()
