"""One attack: what comes of a spoilt input, a clear error, something harmless, or a fault of the project."""

import contextlib
import gc
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import jaxtyping

SPARE_BYTES = 2 * 2**30  # that an input of kilobytes may take beside what is there
LONGEST_S = 20
# What the project raises on purpose.
DELIBERATE = (ValueError, FileNotFoundError, FileExistsError, OSError)
# Words of Python, NumPy and others about their own affairs: nobody could mend an input by them.
UNCLEAR = re.compile(
    "could not convert|invalid literal|not enough values|too many values|zip\\(\\)|cannot convert|"
    "math domain|setting an array|operands could not|attempt to get arg|zero-size array|cannot reshape|"
    "list index|negative dimensions|need at least one array|embedded null|unpack requires|object of type"
)


@dataclass(frozen=True)
class Outcome:
    """kind: clear, harmless, or what is wrong; text: of the error, or what was let in."""

    kind: str
    text: str

    @property
    def is_fault(self) -> bool:
        return self.kind not in ("clear", "harmless")


class TooLong(BaseException):
    """More seconds than any input of kilobytes may take."""


class Watch:
    """Notes files opened for writing and programs started outside a folder, while it watches."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn"):
            self.seen.append(f"{event} {arguments[0]!r}")
        changes = event in ("os.mkdir", "os.rename", "os.symlink", "os.link", "os.truncate")
        if event == "open" and isinstance(arguments[1], str):
            changes = bool(set(arguments[1]) & set("wax+"))
        if changes and isinstance(arguments[0], str | bytes | Path):
            path = Path(str(arguments[0])).absolute()
            within = path.is_relative_to(self.folder) or path == Path("/dev/null")
            if not within and "__pycache__" not in path.parts:
                self.seen.append(f"{event} {path}")


_watch: list[Watch] = []


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """What was written outside a folder; an audit hook stays for the life of a process, so there is one."""
    if not _watch:
        _watch.append(Watch())
    watch = _watch[0]
    watch.folder, watch.seen = folder.resolve(), []
    try:
        yield watch.seen
    finally:
        watch.folder = None


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """An end to memory and to time, and no checks of types but the project's own."""

    def stop(*_: object) -> None:
        raise TooLong

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with Path("/proc/self/statm").open() as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    former = signal.signal(signal.SIGALRM, stop)
    typed = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, hard))
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        jaxtyping.config.update("jaxtyping_disable", typed)


def attack(
    files: dict[str, bytes],
    read: Callable[[Path], Any],
    nonsense: Callable[[Any], str | None],
    names: Sequence[str] = (),
) -> Outcome:
    """What comes of reading these files. names: of which an error must name one, beside the files'."""
    names = [*names, *{part for file in files for part in (Path(file).name, Path(file).parts[0])}]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "within" / "folder"
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        # files without a name, of arrays that are kept out of memory, lie where reading may write
        nameless = mock.patch.object(tempfile, "tempdir", str(folder))
        with watched(folder) as seen, contextlib.chdir(folder), nameless:
            outcome = _outcome(folder, read, nonsense, names)
        gc.collect(0)
        return Outcome("escaped", seen[0]) if seen else outcome


def _outcome(
    folder: Path, read: Callable[[Path], Any], nonsense: Callable[[Any], str | None], names: Sequence[str]
) -> Outcome:
    try:
        with limited():
            found = read(folder)
            fault = nonsense(found)
    except TooLong:
        return Outcome("too long", f"over {LONGEST_S} s")
    except MemoryError as error:
        return Outcome("memory", repr(error))
    except Exception as error:
        return judged(error, names)
    return Outcome("harmless", "") if fault is None else Outcome("nonsense", fault)


def judged(error: Exception, names: Sequence[str]) -> Outcome:
    """Whether an error says what is wrong with what: its file or key, in the project's own words."""
    text = f"{type(error).__name__}: {error}"
    if type(error) not in DELIBERATE:
        return Outcome("other exception", text)
    if UNCLEAR.match(str(error)) or len(str(error)) < 15:
        return Outcome("unclear", text)
    if not any(name in str(error) for name in names):
        return Outcome("names no file", text)
    return Outcome("clear", text)
