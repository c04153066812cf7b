import pytest
import torch

from fcn.geometry.lattice import Lattice
from fcn.targets.volume import decode_volume, encode_volume

CENTRE_KM = torch.tensor([[3.0, -7.0, 12.0], [100.0, 50.0, 1.0]])
SPACING_KM = torch.tensor([[1.0, 1.0, 2.0], [0.5, 0.5, 1.0]])


@pytest.fixture
def lattice() -> Lattice:
    return Lattice.about(CENTRE_KM, SPACING_KM, (8, 6, 5), min_depth_km=0.0)


def test_volumes_lie_about_their_centres_and_below_the_top(lattice):
    cells_km = lattice.cells_km()
    assert cells_km.shape == (2, 240, 3)
    torch.testing.assert_close(cells_km[0].mean(dim=0), CENTRE_KM[0])
    torch.testing.assert_close(cells_km[1].mean(dim=0)[:2], CENTRE_KM[1, :2])
    assert cells_km[1, :, 2].min() == 0.0  # moved down from -1


def test_depth_runs_fastest_then_north(lattice):
    cells_km = lattice.cells_km()[0]
    torch.testing.assert_close(cells_km[1] - cells_km[0], torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(cells_km[5] - cells_km[0], torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(cells_km[30] - cells_km[0], torch.tensor([1.0, 0.0, 0.0]))


def test_containing_means_lying_in_a_cell(lattice):
    low, high = lattice.cells_km().amin(dim=1), lattice.cells_km().amax(dim=1)
    assert lattice.contains(low - 0.49 * SPACING_KM).all()
    assert lattice.contains(high + 0.49 * SPACING_KM).all()
    for axis in range(3):
        step = torch.zeros(3)
        step[axis] = 0.51
        assert not lattice.contains(low - step * SPACING_KM).any()
        assert not lattice.contains(high + step * SPACING_KM).any()


def test_decoding_inverts_encoding(lattice):
    source_km = torch.tensor([[3.3, -6.8, 11.1], [100.6, 50.2, 2.3]])
    pdf = encode_volume(source_km, lattice, sigma_cells=0.8)
    torch.testing.assert_close(pdf.flatten(1).sum(dim=1), torch.ones(2))
    found = decode_volume(pdf.log(), lattice, sigma_cells=0.8, reach_cells=2.5)
    assert ((found.hypocentre_km - source_km).abs() < 0.1 * SPACING_KM).all()
    assert (found.score > 0.95).all()


@pytest.fixture
def wide() -> Lattice:
    """Cells enough that nothing is cut off."""
    return Lattice.about(
        torch.tensor([[0.0, 0.0, 20.0]]), torch.tensor([[1.2, 1.2, 1.6]]), (20, 20, 20), min_depth_km=0.0
    )


def test_uncertainties_are_those_of_the_hypocentre_without_the_targets_width(wide):
    """A perfect network that cannot decide between two places gives the mean of their targets."""
    middle_km, apart_km = torch.tensor([[0.3, -0.4, 19.0]]), torch.tensor([[1.5, 0.8, 3.0]])
    places = (encode_volume(middle_km + sign * apart_km, wide, sigma_cells=0.8) for sign in (-1, 1))
    pdf = sum(places) / 2
    found = decode_volume(pdf.log(), wide, sigma_cells=0.8, reach_cells=2.5)
    assert float(found.horizontal_uncertainty_km) == pytest.approx(1.7, rel=0.02)
    assert float(found.depth_uncertainty_km) == pytest.approx(3.0, rel=0.02)
    covariance_km2 = found.covariance_km2[0]
    assert float(covariance_km2[:2, :2].trace()) == pytest.approx(1.7**2, rel=0.04)
    assert float(covariance_km2[2, 2]) == pytest.approx(9.0, rel=0.04)
    assert covariance_km2[0].tolist() == pytest.approx([2.25, 1.2, 4.5], rel=0.1)  # along the line of both
    assert float(torch.linalg.eigvalsh(covariance_km2)[0]) > 0


def test_a_pdf_as_narrow_as_the_target_leaves_the_least_uncertainty(wide):
    logits = encode_volume(torch.tensor([[0.0, 0.0, 20.0]]), wide, sigma_cells=0.8).log()
    for across, down in ((1.0, 1.0), (1.3, 0.6)):
        found = decode_volume(
            logits, wide, sigma_cells=0.8, reach_cells=2.5, uncertainty_factor=(across, down)
        )
        assert float(found.depth_uncertainty_km) == pytest.approx(down * 0.25 * 1.6, rel=0.05)
        assert float(found.horizontal_uncertainty_km) == pytest.approx(across * 0.25 * 1.2 * 2**0.5, rel=0.05)
