import pytest
import torch

from fcn.geometry.grid import SearchGrid

GRID = SearchGrid(minimum_km=[-10, -20, 0], spacing_km=[2.0, 4.0, 1.0], shape=[11, 11, 5])


def test_centres_and_axes():
    assert GRID.centres_km.shape == (11, 11, 5, 3)
    assert GRID.centres_km[0, 0, 0].tolist() == [-10, -20, 0]
    assert GRID.centres_km[3, 2, 1].tolist() == [-4, -12, 1]
    assert GRID.maximum_km == (10.0, 20.0, 4.0)
    assert GRID.centres_km[-1, -1, -1].tolist() == list(GRID.maximum_km)
    assert GRID.axis_km(1).tolist() == [-20 + 4 * i for i in range(11)]


def test_lists_become_tuples():
    assert hash(GRID) == hash(SearchGrid((-10.0, -20.0, 0.0), (2.0, 4.0, 1.0), (11, 11, 5)))


def test_contains_reaches_half_a_cell_beyond_the_outer_centres():
    points = torch.tensor([[0.0, 0, 0], [10.9, 21.9, 4.4], [11.1, 0, 0], [0, 0, -0.6], [0, -22.1, 1]])
    assert GRID.contains(points).tolist() == [True, True, False, False, False]
    assert GRID.contains(GRID.centres_km).all()


@pytest.mark.parametrize(
    ("minimum_km", "spacing_km", "shape", "message"),
    [
        ([0, 0], [1, 1, 1], [2, 2, 2], "three axes"),
        ([0, 0, 0], [1, 0, 1], [2, 2, 2], "spacing_km must be positive"),
        ([0, 0, 0], [1, 1, 1], [2, 0, 2], "at least 1 cell"),
    ],
)
def test_no_such_grid(minimum_km, spacing_km, shape, message):
    with pytest.raises(ValueError, match=message):
        SearchGrid(minimum_km, spacing_km, shape)
