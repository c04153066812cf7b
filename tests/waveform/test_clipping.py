"""Where a seismometer is beyond its range, known from what has come."""

import numpy as np
import pytest

from fcn.waveform.clipping import FLAT, Clipping
from fcn.waveform.response import Sensitivity

WEAK = Sensitivity(4e8, "velocity")


def shaking(n=4000, largest_counts=1e7, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(
        largest_counts * np.sin(np.arange(n) / 9.0) * np.linspace(0.0, 1.0, n) + rng.normal(0, 50, n)
    )


@pytest.mark.parametrize(("low", "high"), [(-(2**23), 2**23 - 1), (-3_000_000, 3_000_000), (-9_000_000, 5e6)])
def test_what_is_cut_off_is_clipped(low, high):
    """By the digitiser, by the sensor, and by a sensor that is off its middle."""
    counts = np.clip(shaking(), low, high)
    found = Clipping(WEAK).process(counts)
    cut = (counts == low) | (counts == high)
    assert found[cut].mean() > 0.5  # all but the first few of each top
    assert np.abs(counts[found]).min() >= 0.95 * min(-low, high)


@pytest.mark.parametrize("reversed_polarity", [False, True])
def test_loud_and_quiet_motion_within_the_range_is_not(reversed_polarity):
    sensitivity = Sensitivity(-4e8, "velocity") if reversed_polarity else WEAK
    assert not Clipping(sensitivity).process(shaking(largest_counts=7e6)).any()
    assert not Clipping(sensitivity).process(np.zeros(100)).any()
    assert not Clipping(sensitivity).process(np.repeat([300.0, -200.0], 50)).any()  # coarse and quiet
    assert not Clipping(Sensitivity(1e13, "velocity")).process(shaking(largest_counts=9e6)).any()


def test_an_accelerometer_is_never_taken_for_clipped():
    assert not Clipping(Sensitivity(4e5, "acceleration")).process(np.full(100, 2.0**23)).any()


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
def test_chunks_give_what_the_whole_gives(length):
    counts = np.clip(shaking(), -3e6, 3e6)
    counts[2000:2010] = np.nan
    chunks, whole = Clipping(WEAK), Clipping(WEAK).process(counts)
    found = [chunks.process(counts[i : i + length]) for i in range(0, counts.size, length)]
    np.testing.assert_array_equal(np.concatenate(found), whole)
    assert whole.sum() > FLAT
