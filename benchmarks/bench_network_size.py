"""A window of networks of 12, 65 and 300 stations, read as if it were the first: beside the smallest.

Every window has the same unexplained picks and one declared event. bench_windows.py reads streams.
Run: pytest benchmarks/bench_network_size.py
"""

import pytest
from made_windows import reading
from rows import row

STATIONS = (12, 65, 300)
N_ANCHORS = 5
MEDIANS: dict[int, float] = {}  # seconds per window


@pytest.mark.parametrize("n", STATIONS)
def test_a_window(benchmark, n):
    """Encoding of all stations, five coarse volumes, a declared event followed, and their fine volumes."""
    benchmark.pedantic(reading(n, N_ANCHORS), rounds=20, warmup_rounds=3)
    MEDIANS[n] = benchmark.stats.stats.median
    ratio = MEDIANS[n] / MEDIANS[STATIONS[0]]
    row(f"{n} stations, one window alone", f"{1000 * MEDIANS[n]:.0f} ms", f"{ratio:.1f} times that of 12")
