"""What goes along with the steps of a monitor."""

import logging
import socket

import pytest
from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, engine_of

from fcn.alert.alert import Producer
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.operations.status import read_status
from fcn.stream.attendants import StatusKeeper, Systemd
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.sources.replay import Link, ReplaySource
from fcn.waveform.folder import write_sequence_folder

LINK = Link(0, 1.0, 0.4, [0.0, 0.0], 0.0, 0.0, 0.5, 0.0, 0.0)


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    _, stream, inventory = make_network(2, seconds=8.0)
    root = tmp_path_factory.mktemp("attended") / "made"
    write_sequence_folder(root, stream, inventory)
    return WatchedNetwork.of_folder(root, SPEC)


def monitor(sequence, folder, *attendants, name="attended"):
    watched, stream = sequence
    return Monitor(
        engine_of(watched, watched.inventory, Listener(), declarer()),
        ReplaySource(stream, LINK, pace=None),
        folder,
        Habits(wait_s=0.0, heartbeat_s=10.0, state_s=100.0),
        {"of": "a test"},
        Sinks({}, Patience(10, 10, 0.1, 1.0), None),
        Producer(name, "0123456789ab", "ba9876543210", is_simulated=True),
        attendants=attendants,
    )


def test_a_monitor_says_how_it_is(sequence, tmp_path):
    seen = []
    running = monitor(sequence, tmp_path, StatusKeeper(1e-9, write=(seen.append,)))
    running.run()
    assert len(seen) > 20
    assert all(each.is_running for each in seen[:-1])
    middle, last = seen[len(seen) // 2], read_status(tmp_path)
    assert last == seen[-1]
    assert not last.is_running
    assert last.n_windows == running.n_windows > 5
    assert last.data_time_s == running.engine.declarer.last_now_s
    assert START_S + 8.0 <= last.clock_time_s < START_S + 10.0
    assert {each.id for each in last.stations} == {"XX.S00", "XX.S01"}
    assert middle.median_late_s == pytest.approx(0.75, abs=0.75)
    assert {each.what for each in last.left_out} == set(running.engine.live["XX.S00"].counts)
    assert sum(each.n for each in last.left_out) > 0


def test_it_is_written_now_and_then(sequence, tmp_path):
    seen = []
    monitor(sequence, tmp_path, StatusKeeper(1e6, write=(seen.append,))).run()
    assert [each.is_running for each in seen] == [True, False]


def test_a_full_disk_stops_nobody_and_is_said_once(sequence, tmp_path, caplog):
    def full(status):
        raise OSError(28, "No space left on device")

    heard = []
    running = monitor(sequence, tmp_path, StatusKeeper(1e-9, write=(heard.append, full)))
    with caplog.at_level(logging.ERROR):
        running.run()
    assert running.n_windows > 5
    assert [each.getMessage() for each in caplog.records] == [
        "the status cannot be written: [Errno 28] No space left on device"
    ]
    assert len(heard) > 5


def test_systemd_hears_that_the_loop_goes_on(sequence, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2")
        link.setblocking(False)
        heard = []

        class Ear:
            def attend(self, monitor, now_s):
                heard.append(link.recv(4096).decode())

            def leave(self, monitor):
                heard.append(link.recv(4096).decode())

        monitor(sequence, tmp_path / "folder", Systemd(), Ear()).run()
    assert heard[0].startswith("READY=1\nSTATUS=")
    assert all(each.startswith("WATCHDOG=1\nSTATUS=") for each in heard[1:-1])
    assert "2 of 2 stations" in heard[-2]
    assert heard[-1] == "STOPPING=1"
