"""A folder of CAP messages."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fcn.alert.alert import Alert
from fcn.alert.formats.cap import Cap, Reference, reference
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.alert.sinks.folder import write_heartbeat
from fcn.publish import new_file


class CapFolder(Sink):
    """Writes `<event id>/<version>.xml`, each message whole at once, and `heartbeat.json`.

    What is referred to is what lies in the folder. Of an event that is retracted before any message of it was
    written, none is. Messages are never removed: that is for whoever passes them on.
    """

    every_version = False

    def __init__(self, folder: str, messages: Cap) -> None:
        self.folder, self.messages = Path(folder), messages

    def deliver(self, alert: Alert) -> None:
        """Write the message of this version."""
        folder = self.folder / alert.event_id
        earlier = dict(_messages(folder, alert.version))
        before = [earlier[version] for version in sorted(earlier)]
        if before or not alert.is_retracted:
            content = self.messages.render(alert, before)
            with new_file(folder / f"{alert.version}.xml") as partial:
                partial.write_bytes(content)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Write the heartbeat."""
        write_heartbeat(self.folder, heartbeat)


def _messages(folder: Path, version: int) -> Iterator[tuple[int, Reference]]:
    """The messages of earlier versions, by version; what cannot be read is none."""
    for path in folder.glob("*.xml"):
        if path.stem.isdecimal() and int(path.stem) < version:
            with contextlib.suppress(ValueError):
                yield int(path.stem), reference(path.read_bytes())
