"""Real-time intensity: the published filter, causal, chunked as whole, and near the exact intensity."""

import pickle

import numpy as np
import pytest
from scipy import signal

from fcn.shaking.jma import jma_filter, jma_intensity
from fcn.shaking.real_time import RealTimeIntensity, kunugi_sos

RATE_HZ = 100.0


def running(**changed):
    return RealTimeIntensity(**{"sampling_rate_hz": RATE_HZ, "window_s": 60.0, "max_gap_s": 1.0, **changed})


def shaking(seed=0, duration_s=40.0, rate_hz=RATE_HZ, peak_mps2=2.0):
    """Noise that swells and fades, coloured between 0.3 and 12 Hz, on an offset as accelerometers have."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    sos = signal.butter(2, (0.3, 12.0), "bandpass", fs=rate_hz, output="sos")
    envelope = (time_s / 10.0) ** 2 * np.exp(2.0 - 2.0 * time_s / 10.0)
    motion = envelope * signal.sosfilt(sos, rng.standard_normal((3, time_s.size)))
    return motion * peak_mps2 / np.abs(motion).max() + np.array([[0.1], [-9.8], [0.02]])


@pytest.mark.reference
@pytest.mark.parametrize("rate_hz", [80.0, 100.0, 200.0])
def test_the_filter_is_within_a_fortieth_of_a_degree_of_the_exact_one(rate_hz):
    """0.1 to 7 Hz, where the intensity of earthquakes is made: it takes every published coefficient."""
    frequency_hz = np.geomspace(0.1, 7.0, 50)
    response = np.abs(signal.sosfreqz(kunugi_sos(rate_hz), frequency_hz, fs=rate_hz)[1])
    assert np.abs(2.0 * np.log10(response / jma_filter(frequency_hz))).max() < 0.025


def test_poles_are_inside_the_unit_circle_and_slower_records_refused():
    for rate_hz in (80.0, 100.0, 500.0):
        assert max(np.abs(np.roots(section[3:])).max() for section in kunugi_sos(rate_hz)) < 1.0
    with pytest.raises(ValueError, match="50"):
        kunugi_sos(50.0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate_hz", [100.0, 200.0])
def test_the_largest_is_the_exact_intensity(seed, rate_hz):
    motion = shaking(seed, rate_hz=rate_hz, peak_mps2=0.3 * 2.0**seed)
    largest = running(sampling_rate_hz=rate_hz).process(motion).max()
    assert largest == pytest.approx(jma_intensity(motion, rate_hz), abs=0.1)


def test_chunks_give_what_the_whole_does():
    motion = shaking()
    motion[:, 900:950], motion[1, 1500:1700], motion[:, 2000:2400] = np.nan, np.nan, np.nan
    whole = running().process(motion)
    chunked, state = [], running()
    edges = np.cumsum(np.random.default_rng(1).integers(0, 200, 60))
    for part in np.split(motion, edges[edges < motion.shape[1]], axis=1):
        chunked.append(state.process(part))
        state = pickle.loads(pickle.dumps(state))
    np.testing.assert_array_equal(np.concatenate(chunked), whole)
    assert np.isnan(whole[900:950]).all()
    assert np.isfinite(np.delete(whole, np.r_[900:950, 2000:2400])).all()


@pytest.mark.parametrize("window_s", [1.0, 60.0])
def test_the_latest_is_the_last_that_is_known(window_s):
    """Chunk by chunk, some of them of gaps alone or ending in one; also after whole chunks."""
    motion, rng = shaking(), np.random.default_rng(5)
    motion[:, 700:750], motion[:, 1500:1990], motion[:, 0:10] = np.nan, np.nan, np.nan
    whole, state, done = running(window_s=window_s).process(motion), running(window_s=window_s), 0
    for n in rng.integers(1, 200, 60):
        part = motion[:, done : done + n]
        want = whole[done : done + n]
        known = np.flatnonzero(~np.isnan(want))
        if n % 7 == 0:
            np.testing.assert_array_equal(state.process(part), want)
        elif known.size:
            assert state.latest(part) == (want[known[-1]], known[-1])
        else:
            assert state.latest(part) is None
        done += n
    assert done > 3000


def test_nothing_is_known_before_it_comes():
    motion = shaking()
    later = motion.copy()
    later[:, 2000:] += 5.0 * np.random.default_rng(2).standard_normal((3, motion.shape[1] - 2000))
    first, second = running().process(motion), running().process(later)
    np.testing.assert_array_equal(first[:2000], second[:2000])
    assert second[2100] > first[2100] + 0.3


def test_offsets_and_ends_of_gaps_are_no_shaking():
    quiet = np.tile([[9.8], [0.3], [-0.2]], 3000)
    assert running().process(quiet).max() < 0
    quiet[:, 1000:1500] = np.nan
    quiet[:, 1500:] += 0.4  # the sensor comes back with another offset
    assert np.nanmax(running().process(quiet)) < 0
    quiet[:, 900:1000] += 0.4  # without a gap the same step shakes
    assert np.nanmax(running().process(quiet)) > 2


def test_shaking_is_forgotten_after_the_window():
    motion = np.concatenate((shaking(), np.tile(shaking()[:, :1], 3000)), axis=1)
    short, long = running(window_s=10.0).process(motion), running().process(motion)
    assert short.max() == pytest.approx(long.max(), abs=0.3)
    assert short[-1] < 0 < 4 < long[-1]


def test_amplitude_counts_when_it_lasts():
    """0.3 s at 100 Hz are 30 samples, in 1-D since one component alone shakes."""
    state = running()
    steady = 0.5 * np.sin(2 * np.pi * 2.0 * np.arange(2000) / RATE_HZ)
    found = state.process(np.stack([steady, 0 * steady, 0 * steady]))
    gal = 50.0 * float(jma_filter(np.array([2.0]))[0])
    assert found[-1] == pytest.approx(2.0 * np.log10(gal) + 0.94, abs=0.02)
    assert found[28] < -5


@pytest.mark.parametrize(("name", "wrong"), [("window_s", 0.1), ("max_gap_s", -1.0), ("window_s", np.nan)])
def test_a_window_that_cannot_be_is_refused(name, wrong):
    with pytest.raises(ValueError, match=name):
        running(**{name: wrong})
