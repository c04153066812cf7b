import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn.geometry.grid import SearchGrid
from fcn.targets.location import decode_location, encode_axes

GRID = SearchGrid(minimum_km=(-20.0, -30.0, 0.0), spacing_km=(2.0, 2.0, 1.5), shape=(21, 31, 15))
coordinate = st.tuples(st.floats(-12, 12), st.floats(-22, 22), st.floats(7, 14))


def encoded(*source_km, sigma_km):
    """The target's volume."""
    factors = encode_axes(torch.tensor([source_km]), GRID, sigma_km=sigma_km)
    return torch.einsum("bx,by,bz->bxyz", *factors)


@settings(max_examples=50)
@given(source=coordinate)
def test_decode_inverts_encode_to_a_twentieth_of_a_cell(source):
    source_km = torch.tensor([source])
    pdf = encoded(*source, sigma_km=(2.0, 2.0))
    found = decode_location(pdf.log(), GRID, reach_km=(6.0, 6.0))
    assert (found.hypocentre_km - source_km).abs().max() < 0.1
    assert 0.9 < float(found.score) <= 1.0 + 1e-6


def test_the_target_is_a_pdf_peaking_in_the_right_cell():
    pdf = encoded(4.0, -10.0, 6.0, sigma_km=(3.0, 1.0))
    torch.testing.assert_close(pdf.sum(), torch.tensor(1.0))
    cell = torch.unravel_index(pdf[0].argmax(), pdf.shape[1:])
    assert [int(i) for i in cell] == [12, 10, 4]


def test_uncertainty_is_the_width_of_the_pdf():
    pdf = encoded(0.0, 0.0, 10.0, sigma_km=(3.0, 1.5))
    found = decode_location(pdf.log(), GRID, reach_km=(6.0, 6.0))
    assert abs(float(found.horizontal_uncertainty_km) - 3.0 * 2**0.5) < 0.05
    assert abs(float(found.depth_uncertainty_km) - 1.5) < 0.05


def test_covariance_is_that_of_the_pdf():
    axes = [torch.as_tensor(GRID.axis_km(i), dtype=torch.float32) for i in range(3)]
    east, north, depth = torch.meshgrid(*axes, indexing="ij")
    both = (east + 0.5 * north) / 4.0  # long across it
    logits = -0.5 * (both**2 + (north / 6.0) ** 2 + ((depth - 10.0) / 2.0) ** 2)
    found = decode_location(logits[None], GRID, reach_km=(6.0, 6.0))
    cells = torch.stack([east, north, depth]).flatten(1)
    expected = torch.cov(cells.double(), aweights=torch.softmax(logits.flatten().double(), 0), correction=0)
    torch.testing.assert_close(found.covariance_km2[0].double(), expected, rtol=1e-3, atol=1e-3)
    assert float(expected[0, 1]) < -5.0
    assert float(found.horizontal_uncertainty_km) ** 2 == pytest.approx(
        float(expected[0, 0] + expected[1, 1]), rel=1e-3
    )


def test_a_flat_volume_has_a_low_score():
    found = decode_location(torch.zeros(1, *GRID.shape), GRID, reach_km=(6.0, 6.0))
    assert float(found.score) < 0.1


def test_of_two_peaks_the_higher_one_is_read_without_the_other():
    low, high = (encoded(x, 0.0, 10.0, sigma_km=(2.0, 2.0)) for x in (-14.0, 14.0))
    found = decode_location((0.3 * low + 0.7 * high).log(), GRID, reach_km=(6.0, 6.0))
    assert abs(float(found.hypocentre_km[0, 0]) - 14.0) < 0.2
    assert abs(float(found.score) - 0.7) < 0.05
