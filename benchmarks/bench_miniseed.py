"""A day file of miniSEED with one damaged record beside the same file whole.

Run: pytest benchmarks/bench_miniseed.py
The ratios are printed at the end.
"""

import io
import sys

import numpy as np
import pytest
from made_networks import make_trace

from fcn.waveform.miniseed import decode_miniseed

HALF_A_DAY = 4_320_000  # samples at 100 Hz
RECORD_BYTES = 512
MEDIANS: dict[str, float] = {}  # seconds


@pytest.fixture(scope="module")
def whole() -> bytes:
    counts = np.cumsum(np.random.default_rng(1).integers(-2000, 2000, HALF_A_DAY)).astype(np.int32)
    buffer = io.BytesIO()
    make_trace("XX.A..HHZ", counts).write(buffer, format="MSEED", reclen=RECORD_BYTES)
    return buffer.getvalue()


def one_bad(whole: bytes) -> bytes:
    """A bit of the middle record's differences is another."""
    content = bytearray(whole)
    content[len(whole) // RECORD_BYTES // 2 * RECORD_BYTES + 200] ^= 0x10
    return bytes(content)


FILES = {
    "whole": lambda whole: whole,
    "one damaged record": one_bad,
    "torn": lambda whole: whole[:-100],
    "50 MB of zeros behind": lambda whole: whole + bytes(50_000_000),
}


@pytest.mark.parametrize("name", FILES)
def test_read_half_a_day(benchmark, whole, name):
    content = FILES[name](whole)
    benchmark.pedantic(decode_miniseed, (content,), rounds=5, warmup_rounds=1)
    MEDIANS[name] = benchmark.stats.stats.median
    if name != "whole":
        sys.stdout.write(f"\n{name}: {MEDIANS[name] / MEDIANS['whole']:.1f} times the whole file's time\n")
