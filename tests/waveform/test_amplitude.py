"""Block peaks: of sines and of a known displacement, per block, of what is known."""

import numpy as np
import pytest
import torch
from scipy import signal

from fcn.waveform.amplitude import AMPLITUDES, block_peaks, samples_in
from fcn.waveform.preprocess import Bands, ToVelocity

RATE_HZ = 20.0


def peaks_of(bands, known=None):
    """Of `Banded` components (3, time)."""
    known = np.ones(bands.narrow.shape, dtype=bool) if known is None else known
    seen = (torch.from_numpy(each) for each in (bands.broad, bands.displacement, bands.long, known))
    return block_peaks(*seen, sampling_rate_hz=RATE_HZ).numpy()


def along(vertical, north, wave):
    return np.stack((vertical * wave, north * wave, 0.1 * wave))


@pytest.mark.parametrize(
    ("frequency_hz", "broad", "long"), [(0.1, 0.0, 1.0), (1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (0.01, 0.0, 0.0)]
)
def test_a_sine_has_its_amplitude_in_every_band(spec, frequency_hz, broad, long):
    """Velocity a sin wt: displacement a / w."""
    time_s = np.arange(40_000) / 100.0
    wave = np.sin(2 * np.pi * frequency_hz * time_s)
    chunk = ToVelocity(spec, 100.0, "velocity", 1.0, 3).whole(0.0, along(0.5, 1.0, wave))
    late = peaks_of(Bands(spec, 3).process(chunk))[:, -400:].max(axis=1)
    omega = 2 * np.pi * frequency_hz
    expected = np.array([broad, broad / 2, broad / omega, broad / 2 / omega, long / omega, long / 2 / omega])
    np.testing.assert_allclose(late, expected, rtol=0.09, atol=0.01 / min(omega, 1.0))
    assert len(AMPLITUDES) == len(late)


@pytest.mark.parametrize("measurement", ["velocity", "acceleration"])
def test_displacement_is_that_of_a_known_pulse(spec, measurement):
    """The ground goes there and back, 3 cm, within two seconds, after two minutes of rest."""
    time_s = np.arange(20_000) / 100.0
    place_m = 0.03 * np.exp(-0.5 * ((time_s - 120.0) / 0.3) ** 2)
    rate = np.gradient(place_m, time_s)
    ground = rate if measurement == "velocity" else np.gradient(rate, time_s)
    chunk = ToVelocity(spec, 100.0, measurement, 1.0, 3).whole(0.0, along(1.0, -1.0, ground + 0.2))
    peaks = peaks_of(Bands(spec, 3).process(chunk))
    high = signal.butter(4, 0.075, "highpass", fs=100.0, output="sos")
    expected = np.abs(signal.sosfilt(high, place_m)).max()
    assert 0.015 < expected < 0.025
    assert 0.9 * expected < peaks[4].max() < expected  # the offset's high-pass takes some
    assert peaks[4, :470].max() < 1e-6
    assert peaks[4, 720:].max() < 1e-3  # a minute later, and nothing has added up
    assert 0.005 < peaks[2].max() < 0.03


def test_unknown_samples_have_no_part_in_it(spec):
    rng = np.random.default_rng(0)
    bands = Bands(spec, 3).process(
        ToVelocity(spec, 100.0, "velocity", 1.0, 3).whole(0.0, rng.standard_normal((3, 10_000)))
    )
    known = np.ones(bands.broad.shape, dtype=bool)
    known[:, 500:1000] = False
    known[0, 1500:] = False
    peaks = peaks_of(bands, known)
    assert not peaks[:, 100:200].any()
    assert not peaks[[1, 3, 5], 300:].any()
    blocks = np.abs(bands.broad).reshape(3, -1, 5).max(axis=-1)
    np.testing.assert_array_equal(peaks[0, :100], blocks[:, :100].max(axis=0))
    np.testing.assert_array_equal(peaks[1, :100], blocks[0, :100])
    np.testing.assert_array_equal(peaks[0, 300:], blocks[1:, 300:].max(axis=0))


def test_blocks_are_whole_samples():
    assert samples_in(0.25, 20.0) == 5
    with pytest.raises(ValueError, match=r"0.25 s is no whole number of samples at 25 Hz.* multiple of 4 Hz"):
        samples_in(0.25, 25.0)
