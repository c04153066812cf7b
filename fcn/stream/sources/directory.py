"""A folder that fills with miniSEED: files that appear, and grow."""

import logging
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn.stream.clock import WallClock
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.miniseed import LONGEST_BYTES, decode_miniseed, whole_records

log = logging.getLogger(__name__)

MOST_BYTES = 16 * 2**20  # of all files at one poll: after an outage the rest comes with the next ones
FILES_A_POLL = 1_000  # a folder of n times as many is looked through at every nth poll, which takes a while
GROWING_S = 3_600.0  # a file that has grown since is looked at in between, too
GONE_S = 3_600.0  # a file that was in no look for so long is forgotten
NO_RECORD = "not miniSEED"


class DirectorySource:
    """Whole records of the files that match a pattern in a folder, as they are written.

    What is in the folder at the first look is passed over where `from_now`. A record that is written in part
    is waited for. counts: records left out, by reason. Raises FileNotFoundError without the folder, and
    ValueError for a pattern that leads out of it.
    """

    def __init__(self, root: str | Path, pattern: str, *, from_now: bool) -> None:
        self._root, self._pattern = Path(root).expanduser(), pattern
        if not self._root.is_dir():
            raise FileNotFoundError(f"no folder {self._root} (source.root)")
        if not Path(pattern).parts or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"source.pattern must name files below source.root, as **/*.mseed: {pattern!r}")
        self.counts: Counter[str] = Counter()
        self._read: dict[str, int] = {}  # bytes of each file
        self._futile: dict[str, int] = {}  # size at which a file held no more whole records
        self._grew_s: dict[str, float] = {}  # when it did last, of those that did within GROWING_S
        self._missed_s: dict[str, float] = {}  # when a file that is known was first in no look
        self._n_resting = 0  # polls until the folder is looked through again
        self._clock = WallClock()
        if from_now:
            self._read = {name: size for name, size in self._sizes().items() if size}

    @property
    def clock(self) -> WallClock:
        """The wall's."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`."""
        packets: list[Packet] = []
        room = MOST_BYTES
        for name, size in self._looked_at(clock_s).items():
            begin = self._read.get(name, 0)
            if size < begin:  # written anew
                begin = 0
                self._futile.pop(name, None)  # it was of what is gone
            if size > begin and size != self._futile.get(name):
                self._grew_s[name] = clock_s
                if room > 0:
                    found, n_bytes = self._new(name, begin, size, room)
                    packets += found
                    room -= n_bytes
        return sorted(packets, key=lambda packet: packet.start_time_s)

    def is_over(self, clock_s: float) -> bool:
        """Never."""
        return False

    def state(self) -> dict[str, Any]:
        """See `Source`."""
        return {"read": dict(self._read)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`."""
        self._read = dict(state["read"])

    def close(self) -> None:
        """See `Source`."""

    def _looked_at(self, clock_s: float) -> dict[str, int]:
        """Sizes of all files, or between two such looks of those that grow."""
        if self._n_resting > 0:
            self._n_resting -= 1
            return _known({name: _size(self._root / name) for name in self._grew_s})
        sizes = self._sizes()
        self._n_resting = len(sizes) // FILES_A_POLL
        self._grew_s = {name: at_s for name, at_s in self._grew_s.items() if clock_s - at_s < GROWING_S}
        self._futile = {name: size for name, size in self._futile.items() if name in sizes}
        if sizes:  # an empty folder is rather one that is away
            self._missed_s = {
                name: self._missed_s.get(name, clock_s) for name in self._read if name not in sizes
            }
            for name in [name for name, at_s in self._missed_s.items() if clock_s - at_s >= GONE_S]:
                del self._read[name]
        return sizes

    def _sizes(self) -> dict[str, int]:
        try:
            paths = sorted(self._root.glob(self._pattern))
        except OSError as error:  # of a disk in the network that is away
            self.counts[f"looks in vain: {error.strerror}"] += 1
            return {}
        return _known({str(path.relative_to(self._root)): _size(path) for path in paths})

    def _new(self, name: str, begin: int, size: int, room: int) -> tuple[list[Packet], int]:
        """What a file of that size holds from `begin` on, and how many bytes of it were read."""
        try:
            with (self._root / name).open("rb") as file:
                file.seek(begin)
                content = file.read(room)
        except OSError as error:
            self.counts[f"files not read: {error.strerror}"] += 1
            return [], 0
        end = whole_records(content)
        if not end and len(content) >= LONGEST_BYTES:
            self.counts[NO_RECORD] += 1
            end = len(content)
            content = b""
        self._read[name] = begin + end
        if not end and begin + len(content) >= size:
            self._futile[name] = size
        stream, refused = decode_miniseed(content[:end])
        self.counts.update(refused)
        if refused:
            log.warning("%s: %d record(s) left out: %s", name, refused.total(), ", ".join(refused))
        return [packet for trace in stream for packet in packets_of(trace)], max(end, len(content))


def _known(sizes: Mapping[str, int | None]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size is not None}


def _size(path: Path) -> int | None:
    """Bytes of a file; None of what is none, or gone in between."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
