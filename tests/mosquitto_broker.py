"""A broker of MQTT on loopback: Debian's mosquitto, where it is installed."""

import contextlib
import os
import shutil
import socket
import subprocess

import pytest
from made_alerts import until

BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PASSWORDS = shutil.which("mosquitto_passwd")
needs_broker = pytest.mark.skipif(BROKER is None, reason="no mosquitto: apt-get install mosquitto")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def broker(folder, port, *further):
    """further: lines of its configuration."""
    lines = [f"listener {port} 127.0.0.1", "persistence false", *further]
    lines += [] if any(each.startswith("allow_anonymous") for each in further) else ["allow_anonymous true"]
    lines += ["user root"] if os.geteuid() == 0 else []  # else it becomes one who may not read its files
    (folder / "broker.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([BROKER, "-c", str(folder / "broker.conf")], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port))
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
