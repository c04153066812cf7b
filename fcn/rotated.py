"""A file of lines that only grows, but not for ever, and that others may move away at any time."""

import contextlib
import os
import time
from pathlib import Path

from fcn.checked import positive, whole

DAY_S = 86_400.0


class RotatedFile:
    """Lines are added in one piece each; one process and thread at a time writes.

    It is opened for every line: where logrotate, or whoever else, has moved or removed it, the next line is
    the first of a new one. largest_mb: once the file is larger it becomes `<name>.1`, what was `.1` becomes
    `.2`, and so on; n_old of those are kept, and of them those with lines younger than oldest_days (None:
    all). flushes: to the disk, with every line.
    """

    def __init__(
        self, path: str | Path, largest_mb: float, n_old: int, oldest_days: float | None, *, flushes: bool
    ) -> None:
        self.path, self.flushes = Path(path), flushes
        self.largest_bytes = round(1e6 * positive("largest_mb", largest_mb, 1e6))
        self.n_old = whole("n_old", n_old, 0)
        self.oldest_days = None if oldest_days is None else positive("oldest_days", oldest_days)

    def add(self, line: str) -> None:
        """Add a line; OSError, and nothing, where the disk does not take it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._rotate()
        data = f"{line}\n".encode()
        with self.path.open("a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                data = b"\n" + data  # a line that was cut short ends here
            n_written = file.write(data)
            if n_written != len(data):
                file.truncate(size)
                raise OSError(f"{self.path} takes no more: {n_written} of {len(data)} bytes written")
            if self.flushes:
                os.fsync(file.fileno())

    def _rotate(self) -> None:
        try:
            if self.path.stat().st_size <= self.largest_bytes:
                return
        except FileNotFoundError:
            return
        for i in range(self.n_old, 0, -1):
            with contextlib.suppress(FileNotFoundError):  # whoever moves files away is not held up
                (self._old(i - 1) if i > 1 else self.path).replace(self._old(i))
        self.path.unlink(missing_ok=True)  # where none are kept
        self._forget()

    def _forget(self) -> None:
        """Remove old files whose last line is too old."""
        if self.oldest_days is None:
            return
        for i in range(1, self.n_old + 1):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - self._old(i).stat().st_mtime > self.oldest_days * DAY_S:
                    self._old(i).unlink()

    def _old(self, i: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{i}")
