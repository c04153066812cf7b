"""Errors of the travel times that the network is trained with."""

import pytest
import torch
from toy import resolved

from fcn.batch import Batch
from fcn.config import build
from fcn.scheme.migration.anchors import DrawnAnchors
from fcn.scheme.migration.training_volumes import ModelError, draw_volumes


def drawn_factors(**deviations: float) -> torch.Tensor:
    """(draw, window, station, phase) of windows of as many stations."""
    error = ModelError(
        **({"path": 0.0, "station": 0.0, "s": 0.0, "delay_s": 0.0, "times": (1, 1)} | deviations)
    )
    there = torch.zeros(6, 4, dtype=torch.bool)
    there[:, [0, 2]] = True  # not one after another: an absent station draws as well
    generator = torch.Generator().manual_seed(0)
    factors = [error.draw(there, generator).factor for _ in range(400)]
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


def test_ground_delays_s_more_than_p_and_each_station_by_its_own():
    error = ModelError(path=0.0, station=0.0, s=0.0, delay_s=0.1, times=(1.0, 1.0))
    drawn = error.draw(torch.ones(300, 4, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert torch.equal(drawn.factor, torch.ones(300, 4, 2))
    assert float(drawn.delay_s[..., 0].std()) == pytest.approx(0.1, rel=0.1)
    torch.testing.assert_close(drawn.delay_s[..., 1], 2 * drawn.delay_s[..., 0])
    assert abs(correlation(drawn.delay_s[:, 0], drawn.delay_s[:, 1])) < 0.15
    pairs = torch.tensor([[7, 0, 2], [9, 1, 0]])
    cells_s = torch.tensor([[[1.0], [2.0]], [[3.0], [5.0]]])  # of one cell
    expected_s = cells_s + torch.stack([drawn.delay_s[7, 2], drawn.delay_s[9, 0]])[..., None]
    torch.testing.assert_close(drawn.of(cells_s, pairs), expected_s)


def test_a_window_is_as_wrong_throughout_as_its_crust_is_unknown():
    error = ModelError(path=0.0, station=0.01, s=0.0, delay_s=0.1, times=(0.5, 6.0))
    drawn = error.draw(torch.ones(2000, 60, dtype=torch.bool), torch.Generator().manual_seed(0))
    of_factors = (drawn.factor[..., 0] - 1).std(dim=1) / 0.01  # what each window's errors are multiplied by
    of_delays = drawn.delay_s[..., 0].std(dim=1) / 0.1
    assert correlation(of_factors.log(), of_delays.log()) > 0.95
    middle = of_factors.quantile(torch.tensor([0.25, 0.5, 0.75]))  # log-uniform
    expected = 0.5 * 12 ** torch.tensor([0.25, 0.5, 0.75])
    torch.testing.assert_close(middle, expected, rtol=0.12, atol=0.0)


@pytest.mark.parametrize("times", [(2.0, 1.0), (0.0, 1.0), (-1.0, 1.0)])
def test_a_range_of_errors_that_is_none_is_refused(times):
    with pytest.raises(ValueError, match=f"model_error.times from {times[0]}"):
        ModelError(path=0.0, station=0.0, s=0.0, delay_s=0.0, times=times)


def test_a_range_has_two_ends():
    with pytest.raises(ValueError, match=r"model_error.times .* 2 "):
        ModelError(path=0.0, station=0.0, s=0.0, delay_s=0.0, times=(1.0,))


def test_tables_of_training_reach_from_any_volume_to_any_station_that_judges_it(batch):
    """The largest box, stations in its corners only, and every random number at its end."""
    config = resolved("train", "experiment=generalized")
    scheme, table = config["scheme"], config["data"]["table"]
    volume, neighbourhood = build(scheme["volume"]), build(scheme["neighbourhood"])
    half_km = config["stations"]["scale"][1] * torch.tensor(config["geometry"]["half_width_km"])
    corner = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]) * half_km
    near_km = corner[0] + torch.tensor([0.1, 0.2])
    station_km = torch.cat([torch.cat([corner, near_km[None]]), torch.zeros(5, 1)], dim=1)[None]
    mask = torch.ones(1, 5, dtype=torch.bool)
    rows = torch.arange(4)[None]
    silent = torch.zeros(1, 5, 3, 0)
    windows = Batch(
        silent, silent, station_km, mask, silent > 0, silent[:, :, :2], torch.zeros(1, 5, 6, 0),
        batch.travel_time, torch.zeros(1, dtype=torch.float64),
    )  # fmt: skip
    anchors = DrawnAnchors(
        rows, torch.zeros(1, 4), torch.full((1, 4), -1), torch.ones(1, 4, dtype=torch.bool)
    )
    about_km = station_km[:, :4]
    near = neighbourhood.of(about_km, station_km, mask)
    coarse = volume.coarse(station_km, near, about_km)
    farthest_km = 0.0
    for seed in range(200):
        lattice = draw_volumes(
            volume, windows, anchors, coarse, about_km, about_km, own_share=0.5,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        apart_km = torch.cdist(lattice.cells_km()[0, ..., :2], station_km[..., :2].expand(4, 5, 2))
        farthest_km = max(farthest_km, float(apart_km.max()))
    assert 350.0 < farthest_km < table["max_distance_km"]
