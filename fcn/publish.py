"""Files and folders that are there whole or not at all, whoever is killed, and whoever else writes the same.

What is written lies beside its place, on the same file system, under a name nobody else uses; it is flushed
to the disk and then renamed, which is atomic. A lock keeps two processes from making the same folder twice.
"""

import contextlib
import errno
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

PARTIAL = ".partial"
PATIENCE_S = 2.0  # before somebody who waits is told for whom


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock of a folder to be made; waits, and says so, while another process holds it.

    The lock ends with the process that holds it, however that ends; its file, beside `path`, stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        log.info("another process is making %s: waiting for it (lock %s)", path, lock.lock_file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` when the block ends, and is gone where the block raises.

    What killed processes have left of the same is removed, what others are writing is not; the first that is
    ready has its place. Raises FileExistsError where `path` exists.
    """
    taken = f"{path} exists; remove it or give another folder"
    if path.exists():
        raise FileExistsError(taken)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path)
    partial = _unused_name(path)
    with _alive(partial):  # before there is anything that another process could take for left
        partial.mkdir()
        try:
            with _full_disk_named(path), _logged_as(path, partial):
                yield partial
                for file in (each for each in partial.rglob("*") if each.is_file()):
                    _flush(file)
            if path.exists():
                raise FileExistsError(taken)
            try:
                partial.rename(path)
            except OSError as error:
                raise FileExistsError(taken) if path.exists() else error from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    _flush(path.parent)


@contextlib.contextmanager
def _logged_as(path: Path, partial: Path) -> Iterator[None]:
    """What is logged meanwhile of the folder that is filled names the one it will be."""

    def renamed(record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit: logging says so where it is written
            return True
        if str(partial) in message:
            record.msg, record.args = message.replace(str(partial), str(path)), ()
        return True

    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(renamed)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(renamed)


@contextlib.contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    """What has no room for a write knows no path: say for what there was none."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextlib.contextmanager
def _alive(partial: Path) -> Iterator[None]:
    """Hold the lock that says that a process still writes this folder."""
    lock = partial.with_suffix(".lock")
    try:
        with FileLock(lock):
            yield
    finally:
        lock.unlink(missing_ok=True)  # its name is used once


def _remove_left(path: Path) -> None:
    """Partial folders of `path` whose process is gone."""
    for partial in _partials(path):
        with contextlib.suppress(Timeout), FileLock(partial.with_suffix(".lock"), timeout=0):
            shutil.rmtree(partial, ignore_errors=True)
            partial.with_suffix(".lock").unlink(missing_ok=True)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` when the block ends; an error leaves `path` as it was.

    What killed processes have left of the same is removed: one process at a time writes a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in _partials(path):
        if left.is_file():
            left.unlink(missing_ok=True)
    partial = _unused_name(path)
    partial.open("xb").close()
    try:
        with _full_disk_named(path):
            yield partial
            _flush(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _unused_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")


def _partials(path: Path) -> list[Path]:
    """What `_unused_name` has named for this path, and not for one whose name begins alike."""
    ours = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{8}" + re.escape(PARTIAL))
    return [each for each in path.parent.iterdir() if ours.fullmatch(each.name)]


def _flush(path: Path) -> None:
    """To the disk: a rename that outlives a power cut must not name data that do not.

    Not every file system can do it for a folder, and some for nothing: that alone is passed over.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise
