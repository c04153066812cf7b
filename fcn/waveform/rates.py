"""Which sampling rates are one, and how samples of one rate are given to what counts by another."""

import math
from collections.abc import Iterable, Iterator

# Relative, between two. Headers that hold an interval or a ratio state one rate in many ways, and some
# digitisers state what their clock measured, in each record another. Rates that channels have differ by more.
SAME_RATE = 2e-3
EXACTLY = 1e-5  # relative: of an interval in microseconds, of 20 Hz and slower
EQUAL = 1e-12  # relative: of what is rounded
OUT_OF_STEP = 0.25  # of a sample: so far two rates may come apart before the time is looked at again


def same_rate(stated_hz: float, met_hz: Iterable[float], slowest_hz: float) -> float:
    """The rate that a stated one is, Hz: the nearest of those that were met, else itself.

    slowest_hz: that may be used; what is it or slower by no more than that is taken for it.
    """
    nearest_hz = min(met_hz, key=lambda hz: abs(stated_hz - hz), default=stated_hz)
    if abs(stated_hz / nearest_hz - 1.0) < SAME_RATE and nearest_hz != stated_hz:
        return nearest_hz
    below = SAME_RATE if stated_hz < slowest_hz else EXACTLY
    return slowest_hz if abs(stated_hz / slowest_hz - 1.0) < below else stated_hz


def samples_in_step(stated_hz: float, rate_hz: float) -> int:
    """So many samples of the one rate may be counted by the other, until they are out of step."""
    apart = max(abs(rate_hz / stated_hz - 1.0), EQUAL)
    return max(math.floor(OUT_OF_STEP / apart), 1)


def in_step(start_s: float, n: int, stated_hz: float, rate_hz: float) -> Iterator[tuple[float, slice]]:
    """Pieces of n samples from a POSIX time on, each with its time by its own rate."""
    length = samples_in_step(stated_hz, rate_hz)
    for first in range(0, n, length):
        yield start_s + first / stated_hz, slice(first, min(first + length, n))
