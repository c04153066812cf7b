"""NIED's WIN32 format: continuous waveforms of Hi-net and its sister networks.

Layout (NIED, "WIN32 format"; the WIN manual page winformat(1W) of ERI for the compression), big-endian:
4 bytes of format id, zero; then blocks of one frame (usually 1 s): 8 bytes of BCD time YYYYMMDDhhmmsscc in
Japan Standard Time, 4 bytes frame length in 0.1 s, 4 bytes length of what follows; then channels: 1 byte
organisation, 1 byte network, 2 bytes channel number, 4 bits sample size, 12 bits number of samples, 4 bytes
first sample, and the differences of the others. Sample size 0 is 4 bits, 1-4 are bytes, 5 is values of 4
bytes instead of differences.
"""

import calendar
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Int32, UInt8

from fcn.waveform.nied_channels import NiedChannel

JST_AHEAD_S = 9 * 3600
BLOCK_HEADER = struct.Struct(">8sII")
CHANNEL_HEADER = struct.Struct(">BBHH")
FIRST_SAMPLE_BYTES = 4
BITS = {0: 4, 1: 8, 2: 16, 3: 24, 4: 32, 5: 32}

Blocks = dict[int, list[tuple[float, float, int, int, int]]]  # channel: (time, rate, size code, n, offset)


def read_win32(paths: Iterable[str | Path], channels: Mapping[int, NiedChannel]) -> obspy.Stream:
    """Counts of the channels in a channel table; others in the files are left out.

    A frame that comes twice, as where files overlap, counts once; where frames lack a new trace starts.
    Raises FileNotFoundError, and ValueError naming the file and the frame where it is truncated or no WIN32.
    """
    frames: dict[int, dict[float, tuple[float, Int32[np.ndarray, " n"]]]] = defaultdict(dict)
    for path in map(Path, paths):
        if not path.is_file():
            raise FileNotFoundError(f"no WIN32 file {path}")
        content = path.read_bytes()
        found = _scan(content, str(path))
        for number, blocks in found.items():
            if number in channels:
                for (time_s, rate_hz, *_), samples in zip(blocks, _decode(content, blocks), strict=True):
                    frames[number].setdefault(time_s, (rate_hz, samples))
    stream = obspy.Stream()
    for number in sorted(frames):
        stream += _traces(channels[number], frames[number])
    return stream


def _scan(content: bytes, name: str) -> Blocks:
    """Where each channel's frames are in the file."""
    if len(content) < 4 or content[:4] != b"\0\0\0\0":
        raise ValueError(f"{name} is no WIN32 file: it does not begin with four zero bytes")
    found: Blocks = defaultdict(list)
    position = 4
    while position < len(content):
        if position + BLOCK_HEADER.size > len(content):
            raise ValueError(f"{name} is truncated: it ends in the header of a frame; fetch it again")
        bcd, frame_tenths, length = BLOCK_HEADER.unpack_from(content, position)
        time_s = _posix_s(bcd, name)
        position += BLOCK_HEADER.size
        end = position + length
        if end > len(content):
            raise ValueError(
                f"{name} is truncated in the frame of {obspy.UTCDateTime(time_s)}; fetch it again"
            )
        if frame_tenths == 0:
            raise ValueError(f"{name}: the frame of {obspy.UTCDateTime(time_s)} has no length")
        while position + CHANNEL_HEADER.size <= end:
            _, _, number, packed = CHANNEL_HEADER.unpack_from(content, position)
            size, n_samples = packed >> 12, packed & 0x0FFF
            position += CHANNEL_HEADER.size
            if size not in BITS or n_samples == 0:
                raise ValueError(
                    f"{name}: channel {number:04x} at {obspy.UTCDateTime(time_s)} has sample size {size} and "
                    f"{n_samples} samples; sizes are 0 to 5"
                )
            rate_hz = n_samples / (frame_tenths / 10.0)
            found[number].append((time_s, rate_hz, size, n_samples, position))
            position += _block_bytes(size, n_samples)
        if position != end:
            raise ValueError(
                f"{name}: the channels of {obspy.UTCDateTime(time_s)} do not fill their frame; fetch it again"
            )
    return found


def _block_bytes(size: int, n_samples: int) -> int:
    """Bytes of a channel's samples: the first in 4 bytes, the others in BITS each, to a whole byte."""
    return FIRST_SAMPLE_BYTES + ((n_samples - 1) * BITS[size] + 7) // 8


def _posix_s(bcd: bytes, name: str) -> float:
    """POSIX seconds of YYYYMMDDhhmmsscc in Japan Standard Time, two decimal digits a byte."""
    digits = bcd.hex()
    try:
        fields = [int(digits[:4]), *(int(digits[i : i + 2]) for i in range(4, 16, 2))]
        year, month, day, hour, minute, second, hundredths = fields
        whole = calendar.timegm(
            obspy.UTCDateTime(year, month, day, hour, minute, second).datetime.timetuple()
        )
    except ValueError as error:
        raise ValueError(f"{name}: {digits} is no time of a WIN32 frame ({error})") from error
    return whole + hundredths / 100.0 - JST_AHEAD_S


def _decode(
    content: bytes, blocks: list[tuple[float, float, int, int, int]]
) -> list[Int32[np.ndarray, " n"]]:
    """Samples of many frames at once: those of one size and length make one array."""
    raw = np.frombuffer(content, np.uint8)
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (_, _, size, n_samples, _) in enumerate(blocks):
        alike[size, n_samples].append(index)
    decoded: list[Int32[np.ndarray, " n"]] = [np.empty(0, np.int32)] * len(blocks)
    for (size, n_samples), members in alike.items():
        starts = np.array([blocks[index][-1] for index in members])
        table = raw[starts[:, None] + np.arange(_block_bytes(size, n_samples))]
        first = _integers(table[:, :FIRST_SAMPLE_BYTES], 4)
        steps = _integers(table[:, FIRST_SAMPLE_BYTES:], size)[:, : n_samples - 1]
        values = np.concatenate((first, steps), axis=1)
        if size != 5:
            values = np.cumsum(values, axis=1)
        for index, row in zip(members, values.astype(np.int32), strict=True):
            decoded[index] = row
    return decoded


def _integers(table: UInt8[np.ndarray, "frame byte"], size: int) -> np.ndarray:
    """Signed integers of a sample size from each row of bytes, (frame, value)."""
    if size == 0:
        nibbles = np.stack((table >> 4, table & 0x0F), axis=-1).reshape(len(table), -1).astype(np.int64)
        return (nibbles ^ 8) - 8
    width = BITS[size] // 8
    parts = table.reshape(len(table), -1, width).astype(np.int64)
    unsigned = (parts << (8 * np.arange(width - 1, -1, -1))).sum(axis=-1)
    sign = 1 << (8 * width - 1)
    return (unsigned ^ sign) - sign


def _traces(channel: NiedChannel, frames: dict[float, tuple[float, Int32[np.ndarray, " n"]]]) -> obspy.Stream:
    """One trace for each stretch of frames that follow one another at one rate."""
    stream = obspy.Stream()
    pending: list[Int32[np.ndarray, " n"]] = []
    expected_s, last_rate_hz, start_s = float("nan"), 0.0, 0.0
    for time_s in sorted(frames):
        rate_hz, samples = frames[time_s]
        if pending and (abs(time_s - expected_s) > 0.5 / rate_hz or rate_hz != last_rate_hz):
            stream.append(channel.trace(np.concatenate(pending), last_rate_hz, start_s))
            pending = []
        if not pending:
            start_s = time_s
        pending.append(samples)
        expected_s, last_rate_hz = time_s + len(samples) / rate_hz, rate_hz
    stream.append(channel.trace(np.concatenate(pending), last_rate_hz, start_s))
    return stream
