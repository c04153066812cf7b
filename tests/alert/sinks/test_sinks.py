"""All sinks together, and what a kill leaves to be said."""

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from made_alerts import alert, heartbeat, site_warning, until

from fcn.alert.alert import Alert
from fcn.alert.journal import Journal
from fcn.alert.sinks.base import Sink
from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks

PATIENCE = Patience(queue_length=64, most_events=1000, first_retry_s=0.01, longest_retry_s=0.1)


class Told(Sink):
    def __init__(self):
        self.alerts, self.beats, self.warned = [], [], []

    def deliver(self, alert):
        self.alerts.append((alert.event_id, alert.version))

    def beat(self, heartbeat):
        self.beats.append(heartbeat)

    def warn(self, told):
        self.warned.append(told)


class Gone(Told):
    """Out of reach."""

    def deliver(self, alert):
        raise ConnectionError("nobody there")


class Hangs(Told):
    def __init__(self):
        super().__init__()
        self.gate = threading.Event()

    def deliver(self, alert):
        self.gate.wait(20)


def journal(tmp_path):
    return Journal(str(tmp_path / "journal"), 1.0, 100)


def test_everybody_is_told_whoever_hangs_or_is_gone():
    told, hangs = Told(), Hangs()
    sinks = Sinks({"told": told, "gone": Gone(), "hangs": hangs}, PATIENCE, None)
    for version in (1, 2):
        assert sinks.say(alert("a", version))
    sinks.warn(site_warning())
    sinks.beat(heartbeat())
    until(lambda: told.beats and told.warned == [site_warning()] and not sinks.counts["gone"].is_up)
    assert told.alerts == [("a", 1), ("a", 2)]
    assert not sinks.close(0.1)
    assert {name: each.waiting for name, each in sinks.counts.items()} == {"told": 0, "gone": 2, "hangs": 2}
    hangs.gate.set()


def test_what_a_sink_lacks_is_said_after_a_restart_under_the_same_version(tmp_path):
    told = Told()
    sinks = Sinks({"told": told, "gone": Gone()}, PATIENCE, journal(tmp_path))
    for event_id, version in (("a", 1), ("b", 1), ("a", 2)):
        sinks.say(alert(event_id, version))
    until(lambda: len(told.alerts) == 3)
    assert not sinks.close(5.0)
    told, back = Told(), Told()
    sinks = Sinks({"told": told, "gone": back}, PATIENCE, journal(tmp_path))
    assert not sinks.say(alert("a", 2))
    assert sinks.say(alert("a", 3))
    assert sinks.close(20.0)
    assert told.alerts == [("a", 3)]
    assert back.alerts == [("b", 1), ("a", 2), ("a", 3)]


def test_a_journal_that_cannot_be_written_keeps_nobody_from_being_told(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    told = Told()
    sinks = Sinks({"told": told}, PATIENCE, journal(tmp_path))
    with monkeypatch.context() as patched:

        def full(file, data):
            raise OSError(28, "No space left on device")

        patched.setattr("fcn.alert.journal._write", full)
        sinks.say(alert("a", 1))
        sinks.say(alert("a", 2))
        until(lambda: len(told.alerts) == 2)
    sinks.say(alert("a", 3))
    assert sinks.close(20.0)
    assert told.alerts == [("a", 1), ("a", 2), ("a", 3)]
    said = [each.getMessage() for each in caplog.records if "journal" in each.getMessage()]
    assert len(said) == 2
    assert "No space left" in said[0]
    assert "again" in said[1]


SPEAKER = """
import json, sys, time
from pathlib import Path
from made_alerts import alert
from fcn.alert.journal import Journal
from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks

class Slow(JsonLines):
    def deliver(self, alert):
        time.sleep(0.003)
        super().deliver(alert)

folder, n_events, n_versions = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
sink = (Slow if len(sys.argv) > 4 else JsonLines)(str(folder / "told.jsonl"), 100.0, 1, None, False)
sinks = Sinks({"file": sink}, Patience(64, 1000, 0.01, 0.1), Journal(str(folder / "journal"), 0.02, 100))
for version in range(1, n_versions + 1):
    for event in range(n_events):
        if sinks.say(alert(f"e{event}", version)):
            print(event, version, flush=True)
assert sinks.close(60.0)
"""


def start(*arguments) -> subprocess.Popen:
    command = [sys.executable, "-c", SPEAKER, *map(str, arguments)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_kill_loses_no_newest_version_and_invents_none(tmp_path):
    with start(tmp_path, 3, 500, "slow") as first:
        said = [first.stdout.readline() for _ in range(60)]
        first.send_signal(signal.SIGKILL)
        said += first.stdout.readlines()
    newest = {}
    for event, version in (map(int, each.split()) for each in said if each.endswith("\n")):
        newest[f"e{event}"] = version
    told = tmp_path / "told.jsonl"
    # of a slow machine's processes the first may be killed before it was told anything
    n_before = len(told.read_text().splitlines()) if told.exists() else 0
    assert n_before < len(said)  # the slow sink had not been told all
    with start(tmp_path, 0, 0) as second:
        assert second.wait(60) == 0
    lines = [Alert.from_json(line) for line in told.read_text().splitlines() if _is_whole(line)]
    last = {each.event_id: each.version for each in lines}
    # what was printed was said; the kill may have come between saying and printing
    assert all(version <= last[event] <= version + 1 for event, version in newest.items())
    assert len(lines) <= n_before + 3  # the newest of three events and nothing else
    assert all(each == alert(each.event_id, each.version) for each in lines)


def _is_whole(line):
    try:
        return bool(json.loads(line))
    except json.JSONDecodeError:
        return False


@pytest.mark.parametrize("name", ["a/b", "", "."])
def test_the_name_of_a_sink_may_stand_in_a_journal(tmp_path, name):
    with pytest.raises(ValueError, match="sink must be"):
        Sinks({name: JsonLines(str(Path(tmp_path) / "x"), 1.0, 1, None, False)}, PATIENCE, journal(tmp_path))
