import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcn.simulate.source.spectrum import TimeAxis, band_limit, delay, differentiator, minimum_phase

AXIS = TimeAxis.holding(40.0, 20.0, 5.0)


def test_axis_keeps_what_was_asked_and_pads_it():
    assert AXIS.n_kept == 800
    assert AXIS.n_samples >= 1000
    assert AXIS.n_samples % 2 == 0
    assert len(AXIS.frequency_hz) == AXIS.n_samples // 2 + 1


@given(st.integers(0, 900))
def test_delay_by_whole_samples_moves_a_pulse(shift):
    spectrum = delay(torch.tensor(shift / 40.0), AXIS.frequency_hz)
    pulse = torch.fft.irfft(spectrum, n=AXIS.n_samples)
    assert pulse[shift] == pytest.approx(1.0, abs=1e-4)
    assert pulse.abs().sum() < 1.01


def test_delay_is_exact_far_from_zero():
    # 200 s at 20 Hz: 4,000 cycles, of which single precision would keep three decimals.
    late = delay(torch.tensor(200.0), torch.tensor([20.0]))
    assert torch.view_as_real(late).tolist()[0] == pytest.approx([1.0, 0.0], abs=1e-5)


@given(st.floats(0.5, 8.0), st.floats(0.01, 0.2))
def test_minimum_phase_keeps_the_amplitude_and_is_causal(corner_hz, decay_s):
    frequency_hz = AXIS.frequency_hz
    amplitude = torch.exp(-math.pi * decay_s * frequency_hz) / (1.0 + (frequency_hz / corner_hz) ** 2)
    spectrum = minimum_phase(amplitude)
    torch.testing.assert_close(spectrum.abs(), amplitude, rtol=2e-3, atol=1e-6)
    response = torch.fft.irfft(spectrum, n=AXIS.n_samples)
    assert response[AXIS.n_samples // 2 :].abs().amax() < 2e-3 * response.abs().amax()


def test_zero_phase_is_not_causal():
    # The helper's test can fail: the same amplitude without the phase rings before the onset.
    amplitude = torch.exp(-math.pi * 0.1 * AXIS.frequency_hz)
    response = torch.fft.irfft(torch.complex(amplitude, torch.zeros_like(amplitude)), n=AXIS.n_samples)
    assert response[AXIS.n_samples // 2 :].abs().amax() > 1e-2 * response.abs().amax()


def test_differentiator_of_a_sine_is_a_cosine():
    time_s = AXIS.time_s
    hertz = 40.0 / AXIS.n_samples * 50  # whole number of periods
    sine = torch.sin(2 * math.pi * hertz * time_s)
    slope = torch.fft.irfft(torch.fft.rfft(sine) * differentiator(AXIS.frequency_hz), n=AXIS.n_samples)
    expected = 2 * math.pi * hertz * torch.cos(2 * math.pi * hertz * time_s)
    torch.testing.assert_close(slope, expected, atol=5e-3, rtol=0)


def test_band_limit_passes_below_the_corner_and_ends_at_the_edge():
    passed = band_limit(torch.tensor([1.0, 9.6, 12.4]), 9.6, 12.4)
    assert passed[:2].tolist() == [1.0, 1.0]
    assert passed[2] == pytest.approx(1e-4, rel=0.1)
