"""What is left of motion on the page."""

import numpy as np

from fcn.web.traces import N_BLOCKS, Traces

RATE_HZ = 20.0


def windows(n_stations=2, seconds=30.0):
    rng = np.random.default_rng(0)
    motion = rng.standard_normal((n_stations, round(seconds * RATE_HZ))).astype(np.float32)
    return motion, np.ones(motion.shape, dtype=bool)


def test_extremes_are_those_of_each_block_and_what_is_unknown_is_none():
    motion, known = windows()
    known[1, -5:] = False
    known[0, -2:] = False
    traces = Traces.nothing(2).with_window(100.0, motion, known, RATE_HZ)
    assert np.isnan(traces.extremes_mps[:, : N_BLOCKS - 120]).all()
    np.testing.assert_array_equal(
        traces.extremes_mps[1, -2], [motion[1, -10:-5].min(), motion[1, -10:-5].max()]
    )
    assert np.isnan(traces.extremes_mps[1, -1]).all()
    np.testing.assert_array_equal(
        traces.extremes_mps[0, -1], [motion[0, -5:-2].min(), motion[0, -5:-2].max()]
    )


def test_windows_follow_each_other_and_late_data_count():
    motion, known = windows(seconds=40.0)
    first = Traces.nothing(2).with_window(100.0, motion[:, :600], known[:, :600], RATE_HZ)
    late = motion[:, 200:].copy()
    late[:, 0] += 100.0
    second = first.with_window(110.0, late, known[:, 200:], RATE_HZ)
    np.testing.assert_array_equal(second.extremes_mps[:, -160:-120], first.extremes_mps[:, -120:-80])
    assert (second.extremes_mps[:, -120, 1] > 90.0).all()
    np.testing.assert_array_equal(second.extremes_mps[:, -40:, 1], motion[:, 600:].reshape(2, 40, 5).max(-1))


def test_after_a_long_time_nothing_is_left_but_the_window():
    motion, known = windows()
    first = Traces.nothing(2).with_window(100.0, motion, known, RATE_HZ)
    second = first.with_window(1000.0, motion, known, RATE_HZ)
    assert np.isnan(second.extremes_mps[:, : N_BLOCKS - 120]).all()
    np.testing.assert_array_equal(second.extremes_mps[:, -120:], first.extremes_mps[:, -120:])
