import numpy as np
import pytest

from fcn.geometry.layouts import clustered_layout, grid_layout, random_layout

HALF_SIZE_KM = (40.0, 60.0)
ELEVATION_KM = (0.1, 1.2)


def draw(layout, rng, n_stations=12):
    more = {
        random_layout: {},
        clustered_layout: {"n_clusters": 3, "cluster_radius_km": 30.0},
        grid_layout: {"jitter_fraction": 1.0},
    }[layout]
    return layout(rng, n_stations, HALF_SIZE_KM, ELEVATION_KM, **more)


@pytest.mark.parametrize("layout", [random_layout, clustered_layout, grid_layout])
@pytest.mark.parametrize("n_stations", [1, 3, 7, 64])
def test_stations_lie_in_the_box_at_their_elevation(layout, n_stations):
    position_km = draw(layout, np.random.default_rng(n_stations), n_stations)
    assert position_km.shape == (n_stations, 3)
    assert (np.abs(position_km[:, :2]) <= HALF_SIZE_KM).all()
    assert (position_km[:, 2] <= -0.1).all()
    assert (position_km[:, 2] >= -1.2).all()


@pytest.mark.parametrize("layout", [random_layout, clustered_layout, grid_layout])
def test_every_part_of_the_box_is_reached_and_drawing_repeats(layout):
    rng = np.random.default_rng(0)
    position_km = np.concatenate([draw(layout, rng) for _ in range(300)])
    counts, *_ = np.histogram2d(*(position_km[:, :2] / HALF_SIZE_KM).T, bins=4, range=[[-1, 1], [-1, 1]])
    assert counts.min() > 0.4 * counts.mean()
    np.testing.assert_array_equal(*(draw(layout, np.random.default_rng(5)) for _ in range(2)))


def test_clusters_are_tight_and_equally_full():
    rng = np.random.default_rng(1)
    position_km = clustered_layout(rng, 12, HALF_SIZE_KM, ELEVATION_KM, n_clusters=3, cluster_radius_km=0.5)
    near = np.linalg.norm(position_km[:, None, :2] - position_km[None, :, :2], axis=-1) < 5
    assert (near.sum(1) == 4).all()


def test_grid_without_jitter_is_even():
    position_km = grid_layout(np.random.default_rng(2), 6, HALF_SIZE_KM, ELEVATION_KM, jitter_fraction=0.0)
    assert sorted(set(position_km[:, 0].round(6))) == [-20.0, 20.0]
    assert sorted(set(position_km[:, 1].round(6))) == [-40.0, 0.0, 40.0]


def test_no_clusters_is_refused():
    with pytest.raises(ValueError, match="n_clusters must be at least 1, got 0"):
        clustered_layout(np.random.default_rng(0), 5, HALF_SIZE_KM, ELEVATION_KM, 0, 1.0)
