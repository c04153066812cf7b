"""Lines of JSON in a file: the record of what was said, for whoever follows or reads it later."""

import os
from pathlib import Path

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.checked import positive, whole


class JsonLines(Sink):
    """A file to which a line is added for each alert, and for each heartbeat if wanted; flushed to the disk.

    A line is written in one piece. largest_mb: once the file is larger it becomes `<name>.1`, what was `.1`
    becomes `.2`, and so on; n_old of those are kept.
    """

    def __init__(self, path: str, largest_mb: float, n_old: int, heartbeats: bool) -> None:
        self.path, self.heartbeats = Path(path), heartbeats
        self.largest_bytes = round(1e6 * positive("largest_mb", largest_mb, 1e6))
        self.n_old = whole("n_old", n_old, 0)

    def deliver(self, alert: Alert) -> None:
        """Add a line."""
        self._add(alert.to_json())

    def beat(self, heartbeat: Heartbeat) -> None:
        """Add a line, where heartbeats are wanted."""
        if self.heartbeats:
            self._add(heartbeat.to_json())

    def _add(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._rotate()
        data = f"{line}\n".encode()
        # opened each time: whoever moves or removes the file is followed
        with self.path.open("a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                data = b"\n" + data  # a line that was cut short ends here
            n_written = file.write(data)
            if n_written != len(data):
                file.truncate(size)
                raise OSError(f"{self.path} takes no more: {n_written} of {len(data)} bytes written")
            os.fsync(file.fileno())

    def _rotate(self) -> None:
        if not self.path.exists() or self.path.stat().st_size <= self.largest_bytes:
            return
        for i in range(self.n_old, 0, -1):
            older = self._old(i - 1) if i > 1 else self.path
            if older.exists():
                older.replace(self._old(i))
        self.path.unlink(missing_ok=True)  # where none are kept

    def _old(self, i: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{i}")
