"""Alerts in the terminal."""

from rich.console import Console
from rich.text import Text

from fcn.alert.alert import Alert
from fcn.alert.sinks.base import Sink
from fcn.alert.site_warning import ToldWarning
from fcn.alert.words import line
from fcn.catalogue.event import Status
from fcn.terminal import terminal

_STYLES = {
    Status.NEW: "bold red",
    Status.UPDATE: "yellow",
    Status.FINAL: "green",
    Status.RETRACTED: "strike",
}


class ConsoleLines(Sink):
    """A line on standard output for each alert and warning of a site; of heartbeats nothing is seen."""

    every_version = False

    def __init__(self) -> None:
        self.console: Console = terminal()

    def deliver(self, alert: Alert) -> None:
        """Print a line."""
        self.console.print(Text(line(alert), style=_STYLES[alert.status]), soft_wrap=True)

    def warn(self, told: ToldWarning) -> None:
        """Print a line."""
        self.console.print(Text(told.words()), soft_wrap=True)
