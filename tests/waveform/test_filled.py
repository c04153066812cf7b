"""One value that fills gaps is a gap; what was recorded and stands still is not."""

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
    assert f"XX.A..HHZ {(span[1] - span[0]) / RATE_HZ:.1f} s of 0" in caplog.text


@pytest.mark.parametrize("value", [-9999, 999_999, -2_147_483_647, 8_388_607])
@pytest.mark.parametrize(("offset", "sigma"), [(0.0, 100.0), (-52_000.0, 300.0), (0.0, 0.0), (3.0, 0.4)])
@pytest.mark.parametrize("span", [(1000, 1500), (0, 300), (3900, 4000)])
def test_another_value_far_from_all_that_is_recorded_is_a_gap(value, offset, sigma, span, caplog):
    data = noise(offset, sigma)
    data[slice(*span)] = value
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    np.testing.assert_array_equal(np.flatnonzero(np.ma.getmaskarray(stream[0].data)), np.arange(*span))
    assert f"XX.A..HHZ {(span[1] - span[0]) / RATE_HZ:.1f} s of {value}" in caplog.text


def test_each_value_that_fills_is_told(caplog):
    data = noise(5e4, 100.0)
    data[1000:1500], data[2000:2100], data[3000:3100] = 0, -9999, -9999
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    assert np.ma.count_masked(stream[0].data) == 700
    assert "XX.A..HHZ 2.0 s of -9999, XX.A..HHZ 5.0 s of 0" in caplog.text


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


def shaken(peak: float = 2e6) -> np.ndarray:
    """Quiet ground, half a minute of shaking of three seconds' period, quiet ground."""
    data, time_s = noise(0.0, 50.0, n=12_000).astype(np.float64), np.arange(3000) / RATE_HZ
    data[4000:7000] += peak * np.sin(2 * np.pi * time_s / 3.0) * np.exp(-time_s / 15.0)
    return data


def held() -> np.ndarray:
    """What came last before a packet that was lost in the midst of shaking, and in quiet ground."""
    data = shaken()
    data[4480:4700], data[9000:9400] = data[4480], data[9000]
    return data.astype(np.int32)


def steps_of_a_coarse_digitiser() -> np.ndarray:
    """A strong motion that stands for seconds on one value or the next, far from zero, and shakes once."""
    slow = np.cumsum(np.random.default_rng(0).standard_normal(20_000)) / 40
    shock = np.zeros(20_000)
    shock[10_000:11_000] = 3000 * np.sin(np.arange(1000) / 4.0) * np.exp(-np.arange(1000) / 300)
    return np.round(-1500 + slow + shock).astype(np.int32)


@pytest.mark.parametrize(
    "data",
    [
        np.clip(shaken(), -(2**20), 2**20).astype(np.int32),  # up to 0.9 s at the end of its range
        np.where(np.abs(shaken()) > 2e5, np.sign(shaken()) * 2**20, shaken()).astype(
            np.int32
        ),  # from end to end
        held(),
        steps_of_a_coarse_digitiser(),
        steps_of_a_coarse_digitiser() * 256,
        np.concatenate([noise(0.0, 0.4, n=8000), 3000 + noise(0.0, 0.4, n=9000)]),  # a step of the offset
    ],
)
def test_what_was_recorded_stays_however_still_it_stands(data, caplog):
    stream = obspy.Stream([trace_of(data)])
    mask_filled(stream)
    assert not np.ma.is_masked(stream[0].data)
    assert not caplog.text
