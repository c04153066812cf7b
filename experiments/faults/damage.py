"""What links, disks and sensors do to recordings: each fault makes an SDS archive from a good stream.

Packets hold one channel for `PACKET_S`, as a live link sends them. Everything is drawn from one generator.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy

from fcn.waveform.archive import write_sds

PACKET_S = 1.0
LOST = 0.1  # share of packets
FLIPPED = 0.01  # share of packets with a flipped bit

Damage = Callable[[obspy.Stream, np.random.Generator, Path], None]


def faults(station_id: str) -> dict[str, Damage]:
    """By name; those of one station strike this one, "NET.STA"."""
    components = {
        f"component {letters[0]} of {station_id} lost": _without(station_id, letters)
        for letters in ("Z", "N1", "E2")
    }
    return {
        "none": _written,
        f"{LOST:.0%} of packets lost": _lossy,
        f"{station_id} dead": _without(station_id, ""),
        **components,
        "verticals alone": _verticals,
        f"{station_id} absurd": _absurd(station_id),
        f"a bit flipped in {FLIPPED:.0%} of packets": _flipped,
    }


def _written(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
    write_sds(stream, root)


def _lossy(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
    packets = [packet for trace in stream for packet in _packets(trace)]
    kept = [packet for packet in packets if rng.random() >= LOST]
    write_sds(obspy.Stream(kept), root)


def _without(station_id: str, components: str) -> Damage:
    """Channels whose code ends so, or all, never come."""

    def strike(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
        write_sds(
            obspy.Stream(
                trace
                for trace in stream
                if _station_id(trace) != station_id or (components and trace.id[-1] not in components)
            ),
            root,
        )

    return strike


def _verticals(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
    """A network of single-component stations."""
    write_sds(stream.select(component="Z"), root)


def _absurd(station_id: str) -> Damage:
    """Floats of any size up to the largest, as a link that lost its bytes' order sends them."""

    def strike(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
        changed = stream.copy()
        for trace in changed:
            if _station_id(trace) == station_id:
                size = 10.0 ** rng.uniform(28.0, np.log10(3e38), trace.stats.npts)
                trace.data = np.where(rng.random(trace.stats.npts) < 0.5, -size, size).astype(np.float32)
        write_sds(changed, root)

    return strike


def _flipped(stream: obspy.Stream, rng: np.random.Generator, root: Path) -> None:
    """Each packet one record; a bit anywhere in it, header or data."""
    for path in write_sds(stream, root):
        content = bytearray()
        for packet in (p for trace in obspy.read(path, format="MSEED") for p in _packets(trace)):
            buffer = io.BytesIO()
            packet.write(buffer, format="MSEED", reclen=512)
            record = bytearray(buffer.getvalue())
            if rng.random() < FLIPPED:
                record[int(rng.integers(len(record)))] ^= 1 << int(rng.integers(8))
            content += record
        path.write_bytes(content)


def _packets(trace: obspy.Trace) -> list[obspy.Trace]:
    n = round(PACKET_S * trace.stats.sampling_rate)
    start, delta = trace.stats.starttime, trace.stats.delta
    return [
        trace.slice(start + i * delta, start + (i + n - 1) * delta) for i in range(0, trace.stats.npts, n)
    ]


def _station_id(trace: obspy.Trace) -> str:
    return f"{trace.stats.network}.{trace.stats.station}"
