"""Sensitivities and directions come from StationXML, or the channel is refused by name."""

import logging
import re

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_network, make_site, make_trace
from obspy.core.inventory import Response
from obspy.core.inventory.response import ResponseStage

from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity, channel_response, direction, directions


@pytest.fixture
def inventory():
    return make_network(1)[2]


def channel(inventory, code="HHZ"):
    return next(c for c in inventory[0][0] if c.code == code)


@pytest.mark.parametrize(
    ("unit", "measurement"), [("M/S", "velocity"), ("m/s", "velocity"), ("M/S**2", "acceleration")]
)
def test_sensitivity(inventory, unit, measurement):
    channel(inventory).response.instrument_sensitivity.input_units = unit
    assert channel_response(inventory, "XX.S00..HHZ", START_S) == Sensitivity(4e8, measurement)


def test_stationxml_keeps_it(tmp_path, inventory):
    inventory.write(str(tmp_path / "stations.xml"), format="STATIONXML")
    again = obspy.read_inventory(str(tmp_path / "stations.xml"))
    assert channel_response(again, "XX.S00..HHE", START_S) == Sensitivity(4e8, "velocity")
    np.testing.assert_allclose(
        directions(again, [f"XX.S00..HH{c}" for c in "ZNE"], START_S), np.eye(3), atol=1e-12
    )


def test_the_epoch_of_the_time_counts(inventory):
    old = channel(inventory)
    old.start_date, old.end_date = None, obspy.UTCDateTime(START_S - 10.0)
    with pytest.raises(
        ValueError, match=r"does not describe XX.S00..HHZ at 2016-04-14.*: it has None to 2016"
    ):
        channel_response(inventory, "XX.S00..HHZ", START_S)
    assert channel_response(inventory, "XX.S00..HHZ", START_S - 20.0).value == 4e8
    old.end_date, old.start_date = None, obspy.UTCDateTime(START_S + 10.0)
    with pytest.raises(ValueError, match="does not describe"):
        channel_response(inventory, "XX.S00..HHZ", START_S)


@pytest.mark.parametrize("how", ["no response", "no sensitivity", "zero"])
def test_counts_without_a_sensitivity_are_refused(inventory, how):
    found = channel(inventory)
    if how == "no response":
        found.response = None
    elif how == "no sensitivity":
        found.response.instrument_sensitivity = None
    else:
        found.response.instrument_sensitivity.value = 0.0
    with pytest.raises(
        ValueError, match=r"XX.S00..HHZ has no instrument sensitivity.*sensitivity_counts_per_mps="
    ):
        channel_response(inventory, "XX.S00..HHZ", START_S)


def stage(number, gain, units=("V", "V"), at_hz=1.0):
    return ResponseStage(number, gain, at_hz, *units)


def test_stages_make_up_for_a_sensitivity_that_is_missing(inventory, caplog):
    """Seismometer 1500 V/(m/s), amplifier 2, digitiser 419430 counts/V (2**23 counts for 20 V), a filter."""
    gains = [
        (1500.0, ("M/S", "V")),
        (2.0, ("V", "V")),
        (419_430.0, ("V", "COUNTS")),
        (1.0, ("COUNTS", "COUNTS")),
    ]
    stages = [stage(number, *each) for number, each in enumerate(gains, start=1)]
    channel(inventory).response = Response(response_stages=stages)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            found = channel_response(inventory, "XX.S00..HHZ", START_S)
    assert found == Sensitivity(1500.0 * 2.0 * 419_430.0, "velocity")
    assert caplog.text.count("the product of its 4 stages' gains, holds at 1.0 Hz") == 1
    stages[1].stage_gain = None
    with pytest.raises(ValueError, match=r"no instrument sensitivity in StationXML.* gains of all stages"):
        channel_response(inventory, "XX.S00..HHZ", START_S)


@pytest.mark.parametrize("value", [1e-300, float("nan"), float("inf"), -1e30])
def test_a_sensitivity_no_instrument_has_is_refused(inventory, value):
    channel(inventory).response.instrument_sensitivity.value = value
    with pytest.raises(
        ValueError,
        match=rf"XX.S00..HHZ in StationXML: a sensitivity of {re.escape(f'{value:g}')} .*m/s is none",
    ):
        channel_response(inventory, "XX.S00..HHZ", START_S)


def test_a_negative_sensitivity_is_reversed_polarity(inventory):
    channel(inventory).response.instrument_sensitivity.value = -4e8
    assert channel_response(inventory, "XX.S00..HHZ", START_S).value == -4e8


def test_displacement_and_volts_are_refused(inventory):
    stated = channel(inventory).response.instrument_sensitivity
    stated.input_units = "M"
    with pytest.raises(ValueError, match=r"XX.S00..HHZ measures 'M'; known are M/S"):
        channel_response(inventory, "XX.S00..HHZ", START_S)
    stated.input_units, stated.output_units = "M/S", "V"
    with pytest.raises(ValueError, match="gives 'V', not counts"):
        channel_response(inventory, "XX.S00..HHZ", START_S)


def test_unknown_channels_are_named(inventory):
    with pytest.raises(ValueError, match=r"does not describe XX.S00.10.HHZ .*add the channel"):
        channel_response(inventory, "XX.S00.10.HHZ", START_S)
    with pytest.raises(ValueError, match="'S00' is not a channel id"):
        channel_response(inventory, "S00", START_S)


def test_direction_follows_seed():
    np.testing.assert_allclose(direction(0.0, -90.0), (1.0, 0.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(direction(0.0, 0.0), (0.0, 1.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(direction(90.0, 0.0), (0.0, 0.0, 1.0), atol=1e-12)
    np.testing.assert_allclose(direction(30.0, 0.0), (0.0, np.cos(np.pi / 6), 0.5), atol=1e-12)


def test_a_channel_named_1_needs_an_azimuth():
    trace = make_trace("XX.S00..HH1", np.zeros(10, np.int32))
    inventory = make_inventory(
        [make_site("S00")], obspy.Stream([trace]), {trace.id: Sensitivity(1.0, "velocity")}
    )
    with pytest.raises(ValueError, match=r"XX.S00..HH1 points nobody knows where"):
        directions(inventory, ["XX.S00..HH1"], START_S)
    channel(inventory, "HH1").azimuth, channel(inventory, "HH1").dip = 90.0, 0.0
    np.testing.assert_allclose(directions(inventory, ["XX.S00..HH1"], START_S), [[0, 0, 1]], atol=1e-12)


def test_without_azimuth_the_code_tells(inventory):
    channel(inventory, "HHN").azimuth = None
    np.testing.assert_allclose(directions(inventory, ["XX.S00..HHN"], START_S), [[0, 1, 0]])
