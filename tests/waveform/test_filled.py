"""Zeros that fill gaps are gaps; zeros that were recorded are not."""

import numpy as np
import obspy
import pytest

from fcn.waveform.filled import mask_filled

RATE_HZ = 100.0


def trace_of(data) -> obspy.Trace:
    trace = obspy.Trace(data)
    trace.id = "XX.A..HHZ"
    trace.stats.sampling_rate = RATE_HZ
    return trace


def noise(offset, sigma, n=4000, dtype=np.int32):
    return (offset + sigma * np.random.default_rng(0).standard_normal(n)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
@pytest.mark.parametrize("span", [(1000, 1500), (0, 300), (3900, 4000)])
@pytest.mark.parametrize("offset", [5e4, -3e5])
def test_zeros_amid_an_offset_are_gaps(dtype, span, offset, caplog):
    data = noise(offset, 100.0, dtype=dtype)
    data[slice(*span)] = 0
    stream = obspy.Stream([trace_of(data.copy())])
    mask_filled(stream)
    (trace,) = stream
    np.testing.assert_array_equal(np.flatnonzero(np.ma.getmaskarray(trace.data)), np.arange(*span))
    np.testing.assert_array_equal(np.ma.getdata(trace.data), data)
    assert f"XX.A..HHZ {(span[1] - span[0]) / RATE_HZ:.1f} s" in caplog.text


@pytest.mark.parametrize(
    ("offset", "sigma", "n_zeros"),
    [
        (0.0, 100.0, 500),  # without an offset nothing tells them from a dead second
        (1000.0, 100.0, 500),  # noise may reach zero
        (5e4, 100.0, 20),  # strong motion passes through it
        (1.0, 0.2, 500),  # a digitiser's least steps
    ],
)
def test_other_zeros_stay(offset, sigma, n_zeros, caplog):
    data = noise(offset, sigma)
    data[1000 : 1000 + n_zeros] = 0
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    assert not np.ma.is_masked(stream[0].data)
    assert not caplog.text


def test_what_is_masked_stays_masked_and_what_is_no_number_counts_for_nothing():
    data = np.ma.masked_array(noise(5e4, 100.0, dtype=np.float64))
    data[1000:1500] = 0
    data[2000:2100] = np.nan
    data[3000:3100] = np.ma.masked
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    gone = np.flatnonzero(np.ma.getmaskarray(stream[0].data))
    np.testing.assert_array_equal(gone, [*range(1000, 1500), *range(3000, 3100)])


@pytest.mark.parametrize("data", [np.zeros(500, dtype=np.int32), np.array([b"a"] * 9)])
def test_of_nothing_but_zeros_or_of_no_numbers_nothing_is_said(data, caplog):
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    assert not caplog.text


def sparse(step: int, n: int = 30000) -> np.ndarray:
    """Of a digitiser with steps so large that noise seldom reaches one."""
    rng = np.random.default_rng(0)
    return (step * (rng.random(n) < 0.02)).astype(np.int32)


def tilted() -> np.ndarray:
    """Nothing but zeros until it shakes, and an offset from then on."""
    rng = np.random.default_rng(0)
    shock = (20_000 * rng.standard_normal(1500) * np.exp(-np.arange(1500) / 400)).astype(np.int32)
    after = 500 + rng.integers(-1, 2, 20_000)
    return np.concatenate([np.zeros(15_000, dtype=np.int32), shock, after]).astype(np.int32)


@pytest.mark.parametrize("data", [sparse(256), sparse(256) - sparse(256)[::-1], tilted(), -tilted()])
def test_zeros_of_quiet_ground_stay(data, caplog):
    stream = obspy.Stream([trace_of(data.copy())])
    mask_filled(stream)
    assert not np.ma.is_masked(stream[0].data)
    assert not caplog.text
