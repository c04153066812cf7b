"""Traces of which the samples stay in their miniSEED files until they are asked for.

What such a trace holds is decided by reading its file as a whole, once; where in the file its samples lie is
found then, and checked sample by sample. So it is the same trace, to the last digit, and not in memory.
"""

import bisect
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import obspy
from jaxtyping import Shaped
from obspy import UTCDateTime
from obspy.core import Stats

from fcn.waveform.miniseed import Piece, decode_piece, pieces

log = logging.getLogger(__name__)

SAME_RATE = 1e-9  # relative: of one header as ObsPy reads it twice
NEAR = 200  # samples: so far a clock that is corrected record by record moves a trace against its beginning
BEGINNING = 32  # samples that are compared first
SORTED_BY = ("network", "station", "location", "channel", "starttime", "endtime")


@runtime_checkable
class AnyTrace(Protocol):
    """What a trace of ObsPy and a stored one have in common; `data` may be cut, and made an array."""

    @property
    def id(self) -> str:
        """Network, station, location and channel."""
        ...

    stats: Any
    data: Any


class StoredFile:
    """A miniSEED file that holds one channel: its samples in the order of its records.

    Raises ValueError, naming the file, where it has changed since it was opened.
    """

    def __init__(self, path: Path, found: Sequence[Piece]) -> None:
        self.path, self._pieces = path, found
        self._ends = list(itertools.accumulate(piece.n_samples for piece in found))
        self._newest: tuple[int, Shaped[np.ndarray, " n"]] | None = None
        self._as_it_was = self._as_it_is()

    def samples(self, first: int, end: int) -> list[Shaped[np.ndarray, " _"]]:
        """Samples `first` to end - 1 in parts, as they lie in pieces."""
        parts = []
        index = bisect.bisect_right(self._ends, first)
        while first < end:
            begun = self._ends[index - 1] if index else 0
            parts.append(self._piece(index)[first - begun : end - begun])
            first, index = self._ends[index], index + 1
        if end == self._ends[-1]:
            self.forget()  # a file that has been read keeps nothing in memory
        return parts

    def forget(self) -> None:
        """Keep nothing in memory until samples are asked for again."""
        self._newest = None

    def _as_it_is(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns

    def _piece(self, index: int) -> Shaped[np.ndarray, " n"]:
        if self._newest is None or self._newest[0] != index:
            piece = self._pieces[index]
            try:
                with self.path.open("rb") as file:
                    file.seek(piece.begin)
                    content = file.read(piece.end - piece.begin)
                samples = np.concatenate([trace.data for trace in decode_piece(content)])
                is_as_it_was = self._as_it_is() == self._as_it_was
            except Exception as error:  # ObsPy's reader has exceptions of its own
                raise ValueError(f"{self.path}: {self._changed()}: {error}") from error
            if not is_as_it_was or samples.size != piece.n_samples:
                raise ValueError(f"{self.path}: {self._changed()}")
            self._newest = index, samples
        return self._newest[1]

    @staticmethod
    def _changed() -> str:
        return (
            "no longer what it was when it was opened; leave files alone while they are read, and begin anew"
        )


class StoredSamples:
    """An array of one axis in a file: what is cut out of it is read."""

    ndim = 1

    def __init__(self, file: StoredFile, first: int, n: int, dtype: np.dtype) -> None:
        self._file, self._first, self._n, self.dtype = file, first, n, dtype

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, key: slice) -> Shaped[np.ndarray, " n"]:
        first, end, step = key.indices(self._n)
        if step != 1:
            raise ValueError(f"stored samples are cut, not picked: {key}")
        parts = self._file.samples(self._first + first, self._first + max(end, first))
        return np.concatenate(parts).astype(self.dtype, copy=False) if parts else np.zeros(0, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Shaped[np.ndarray, " n"]:
        return self[:] if dtype is None else self[:].astype(dtype)

    def forget(self) -> None:
        """See `StoredFile`."""
        self._file.forget()

    def cut(self, first: int, n: int) -> "StoredSamples":
        """Some of them, still in the file."""
        return StoredSamples(self._file, self._first + first, n, self.dtype)


class StoredTrace:
    """A trace whose samples are in a file, or in memory where a file does not hold them in their order."""

    def __init__(self, stats: Stats, data: StoredSamples | Shaped[np.ndarray, " n"]) -> None:
        self.stats, self.data = stats, data
        self.id = str(obspy.Trace(header=stats).id)  # network, station, location and channel

    def forget(self) -> None:
        """See `StoredFile`."""
        if isinstance(self.data, StoredSamples):
            self.data.forget()

    def slice(self, start: UTCDateTime | None, end: UTCDateTime | None) -> "StoredTrace":
        """What lies between two times, as ObsPy slices with nearest_sample=False; it may be empty."""
        # ObsPy does the reckoning, on an array of the same length that takes no room
        dummy = obspy.Trace(np.broadcast_to(np.int8(0), (self.stats.npts,)), header=self.stats)
        part = dummy.slice(start, end, nearest_sample=False)
        first = round((part.stats.starttime - self.stats.starttime) * self.stats.sampling_rate)
        n = int(part.stats.npts)
        data = self.data
        cut = data.cut(first, n) if isinstance(data, StoredSamples) else data[first : first + n]
        return StoredTrace(part.stats, cut)


class StoredStream:
    """Stored traces, in an order."""

    def __init__(self, traces: Iterable[StoredTrace]) -> None:
        self._traces = tuple(traces)

    def __iter__(self) -> Iterator[StoredTrace]:
        return iter(self._traces)

    def __len__(self) -> int:
        return len(self._traces)

    def of_stations(self, station_ids: Iterable[str]) -> "StoredStream":
        """The traces of stations NET.STA, station by station."""
        by_id: dict[str, list[StoredTrace]] = {}
        for trace in self:
            by_id.setdefault(f"{trace.stats.network}.{trace.stats.station}", []).append(trace)
        return StoredStream(trace for each in station_ids for trace in by_id.get(each, []))

    def between(self, start_s: float, end_s: float) -> "StoredStream":
        """What lies between two POSIX times."""
        cut = (trace.slice(UTCDateTime(start_s), UTCDateTime(end_s)) for trace in self)
        return StoredStream(trace for trace in cut if trace.stats.npts)

    def sorted(self) -> "StoredStream":
        """In the order of `obspy.Stream.sort`."""
        return StoredStream(
            sorted(self, key=lambda trace: tuple(getattr(trace.stats, key) for key in SORTED_BY))
        )


def stored(traces: obspy.Stream, path: Path, content: bytes, *, is_sound: bool) -> list[StoredTrace]:
    """The traces that a file, of this content, was found to hold, without their samples.

    is_sound: nothing of it was left out. Those whose samples do not lie one after the other in it, as of a
    file that holds several channels, keep them.
    """
    placed = _Placed.of(path, content, is_sound=is_sound)
    found = []
    for trace in traces:
        first = None if placed is None else placed.find(trace)
        data = trace.data
        if placed is not None and first is not None:
            data = StoredSamples(placed.file, first, trace.stats.npts, trace.data.dtype)
        else:
            log.debug("%s: %s stays in memory", path, trace.id)
        codes = ("network", "station", "location", "channel", "starttime", "sampling_rate", "npts")
        found.append(StoredTrace(Stats({key: trace.stats[key] for key in codes}), data))
    return found


class _Placed:
    """All samples of a file, and from which of them on its pieces have which times."""

    def __init__(self, file: StoredFile, samples: np.ndarray, begins: list[tuple[int, obspy.Trace]]) -> None:
        self.file, self._samples, self._id = file, samples, begins[0][1].id
        self._first = np.array([first for first, _ in begins])
        stats = [trace.stats for _, trace in begins]
        self._start_s = np.array([each.starttime.timestamp for each in stats])
        self._rate_hz = np.array([each.sampling_rate for each in stats])
        self._n = np.array([each.npts for each in stats])

    @classmethod
    def of(cls, path: Path, content: bytes, *, is_sound: bool) -> "_Placed | None":
        """None where its samples are of several channels or kinds."""
        found = pieces(content, is_sound=is_sound)
        begins: list[tuple[int, obspy.Trace]] = []
        parts: list[np.ndarray] = []
        n = 0
        for piece in found:
            try:
                traces = decode_piece(content[piece.begin : piece.end])
            except Exception:  # ObsPy's reader has exceptions of its own, and is stricter with a first record
                return None
            for trace in traces:
                begins.append((n, trace))
                parts.append(trace.data)
                n += trace.stats.npts
            if n != sum(part.size for part in parts) or sum(t.stats.npts for t in traces) != piece.n_samples:
                return None
        if len({trace.id for _, trace in begins}) != 1 or len({part.dtype for part in parts}) != 1:
            return None
        return cls(StoredFile(path, found), np.concatenate(parts), begins)

    def find(self, trace: obspy.Trace) -> int | None:
        """The place of a trace's first sample, from which on all are its; None where there is none."""
        wanted, start_s, rate_hz = trace.data, trace.stats.starttime.timestamp, trace.stats.sampling_rate
        if trace.id != self._id or wanted.dtype != self._samples.dtype:
            return None
        after = np.rint((start_s - self._start_s) * rate_hz).astype(int)
        same = np.abs(self._rate_hz / rate_hz - 1.0) < SAME_RATE
        for index in np.flatnonzero(same & (after >= -NEAR) & (after <= self._n + NEAR)).tolist():
            for off in sorted(range(-NEAR, NEAR + 1), key=abs):
                first = int(self._first[index] + after[index]) + off
                if first >= 0 and self._are(first, wanted[:BEGINNING]) and self._are(first, wanted):
                    return first
        return None

    def _are(self, first: int, wanted: Shaped[np.ndarray, " n"]) -> bool:
        equal_nan = wanted.dtype.kind == "f"
        return np.array_equal(self._samples[first : first + wanted.size], wanted, equal_nan=equal_nan)
