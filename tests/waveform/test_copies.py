"""Two files of one channel at one time have to agree, and what one has filled the other may have."""

from pathlib import Path

import numpy as np
import pytest
from made_networks import START_S, make_trace

from fcn.waveform.copies import reconcile_copies

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
            reconcile_copies(held)


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
    reconcile_copies([(A, of(COUNTS)), (path, other)])


@pytest.mark.parametrize("path", [A, B])
@pytest.mark.parametrize("back_s", [1.0, 9.5, 1.004])
def test_a_clock_that_was_set_back_is_warned_of(path, back_s, caplog):
    """What follows repeats times, not samples: of the two of a time one is lost."""
    follows = of(COUNTS[3000:], 30.0 - back_s)
    reconcile_copies([(A, of(COUNTS[:3000])), (path, follows)])
    begin = follows.stats.starttime
    told = f"{path}: {back_s:.1f} s of XX.A..HHZ come twice, and not alike, the first from {begin} on"
    assert told in caplog.text


@pytest.mark.parametrize(
    ("other", "path"),
    [
        (of(COUNTS[2000:], 20.0), A),  # a record that was sent again
        (of(COUNTS[2990:], 29.8), A),  # clocks jitter
        (of(COUNTS[:1000], 20.0, rate_hz=50.0), A),
    ],
)
def test_a_clock_that_was_not_is_not(other, path, caplog):
    reconcile_copies([(A, of(COUNTS[:3000])), (path, other)])
    assert not caplog.text


@pytest.mark.parametrize("fill", [0, -2_147_483_648, -7])
@pytest.mark.parametrize("first_is_filled", [True, False])
def test_what_is_filled_gives_way_to_what_was_recorded(fill, first_is_filled, caplog):
    """A copy of which 20 s are of one value, and one that ends 10 s earlier and has them."""
    filled, whole = of(COUNTS), of(COUNTS[1000:5000], 10.0)
    filled.data = np.where((np.arange(6000) >= 2000) & (np.arange(6000) < 4000), fill, COUNTS)
    held = [(A, filled), (B, whole)]
    reconcile_copies(held if first_is_filled else held[::-1])
    assert np.ma.getmaskarray(filled.data).nonzero()[0].tolist() == list(range(2000, 4000))
    assert not np.ma.is_masked(whole.data)
    assert "a.mseed: 20.0 s of XX.A..HHZ are of one value, where b.mseed has samples" in caplog.text


def test_each_of_several_copies_may_give_what_it_has():
    """Two files, each with another half of what a third has filled."""
    filled, first, second = of(COUNTS), of(COUNTS[:3000]), of(COUNTS[3000:], 30.0)
    filled.data = np.where((np.arange(6000) >= 2000) & (np.arange(6000) < 4000), 0, COUNTS)
    reconcile_copies([(A, filled), (B, first), (Path("c.mseed"), second)])
    assert np.ma.getmaskarray(filled.data).nonzero()[0].tolist() == list(range(2000, 4000))


def test_a_damaged_sample_of_a_quiet_channel_gives_nothing():
    """Steady for 0.9 s in both, but for one sample of one."""
    counts = np.repeat(np.arange(60) % 7, 90)
    damaged = counts.copy()
    damaged[2745] = 99_999
    one, other = of(counts), of(damaged)
    reconcile_copies([(A, one), (B, other)])
    assert not np.ma.is_masked(one.data)


@pytest.mark.parametrize("fill", [0, -7])
def test_what_is_filled_in_both_stays(fill, caplog):
    """As of a component that is dead, or clipped; and a gap in the other has nothing to give."""
    flat = np.where(np.arange(6000) < 2000, fill, COUNTS)
    lacking = of(COUNTS)
    lacking.data = np.ma.masked_array(COUNTS, np.arange(6000) < 2000)
    for other in (of(flat), lacking):
        first = of(flat.copy())
        reconcile_copies([(A, first), (B, other)])
        assert not np.ma.is_masked(first.data)
    assert not caplog.text
