"""What systemd is told of a service of Type=notify: sd_notify(3), by the datagram socket that it names.

"The service is ready", "it lives" and a line of its state are lines of KEY=VALUE; where there is no socket in
the environment, nobody is told.
"""

import logging
import math
import os
import socket
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

TOLD_S = 10.0  # between what it is told, where it does not say how often it wants to hear

SOCKET, WATCHDOG_US, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


def notify(*lines: str) -> bool:
    """Send the lines, such as READY=1; False where nobody wants to know, or the socket does not take them."""
    address = os.environ.get(SOCKET, "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # of the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto("\n".join(lines).encode(), address)
    except OSError as error:
        log.debug("systemd cannot be told: %s", error)
        return False
    return True


def watchdog_s() -> float | None:
    """How often it wants to hear that the service lives, half of WatchdogSec; None where it does not."""
    text, pid = os.environ.get(WATCHDOG_US, ""), os.environ.get(WATCHDOG_PID, str(os.getpid()))
    if not text.isdecimal() or pid != str(os.getpid()):
        return None
    return int(text) / 1e6 / 2.0


class Notices:
    """Tells systemd that a service is ready, then that its loop goes on, and how it is."""

    def __init__(self) -> None:
        self.every_s = watchdog_s() or TOLD_S
        self._told_s = -math.inf

    def goes_on(self, words: Callable[[], str]) -> None:
        """After every step of the loop; words: how it is, on a line, asked for when it is time to say so."""
        if time.monotonic() - self._told_s >= self.every_s:
            notify("WATCHDOG=1" if math.isfinite(self._told_s) else "READY=1", f"STATUS={words()}")
            self._told_s = time.monotonic()

    def ends(self) -> None:
        """After the last."""
        notify("STOPPING=1")
