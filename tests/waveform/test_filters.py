"""Designs of filters."""

import numpy as np
import pytest
from scipy import signal

from fcn.waveform.filters import Butterworth, anti_alias_sos, to_velocity_sos

DESIGNS = {
    "band": lambda: Butterworth(1.25, 8.5, 3, 25.0).sos(),
    "velocity": lambda: to_velocity_sos(0.0521, True, 125.0),
    "alias": lambda: anti_alias_sos(9.9, 41.0, 7, 125.0),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_filter_is_designed_once_for_all_channels_and_each_has_its_own(monkeypatch, name):
    """Of a network of hundreds of channels designs took seconds."""
    first = DESIGNS[name]().copy()
    for designer in ("butter", "cheby2", "zpk2sos"):
        monkeypatch.setattr(signal, designer, None)
    again = DESIGNS[name]()
    np.testing.assert_array_equal(again, first)
    again[:] = 0.0  # whoever has it may change it
    np.testing.assert_array_equal(DESIGNS[name](), first)
