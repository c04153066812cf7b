"""The magnitude of the moment released so far."""

import math

import pytest
import torch

from fcn.constants import RELEASED
from fcn.recombine.released import released_magnitude
from fcn.recombine.synthesise import corner_frequency_hz


def released(magnitude: float, release_s: torch.Tensor, elapsed_s: torch.Tensor) -> torch.Tensor:
    n = len(elapsed_s)
    return released_magnitude(torch.full((n,), magnitude), release_s.expand(n, -1), elapsed_s)


def test_it_grows_to_the_magnitude_and_stays():
    release_s = torch.tensor([2.0, 4.0, 5.0, 6.0, 6.0, 6.0, 9.0, 10.0, 11.0, 12.0, 20.0, 30.0, 40.0, 50.0])
    said = released(7.5, release_s, torch.linspace(-10, 80, 901))
    assert said.diff().min() >= 0
    assert float(said[0]) == pytest.approx(7.5 - 4.0)
    assert float(said[-1]) == 7.5
    at_shares = released(7.5, release_s, release_s + 1e-4)
    shares = torch.tensor(RELEASED)
    shares[3:5] = RELEASED[5]  # three at once
    torch.testing.assert_close(at_shares, 7.5 + shares.log10() / 1.5, atol=1e-3, rtol=0)
    between = float(released(7.5, release_s, torch.tensor([7.5]))[0])
    assert between == pytest.approx(7.5 + math.log10(0.45) / 1.5, abs=1e-3)


def test_without_a_table_all_is_out_after_the_corner_period():
    unknown = torch.full((len(RELEASED),), torch.nan)
    for magnitude in (3.0, 6.0):
        period_s = 1 / float(corner_frequency_hz(torch.tensor([magnitude])))
        said = released(magnitude, unknown, torch.tensor([0.0, 0.5, 0.9, 1.01]) * period_s)
        assert float(said[-1]) == magnitude
        assert said.diff().min() > 0
        # the cube of time
        assert float(said[1]) == pytest.approx(magnitude + 2 * math.log10(0.5), abs=0.02)
