"""Rates that are one, and samples of one that are counted by another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn.waveform.rates import OUT_OF_STEP, in_step, same_rate


@pytest.mark.parametrize(
    ("stated_hz", "met_hz", "found_hz"),
    [
        (100.05, [20.0, 100.0], 100.0),
        (100.0, [100.09, 99.98], 99.98),  # the nearest
        (99.93, [100.07], 100.07),
        (99.95, [], 99.95),
        (99.95, [99.95, 100.0], 99.95),
        (62.5, [62.3], 62.5),
        (19.985, [], 20.0),
        (20.01, [], 20.01),  # resampled as it is
        (20.0000002, [], 20.0),
        (19.9, [], 19.9),
    ],
)
def test_a_rate_is_one_that_was_met_or_its_own(stated_hz, met_hz, found_hz):
    assert same_rate(stated_hz, met_hz, 20.0) == found_hz


@given(
    st.integers(1, 20_000),
    st.floats(20.0, 200.0),
    st.floats(-1e-3, 1e-3),
)
def test_pieces_hold_all_samples_and_stay_in_step(n, stated_hz, apart):
    rate_hz = stated_hz * (1.0 + apart)
    pieces = list(in_step(5.0, n, stated_hz, rate_hz))
    assert [i for _, piece in pieces for i in range(piece.start, piece.stop)] == list(range(n))
    for start_s, piece in pieces:
        assert start_s == pytest.approx(5.0 + piece.start / stated_hz)
        n_last = piece.stop - piece.start - 1
        assert abs(n_last / stated_hz - n_last / rate_hz) * rate_hz <= OUT_OF_STEP + 1e-6
