import pytest

from fcn.metrics.statistic import Quantile


def test_a_quantile_refuses_a_percentage():
    with pytest.raises(ValueError, match="fraction of a quantile must be in 0-1: 90"):
        Quantile(90.0)
