"""A folder that fills with miniSEED: files that appear, and grow."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn.stream.clock import WallClock
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.miniseed import decode_miniseed, whole_records

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 2**20  # of one file at once


class DirectorySource:
    """Whole records of the files that match a pattern in a folder, as they are written.

    What is in the folder at the first look is passed over where `from_now`. A record that is written in part
    is waited for. counts: records left out, by reason.
    """

    def __init__(self, root: str | Path, pattern: str, *, from_now: bool) -> None:
        self._root, self._pattern = Path(root).expanduser(), pattern
        if not self._root.is_dir():
            raise FileNotFoundError(f"no folder {self._root} (source.root)")
        self.counts: Counter[str] = Counter()
        self._read: dict[str, int] = {}  # bytes of each file
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
        for name, size in self._sizes().items():
            begin = self._read.get(name, 0)
            if size < begin:  # written anew
                begin = 0
            if size > begin:
                packets += self._new(name, begin)
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

    def _sizes(self) -> dict[str, int]:
        found = {}
        try:
            paths = sorted(self._root.glob(self._pattern))
        except OSError as error:  # of a disk in the network that is away
            self.counts[f"looks in vain: {error.strerror}"] += 1
            return {}
        for path in paths:
            try:
                if path.is_file():
                    found[str(path.relative_to(self._root))] = path.stat().st_size
            except OSError:  # gone in between
                continue
        return found

    def _new(self, name: str, begin: int) -> list[Packet]:
        try:
            with (self._root / name).open("rb") as file:
                file.seek(begin)
                content = file.read(MOST_BYTES)
        except OSError as error:
            self.counts[f"files not read: {error.strerror}"] += 1
            return []
        end = whole_records(content)
        self._read[name] = begin + end
        if not end:
            return []
        stream, refused = decode_miniseed(content[:end])
        self.counts.update(refused)
        if refused:
            log.warning("%s: %d record(s) left out: %s", name, refused.total(), ", ".join(refused))
        return [packet for trace in stream for packet in packets_of(trace)]
