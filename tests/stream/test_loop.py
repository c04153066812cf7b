"""A monitor that is killed says everything once, and the same."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fcn.alert.alert import Alert
from fcn.alert.journal import Journal

TESTS = Path(__file__).parents[1]


def said(folder: Path) -> list[Alert]:
    """Lines of alerts.jsonl but for when they were issued; a line that a kill has cut short is none."""
    lines = (folder / "alerts.jsonl").read_text().splitlines()
    whole = [Alert.from_json(line) for line in lines if line.endswith("}")]
    return [replace(each, issued_time_s=0.0, latencies=None) for each in whole]


def known(folder: Path, events: set[str]) -> dict[str, int]:
    """Newest versions that the journal knows; nobody lacks any."""
    journal = Journal(str(folder / "journal.jsonl"), 1.0, 100)
    assert journal.open(["jsonl"]) == {"jsonl": []}
    found = {each: journal.newest_version(each) for each in events}
    journal.close()
    return found


@pytest.mark.parametrize(("n_kills", "longest_s"), [(4, 1.0), pytest.param(60, 1.0, marks=pytest.mark.slow)])
def test_kills_lose_no_alert_and_repeat_none(tmp_path, n_kills, longest_s):
    script = [sys.executable, str(TESTS / "killed_monitor.py"), str(tmp_path), str(n_kills), str(longest_s)]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        script, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=700
    )
    log = (tmp_path / "log.txt").read_text() if (tmp_path / "log.txt").exists() else ""
    assert done.returncode == 0, done.stderr[-3000:] + log[-3000:]
    expected = {(each.event_id, each.version): each for each in said(tmp_path / "whole")}
    found = said(tmp_path / "killed")
    newest = {each.event_id: each.version for each in expected.values()}
    assert len(newest) == 3
    assert len(expected) > 20
    # what was told may have been told again, but not as something else
    assert all(each == expected[each.event_id, each.version] for each in found)
    assert {each.event_id: each.version for each in found} == newest
    assert known(tmp_path / "killed", set(newest)) == known(tmp_path / "whole", set(newest)) == newest
    kills = json.loads((tmp_path / "kills.json").read_text())["killed"]
    assert kills >= 1
    # a kill costs at most what waited for the file just then
    assert len({(each.event_id, each.version) for each in found}) >= len(expected) - 3 * kills
    assert len(found) <= len(expected) + kills
