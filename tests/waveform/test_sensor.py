"""Instruments whose channels record together."""

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_trace

from fcn.waveform.preprocess import ToVelocity
from fcn.waveform.sensor import Sensor, assemble


def test_assemble_puts_all_on_one_clock():
    stream = obspy.Stream(
        [
            make_trace("XX.A..HHZ", np.arange(100)),
            make_trace("XX.A..HHN", np.arange(50), start_s=START_S + 0.2),
            make_trace("XX.A..HHN", np.arange(20), start_s=START_S + 0.8),
            make_trace("XX.B..HHN", np.arange(20)),
        ]
    )
    start_s, rate_hz, counts = assemble(stream, ["XX.A..HHZ", "XX.A..HHN"])
    assert (start_s, rate_hz) == (START_S, 100.0)
    np.testing.assert_array_equal(counts[0], np.arange(100))
    assert np.isnan(counts[1, :20]).all()
    np.testing.assert_array_equal(counts[1, 20:70], np.arange(50))
    assert np.isnan(counts[1, 70:80]).all()
    np.testing.assert_array_equal(counts[1, 80:], np.arange(20))


def test_assemble_keeps_masked_samples_missing():
    trace = make_trace("XX.A..HHZ", np.arange(10))
    trace.data = np.ma.masked_equal(trace.data, 4)
    assert np.flatnonzero(np.isnan(assemble([trace], ["XX.A..HHZ"])[2][0])).tolist() == [4]


def test_assemble_needs_one_rate():
    stream = [make_trace("XX.A..HHZ", np.arange(100), 100.0), make_trace("XX.A..HHN", np.arange(50), 50.0)]
    with pytest.raises(ValueError, match=r"need one sampling rate, found \[50.0, 100.0\] Hz"):
        assemble(stream, ["XX.A..HHZ", "XX.A..HHN"])


def test_channels_are_scaled_and_turned(spec):
    counts = np.random.default_rng(1).standard_normal((3, 500))
    sensor = Sensor(100.0, "velocity", np.array([1e3, 2e3, -1e3]), np.eye(3)[[0, 2, 1]])
    found = sensor.velocity(spec, START_S, counts).velocity_mps
    alone = [
        ToVelocity(spec, 100.0, "velocity", 1e3).whole(START_S, row[None]).velocity_mps[0] for row in counts
    ]
    np.testing.assert_allclose(found, [alone[0], -alone[2], alone[1] / 2], rtol=1e-12)


def test_a_gap_of_one_channel_is_one_of_all(spec):
    counts = np.random.default_rng(1).standard_normal((3, 500))
    counts[1, 200:250] = np.nan
    chunk = Sensor(100.0, "velocity", np.full(3, 1e6), np.eye(3)).velocity(spec, START_S, counts)
    assert np.flatnonzero(~chunk.valid).tolist() == list(range(40, 50))


@pytest.mark.parametrize("value", [0.0, 12_345.0, -0.1])
@pytest.mark.parametrize("measurement", ["velocity", "acceleration"])
def test_a_dead_channel_moves_exactly_nothing(spec, value, measurement):
    """By which importers know one: no filter, and no line across a gap, rounds one value to motion."""
    counts = np.random.default_rng(1).standard_normal((3, 500))
    counts[1], counts[0, 200:250] = value, np.nan
    chunk = Sensor(100.0, measurement, np.full(3, 6.29e8), np.eye(3)).velocity(spec, START_S, counts)
    assert chunk.velocity_mps.any(axis=1).tolist() == [True, False, True]
    assert np.flatnonzero(~chunk.valid).tolist() == list(range(40, 50))
