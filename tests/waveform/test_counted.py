"""Samples that cannot be counts are told from those that can, channel by channel."""

import tracemalloc
import warnings

import numpy as np
import obspy
import pytest
from made_networks import make_network, make_trace
from obspy.core.inventory.response import ResponseStage

from fcn.waveform.archive import open_sds, write_sds
from fcn.waveform.counted import leave_out_motion, without_motion


@pytest.fixture
def made():
    _, stream, inventory = make_network(3)
    return stream, inventory


def ids(stream) -> set[str]:
    return {trace.id for trace in stream}


def test_counts_less_their_mean_stay_and_are_spoken_of(made, caplog):
    """Of a quiet accelerometer they scatter by less than one."""
    stream, inventory = made
    counts = np.round(0.6 * np.random.default_rng(0).standard_normal(stream[0].stats.npts))
    stream[0].data = counts - counts.mean()
    before = ids(stream)
    leave_out_motion(stream, inventory)
    assert ids(stream) == before
    assert "samples of 1 of 9 channels are no whole numbers" in caplog.text


@pytest.mark.parametrize("per_unit", [1e6, 1e9])
def test_micrometres_and_nanometres_that_are_stated_are_taken(made, caplog, per_unit):
    stream, inventory = made
    for trace in stream:
        trace.data = per_unit * 1e-9 * np.random.default_rng(0).standard_normal(trace.stats.npts)
    for channel in (channel for network in inventory for site in network for channel in site):
        channel.response.instrument_sensitivity.value = per_unit
    before = ids(stream)
    leave_out_motion(stream, inventory)
    assert ids(stream) == before
    assert not caplog.text


def stages_alone(response):
    stage = ResponseStage(1, 4e8, 1.0, "M/S", "COUNTS")
    response.response_stages, response.instrument_sensitivity = [stage], None


def in_nanometres(response):
    stated = response.instrument_sensitivity
    stated.value, stated.input_units = 0.4, "NM/S"


@pytest.mark.parametrize("state", [stages_alone, in_nanometres])
def test_a_sensitivity_counts_however_it_is_stated(made, state):
    stream, inventory = made
    for trace in stream:
        trace.data = motion(6000, 0)
    for channel in (channel for network in inventory for site in network for channel in site):
        state(channel.response)
    with pytest.raises(
        ValueError, match=r"its sensitivity is 4e\+08 counts per unit of motion.*9 of 9 channels"
    ):
        leave_out_motion(stream, inventory)


def motion(n: int, n_zeros: int) -> np.ndarray:
    return np.concatenate([np.zeros(n_zeros), 1e-6 * np.random.default_rng(0).standard_normal(n)])


@pytest.mark.parametrize("n_zeros", [0, 12_000])
@pytest.mark.parametrize("pieces", [[], [np.zeros(0)], [np.array([1e-6])], [np.full(9, np.nan)]])
def test_motion_is_seen_behind_zeros_and_beside_scraps(made, caplog, n_zeros, pieces):
    stream, inventory = made
    stream[0].data = motion(6000, n_zeros)
    gone = stream[0].id
    for piece in pieces:
        scrap = obspy.Trace(piece)
        scrap.id = gone
        stream.append(scrap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leave_out_motion(stream, inventory)
    assert gone not in ids(stream)
    assert len(ids(stream)) == 8
    assert f"left out are {gone}" in caplog.text


def test_of_an_archive_of_floats_nothing_stays_in_memory(tmp_path):
    """A piece of every file, a day of a channel each, was a gigabyte of a month of a network."""
    data = 100.0 * np.random.default_rng(0).standard_normal(2**19)
    write_sds(obspy.Stream([make_trace(f"XX.A..HH{letter}", data) for letter in "ABCDEF"]), tmp_path)
    stream = open_sds(tmp_path)
    tracemalloc.start()
    assert len(without_motion(stream, obspy.Inventory())) == 6
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2**17
