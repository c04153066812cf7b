"""A monitor that is killed says everything once, and the same."""

import errno
import json
import logging
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from made_alarms import declarer, estimate
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, engine_of

from fcn.alert.alert import Alert, Producer
from fcn.alert.heartbeat import LeftOut, Why
from fcn.alert.journal import Journal
from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.catalogue.event import DeclaredEvent, Status
from fcn.stream import keeping
from fcn.stream.clock import ReplayClock, WallClock
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.sources.replay import Link, ReplaySource
from fcn.waveform.folder import write_sequence_folder

TESTS = Path(__file__).parents[1]
PATIENCE = Patience(256, 1000, 0.1, 1.0)


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


class Doctor(Listener):
    """Speaks of one event, and leaves a station out from the third window on."""

    def __init__(self):
        super().__init__(lambda batch, known: [estimate(float(batch.now_s[0]), origin_time_s=START_S + 4.0)])

    def state(self):
        ill = "clock 1.3 s late" if len(self.batches) > 2 else None
        return {"health": {"left_out": [None, ill, None][: 3 * len(self.batches)]}}


@pytest.fixture
def monitor(tmp_path):
    return listening(tmp_path)


def listening(tmp_path, latency_s=0.4, wait_s=0.0, journal=None):
    _, stream, inventory = make_network(3, seconds=14.0)
    if not (tmp_path / "made").exists():
        write_sequence_folder(tmp_path / "made", stream, inventory)
    watched, stream = WatchedNetwork.of_folder(tmp_path / "made", SPEC)
    return Monitor(
        engine_of(watched, watched.inventory, Doctor(), declarer()),
        ReplaySource(stream, Link(1, 1.0, latency_s, [0.0, 0.0], 0.0, 0.0, 0.0, 0.0, 0.0), pace=None),
        tmp_path / "said",
        Habits(wait_s=wait_s, heartbeat_s=1.0, state_s=1e-6),
        {"of": "a test"},
        Sinks(
            {"jsonl": JsonLines(str(tmp_path / "said" / "alerts.jsonl"), 1.0, 1, None, False)},
            PATIENCE,
            journal,
        ),
        Producer("full", "0123456789ab", "ba9876543210", is_simulated=True),
    )


@pytest.mark.parametrize(
    ("latency_s", "wait_s", "told"), [(12.0, 0.0, "habits.wait_s=12"), (12.0, 13.0, None), (8.0, 0.0, None)]
)
def test_data_too_late_to_be_read_are_said_once(tmp_path, caplog, latency_s, wait_s, told):
    listening(tmp_path, latency_s, wait_s).run()
    said_so = [each for each in caplog.messages if "taken for stopped" in each]
    assert len(said_so) == (told is not None)
    assert told is None or f"set {told}, or more" in said_so[0]


def test_a_full_disk_keeps_nobody_from_being_told(monitor, monkeypatch, caplog):
    """It is said once that the state cannot be written, and that it can again, which then it is."""
    n_tried, real = [0], keeping.new_file

    def full(path):
        n_tried[0] += 1
        if n_tried[0] < 12:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(path)

    monkeypatch.setattr(keeping, "new_file", full)
    with caplog.at_level(logging.INFO):
        monitor.run()
    assert n_tried[0] > 12
    newest = {each.event_id: len(each.updates) for each in monitor.engine.declarer.events}
    assert {each.event_id: each.version for each in said(monitor.folder)} == newest
    assert len(newest) == 1
    told = [each.message for each in caplog.records if "state can" in each.message]
    assert ["cannot" in each for each in told] == [True, False]
    assert keeping.read_events(monitor.folder) == json.loads(json.dumps(monitor.engine.events_state()))


@pytest.mark.parametrize("wait_s", [0.0, 0.25])
def test_an_alert_says_how_late_its_data_were(monitor, wait_s):
    """Of a link of 0.4 s with packets of a second; where windows wait for them, less is left of it."""
    monitor.habits = replace(monitor.habits, wait_s=wait_s)
    monitor.run()
    lines = (monitor.folder / "alerts.jsonl").read_text().splitlines()
    found = [latencies for each in lines if (latencies := Alert.from_json(each).latencies)]
    assert found
    assert {each.data_s for each in found} == {wait_s}
    late_s = [each.transport_s for each in found]
    assert max(0.4 - wait_s, 0.0) - 0.1 <= min(late_s) <= max(late_s) <= 1.5 - wait_s
    assert max(late_s) > 0.0


def test_who_is_left_out_is_named_when_it_changes(monitor, caplog):
    beats = []
    monitor.sinks.beat = beats.append
    with caplog.at_level(logging.WARNING):
        monitor.run()
    assert beats[0].left_out == ()
    assert beats[-1].left_out == (LeftOut("XX.S01", Why.UNHEALTHY, "clock 1.3 s late"),)
    told = [each.message for each in caplog.records if "left out" in each.message]
    assert told == ["stations left out: XX.S01: clock 1.3 s late"]


class Broken:
    """An attendant in which everything goes wrong."""

    def said(self, alert):
        raise TypeError("said")

    def attend(self, monitor, now_s):
        raise KeyError("attend")

    def leave(self, monitor):
        raise RuntimeError("leave")


def test_no_attendant_ends_a_monitor(monitor, caplog):
    monitor.attendants = [Broken()]
    monitor.run()
    assert len(said(monitor.folder)) >= 1
    assert [each.message for each in caplog.records if "goes on" in each.message] == [
        "Broken fails; the monitor goes on"
    ]


class SetBack(ReplayClock):
    """A clock that somebody sets back by so much, once, at a time of it."""

    def __init__(self, start_s, at_s, by_s):
        super().__init__(start_s, None)
        self.at_s, self.by_s, self.n_waits = at_s, by_s, 0

    def wait_until(self, time_s):
        super().wait_until(time_s)
        self.n_waits += 1
        if time_s >= self.at_s:
            self._start_s, self.at_s = self._start_s - self.by_s, math.inf


@pytest.mark.parametrize("by_s", [3600.0, 8.0, 1.0])
def test_a_clock_that_is_set_back_makes_nobody_mute(monitor, by_s):
    """The clock was ahead, and the data come by the true time: they are read once it is set."""
    monitor.source._clock = clock = SetBack(START_S + by_s - 6.0, START_S + by_s, by_s)
    beats = []
    monitor.sinks.beat = beats.append
    poll = monitor.source.poll
    monitor.source.poll = lambda clock_s: poll(clock_s) if math.isinf(clock.at_s) else []
    monitor.run()
    assert clock.n_waits < 200
    counts = monitor.engine.counts
    assert counts["clock set back"] == (by_s > 5.0)
    read_s = [float(each.now_s[0]) for each in monitor.engine.reader.batches]
    assert read_s[-1] == pytest.approx(START_S + 13.5, abs=1.0)
    assert len(read_s) > 20
    assert [len(each.updates) > 1 for each in monitor.engine.declarer.events] == [True]
    assert sum(START_S <= each.issued_time_s < START_S + 15.0 for each in beats) > 10
    assert len(said(monitor.folder)) == sum(len(each.updates) for each in monitor.engine.declarer.events)


def test_nobody_sleeps_through_a_signal_or_a_clock_that_is_set(monkeypatch):
    slept_s = []
    monkeypatch.setattr(time, "sleep", slept_s.append)
    WallClock().wait_until(time.time() + 3600.0)
    ReplayClock(START_S, pace=0.001).wait_until(START_S + 10.0)
    assert slept_s == [1.0, 1.0]


def test_windows_that_cannot_be_read_cost_themselves_alone(monitor, caplog):
    reader, real = monitor.engine.reader, monitor.engine.reader.estimates

    def blind(network, batch, known):
        if 4 <= len(reader.batches) < 7:
            reader.batches.append(batch)
            raise ValueError("station_p is no number")
        return real(network, batch, known)

    reader.estimates = blind
    monitor.run()
    assert monitor.engine.counts["windows that cannot be read"] == 3
    assert monitor.n_windows == len(reader.batches) - 3 > 10
    assert len(said(monitor.folder)) >= 1
    told = [each.message for each in caplog.records if "cannot be read" in each.message]
    assert len(told) == 1
    assert "station_p is no number" in told[0]


@pytest.mark.parametrize(
    ("status", "n_versions", "n_known", "n_said"),
    [
        (Status.UPDATE, 5, 3, 2),  # killed before it was said
        (Status.UPDATE, 1, 0, 1),
        (Status.UPDATE, 5, 0, 1),  # the newest: the journal was lost
        (Status.FINAL, 5, 0, 0),
        (Status.RETRACTED, 5, 0, 0),
        (Status.FINAL, 5, 4, 1),
    ],
)
def test_a_journal_that_was_lost_has_nobody_told_an_old_story(tmp_path, status, n_versions, n_known, n_said):
    """Only what a kill can have left unsaid is said at a start, and of what goes on the newest version."""
    first = listening(tmp_path)
    first.run()
    (declared,) = first.engine.declarer.events
    told = DeclaredEvent(declared.event_id, declared.updates[:n_versions])
    told.updates[-1] = replace(told.updates[-1], status=status)
    assert len(told.updates) == n_versions
    state = first.engine.events_state()
    plain = {"event_id": told.event_id, "updates": [each.plain for each in told.updates]}
    keeping.write_events(first.folder, {**state, "declarer": {**state["declarer"], "events": [plain]}})
    (first.folder / "stream.pt").unlink()
    (first.folder / "alerts.jsonl").write_text("")
    path = str(tmp_path / "journal.jsonl")
    before = Journal(path, 1.0, 100)
    before.open([])
    for each in told.updates[:n_known]:
        before.say(Alert.of(told, each, first.producer, issued_time_s=each.now_s))
    before.close()
    again = listening(tmp_path, journal=Journal(path, 1.0, 100))
    again.stop()
    again.run()
    expected = list(range(n_versions - n_said + 1, n_versions + 1))
    assert [each.version for each in said(again.folder)] == expected


def test_an_earthquake_whose_state_was_lost_goes_on_under_its_id(tmp_path):
    """Declared anew, with versions that nobody has had; and after another restart none is said twice."""
    path = str(tmp_path / "journal.jsonl")
    first = listening(tmp_path, journal=Journal(path, 1.0, 100))
    first.run()
    (event,) = first.engine.declarer.events
    n_versions = len(event.updates)
    assert n_versions > 3
    for damage in ("{", None):  # then nothing is lost, and nothing is said again
        if damage is not None:
            (first.folder / "events.json").write_text(damage)
            (first.folder / "stream.pt").unlink()
        (first.folder / "alerts.jsonl").write_text("")
        again = listening(tmp_path, journal=Journal(path, 1.0, 100))
        again.run()
        (anew,) = again.engine.declarer.events
        assert anew.event_id == event.event_id
        expected = list(range(n_versions + 1, 2 * n_versions + 1)) if damage is not None else []
        assert [each.version for each in said(again.folder)] == expected
