"""Two files of one channel at one time have to agree."""

from pathlib import Path

import numpy as np
import pytest
from made_networks import START_S, make_trace

from fcn.waveform.copies import check_copies

COUNTS = np.random.default_rng(1).integers(-1000, 1001, 6000)
A, B = Path("a.mseed"), Path("b.mseed")


def of(counts, after_s=0.0, seed_id="XX.A..HHZ", rate_hz=100.0):
    return make_trace(seed_id, counts, rate_hz, START_S + after_s)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (of(COUNTS), of(10 * COUNTS)),
        (of(COUNTS), of(-COUNTS[1000:], 10.0)),
        (of(COUNTS), of(1e-9 * COUNTS, rate_hz=100.008)),  # an interval in microseconds
    ],
)
def test_files_that_contradict_each_other_are_named(first, second):
    for held in ([(A, first), (B, second)], [(B, second), (A, first)]):
        with pytest.raises(ValueError, match=r"[ab]\.mseed and [ab]\.mseed have other samples of XX\.A"):
            check_copies(held)


@pytest.mark.parametrize(
    ("other", "path"),
    [
        (of(COUNTS), B),
        (of(COUNTS[2000:4000], 20.0), B),
        (of(10 * COUNTS), A),  # in one file: of clocks that were set
        (of(10 * COUNTS[5500:], 55.0), B),  # a short overlap
        (of(10 * COUNTS, 60.0), B),
        (of(10 * COUNTS, seed_id="XX.A.10.HHZ"), B),
        (of(10 * COUNTS[:3000], rate_hz=50.0), B),
        (of(10 * COUNTS, 0.005), B),
        (of(np.where(np.arange(6000) < 4000, 0, COUNTS)), B),  # of which most is missing
        (of(np.where(np.arange(6000) < 4000, np.nan, COUNTS)), B),
        (of(np.where(np.arange(6000) < 2000, -7, COUNTS)), B),  # damaged
    ],
)
def test_files_that_do_not_are_not(other, path):
    check_copies([(A, of(COUNTS)), (path, other)])
