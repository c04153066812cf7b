"""The first hour, as written: every shell block but the installation, in order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_first_hour_runs_as_written(tmp_path):
    page = (ROOT / "docs" / "first_hour.md").read_text("utf-8")
    shell = [block for language, block in blocks(page) if language == "sh" and "pip install" not in block]
    assert len(shell) == 5
    environment = {
        "FCN_CACHE": str(tmp_path / "cache"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "WANDB_MODE": "offline",
    }
    for block in shell:
        done = subprocess.run(
            [shutil.which("bash") or "sh", "-euc", block],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, block + (done.stdout + done.stderr)[-4000:]
    for made in (
        "first-test/report.html",
        "first-test/metrics.json",
        "first-examples/report.html",
        "first-training/manifest.json",
        "first-training/report",
        "first-network/report.html",
        "own/catalogue.csv",
        "first-monitor/alerts.jsonl",
    ):
        assert (tmp_path / "logs" / made).exists(), made
