"""A folder with a file for each event, which is whole at every moment."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.publish import new_file

HEARTBEAT = "heartbeat.json"


@runtime_checkable
class Format(Protocol):
    """How the file of an event is made: of what was said last, and of the file as it was."""

    suffix: str

    def render(self, alert: Alert, before: bytes | None) -> bytes:
        """The content of the file."""


class EventFolder(Sink):
    """Writes `<event id><suffix of the format>` anew with every version, and `heartbeat.json`."""

    def __init__(self, folder: str, format: Format) -> None:
        self.folder, self.format = Path(folder), format

    def deliver(self, alert: Alert) -> None:
        """Write the file of the event."""
        path = self.folder / f"{alert.event_id}{self.format.suffix}"
        content = self.format.render(alert, path.read_bytes() if path.exists() else None)
        with new_file(path) as partial:
            partial.write_bytes(content)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Write the heartbeat."""
        write_heartbeat(self.folder, heartbeat)


def write_heartbeat(folder: Path, heartbeat: Heartbeat) -> None:
    """Write a heartbeat into a folder of alerts."""
    with new_file(folder / HEARTBEAT) as partial:
        partial.write_text(f"{heartbeat.to_json()}\n")
