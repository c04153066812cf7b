"""What is sent to a socket on the disk is what sd_notify(3) says."""

import os
import socket

import pytest

from fcn.operations import systemd


@pytest.fixture
def heard(tmp_path, monkeypatch):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(path))
        link.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield lambda: link.recv(4096).decode()


def test_lines_reach_the_socket(heard):
    assert systemd.notify("READY=1", "STATUS=12 of 12 stations")
    assert heard() == "READY=1\nSTATUS=12 of 12 stations"


def test_without_a_socket_nobody_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")
    for address in ("", "relative", str(tmp_path / "gone"), "@nobody"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert not systemd.notify("READY=1")


def test_a_full_socket_holds_nobody_up(heard):
    sent = [systemd.notify(f"STATUS={i}" + "x" * 1000) for i in range(2000)]
    assert sent[0]
    assert not all(sent)


def test_the_watchdog_wants_to_hear_twice_in_its_time(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_s() == 30.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_s() is None
    monkeypatch.delenv("WATCHDOG_PID")
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    assert systemd.watchdog_s() is None
