"""Lines of JSON in a file: the record of what was said, for whoever follows or reads it later."""

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.rotated import RotatedFile


class JsonLines(Sink):
    """A file to which a line is added for each alert, and for each heartbeat if wanted; flushed to the disk.

    largest_mb, n_old, oldest_days: how it makes way for a new one, see `RotatedFile`.
    """

    def __init__(
        self, path: str, largest_mb: float, n_old: int, oldest_days: float | None, heartbeats: bool
    ) -> None:
        self.heartbeats = heartbeats
        self.file = RotatedFile(path, largest_mb, n_old, oldest_days, flushes=True)

    def deliver(self, alert: Alert) -> None:
        """Add a line."""
        self.file.add(alert.to_json())

    def beat(self, heartbeat: Heartbeat) -> None:
        """Add a line, where heartbeats are wanted."""
        if self.heartbeats:
            self.file.add(heartbeat.to_json())
