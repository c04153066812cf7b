import numpy as np
import pytest

from fcn.simulate.path.lateral import LateralField, LateralLaw

LATERAL = LateralLaw(fraction=0.04, s_over_p=1.25, shared=0.8, correlation_km=10.0)


@pytest.mark.parametrize("change", [{"fraction": -0.1}, {"correlation_km": 0.0}, {"shared": 1.5}])
def test_impossible_lateral_variation_is_refused(change):
    with pytest.raises(ValueError, match="correlation_km"):
        LateralLaw(**{"fraction": 0.04, "s_over_p": 1.2, "shared": 0.5, "correlation_km": 10.0, **change})


def test_mean_along_a_ray_is_that_of_its_points():
    field = LateralField(LATERAL, seed=5)
    source, station = np.array([3.0, -8.0, 11.0]), np.array([[20.0, 30.0, 0.0]])
    along = np.linspace(0.0, 1.0, 401)[:, None]
    points = source + along * (station - source)
    at_points = (
        field.relative_delay(source, station)[0],
        np.array([field.relative_delay(p, p[None])[0] for p in points]),
    )
    np.testing.assert_allclose(at_points[0], at_points[1].mean(0), atol=3e-4)
    np.testing.assert_allclose(field.slowness(points), at_points[1], atol=1e-12)


def test_variation_has_its_size_and_its_correlation():
    points = np.random.default_rng(0).uniform(-100.0, 100.0, (300, 3))
    here, there = [], []
    for seed in range(12):
        field = LateralField(LATERAL, seed)
        for point in points[:40]:
            here.append(field.relative_delay(point, point[None])[0])
            moved = point + np.array([10.0, 0.0, 0.0])
            there.append(field.relative_delay(moved, moved[None])[0])
    here, there = np.array(here), np.array(there)
    assert here.std(0) == pytest.approx([0.04, 0.05], rel=0.15)
    assert np.corrcoef(here[:, 0], there[:, 0])[0, 1] == pytest.approx(np.exp(-0.5), abs=0.12)
    assert np.corrcoef(here.T)[0, 1] == pytest.approx(0.8, abs=0.1)
