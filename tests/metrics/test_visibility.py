import numpy as np
import pytest

from fcn.metrics.visibility import VISIBLE_SNR, p_snr, third_station_snr

RATE_HZ = 20.0


def traces(*peaks):
    """Noise of RMS 1 with a spike one second after P, at 10 s."""
    trace = np.where(np.arange(600) % 2, 1.0, -1.0) * np.ones((len(peaks), 1))
    trace[:, round(11 * RATE_HZ)] = peaks
    return trace


def test_peak_after_p_over_rms_before():
    np.testing.assert_allclose(p_snr(traces(5.0, -8.0), np.array([10.0, 10.0]), RATE_HZ), [5.0, 8.0])


@pytest.mark.parametrize("spike_s", [9.0, 13.5])
def test_what_is_not_after_p_is_no_signal(spike_s):
    trace = traces(1.0)
    trace[0, round(spike_s * RATE_HZ)] = 50.0
    assert p_snr(trace, np.array([10.0]), RATE_HZ)[0] < 1.1


def test_unknown_where_the_trace_ends_or_is_dead():
    trace = traces(5.0, 5.0, 5.0)
    trace[2] = 0.0
    assert np.isnan(p_snr(trace, np.array([4.0, 27.5, 10.0]), RATE_HZ)).all()


def test_third_station_is_the_third_that_p_reaches_of_those_with_data():
    arrivals_s = np.array([9.0, 1.0, 5.0, 2.0, 3.0])
    assert third_station_snr(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), arrivals_s) == 5.0
    assert third_station_snr(np.array([1.0, 2.0, 3.0, np.nan, 5.0]), arrivals_s) == 3.0
    assert np.isnan(third_station_snr(np.array([1.0, 2.0, np.nan, np.nan, np.nan]), arrivals_s))


def test_gaussian_noise_is_mostly_not_visible():
    noise = np.random.default_rng(1).standard_normal((2000, 400))
    assert np.nanmean(p_snr(noise, np.full(2000, 10.0), RATE_HZ) > VISIBLE_SNR) < 0.05
