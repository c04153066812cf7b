"""What monitors say, as it comes: lines of files that they write."""

import io
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from fcn.alert import heartbeat as heartbeats
from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.plain import parsed

log = logging.getLogger(__name__)

LARGEST_READ = 10_000_000  # bytes of a file at once


@runtime_checkable
class Listening(Protocol):
    """A place where monitors say what they say. counts: of what was no alert and no heartbeat."""

    counts: Counter[str]

    def heard(self) -> list[Alert | Heartbeat]:
        """What has come since the last call, in the order it came; makes nobody wait."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...


def understood(line: str) -> Alert | Heartbeat:
    """An alert or heartbeat of a line; ValueError for another."""
    schema = parsed(line).get("schema")
    return Heartbeat.from_json(line) if schema == heartbeats.SCHEMA else Alert.from_json(line)


class Files:
    """Files of `JsonLines`, followed as they grow and make way for new ones; read from their beginning.

    paths: they may come later; which are not there, or cannot be read, is logged. What was read before a
    restart comes again: a merger knows it.
    Raises ValueError for no path, or one that stands twice.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        if not paths or len(set(paths)) < len(paths):
            raise ValueError(f"listen.paths must name files, each once: {list(paths)}")
        self.counts: Counter[str] = Counter()
        self._followed = [FollowedFile(Path(path).expanduser()) for path in paths]

    def heard(self) -> list[Alert | Heartbeat]:
        """See `Listening`."""
        said: list[Alert | Heartbeat] = []
        for file in self._followed:
            for line in file.lines():
                try:
                    said.append(understood(line))
                except ValueError as error:
                    self.counts["no alert"] += 1
                    log.warning("%s: a line is passed over: %s", file.path, error)
        return said

    def close(self) -> None:
        """See `Listening`."""
        for file in self._followed:
            file.close()


class FollowedFile:
    """Whole lines of a file that grows, and of the one that takes its name once it has been moved away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: io.BufferedReader | None = None
        self._rest = b""
        self._was_there = False
        self._told: str | None = None  # what is wrong with it

    def lines(self) -> Iterator[str]:
        """What has come since, without the ends; a line that is not whole yet comes with the next call."""
        try:
            while True:
                moved = self._file is None or self._was_moved()  # before reading: what was written until then
                yield from self._new()
                if not moved:
                    return
                self.close()
                if not self.path.exists():
                    if not self._was_there:  # one that was moved away comes again with the next line
                        self._tell("not there yet")
                    return
                self._file, self._was_there = self.path.open("rb"), True
                self._tell(None)
        except OSError as error:  # the next call tries again
            self._tell(f"{error.strerror}")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _tell(self, wrong: str | None) -> None:
        """Log what is wrong, or that nothing is any more, where that has changed."""
        if wrong is not None and wrong != self._told:
            log.warning("nothing is heard of %s: %s", self.path, wrong)
        elif wrong is None and self._told is not None:
            log.info("%s is heard", self.path)
        self._told = wrong

    def _was_moved(self) -> bool:
        assert self._file is not None
        own = os.fstat(self._file.fileno())
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino) or there.st_size < self._file.tell()

    def _new(self) -> Iterator[str]:
        while self._file is not None and (content := self._file.read(LARGEST_READ)):
            *whole, self._rest = (self._rest + content).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole if line)
