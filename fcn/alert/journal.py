"""What has been said and who has been told, on the disk: a killed monitor loses no alert and invents none.

A file of lines that only grows, each an alert (`Alert.to_json`) or a mark that a sink has taken one. It is
written in the caller's thread, which a page of memory takes in microseconds and which outlives the process; a
thread of the journal's own flushes it to the disk, for power cuts, and writes it anew, with what still
matters at its head, whenever it is opened or has grown.
"""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fcn.alert import alert as alerts
from fcn.alert.alert import Alert
from fcn.alert.plain import name, parsed
from fcn.checked import listed, positive, whole

log = logging.getLogger(__name__)

HEAD, MARK, VERSION = "fcn-journal", "fcn-delivered", 1


class _Kept:
    """What the lines of a journal amount to."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}  # newest version of each event, in the order in which they were said
        self.newest: dict[str, Alert] = {}  # of those that some sink lacks
        self.owed: dict[str, dict[str, None]] = {}  # by sink, the events whose newest version it lacks

    def say(self, alert: Alert) -> bool:
        """Whether the version was new; then every sink lacks it."""
        if alert.version <= self.known.get(alert.event_id, 0):
            return False
        self.known.pop(alert.event_id, None)
        self.known[alert.event_id] = alert.version
        for owed in self.owed.values():
            owed.pop(alert.event_id, None)
            owed[alert.event_id] = None
        self.newest[alert.event_id] = alert
        return True

    def delivered(self, sink: str, event_id: str, version: int) -> None:
        """Note what a sink has taken."""
        if version >= self.known.get(event_id, 0):
            self.owed.get(sink, {}).pop(event_id, None)
            self.drop_if_told(event_id)

    def drop_if_told(self, event_id: str) -> None:
        """Forget an alert that no sink lacks."""
        if not any(event_id in owed for owed in self.owed.values()):
            self.newest.pop(event_id, None)

    def forget_oldest(self) -> bool:
        """Forget the event of which nothing was said for the longest; whether a sink has missed it."""
        event_id = next(iter(self.known))
        del self.known[event_id]
        missed = [owed for owed in self.owed.values() if event_id in owed]
        for owed in missed:
            del owed[event_id]
        self.newest.pop(event_id, None)
        return bool(missed)

    def lines(self) -> Iterator[str]:
        """The head of a journal that amounts to this."""
        yield _line(HEAD, sinks=list(self.owed))
        for event_id, version in self.known.items():
            lacked_by = [sink for sink, owed in self.owed.items() if event_id in owed]
            yield _line(HEAD, event_id=event_id, version=version, lacked_by=lacked_by)
            if event_id in self.newest:
                yield self.newest[event_id].to_json()

    def take(self, line: str) -> None:
        """Read a line; ValueError for one that is none of a journal's."""
        node = parsed(line)
        if node.get("schema") == alerts.SCHEMA:
            alert = Alert.from_json(line)
            if not self.say(alert) and alert.version == self.known[alert.event_id]:
                self.newest[alert.event_id] = alert  # named by the head
        elif (node.get("schema"), node.get("schema_version")) == (MARK, VERSION):
            self.delivered(name("sink", node.get("sink")), *_version(node))
        elif (node.get("schema"), node.get("schema_version"), "sinks" in node) == (HEAD, VERSION, True):
            self.owed.update({name("sink", each): {} for each in listed("sinks", node["sinks"])})
        elif (node.get("schema"), node.get("schema_version")) == (HEAD, VERSION):
            event_id, version = _version(node)
            self.known[event_id] = version
            for sink in listed("lacked_by", node.get("lacked_by")):
                self.owed.setdefault(name("sink", sink), {})[event_id] = None
        else:
            raise ValueError(f"no line of a journal: {line[:80]!r}")


def _line(schema: str, **content: object) -> str:
    return json.dumps({"schema": schema, "schema_version": VERSION, **content})


def _version(node: dict[str, Any]) -> tuple[str, int]:
    return name("event_id", node.get("event_id")), whole("version", node.get("version"), 1)


class Journal:
    """An append-only file of alerts and of who has been told; of one monitor at a time.

    path: the file; made where there is none. largest_mb: it is written anew once it has grown by so much.
    kept_events: of so many events, the last ones, it knows versions and who lacks them.
    """

    def __init__(self, path: str, largest_mb: float, kept_events: int) -> None:
        self.path = Path(path)
        self.largest_bytes = round(1e6 * positive("largest_mb", largest_mb, 1e5))
        self.kept_events = whole("kept_events", kept_events, 1)
        self._kept = _Kept()
        self._file: io.FileIO | None = None
        self._size = self._limit = 0
        self._is_torn = False  # the last line was not written to its end
        self._since: list[bytes] | None = None  # lines written while the file is being written anew
        self._dirty = self._closing = False
        self._changed = threading.Condition()
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))

    def open(self, sinks: Sequence[str]) -> dict[str, list[Alert]]:
        """Take what is on the disk; return what each sink lacks: newest versions, oldest first.

        A sink of which the journal knows nothing lacks nothing; one that is not named any more is forgotten.
        A line that cannot be read is passed over, with a warning: what it said is said again. On a disk that
        is full the file goes on as it is. Raises ValueError where another process writes the same journal,
        OSError where it cannot be opened.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{self.path} is another monitor's journal: give each its own") from None
        damaged = self._read()
        kept = self._kept
        for sink in sinks:
            kept.owed.setdefault(name("sink", sink), dict.fromkeys(kept.newest) if damaged else {})
        kept.owed = {
            sink: {event: None for event in owed if event in kept.newest}
            for sink, owed in kept.owed.items()
            if sink in sinks
        }
        for event_id in list(kept.newest):
            kept.drop_if_told(event_id)
        self._bound()
        try:
            self._write_anew()
        except OSError as error:
            log.error("%s goes on as it is: %s", self.path, error)
            self._file = self.path.open("ab", buffering=0)
            self._size, self._is_torn = self._file.tell(), True  # an empty line does no harm
        self._thread = threading.Thread(target=self._keep, name="journal", daemon=True)
        self._thread.start()
        return {sink: [kept.newest[event] for event in owed] for sink, owed in kept.owed.items()}

    def newest_version(self, event_id: str) -> int:
        """The newest version said of an event; 0 where nothing was."""
        with self._changed:
            return self._kept.known.get(event_id, 0)

    @property
    def knows_nothing(self) -> bool:
        """Whether nothing was ever said, or it was lost."""
        with self._changed:
            return not self._kept.known

    def say(self, alert: Alert) -> bool:
        """Write an alert; False, and nothing, where that version or a newer one of its event is written.

        Raises OSError where it cannot be written; it counts as said all the same.
        """
        with self._changed:
            if not self._kept.say(alert):
                return False
            self._kept.drop_if_told(alert.event_id)  # where there are no sinks
            self._bound()
            self._append(alert.to_json())
            return True

    def delivered(self, sink: str, alert: Alert) -> None:
        """Write that a sink has taken an alert; OSError where that is impossible."""
        with self._changed:
            self._kept.delivered(sink, alert.event_id, alert.version)
            self._append(_line(MARK, sink=sink, event_id=alert.event_id, version=alert.version))

    def close(self) -> None:
        """Flush and end; what comes later is not written."""
        with self._changed:
            if self._file is None:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join()
        with self._changed:
            self._file.close()
            self._file = None
        self._lock.release()

    def _read(self) -> bool:
        """Take the lines of the file; whether one of them cannot be read."""
        self._kept = _Kept()
        n_bad = 0
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        for line in filter(None, lines[:-1]):  # what a kill has cut short was not said to anybody
            try:
                self._kept.take(line.decode())
            except ValueError as error:
                n_bad += 1
                log.debug("%s: %s", self.path, error)
        if n_bad:
            log.warning("%s: %d lines cannot be read and are passed over", self.path, n_bad)
        return n_bad > 0

    def _bound(self) -> None:
        """Forget events beyond those it keeps."""
        while len(self._kept.known) > self.kept_events:
            if self._kept.forget_oldest():
                log.warning("%s: a sink missed an event, older than %d others", self.path, self.kept_events)

    def _append(self, line: str) -> None:
        """With the lock held."""
        if self._file is None:
            return
        data = (b"\n" if self._is_torn else b"") + line.encode() + b"\n"
        if self._since is not None:
            self._since.append(data)
        self._is_torn = True
        _write(self._file, data)
        self._is_torn = False
        self._size += len(data)
        self._dirty = True
        self._changed.notify()

    def _keep(self) -> None:
        """The journal's thread: flush, and write anew what has grown."""
        while True:
            with self._changed:
                while not (self._dirty or self._closing):
                    self._changed.wait()
                if self._closing and not self._dirty:
                    return
                self._dirty = False
                has_grown = self._size > self._limit
                file = self._file
            try:
                if has_grown:
                    self._write_anew()
                elif file is not None:
                    os.fsync(file.fileno())
            except OSError as error:
                log.warning("%s: %s", self.path, error)
                self._limit = self._size + self.largest_bytes

    def _write_anew(self) -> None:
        """Put what matters into a new file in place of the old; whoever writes meanwhile does not wait."""
        partial = self.path.with_name(f".{self.path.name}.partial")
        with self._changed:
            head = "".join(f"{line}\n" for line in self._kept.lines()).encode()
            self._since = []
        new = partial.open("wb", buffering=0)
        try:
            _write(new, head)
            os.fsync(new.fileno())
            with self._changed:
                _write(new, b"".join(self._since))
                partial.replace(self.path)
                old, self._file = self._file, new
                self._size = new.tell()
                self._limit = len(head) + self.largest_bytes  # what was said meanwhile has grown it
                self._is_torn, self._dirty = False, True
        except BaseException:
            new.close()
            partial.unlink(missing_ok=True)  # what it takes up others may need
            raise
        finally:
            self._since = None
        if old is not None:
            old.close()


def _write(file: io.FileIO, data: bytes) -> None:
    """All of it; OSError where the disk takes no more."""
    while data:
        data = data[file.write(data) or 0 :]
