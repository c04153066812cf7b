import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import signal

from fcn.simulate.recording.noise import noise, peterson_db

RATE_HZ = 40.0


@pytest.fixture
def law(recipe):
    return recipe.noise


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def acceleration_db(waveforms, rate_hz=RATE_HZ):
    """Welch spectra of acceleration, dB re 1 (m/s^2)^2/Hz, and their frequencies."""
    frequency_hz, density = signal.welch(waveforms.numpy(), rate_hz, nperseg=1024, axis=-1)
    inside = (frequency_hz >= 0.15) & (frequency_hz <= 10.0)
    acceleration = density * (2 * np.pi * frequency_hz) ** 2
    return frequency_hz[inside], 10 * np.log10(acceleration[..., inside])


def test_peterson_models_as_published():
    # Peterson (1993), tables 3 and 4: at 1 s -166.7 and -116.85 dB, to the rounding of the coefficients.
    assert float(peterson_db(torch.tensor([1.0]), high=False)) == pytest.approx(-166.4, abs=0.6)
    assert float(peterson_db(torch.tensor([1.0]), high=True)) == pytest.approx(-116.85, abs=0.6)


@pytest.mark.reference
def test_noise_lies_between_the_noise_models(law):
    steady = replace(law, pulse_rate_hz=0.0)
    frequency_hz, level_db = acceleration_db(noise(steady, 24, 40_000, RATE_HZ, gen()))
    at = torch.from_numpy(frequency_hz)
    low, high = peterson_db(at, high=False).numpy(), peterson_db(at, high=True).numpy()
    slack_db = 3.0  # scatter of a Welch estimate, and of modulation
    assert (level_db > low - slack_db).all()
    assert (level_db < high + slack_db).all()
    medians = np.median(level_db, axis=(0, 1))
    assert (medians > low + 5).all()
    assert (medians < high - 5).all()


@pytest.mark.parametrize(("level", "high"), [(0.0, False), (1.0, True)])
def test_ends_of_the_range_are_the_models_themselves(law, level, high):
    plain = replace(law, level=(level, level), tilt=0.0, roughness=0.0, modulation=0.0, pulse_rate_hz=0.0)
    frequency_hz, level_db = acceleration_db(noise(plain, 8, 80_000, RATE_HZ, gen()))
    model = peterson_db(torch.from_numpy(frequency_hz), high=high).numpy()
    assert np.median(np.abs(level_db.mean((0, 1)) - model)) < 0.7


def test_sites_differ_in_level_and_components_in_detail(law):
    _, level_db = acceleration_db(noise(law, 24, 8192, RATE_HZ, gen()))
    assert level_db.mean(-1).std(0).min() > 2.0
    assert np.abs(level_db[:, 0] - level_db[:, 1]).mean() > 0.5


def test_pulses_come_at_their_rate(law):
    still = replace(law, modulation=0.0, pulse_rate_hz=0.0)
    busy = replace(still, pulse_rate_hz=0.2, pulse_gain=60.0)
    quiet, loud = (noise(each, 16, 8192, RATE_HZ, gen()) for each in (still, busy))
    touched = ((loud - quiet)[:, 0] != 0).float().mean()
    # Poisson bursts of 2 s: some part of 1 - exp(-0.2 * 2) of the time.
    assert float(touched) == pytest.approx(1 - math.exp(-0.4), rel=0.1)
    assert (loud - quiet).abs().amax() > 10 * (quiet - quiet.mean()).std()


def test_slow_noise_ends_where_it_should(law):
    """The seas' noise at 0.03 Hz is there where it is asked for."""
    for lowest_hz, there in ((0.05, False), (0.02, True)):
        waveforms = noise(replace(law, lowest_hz=lowest_hz), 4, 40_000, RATE_HZ, gen())
        frequency_hz, density = signal.welch(waveforms.numpy(), RATE_HZ, nperseg=8192, axis=-1)
        slow = density[..., (frequency_hz > 0.025) & (frequency_hz < 0.04)].mean()
        assert bool(slow > 1e-2 * density[..., (frequency_hz > 0.06) & (frequency_hz < 0.1)].mean()) is there


def test_same_generator_same_noise(law):
    torch.testing.assert_close(
        noise(law, 3, 1000, RATE_HZ, gen(4)), noise(law, 3, 1000, RATE_HZ, gen(4)), rtol=0, atol=0
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pulse_rate_hz": -1.0}, "pulse_rate_hz of noise must not be negative, got -1"),
        ({"level": (0.5, 1.2)}, "low-noise"),
        ({"lowest_hz": 0.0}, "lowest_hz"),
    ],
)
def test_nonsense_is_refused(law, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(law, **changes)
