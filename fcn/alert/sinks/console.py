"""Alerts in the terminal."""

from rich.console import Console
from rich.text import Text

from fcn.alert.alert import Alert
from fcn.alert.plain import utc
from fcn.alert.sinks.base import Sink
from fcn.catalogue.event import Status
from fcn.terminal import terminal

_STYLES = {
    Status.NEW: "bold red",
    Status.UPDATE: "yellow",
    Status.FINAL: "green",
    Status.RETRACTED: "strike",
}


class ConsoleLines(Sink):
    """A line on standard output for each alert; of heartbeats nothing is seen."""

    every_version = False

    def __init__(self) -> None:
        self.console: Console = terminal()

    def deliver(self, alert: Alert) -> None:
        """Print a line."""
        self.console.print(Text(line(alert), style=_STYLES[alert.status]), soft_wrap=True)


def line(alert: Alert) -> str:
    """An alert in words: when, status, event, version; magnitude, place, time of origin, probability."""
    origin, size = alert.origin, alert.magnitude
    words = "size unknown" if size is None else f"{size.type} {size.value:.1f}"
    if size is not None and size.least is not None:
        words += f" ({size.least:.1f} to {size.most:.1f})"
    if size is not None and size.is_lower_bound:
        words += ", at least"
    simulated = ", simulated" if alert.producer.is_simulated else ""
    return (
        f"{utc(alert.issued_time_s)[11:19]} {alert.status} {alert.event_id} {alert.version}: {words}, "
        f"{origin.latitude_deg:.3f} {origin.longitude_deg:.3f}, {origin.depth_km:.0f} km deep, "
        f"at {utc(origin.time_s)[11:19]}, real with {alert.probability:.2f}{simulated}"
    )
