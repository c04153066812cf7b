"""A monitor that is killed says everything once, and the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def said(folder: Path) -> list[dict]:
    lines = (folder / "alerts.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "latency_s"} for line in lines]


@pytest.mark.parametrize(("n_kills", "longest_s"), [(4, 1.0), pytest.param(60, 1.0, marks=pytest.mark.slow)])
def test_kills_lose_no_alert_and_repeat_none(tmp_path, n_kills, longest_s):
    script = [sys.executable, str(TESTS / "killed_monitor.py"), str(tmp_path), str(n_kills), str(longest_s)]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        script, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=700
    )
    log = (tmp_path / "log.txt").read_text() if (tmp_path / "log.txt").exists() else ""
    assert done.returncode == 0, done.stderr[-3000:] + log[-3000:]
    expected, found = said(tmp_path / "whole"), said(tmp_path / "killed")
    assert len({each["id"] for each in expected}) == 3
    assert len(expected) > 20
    assert found == expected
    assert json.loads((tmp_path / "kills.json").read_text())["killed"] >= 1
