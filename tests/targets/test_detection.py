import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcn.targets.detection import decode_arrival, encode_arrivals, encode_first_arrival

SPEC = {"n_samples": 600, "sampling_rate_hz": 20.0, "sigma_s": 0.15}


def logit(probability: torch.Tensor) -> torch.Tensor:
    return torch.logit(probability.clamp(1e-6, 1 - 1e-6))


@given(arrival_s=st.floats(1.0, 28.0))
def test_decode_inverts_encode_to_a_tenth_of_a_sample(arrival_s):
    pulse = encode_arrivals(torch.tensor([arrival_s]), torch.tensor([True]), **SPEC)
    found_s, score = decode_arrival(logit(pulse), sampling_rate_hz=20.0, sigma_s=0.15)
    assert abs(float(found_s) - arrival_s) < 0.005
    assert float(score) > 0.98


def test_an_arrival_at_the_last_sample_is_found_there():
    pulse = encode_arrivals(torch.tensor([29.95]), torch.tensor([True]), **SPEC)
    found_s, _ = decode_arrival(logit(pulse), sampling_rate_hz=20.0, sigma_s=0.15)
    assert float(found_s) == pytest.approx(29.95, abs=0.15)  # half of its pulse is in the future


def test_invisible_arrivals_leave_no_pulse():
    pulse = encode_arrivals(torch.tensor([10.0, 10.0]), torch.tensor([True, False]), **SPEC)
    assert pulse[0].max() == 1.0
    assert pulse[1].max() == 0.0


def test_the_first_arrival_is_the_earliest_visible_one():
    arrival_s = torch.tensor([[5.0, 8.0, 11.0], [5.0, 8.0, 11.0]])
    visible = torch.tensor([[False, True, True], [False, False, False]])
    pulse = encode_first_arrival(arrival_s, visible, **SPEC)
    assert int(pulse[0].argmax()) == 160
    assert pulse[1].max() == 0.0


def test_arrivals_that_never_come_are_infinite_and_silent():
    pulse = encode_arrivals(torch.tensor([torch.inf]), torch.tensor([True]), **SPEC)
    assert torch.equal(pulse, torch.zeros_like(pulse))
