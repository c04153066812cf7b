import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcn.targets.magnitude import MagnitudeBins, decode_magnitude, encode_magnitude

BINS = MagnitudeBins(minimum=-1.0, width=0.1, count=101)


@given(magnitude=st.floats(0.0, 8.0))
def test_decode_inverts_encode(magnitude):
    pdf = encode_magnitude(torch.tensor([magnitude]), BINS, sigma=0.2)
    found, spread = decode_magnitude(pdf.log(), BINS, reach=0.8)
    assert float(found) == pytest.approx(magnitude, abs=0.01)
    assert float(spread) == pytest.approx(0.2, abs=0.01)


def test_the_last_bin_is_the_maximum():
    assert BINS.maximum == pytest.approx(9.0)
    assert float(BINS.centres(torch.zeros(()))[-1]) == pytest.approx(BINS.maximum)


@pytest.mark.parametrize(("width", "count"), [(0.0, 10), (0.1, 1)])
def test_useless_bins_are_refused(width, count):
    with pytest.raises(ValueError, match="positive width and at least 2 bins"):
        MagnitudeBins(minimum=0.0, width=width, count=count)
