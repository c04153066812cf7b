"""What systemd is told of a service of Type=notify: sd_notify(3), by the datagram socket that it names.

"The service is ready", "it lives" and a line of its state are lines of KEY=VALUE; where there is no socket in
the environment, nobody is told.
"""

import logging
import os
import socket

log = logging.getLogger(__name__)

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
