"""A folder that fills with miniSEED: files that appear, grow, and are replaced."""

import json
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

from fcn.stream.clock import WallClock
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.miniseed import (
    HEADER,
    HEADER_BYTES,
    LONGEST_BYTES,
    SPACING_BYTES,
    decode_miniseed,
    whole_records,
)

log = logging.getLogger(__name__)

# Of all files at one poll: after an outage, or of old files that are copied in, the rest comes with the next.
MOST_BYTES = 16 * 2**20
FILES_A_POLL = 1_000  # a folder of n times as many is looked through at every nth poll, which takes a while
GROWING_S = 3_600.0  # a file that has grown since is looked at in between, too
GONE_S = 3_600.0  # a file that was in no look for so long is forgotten
MARK_BYTES = 4096  # of what was read last of a file it is known again: a record, as the longest usual ones
NO_RECORD = "not miniSEED"
NO_MOTION = "no motion"
# How files begin that no record can be got from, what they are, and the remedy.
FOREIGN = (
    (re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|PK\x03\x04"), "compressed", "decompress it"),
    (re.compile(rb"MS\x03"), "miniSEED 3", "convert it to miniSEED 2"),
)
HEADLESS = "not miniSEED at its beginning"
HEADLESS_REMEDY = "leave it out by source.pattern"


class Look(NamedTuple):
    """What a folder says of a file; where that is as it was, so is the file."""

    size: int  # bytes
    inode: int
    changed_ns: int


class Heard(NamedTuple):
    """How far a file was read, by what it is known again, and the look at which that was all.

    marks: CRC-32 of the last `MARK_BYTES` that were read, after that of as many before; None of a file that
    was passed over and not looked into. look: None while there is more.
    """

    n_bytes: int
    marks: tuple[int, int] | None
    look: Look | None

    def reached(self, look: Look, before: bytes) -> int:
        """Up to which byte a file is what was read of it; 0 of another one.

        before: what is `_before` n_bytes in it. A last record that was written again with more in it is read
        again, with what else is of its `MARK_BYTES`.
        """
        if look.size < self.n_bytes:
            return 0
        if self.marks is None:
            return self.n_bytes if self.look is None or look.inode == self.look.inode else 0
        earlier, last = _marks(before)
        if last == self.marks[1]:
            return self.n_bytes
        return max(self.n_bytes - MARK_BYTES, 0) if earlier == self.marks[0] else 0


NOTHING = Heard(0, (crc32(b""), crc32(b"")), None)


class DirectorySource:
    """Whole records of the files that match a pattern in a folder, as they are written.

    What is in the folder at the first look is passed over where `from_now`. A record that is written in part
    is waited for. A file is read from its beginning again where it does not go on from what was read of it:
    another was put in its place, or it was written anew. counts: records, and files, left out, by reason.
    Raises FileNotFoundError without the folder, and ValueError for a pattern that leads out of it.
    """

    def __init__(self, root: str | Path, pattern: str, *, from_now: bool) -> None:
        self._root, self._pattern = Path(root).expanduser(), pattern
        if not self._root.is_dir():
            raise FileNotFoundError(f"no folder {self._root} (source.root)")
        if not Path(pattern).parts or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"source.pattern must name files below source.root, as **/*.mseed: {pattern!r}")
        self.counts: Counter[str] = Counter()
        self._read: dict[str, Heard] = {}
        self._told: set[str] = set()  # files that were warned of
        self._grew_s: dict[str, float] = {}  # when it did last, of those that did within GROWING_S
        # Files that are not all read, as they were when they were met; None of what was there at a start.
        self._met: dict[str, Look | None] = {}
        self._is_start = not from_now
        self._missed_s: dict[str, float] = {}  # when a file that is known was first in no look
        self._is_away = False  # the folder, at the last look
        self._n_resting = 0  # polls until the folder is looked through again
        self._clock = WallClock()
        if from_now:
            now_s = self._clock.now_s()
            self._read = {name: self._passed_over(name, look, now_s) for name, look in self._looks().items()}
        self._n_passed_over = len(self._read)  # until that is said

    @property
    def clock(self) -> WallClock:
        """The wall's."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`."""
        if self._n_passed_over:
            log.info(
                "%s: what is in %d files by now is passed over; source.from_now=false reads it",
                *(self._root, self._n_passed_over),
            )
            self._n_passed_over = 0
        packets: list[Packet] = []
        room = MOST_BYTES
        for name, look in self._in_turn(self._looked_at(clock_s)):
            if room > 0:
                found, n_bytes = self._new(name, look, room)
                packets += found
                room -= n_bytes
                if not n_bytes:
                    continue
            self._grew_s[name] = clock_s
        return sorted(packets, key=lambda packet: packet.start_time_s)

    def is_over(self, clock_s: float) -> bool:
        """Never."""
        return False

    def state(self) -> dict[str, Any]:
        """See `Source`."""
        # one text: the files may be very many, and the monitor waits while it is written
        return {"files": json.dumps(self._read)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`."""
        self._is_start, self._n_passed_over = True, 0
        if "files" not in state:  # of before files were known again, with their bytes alone
            self._read = {name: Heard(n_bytes, None, None) for name, n_bytes in state["read"].items()}
            return
        self._read = {
            name: Heard(n_bytes, marks and (marks[0], marks[1]), look and Look(*look))
            for name, (n_bytes, marks, look) in json.loads(state["files"]).items()
        }

    def close(self) -> None:
        """See `Source`."""

    def _passed_over(self, name: str, look: Look, now_s: float) -> Heard:
        """Of what was there before. Looked into is what changed lately: others may be very many."""
        n_bytes = look.size - look.size % SPACING_BYTES  # what is part of a record may go on
        if now_s - look.changed_ns / 1e9 >= GROWING_S:
            return Heard(n_bytes, None, look)
        try:
            with (self._root / name).open("rb") as file:
                return Heard(n_bytes, _marks(_before(file, n_bytes)), look)
        except OSError:
            return Heard(n_bytes, None, look)

    def _is_all_read(self, name: str, look: Look) -> bool:
        heard = self._read.get(name, NOTHING)
        if heard == (look.size, None, None):  # of an older state, which has no looks
            self._read[name] = heard = Heard(look.size, None, look)
        return heard.look == look

    def _in_turn(self, looks: Mapping[str, Look]) -> list[tuple[str, Look]]:
        """Files that are not all read: first those that are being written, those with least to read before.

        Else all that is recorded now would wait for old files that somebody copies into the folder. Files
        that are as they were come in the order of their names, which is that of their times.
        """
        is_start, self._is_start = self._is_start, False
        living, others = list[tuple[int, str, Look]](), list[tuple[str, Look]]()
        for name, look in looks.items():
            if self._is_all_read(name, look):
                self._met.pop(name, None)
                continue
            heard = self._read.get(name, NOTHING)
            met = self._met.setdefault(name, heard.look or (None if is_start else look))
            if met in (None, look):
                others.append((name, look))
            else:
                living.append((look.size - heard.n_bytes, name, look))
        return [(name, look) for _, name, look in sorted(living)] + others

    def _looked_at(self, clock_s: float) -> dict[str, Look]:
        """Looks at all files, or between two such polls at those that grow."""
        if self._n_resting > 0:
            self._n_resting -= 1
            return _files(self._root, (self._root / name for name in self._grew_s))
        looks = self._looks()
        self._n_resting = len(looks) // FILES_A_POLL
        self._grew_s = {name: at_s for name, at_s in self._grew_s.items() if clock_s - at_s < GROWING_S}
        if looks:  # an empty folder is rather one that is away
            self._told.intersection_update(looks)
            self._met = {name: met for name, met in self._met.items() if name in looks}
            self._missed_s = {
                name: self._missed_s.get(name, clock_s) for name in self._read if name not in looks
            }
            for name in [name for name, at_s in self._missed_s.items() if clock_s - at_s >= GONE_S]:
                del self._read[name]
        return looks

    def _looks(self) -> dict[str, Look]:
        try:
            os.scandir(self._root).close()  # a glob finds nothing in what is gone or closed to it
            paths = sorted(self._root.glob(self._pattern))
        except OSError as error:  # of a disk in the network that is away
            self.counts[f"looks in vain: {error.strerror}"] += 1
            if not self._is_away:
                log.error("nothing is heard of %s (source.root): %s", self._root, error.strerror)
            self._is_away = True
            return {}
        if self._is_away:
            log.info("%s is there again", self._root)
        self._is_away = False
        return _files(self._root, paths)

    def _new(self, name: str, look: Look, room: int) -> tuple[list[Packet], int]:
        """What a file holds that was not read, and how many bytes of it were."""
        heard = self._read.get(name, NOTHING)
        try:
            with (self._root / name).open("rb") as file:
                begin = heard.reached(look, _before(file, heard.n_bytes))
                before = _before(file, begin)
                content = file.read(room)
        except OSError as error:
            self.counts[f"files not read: {error.strerror}"] += 1
            if name not in self._told and not isinstance(error, FileNotFoundError):  # not gone in between
                self._told.add(name)
                log.warning("%s cannot be read: %s; it is tried again and again", name, error.strerror)
            return [], 0
        n_whole = whole_records(content)
        n_done = n_whole or self._left_out(name, begin, content)
        marks = _marks((before + content[:n_done])[-2 * MARK_BYTES :])
        is_all = begin + len(content) >= look.size and len(content) - n_done < LONGEST_BYTES
        self._read[name] = Heard(begin + n_done, marks, look if is_all else None)
        stream, refused = decode_miniseed(content[:n_whole])
        self.counts.update(refused)
        if refused:
            log.warning("%s: %d record(s) left out: %s", name, refused.total(), ", ".join(refused))
        packets: list[Packet] = []
        for trace in stream:
            try:
                packets += packets_of(trace)
            except ValueError as error:  # a data logger's log, or a header that is damaged
                self.counts[NO_MOTION] += 1
                if name not in self._told:
                    self._told.add(name)
                    log.warning("%s: left out, as what else it has of such: %s", name, error)
        return packets, len(content)

    def _left_out(self, name: str, begin: int, content: bytes) -> int:
        """Bytes that are passed over where no record is whole; none where it may be on its way."""
        if begin == 0 and name not in self._told and (foreign := _foreign(content)):
            kind, remedy = foreign
            self._told.add(name)
            self.counts[f"files not read: {kind}"] += 1
            log.warning("%s is %s: a folder source takes plain miniSEED 2; %s", name, kind, remedy)
        if len(content) < LONGEST_BYTES:
            return 0
        self.counts[NO_RECORD] += 1
        if name not in self._told:
            self._told.add(name)
            log.warning("%s: no record in %d bytes, which are passed over", name, len(content))
        return len(content) - len(content) % SPACING_BYTES


def _foreign(content: bytes) -> tuple[str, str] | None:
    """What a file is that begins so and holds no record, and the remedy; None of one that may hold some."""
    for beginning, kind, remedy in FOREIGN:
        if beginning.match(content):
            return kind, remedy
    # room that is made for a file, or whose content is not there yet, is zeros
    is_begun = len(content) >= HEADER_BYTES and any(content[:HEADER_BYTES])
    return (HEADLESS, HEADLESS_REMEDY) if is_begun and not HEADER.match(content) else None


def _before(file: BinaryIO, place: int) -> bytes:
    """Twice the `MARK_BYTES` before a place of a file, which is then at it."""
    first = file.seek(max(place - 2 * MARK_BYTES, 0))
    return file.read(place - first)


def _marks(before: bytes) -> tuple[int, int]:
    """CRC-32 of what is `_before` a place but for the last `MARK_BYTES`, and of those."""
    middle = max(len(before) - MARK_BYTES, 0)
    return crc32(before[:middle]), crc32(before[middle:])


def _files(root: Path, paths: Iterable[Path]) -> dict[str, Look]:
    """Looks at those that are files, by their names in the folder."""
    looks = {str(path.relative_to(root)): _look(path) for path in paths}
    return {name: look for name, look in looks.items() if look is not None}


def _look(path: Path) -> Look | None:
    """None at what is no file, or gone in between."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Look(found.st_size, found.st_ino, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
