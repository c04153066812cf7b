import sys

import numpy as np
import pytest
import torch
from shipped_models import load

from fcn.earth.grid3d import VelocityGrid, grid_of_layers
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.projection import LocalFrame

pytest.importorskip("eikonalfm", reason="the extra [eikonal] is not installed")

from fcn.earth.eikonal import GridModel, GridTravelTimes

STATIONS_KM = torch.tensor([[3.3, -7.7, -1.2], [12.1, 18.9, -0.05], [-19.6, 0.2, 0.1]])
MINIMUM_KM, SHAPE = (-20.0, -25.0, -2.0), (41, 51, 28)
DEPTH_KM = -2.0 + np.arange(28)


def gradient_grid() -> VelocityGrid:
    """vp = 4 + 0.08 z, vs = vp / 1.75."""
    vp = np.broadcast_to(4 + 0.08 * DEPTH_KM, SHAPE).copy()
    return VelocityGrid("gradient", "test", MINIMUM_KM, (1.0, 1.0, 1.0), vp, vp / 1.75)


def sources_km(n=2000, highest_km=-2.0):
    generator = torch.Generator().manual_seed(0)
    low = torch.tensor([-20.0, -25.0, highest_km])
    return low + torch.rand(n, 3, generator=generator) * (torch.tensor([20.0, 25.0, 25.0]) - low)


@pytest.fixture(scope="module")
def gradient() -> GridTravelTimes:
    return GridTravelTimes.build(gradient_grid(), STATIONS_KM, spacing_km=1.0)


@pytest.mark.reference
def test_linear_gradient_in_closed_form(gradient):
    """t = arccosh(1 + g^2 d^2 / (2 v1 v2)) / g (Aki & Richards 2002, sec. 9.3)."""
    sources = sources_km()
    found_s = gradient.between(sources, STATIONS_KM).double()
    squared_km2 = ((sources - STATIONS_KM[:, None]) ** 2).sum(-1).double()
    speeds = (4 + 0.08 * sources[:, 2].double()) * (4 + 0.08 * STATIONS_KM[:, None, 2].double())
    error_ms = []
    for phase, ratio in enumerate((1.0, 1.75)):
        rate = 0.08 / ratio
        exact_s = torch.arccosh(1 + rate**2 * squared_km2 / (2 * speeds / ratio**2)) / rate
        error_ms.append(1e3 * (found_s[..., phase] - exact_s).abs())
    worst, mean = float(torch.stack(error_ms).max()), float(torch.stack(error_ms).mean())
    print(f"3-D against closed-form gradient, 1 km nodes: mean {mean:.2f} ms, max {worst:.2f} ms")  # noqa: T201
    assert mean < 0.5
    assert worst < 4


@pytest.mark.parametrize(("name", "mean_ms", "p99_ms"), [("jma2001", 10, 60), ("iasp91", 4, 50)])
def test_laterally_homogeneous_grid_equals_the_table(name, mean_ms, p99_ms):
    model = load(name)
    grid = grid_of_layers(model, MINIMUM_KM, (1.0, 1.0, 1.0), SHAPE)
    fields = GridTravelTimes.build(grid, STATIONS_KM, spacing_km=1.0)
    table = TravelTimeTable.build(model, max_depth_km=30, max_distance_km=80, step_km=0.5)
    sources = sources_km()
    difference_ms = 1e3 * (fields.between(sources, STATIONS_KM) - table.between(sources, STATIONS_KM)).abs()
    assert difference_ms.mean() < mean_ms
    assert difference_ms.flatten().quantile(0.99) < p99_ms


def test_time_is_zero_at_the_station_and_straight_in_a_homogeneous_grid():
    rock = np.full(SHAPE, 6.0)
    fields = GridTravelTimes.build(
        VelocityGrid("rock", "test", MINIMUM_KM, (1.0, 1.0, 1.0), rock, rock / 1.7),
        STATIONS_KM,
        spacing_km=2.0,
    )
    sources = torch.cat([STATIONS_KM, sources_km(100)])
    times_s = fields.between(sources, STATIONS_KM)
    straight_s = torch.cdist(STATIONS_KM, sources) / 6.0
    torch.testing.assert_close(times_s[..., 0], straight_s, atol=1e-4, rtol=0)
    torch.testing.assert_close(times_s[..., 1], 1.7 * straight_s, atol=1e-4, rtol=0)


def test_a_slow_body_delays_what_passes_it_alone(gradient):
    grid = gradient_grid()
    grid.vp_kmps[:8, :, :] *= 0.8  # west of -12.5 km
    fields = GridTravelTimes.build(grid, STATIONS_KM, spacing_km=1.0)
    east, west = torch.tensor([[15.0, 10.0, 8.0]]), torch.tensor([[-18.0, 10.0, 8.0]])
    torch.testing.assert_close(fields.between(east, STATIONS_KM[:2]), gradient.between(east, STATIONS_KM[:2]))
    delay_s = (fields.between(west, STATIONS_KM) - gradient.between(west, STATIONS_KM))[:, 0]
    assert (delay_s[:, 0] > 0.1).all()
    assert (delay_s[:, 1].abs() < 1e-6).all()  # S was left alone


def test_reciprocity_between_two_stations(gradient):
    forth = gradient.between(STATIONS_KM[:1], STATIONS_KM[1:2])
    back = gradient.between(STATIONS_KM[1:2], STATIONS_KM[:1])
    torch.testing.assert_close(forth, back, atol=2e-3, rtol=0)


def test_batches_and_stations_in_any_order(gradient):
    sources = sources_km(12).reshape(3, 4, 3)
    order = torch.tensor([[0, 1], [2, 0], [1, 1]])
    times_s = gradient.between(sources, STATIONS_KM[order])
    assert times_s.shape == (3, 2, 4, 2)
    for b in range(3):
        for n in range(2):
            alone = gradient.between(sources[b], STATIONS_KM[order[b, n]][None])
            torch.testing.assert_close(times_s[b, n], alone[0])
    assert gradient.between(sources[0, :0], STATIONS_KM).shape == (3, 0, 2)


def test_many_pairs_equal_few(gradient):
    sources = sources_km(60_000)
    whole = gradient.between(sources, STATIONS_KM)
    torch.testing.assert_close(whole[:, 50_000:50_100], gradient.between(sources[50_000:50_100], STATIONS_KM))


def test_unknown_station_and_source_outside_are_refused(gradient):
    with pytest.raises(
        ValueError, match=r"no travel-time field for a station at \[3.3, -7.7, 0.0\] km \(nearest 1.2"
    ):
        gradient.between(sources_km(2), torch.tensor([[3.3, -7.7, 0.0]]))
    with pytest.raises(ValueError, match=r"source at \[0.0, 26.0, 5.0\] km is outside the velocity grid"):
        gradient.between(torch.tensor([[0.0, 0.0, 5.0], [0.0, 26.0, 5.0]]), STATIONS_KM)
    with pytest.raises(ValueError, match=r"source at \[nan"):
        gradient.between(torch.tensor([[float("nan"), 0.0, 5.0]]), STATIONS_KM)
    beside = torch.tensor([[0.0, 0.0, 0.0], [21.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match=r"stations \[1\] lie outside velocity grid gradient"):
        GridTravelTimes.build(gradient_grid(), beside, spacing_km=1.0)
    for spacing_km, message in ((float("nan"), "spacing_km must be"), (0.001, "do not fit into memory")):
        with pytest.raises(ValueError, match=message):
            GridTravelTimes.build(gradient_grid(), beside[:1], spacing_km=spacing_km)


def test_stations_above_the_grid_raise_its_top():
    grid = VelocityGrid(
        "low", "test", (-5.0, -5.0, 0.0), (1.0,) * 3, np.full((11, 11, 8), 5.0), np.full((11, 11, 8), 3.0)
    )
    summit = torch.tensor([[0.2, 0.3, -2.4]])
    fields = GridTravelTimes.build(grid, summit, spacing_km=0.5)
    sources = torch.tensor([[1.0, 1.0, 6.0], [-2.0, 3.0, -2.0]])
    expected_s = torch.cdist(summit, sources)[..., None] / torch.tensor([5.0, 3.0])
    torch.testing.assert_close(fields.between(sources, summit), expected_s, atol=1e-4, rtol=0)


def test_moves_to_a_device(gradient):
    assert gradient.to("meta").slowness_spkm.is_meta
    assert gradient.to("meta") is gradient.to("meta")  # gigabytes that come with every window


def test_a_model_in_a_file(tmp_path, gradient):
    path = tmp_path / "gradient.h5"
    gradient_grid().write(path)
    fields = GridModel(str(path), 1.0).travel_times(LocalFrame(32.0, 130.0), STATIONS_KM)
    torch.testing.assert_close(fields.slowness_spkm, gradient.slowness_spkm)


def test_without_the_solver_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "eikonalfm", None)
    with pytest.raises(ModuleNotFoundError, match=r"fcn\[eikonal\]"):
        GridTravelTimes.build(gradient_grid(), STATIONS_KM, spacing_km=1.0)


def test_a_grid_at_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"no velocity grid at {tmp_path}/grid.h5"):
        GridModel("~/grid.h5", 1.0).travel_times(LocalFrame(38.0, 22.0), STATIONS_KM)
