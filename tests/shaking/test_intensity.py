"""Scales of intensity against their papers, and back."""

import numpy as np
import pytest

from fcn.shaking.intensity import JmaScale, MercalliScale, Scale, jma_class

SCALES = [JmaScale(), MercalliScale()]


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_each_degree_has_one_velocity(scale):
    assert isinstance(scale, Scale)
    pgv_mps = np.geomspace(1e-5, 3.0, 400)
    found = scale.of_pgv(pgv_mps)
    assert (np.diff(found) >= 0).all()
    back = scale.of_pgv(scale.to_pgv_mps(found))
    np.testing.assert_allclose(back, found, atol=0.03)  # 0.03: the step where the branches of the JMA's meet
    assert np.isfinite(scale.of_pgv(np.zeros(1))).all()


@pytest.mark.reference
def test_the_jma_scale_by_hand():
    # 1 cm/s: 2.165; 10 cm/s: 2.002 + 2.603 - 0.213; 100 cm/s: 2.002 + 5.206 - 0.852
    found = JmaScale().of_pgv(np.array([0.01, 0.1, 1.0]))
    np.testing.assert_allclose(found, [2.165, 4.392, 6.356], atol=1e-3)
    np.testing.assert_allclose(JmaScale().to_pgv_mps(found), [0.01, 0.1, 1.0], rtol=1e-6)


@pytest.mark.reference
def test_the_jma_scale_is_that_of_midorikawa_et_al_where_theirs_holds():
    """2.68 + 1.72 log10 PGV, of intensities 4 to 7, whose scatter is 0.2."""
    pgv_cmps = np.geomspace(6.0, 120.0, 30)
    np.testing.assert_allclose(JmaScale().of_pgv(pgv_cmps / 100), 2.68 + 1.72 * np.log10(pgv_cmps), atol=0.24)


@pytest.mark.reference
def test_mercalli_by_hand():
    # 1 cm/s: 3.78; 10 cm/s: 2.89 + 3.16; 31.6 cm/s: 2.89 + 4.74
    found = MercalliScale().of_pgv(np.array([0.01, 0.1, 0.1 * np.sqrt(10)]))
    np.testing.assert_allclose(found, [3.78, 6.05, 7.63], atol=1e-3)


@pytest.mark.parametrize(
    ("intensity", "name"),
    [(-1.0, "0"), (0.49, "0"), (0.5, "1"), (4.49, "4"), (4.5, "5-"), (5.0, "5+"), (6.49, "6+"), (7.2, "7")],
)
def test_classes(intensity, name):
    assert jma_class(intensity) == name
