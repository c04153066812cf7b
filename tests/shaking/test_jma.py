"""The exact instrumental intensity."""

import numpy as np
import pytest

from fcn.shaking.jma import jma_filter, jma_intensity
from fcn.shaking.real_time import LEAST_RATE_HZ

RATE_HZ = 100.0


@pytest.mark.reference
def test_the_filter_by_hand():
    # 1 Hz: sqrt(1 - e^-8) = 0.99983, 1 / sqrt(1 + 0.00694 + 0.0000241) = 0.99653
    assert float(jma_filter(np.array([1.0]))[0]) == pytest.approx(0.99983 * 0.99653, rel=1e-4)
    # 10 Hz: 0.316228 / sqrt(2.001859) = 0.316228 * 0.706778
    assert float(jma_filter(np.array([10.0]))[0]) == pytest.approx(0.316228 * 0.706778, rel=1e-4)
    # 0.5 Hz: sqrt(1 - 1/e) sqrt(2) / sqrt(1 + 0.694 * 0.0025 + ...) = 0.795060 * 1.414214 * 0.999133
    assert float(jma_filter(np.array([0.5]))[0]) == pytest.approx(0.795060 * 1.414214 * 0.999133, rel=1e-4)
    assert float(jma_filter(np.array([0.0]))[0]) < 1e-5


def test_an_amplitude_that_lasts_03_s():
    """A circle of 1 gal at 1 Hz has a constant vector: 2 log10 (100 * 0.99636) + 0.94 of 100 gal."""
    phase = 2 * np.pi * np.arange(6000) / RATE_HZ
    circle = np.stack([np.cos(phase), np.sin(phase), 0 * phase])
    assert jma_intensity(circle, RATE_HZ) == pytest.approx(4.94 + 2 * np.log10(0.99636), abs=1e-3)
    assert jma_intensity(circle[[2, 1, 0]], RATE_HZ) == pytest.approx(jma_intensity(circle, RATE_HZ))
    assert jma_intensity(circle + 9.8, RATE_HZ) == pytest.approx(jma_intensity(circle, RATE_HZ), abs=1e-6)


def test_records_with_gaps_or_of_no_length_are_refused():
    with pytest.raises(ValueError, match=r"0\.3 s"):
        jma_intensity(np.zeros((3, 20)), LEAST_RATE_HZ)
    with pytest.raises(ValueError, match="finite"):
        jma_intensity(np.full((3, 200), np.nan), RATE_HZ)
