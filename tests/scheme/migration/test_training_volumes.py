"""Errors of the travel times that the network is trained with."""

import pytest
import torch

from fcn.scheme.migration.training_volumes import ModelError


def drawn_factors(**deviations: float) -> torch.Tensor:
    """(draw, window, station, phase) of windows of as many stations."""
    error = ModelError(**({"path": 0.0, "station": 0.0, "s": 0.0} | deviations))
    there = torch.zeros(6, 4, dtype=torch.bool)
    there[:, [0, 2]] = True  # not one after another: an absent station draws as well
    generator = torch.Generator().manual_seed(0)
    factors = [error.draw(there, generator) for _ in range(400)]
    return torch.stack(factors)[:, there].view(400, 6, 2, 2)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_the_error_of_the_path_is_one_per_window():
    factor = drawn_factors(path=0.03)
    assert float(factor.mean()) == pytest.approx(1.0, abs=2e-3)
    assert float(factor.std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor, factor[:, :, :1, :1].expand_as(factor))  # all stations, P and S
    assert abs(correlation(factor[:, 0], factor[:, 1])) < 0.15


def test_the_error_of_a_station_is_its_own():
    factor = drawn_factors(station=0.03)
    assert float(factor.mean()) == pytest.approx(1.0, abs=2e-3)
    assert float(factor.std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor[..., 0], factor[..., 1])
    assert abs(correlation(factor[:, :, 0], factor[:, :, 1])) < 0.1
    assert abs(correlation(factor[:, 0], factor[:, 1])) < 0.15


def test_the_error_of_s_is_one_per_window_beside_that_of_p():
    factor = drawn_factors(s=0.03)
    assert torch.equal(factor[..., 0], torch.ones_like(factor[..., 0]))
    assert float(factor[..., 1].std()) == pytest.approx(0.03, rel=0.05)
    assert torch.equal(factor[:, :, 0], factor[:, :, 1])
    together = drawn_factors(path=0.03, station=0.02, s=0.01)
    p, beside = together[..., 0], together[..., 1] - together[..., 0]
    assert float(p.std()) == pytest.approx((0.03**2 + 0.02**2) ** 0.5, rel=0.05)
    assert correlation(p[:, :, 0], p[:, :, 1]) == pytest.approx(0.03**2 / (0.03**2 + 0.02**2), abs=0.05)
    assert float(beside.std()) == pytest.approx(0.01, rel=0.05)
    assert abs(correlation(p, beside)) < 0.1
