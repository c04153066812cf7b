"""A merger that runs, is killed and goes on."""

import dataclasses
import json
import socket

import pytest
from made_alerts import PRODUCER, T0, heartbeat
from made_merged import KEEPING, LIKENESS, MERGED, made

from fcn.alert.alert import Alert
from fcn.alert.journal import Journal
from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.catalogue.event import Status
from fcn.operations.listening import Files
from fcn.operations.merger import Merger
from fcn.operations.merging import MergeHabits, Merging
from fcn.operations.status import read_status

HABITS = MergeHabits(poll_s=0.01, heartbeat_s=1e-9, status_s=1e-9, silent_s=180.0)


class Clock:
    now_s = T0

    def __call__(self):
        return self.now_s


def merging(folder, clock, names=("north", "south")):
    sinks = Sinks(
        {"jsonl": JsonLines(str(folder / "merged" / "alerts.jsonl"), 1.0, 1, None, False)},
        Patience(10, 10, 0.1, 1.0),
        Journal(str(folder / "merged" / "journal.jsonl"), 1.0, 100),
    )
    files = Files([str(folder / f"{name}.jsonl") for name in names])
    return Merging(Merger(LIKENESS, KEEPING, MERGED), files, sinks, folder / "merged", HABITS, clock)


def says(folder, *said):
    for each in said:
        JsonLines(str(folder / f"{each.producer.monitor}.jsonl"), 1.0, 1, None, True).file.add(each.to_json())


def killed(running):
    """The end of one that can do nothing more; what it told its sinks they have."""
    running.sinks.close(20.0)
    running.listening.close()


def alerts(folder):
    return [Alert.from_json(line) for line in (folder / "merged" / "alerts.jsonl").read_text().splitlines()]


def test_two_monitors_are_one_through_a_kill(tmp_path):
    clock = Clock()
    first = merging(tmp_path, clock)
    says(tmp_path, made("north", "x", unsure_km=9.0), made("south", "y", unsure_km=2.0))
    first.look()
    killed(first)
    assert [each.version for each in alerts(tmp_path)] == [1, 2]
    says(tmp_path, made("north", "x", 2, status=Status.RETRACTED), made("south", "y", 2, status=Status.FINAL))
    second = merging(tmp_path, clock)
    second.catch_up()
    second.look()
    clock.now_s += 31.0
    second.look()
    killed(second)
    found = alerts(tmp_path)
    assert [each.version for each in found] == list(range(1, len(found) + 1))
    assert found[-1].status is Status.FINAL
    assert len({each.event_id for each in found}) == 1
    assert read_status(tmp_path / "merged").left_out[0].what == "known already"


def test_what_was_decided_before_a_kill_is_said_after_it(tmp_path):
    clock = Clock()
    first = merging(tmp_path, clock)
    told = first.merger.take(made("north", "x"), T0)
    first._keep()
    killed(first)
    second = merging(tmp_path, clock)
    second.catch_up()
    killed(second)
    assert alerts(tmp_path) == told


def test_its_status_counts_monitors(tmp_path):
    clock = Clock()
    running = merging(tmp_path, clock)
    beats = [
        dataclasses.replace(heartbeat(), producer=dataclasses.replace(PRODUCER, monitor=name), is_alive=alive)
        for name, alive in (("north", True), ("south", False))
    ]
    says(tmp_path, *beats)
    running.look()
    clock.now_s += 60.0
    running.look()
    status = read_status(tmp_path / "merged")
    assert [(each.id, each.late_s) for each in status.stations] == [("north", 60.0), ("south", None)]
    clock.now_s += 121.0
    running.look()
    assert read_status(tmp_path / "merged").late_s == []
    killed(running)


def test_it_runs_until_it_is_stopped(tmp_path):
    running = merging(tmp_path, Clock())
    says(tmp_path, made("north", "x"))
    look = running.look
    running.look = lambda: (look(), running.stop())
    running.run()
    assert len(alerts(tmp_path)) == 1
    assert not read_status(tmp_path / "merged").is_running


@pytest.mark.parametrize(
    "content", ["", "[]", json.dumps({"newest": []}), "\0" * 99], ids=["empty", "a list", "a part", "zeros"]
)
def test_a_state_that_is_damaged_is_set_aside_and_nothing_is_told_twice(tmp_path, caplog, content):
    """As a disk that lost power leaves it: a merger that systemd begins again and again tells nobody."""
    first = merging(tmp_path, Clock())
    says(tmp_path, made("north", "x"))
    first.look()
    killed(first)
    (tmp_path / "merged" / "merger.json").write_text(content)
    running = merging(tmp_path, Clock())
    assert "without it the merger begins anew" in caplog.text
    assert (tmp_path / "merged" / "merger.json.damaged").read_text() == content
    running.catch_up()
    running.look()
    says(tmp_path, made("north", "x", 2, unsure_km=1.0))
    running.look()
    killed(running)
    assert [each.version for each in alerts(tmp_path)] == [1, 2]


def test_a_clock_that_is_set_back_makes_nobody_mute(tmp_path):
    clock = Clock()
    running = merging(tmp_path, clock)
    running.habits = MergeHabits(poll_s=0.01, heartbeat_s=60.0, status_s=60.0, silent_s=180.0)
    says(tmp_path, made("north", "x", status=Status.FINAL), heartbeat(producer=made("north", "x").producer))
    running.look()
    clock.now_s -= 3600.0
    running.look()
    assert read_status(tmp_path / "merged").written_time_s == clock.now_s
    clock.now_s += KEEPING.settle_s + 1.0
    running.look()
    clock.now_s += 200.0
    assert running._late_s() == {"north": None}
    killed(running)
    assert [each.status for each in alerts(tmp_path)] == [Status.NEW, Status.FINAL]


def test_systemd_hears_that_it_goes_on(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        link.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2")
        running, heard = merging(tmp_path, Clock()), []
        says(tmp_path, heartbeat(producer=made("north", "x").producer))
        look = running.look

        def looked():
            if heard_now():
                running.stop()
            look()

        def heard_now():
            while True:
                try:
                    heard.append(link.recv(4096).decode())
                except BlockingIOError:
                    return len(heard) >= 3

        running.look = looked
        running.run()
        heard_now()
    assert heard[0] == "READY=1\nSTATUS=1 of 1 monitors, 0 events open"
    assert len(heard) >= 4
    assert all(each.startswith("WATCHDOG=1\nSTATUS=1 of 1") for each in heard[1:-1])
    assert heard[-1] == "STOPPING=1"
