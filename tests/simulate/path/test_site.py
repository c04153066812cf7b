import math
from dataclasses import replace

import pytest
import torch

from fcn.earth.velocity import LayeredModel
from fcn.simulate.path.site import generic_amplification, quarter_wavelength_amplification, site_amplitude

FREQUENCY_HZ = torch.linspace(0.0, 20.0, 401)


@pytest.fixture
def law(recipe):
    return recipe.crust.site


def draw(law, n=400):
    generator = torch.Generator().manual_seed(1)
    return site_amplitude(law, n, generic_amplification(FREQUENCY_HZ), FREQUENCY_HZ, generator)


def test_generic_rock_amplifies_as_published():
    # Boore & Joyner (1997), table 3: 1.58 at 0.84 Hz, 2.58 at 6.05 Hz; constant beyond the ends.
    found = generic_amplification(torch.tensor([0.001, 0.84, 6.05, 200.0]))
    assert found.tolist() == pytest.approx([1.0, 1.58, 2.58, 4.0], rel=1e-5)


def test_median_site_is_generic_with_kappa(law):
    plain = replace(law, kappa_s=(0.04, 0.04), resonance=0.0)
    median = draw(plain).median(0).values
    expected = generic_amplification(FREQUENCY_HZ) * torch.exp(-math.pi * 0.04 * FREQUENCY_HZ)
    torch.testing.assert_close(median[1], expected, rtol=0.12, atol=0.0)
    vertical = generic_amplification(FREQUENCY_HZ) ** law.vertical_exponent
    torch.testing.assert_close(
        median[0], vertical * torch.exp(-math.pi * 0.04 * FREQUENCY_HZ), rtol=0.12, atol=0.0
    )


def test_scatter_of_sites_is_as_rough_as_asked(law):
    plain = replace(law, kappa_s=(0.04, 0.04), resonance=0.0, roughness=(0.2, 0.4))
    scatter = torch.log(draw(plain)).std(0)
    assert float(scatter[0].mean()) == pytest.approx(0.2, rel=0.1)
    assert float(scatter[1].mean()) == pytest.approx(0.4, rel=0.1)


def test_resonance_raises_horizontals_alone(law):
    quiet = replace(law, roughness=(0.0, 0.0), resonance=0.0)
    ratio = draw(replace(quiet, resonance=2.0)) / draw(quiet)
    torch.testing.assert_close(ratio[:, 0], torch.ones_like(ratio[:, 0]))
    assert 2.5 < float(ratio[:, 1].amax()) <= 3.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kappa_s": (0.02,)}, "pair of numbers"),
        ({"roughness": (-0.1, 0.2)}, "pair of numbers"),
        ({"kappa_s": (0.05, 0.01)}, r"kappa_s \(0.05, 0.01\) .* from low to high"),
        ({"resonance_hz": (0.0, 5.0)}, r"resonance_hz \(0.0, 5.0\) \(positive\)"),
        ({"resonance": -2.0}, "resonance must not be negative, got -2.0"),
    ],
)
def test_nonsense_is_refused(law, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(law, **changes)


def test_quarter_wavelength_of_a_layer_over_rock():
    # 0.25 km of 1 km/s, 2 g/cm3: a quarter of a wavelength at 1 Hz; above it the layer alone counts.
    model = LayeredModel(
        "layer", "made up", (0.0, 0.25), (2.0, 6.0), (1.0, 3.5), (2.0, 2.8), (100, 500), (50, 250)
    )
    found = quarter_wavelength_amplification(model, torch.tensor([0.001, 1.0, 5.0]), 3.5, 2.8)
    layer = math.sqrt(3.5 * 2.8 / (1.0 * 2.0))
    assert found.tolist() == pytest.approx([1.0, layer, layer], rel=0.01)
