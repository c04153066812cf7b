"""Sensitivities and directions come from StationXML, or the channel is refused by name."""

import copy
import io
import logging
import math
import re

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_network, make_site, make_trace
from obspy.core.inventory.response import (
    InstrumentPolynomial,
    InstrumentSensitivity,
    PolesZerosResponseStage,
    PolynomialResponseStage,
    Response,
    ResponseStage,
)

from fcn.waveform.inventory import make_inventory, read_stations
from fcn.waveform.response import Sensitivity, describe, direction, sensor_elevation_m
from fcn.waveform.stages import warn_once


@pytest.fixture
def inventory():
    return make_network(1)[2]


def channel(inventory, code="HHZ"):
    return next(c for c in inventory[0][0] if c.code == code)


def said(inventory, seed_id, time_s=START_S):
    """What is said of a channel at one moment."""
    (found,) = describe(inventory, seed_id, time_s, time_s)
    return found


@pytest.mark.parametrize(
    ("unit", "measurement"), [("M/S", "velocity"), ("m/s", "velocity"), ("M/S**2", "acceleration")]
)
def test_sensitivity(inventory, unit, measurement):
    channel(inventory).response.instrument_sensitivity.input_units = unit
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(4e8, measurement)


@pytest.mark.parametrize(
    ("unit", "measurement", "per_si"),
    [
        ("nm/s", "velocity", 1e9),
        ("UM/SEC", "velocity", 1e6),
        (" mm/s ", "velocity", 1e3),
        ("CM/S", "velocity", 1e2),
        ("cm/s**2", "acceleration", 1e2),
        ("gal", "acceleration", 1e2),
        ("NM/S^2", "acceleration", 1e9),
        ("M/SEC**2", "acceleration", 1.0),
        ("m/s2", "acceleration", 1.0),
        ("M/(S**2)", "acceleration", 1.0),
        ("mm/(sec^2)", "acceleration", 1e3),
        ("M/S/S", "acceleration", 1.0),
        ("m/s\N{SUPERSCRIPT TWO}", "acceleration", 1.0),
        ("\N{MICRO SIGN}m/s", "velocity", 1e6),
        ("m s^-1", "velocity", 1.0),
        ("cm.s-2", "acceleration", 1e2),
        ("nm*s**-1", "velocity", 1e9),
    ],
)
def test_the_same_sensitivity_in_other_units(inventory, unit, measurement, per_si):
    stated = channel(inventory).response.instrument_sensitivity
    stated.value, stated.input_units, stated.output_units = 4e8 / per_si, unit, "counts "
    found = said(inventory, "XX.S00..HHZ").sensitivity
    assert found.measurement == measurement
    assert found.value == pytest.approx(4e8, rel=1e-12)


@pytest.mark.parametrize(
    ("letter", "unit", "by_code"),
    [("H", "M/S**2", "velocity"), ("N", "m/s", "acceleration"), ("N", "gal", None), ("H", "nm/s", None)]
    + [("L", unit, None) for unit in ("M/S", "M/S**2")],
)
def test_units_that_the_code_contradicts_are_warned_of(inventory, caplog, letter, unit, by_code):
    """Once for an instrument; they count, as nobody knows which of the two is wrong."""
    warn_once.cache_clear()
    for each in inventory[0][0]:
        each.code = f"H{letter}{each.code[-1]}"
        each.response.instrument_sensitivity.input_units = unit
        each.response.instrument_sensitivity.value = 1000.0
    for component in "ZNE":
        found = said(inventory, f"XX.S00..H{letter}{component}").sensitivity
        assert found.measurement == ("velocity" if unit in ("m/s", "nm/s", "M/S") else "acceleration")
    warned = [each for each in caplog.messages if "by its code" in each]
    assert len(warned) == (by_code is not None)
    if by_code is not None:
        assert f"XX.S00..H{letter}? measures {unit} in StationXML" in warned[0]
        assert f"and {by_code} by its code ({letter}): it is read as {found.measurement}" in warned[0]


@pytest.mark.parametrize("unit", ["M", "V", "PA", "KM/S", "M/S**3", "M/S**2/S", "M/(S)", "RAD/S", "None", ""])
def test_units_of_anything_else_are_refused(inventory, unit):
    channel(inventory).response.instrument_sensitivity.input_units = unit
    with pytest.raises(ValueError, match=rf"XX.S00..HHZ measures '{re.escape(unit)}'.*known are M/S.*state"):
        said(inventory, "XX.S00..HHZ")


def test_the_text_of_a_data_centre_states_counts(tmp_path):
    """FDSN web services, format=text&level=channel."""
    (tmp_path / "channels.txt").write_text(
        "#Network|Station|Location|Channel|Latitude|Longitude|Elevation|Depth|Azimuth|Dip|SensorDescription"
        "|Scale|ScaleFreq|ScaleUnits|SampleRate|StartTime|EndTime\n"
        "XX|S00||HHZ|32.5|130.5|10|0|0|-90|STS-2|6.0E8|1.0|M/S|100|2010-01-01T00:00:00|\n"
    )
    inventory = read_stations(tmp_path / "channels.txt")
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(6e8, "velocity")


SCML = """<?xml version="1.0" encoding="UTF-8"?>
<seiscomp xmlns="http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/0.12" version="0.12"><Inventory>
<sensor publicID="Sensor/1" name="S"><description>STS-2</description><unit>M/S</unit></sensor>
<datalogger publicID="Datalogger/1" name="D"><gain>400000</gain></datalogger>
<network publicID="Network/XX" code="XX"><start>2000-01-01T00:00:00.0000Z</start>
<station publicID="Station/1" code="S00"><start>2000-01-01T00:00:00.0000Z</start>
<latitude>32.5</latitude><longitude>130.5</longitude><elevation>10</elevation>
<sensorLocation publicID="Loc/1" code=""><start>2000-01-01T00:00:00.0000Z</start>
<latitude>32.5</latitude><longitude>130.5</longitude><elevation>10</elevation>
<stream code="HHZ" datalogger="Datalogger/1" sensor="Sensor/1"><start>2000-01-01T00:00:00.0000Z</start>
<sampleRateNumerator>100</sampleRateNumerator><sampleRateDenominator>1</sampleRateDenominator>
<depth>0</depth><azimuth>0</azimuth><dip>-90</dip>
<gain>6.0E8</gain><gainFrequency>1</gainFrequency><gainUnit>M/S</gainUnit></stream>
</sensorLocation></station></network></Inventory></seiscomp>
"""


def test_an_inventory_of_seiscomp_is_of_counts(tmp_path):
    """ObsPy's reader has no output units for its gain, which is in counts per unit of the sensor."""
    (tmp_path / "inventory.xml").write_text(SCML)
    inventory = read_stations(tmp_path / "inventory.xml")
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(6e8, "velocity")


@pytest.mark.parametrize("unit", ["cts", "CNT", "DIGITAL COUNTS", "counts - Digital Counts"])
def test_counts_are_spelled_in_many_ways(inventory, unit):
    """In a sensitivity, and in stages."""
    with_stages(inventory, 0.01, 2e6, 1.0)  # contradicts its stages, which are of counts, too
    found = channel(inventory).response
    found.instrument_sensitivity.output_units = found.response_stages[-1].output_units = unit
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(4e8, "velocity")


@pytest.mark.parametrize("unit", [None, "", "V"])
def test_stationxml_that_does_not_say_counts_is_refused(tmp_path, inventory, unit):
    """Nothing is guessed, whether or not it has stages."""
    channel(inventory).response.instrument_sensitivity.output_units = unit
    inventory.write(str(tmp_path / "stations.xml"), format="STATIONXML")
    again = read_stations(tmp_path / "stations.xml")
    with pytest.raises(ValueError, match=r"XX.S00..HHZ: the sensitivity in StationXML gives .*, not counts"):
        said(again, "XX.S00..HHZ")


def test_a_channel_that_is_not_described_is_told_beside_those_that_are(inventory):
    with pytest.raises(
        ValueError, match=r"not describe XX.S00.00.HHZ at .*: it has XX.S00..HHZ; add the channel"
    ):
        said(inventory, "XX.S00.00.HHZ")
    with pytest.raises(ValueError, match=r"if that is the same one, give it one location code, in the wavef"):
        said(inventory, "XX.S00.00.HHZ")
    with pytest.raises(
        ValueError, match=r"XX.S00..BHZ at .*: it has XX.S00..HHE, XX.S00..HHN, XX.S00..HHZ; add"
    ) as told:
        said(inventory, "XX.S00..BHZ")
    assert "same one" not in str(told.value)
    inventory[0][0].channels = []
    with pytest.raises(ValueError, match=r"it has no channels of this station: ask for level=response"):
        said(inventory, "XX.S00..HHZ")


def test_stationxml_keeps_it(tmp_path, inventory):
    inventory.write(str(tmp_path / "stations.xml"), format="STATIONXML")
    again = obspy.read_inventory(str(tmp_path / "stations.xml"))
    assert said(again, "XX.S00..HHE").sensitivity == Sensitivity(4e8, "velocity")
    found = [said(again, f"XX.S00..HH{c}").direction for c in "ZNE"]
    np.testing.assert_allclose(found, np.eye(3), atol=1e-12)


def test_the_epoch_of_the_time_counts(inventory):
    old = channel(inventory)
    old.start_date, old.end_date = None, obspy.UTCDateTime(START_S - 10.0)
    with pytest.raises(
        ValueError, match=r"does not describe XX.S00..HHZ at 2016-04-14.*: it has open to 2016"
    ):
        said(inventory, "XX.S00..HHZ")
    assert said(inventory, "XX.S00..HHZ", START_S - 20.0).sensitivity.value == 4e8
    old.end_date, old.start_date = None, obspy.UTCDateTime(START_S + 10.0)
    with pytest.raises(ValueError, match="does not describe"):
        said(inventory, "XX.S00..HHZ")


@pytest.mark.parametrize("how", ["no response", "no sensitivity", "zero", "polynomial"])
def test_counts_without_a_sensitivity_are_refused(inventory, how):
    found = channel(inventory)
    if how == "no response":
        found.response = None
    elif how == "zero":
        found.response.instrument_sensitivity.value = 0.0
    else:
        found.response.instrument_sensitivity = None
    if how == "polynomial":
        found.response.instrument_polynomial = InstrumentPolynomial(
            *("M/S", "COUNTS", 0.01, 10.0, -1.0, 1.0, 0.0, [0.0, 1e-9])
        )
    instead = ", but an InstrumentPolynomial, which is not read," if how == "polynomial" else ","
    told = rf"XX.S00..HHZ has no instrument sensitivity in StationXML{instead} .*sensitivity_counts_per_mps="
    with pytest.raises(ValueError, match=told):
        said(inventory, "XX.S00..HHZ")


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
            found = said(inventory, "XX.S00..HHZ").sensitivity
    assert found == Sensitivity(1500.0 * 2.0 * 419_430.0, "velocity")
    assert caplog.text.count("the product of its 4 stages' gains, holds at 1.0 Hz") == 1
    stages[1].stage_gain = None
    with pytest.raises(ValueError, match=r"no instrument sensitivity in StationXML.* gains of all stages"):
        said(inventory, "XX.S00..HHZ")


def geophone(corner_hz, gain, damping=0.7):
    """A stage of a seismometer that is flat above its corner, its gain stated at 10 Hz."""
    corner = 2 * np.pi * corner_hz
    pole = corner * complex(-damping, np.sqrt(1 - damping**2))
    s = 2j * np.pi * 10.0
    normal = 1.0 / abs(s**2 / ((s - pole) * (s - pole.conjugate())))
    return PolesZerosResponseStage(
        1, gain, 10.0, "M/S", "V", "LAPLACE (RADIANS/SECOND)", 10.0, [0, 0], [pole, pole.conjugate()],
        normalization_factor=normal,
    )  # fmt: skip


def with_stages(inventory, corner_hz, stated, at_hz):
    """A channel of 4e8 counts per m/s by its stages."""
    channel(inventory).response = Response(
        response_stages=[geophone(corner_hz, 400.0), stage(2, 1e6, ("V", "COUNTS"))],
        instrument_sensitivity=InstrumentSensitivity(stated, at_hz, "M/S", "COUNTS"),
    )


def amplitude(corner_hz, at_hz, damping=0.7):
    """Of a damped pendulum over its flat part (Havskov & Alguacil 2016, eq. 2.28)."""
    ratio = at_hz / corner_hz
    return ratio**2 / np.hypot(1.0 - ratio**2, 2.0 * damping * ratio)


@pytest.mark.parametrize(("stated", "corner_hz"), [(1e6, 0.01), (4e5, 0.01), (6e11, 1.0)])
def test_stages_count_where_they_contradict_what_is_stated(inventory, caplog, stated, corner_hz):
    """Of the digitiser alone, as it is often written."""
    with_stages(inventory, corner_hz, stated, 10.0)
    found = [said(inventory, "XX.S00..HHZ").sensitivity.value for _ in range(2)]
    np.testing.assert_allclose(found, 4e8)
    told = f"states a sensitivity of {stated:g} counts per M/S, and the gains of its 2 stages make 4e+08"
    assert caplog.text.count(told) == 1


def test_stages_count_where_another_kind_of_motion_is_stated(inventory, caplog):
    """An accelerometer's number in the unit of the seismometer beside it."""
    with_stages(inventory, 0.01, 4e8, 1.0)
    channel(inventory).response.response_stages[0].input_units = "M/S**2"
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(4e8, "acceleration")
    assert "states a sensitivity of 4e+08 counts per M/S, and the gains of its 2 stages" in caplog.text


@pytest.mark.parametrize("integrates", ["sensor", "digitiser"])
@pytest.mark.parametrize("unit", ["Hz", "rad/s"])
def test_what_makes_velocity_of_acceleration_is_of_velocity(inventory, caplog, integrates, unit):
    """One zero less than for what is flat, or a pole more: the gains are of acceleration at 10 Hz alone."""
    with_stages(inventory, 1.0, 4e8, 10.0)
    stages = channel(inventory).response.response_stages
    stages[0].input_units, stages[0].stage_gain = "M/S**2", 400.0 / (2 * np.pi * 10.0)
    if integrates == "sensor":
        stages[0].zeros = stages[0].zeros[:1]
    else:
        integrator = geophone(1.0, 1.0)
        integrator.stage_sequence_number, integrator.input_units = 2, "V"
        integrator.zeros, integrator.poles = [], [0]
        stages.insert(1, integrator)
        stages[2].stage_sequence_number = 3
    if unit == "Hz":
        for each in stages[:-1]:
            each.pz_transfer_function_type = "LAPLACE (HERTZ)"
            each.zeros = [at / (2 * np.pi) for at in each.zeros]
            each.poles = [at / (2 * np.pi) for at in each.poles]
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(4e8, "velocity")
    assert not caplog.text


def test_what_makes_acceleration_of_velocity_is_of_acceleration(inventory, caplog):
    with_stages(inventory, 1.0, 4e8, 10.0)
    response = channel(inventory).response
    response.response_stages[0].zeros = [0, 0, 0]
    response.instrument_sensitivity.input_units = "M/S**2"
    assert said(inventory, "XX.S00..HHZ").sensitivity == Sensitivity(4e8, "acceleration")
    assert not caplog.text


@pytest.mark.parametrize("stated", [-4e8, 3.5e8, 4.5e8])
def test_a_sensitivity_that_stages_bear_out_is_kept(inventory, caplog, stated):
    with_stages(inventory, 0.01, stated, 1.0)
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == stated
    assert bool(caplog.text) == ("which way is up? The stated sign counts" in caplog.text) == (stated < 0.0)


def test_a_sensitivity_below_a_geophones_corner_is_taken_to_the_flat_part(inventory, caplog):
    with_stages(inventory, 4.5, 4e8 * amplitude(4.5, 1.0), 1.0)
    found = said(inventory, "XX.S00..HHZ").sensitivity.value
    assert found == pytest.approx(4e8, rel=0.06)  # it is not quite flat at 8 Hz
    assert "holds at 1 Hz, where its sensor responds with 0.051 of" in caplog.text
    with_stages(inventory, 4.5, 4e8, 10.0)
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == 4e8


@pytest.mark.parametrize("gain", [1e6, None])
def test_a_false_frequency_is_not_believed(inventory, gain):
    """A short-period seismometer's sensitivity, at the frequency that the network states for all others."""
    with_stages(inventory, 1.0, 4e8, 0.05)
    channel(inventory).response.response_stages[1].stage_gain = gain
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == pytest.approx(4e8)


@pytest.mark.parametrize("damping", [0.28, 0.7])
@pytest.mark.parametrize(("corner_hz", "at_hz"), [(4.5, 30.0), (10.0, 5.0), (10.0, 1.0)])
def test_a_sensitivity_in_the_flat_part_or_without_one_is_kept(inventory, caplog, corner_hz, at_hz, damping):
    stated = 4e8 * amplitude(corner_hz, at_hz, damping) / amplitude(corner_hz, 10.0, damping)
    with_stages(inventory, corner_hz, stated, at_hz)
    response = channel(inventory).response
    response.response_stages[0] = geophone(corner_hz, 400.0, damping)
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == stated
    assert not caplog.text


@pytest.mark.parametrize("lacking", ["a number", "a unit between", "a polynomial", "an infinite gain"])
def test_stages_that_are_no_chain_contradict_nothing(inventory, lacking):
    """One is missing, as the digitiser of a file that was put together by hand."""
    with_stages(inventory, 0.01, 4e8, 1.0)
    _, digitiser = channel(inventory).response.response_stages
    digitiser.stage_gain = 1.0
    if lacking == "a number":
        digitiser.stage_sequence_number = 3
    elif lacking == "a unit between":
        digitiser.input_units = "COUNTS"
    elif lacking == "an infinite gain":
        digitiser.stage_gain = math.inf
    else:
        made = PolynomialResponseStage(1, 1.0, 1.0, "M/S", "V", 0.0, 1.0, 0.0, 1.0, 0.1, [0.0, 1.0])
        channel(inventory).response.response_stages[0] = made
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == 4e8


def test_stages_of_displacement_say_nothing_of_velocity(inventory):
    with_stages(inventory, 0.01, 1e6, 1.0)
    channel(inventory).response.response_stages[0].input_units = "M"
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == 1e6


@pytest.mark.parametrize("value", [1e-300, float("nan"), float("inf"), -1e30])
def test_a_sensitivity_no_instrument_has_is_refused(inventory, value):
    channel(inventory).response.instrument_sensitivity.value = value
    with pytest.raises(
        ValueError,
        match=rf"XX.S00..HHZ in StationXML: a sensitivity of {re.escape(f'{value:g}')} .*m/s is none",
    ):
        said(inventory, "XX.S00..HHZ")


def test_a_negative_sensitivity_is_reversed_polarity(inventory):
    channel(inventory).response.instrument_sensitivity.value = -4e8
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == -4e8


def test_displacement_and_volts_are_refused(inventory):
    stated = channel(inventory).response.instrument_sensitivity
    stated.input_units = "M"
    with pytest.raises(ValueError, match=r"XX.S00..HHZ measures 'M' in StationXML; known are M/S"):
        said(inventory, "XX.S00..HHZ")
    stated.input_units, stated.output_units = "M/S", "V"
    with pytest.raises(ValueError, match="gives 'V', not counts"):
        said(inventory, "XX.S00..HHZ")


def test_unknown_channels_are_named(inventory):
    with pytest.raises(ValueError, match=r"does not describe XX.S00.10.HHZ .*add the channel"):
        said(inventory, "XX.S00.10.HHZ")
    with pytest.raises(ValueError, match="'S00' is not a channel id"):
        said(inventory, "S00")


def test_direction_follows_seed():
    np.testing.assert_allclose(direction(0.0, -90.0), (1.0, 0.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(direction(0.0, 0.0), (0.0, 1.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(direction(90.0, 0.0), (0.0, 0.0, 1.0), atol=1e-12)
    np.testing.assert_allclose(direction(30.0, 0.0), (0.0, np.cos(np.pi / 6), 0.5), atol=1e-12)


@pytest.mark.parametrize(
    ("code", "azimuth_deg", "dip_deg", "found"),
    [
        ("HHZ", 0.0, 0.0, (1, 0, 0)),  # filled in, not known
        ("HHZ", 90.0, 30.0, (1, 0, 0)),
        ("HHN", 0.0, -90.0, (0, 1, 0)),
        ("HHE", 0.0, 90.0, (0, 0, 1)),
    ],
)
def test_a_direction_that_the_code_contradicts_does_not_count(
    inventory, caplog, code, azimuth_deg, dip_deg, found
):
    channel(inventory, code).azimuth, channel(inventory, code).dip = azimuth_deg, dip_deg
    for _ in range(2):
        np.testing.assert_allclose(said(inventory, f"XX.S00..{code}").direction, found, atol=1e-12)
    assert caplog.text.count(f"XX.S00..{code} has a dip of {dip_deg:g} deg") == 1


@pytest.mark.parametrize(("code", "dip_deg"), [("HHZ", 90.0), ("HHZ", -60.0), ("HHN", 20.0)])
def test_a_direction_near_the_codes_counts(inventory, caplog, code, dip_deg):
    channel(inventory, code).azimuth, channel(inventory, code).dip = 10.0, dip_deg
    vector = direction(10.0, dip_deg)
    np.testing.assert_allclose(said(inventory, f"XX.S00..{code}").direction, vector)
    assert not caplog.text


def test_a_channel_named_1_needs_an_azimuth():
    trace = make_trace("XX.S00..HH1", np.zeros(10, np.int32))
    inventory = make_inventory(
        [make_site("S00")], obspy.Stream([trace]), {trace.id: Sensitivity(1.0, "velocity")}
    )
    with pytest.raises(ValueError, match=r"XX.S00..HH1 points nobody knows where"):
        [said(inventory, "XX.S00..HH1").direction]
    channel(inventory, "HH1").azimuth, channel(inventory, "HH1").dip = 90.0, 0.0
    np.testing.assert_allclose([said(inventory, "XX.S00..HH1").direction], [[0, 0, 1]], atol=1e-12)


def test_without_azimuth_the_code_tells(inventory):
    channel(inventory, "HHN").azimuth = None
    np.testing.assert_allclose([said(inventory, "XX.S00..HHN").direction], [[0, 1, 0]])


def epochs(inventory, *spans, code="HHZ", **changes):
    """The channel described once more for every span of seconds after START_S, with changed sensitivities."""
    site = inventory[0][0]
    first = channel(inventory, code)
    site.channels.remove(first)
    for start_s, end_s, gain in spans:
        other = copy.deepcopy(first)
        other.response.instrument_sensitivity.value *= gain
        other.start_date = None if start_s is None else obspy.UTCDateTime(START_S + start_s)
        other.end_date = None if end_s is None else obspy.UTCDateTime(START_S + end_s)
        site.channels.append(other)


def spans_of(inventory, start_s, end_s):
    found = describe(inventory, "XX.S00..HHZ", START_S + start_s, START_S + end_s)
    return [(each.start_s - START_S, each.end_s - START_S, each.sensitivity.value / 4e8) for each in found]


def test_every_epoch_counts_for_its_own_time(inventory):
    epochs(inventory, (None, 100.0, 1.0), (100.0, None, 10.0))
    assert spans_of(inventory, 0.0, 200.0) == [(-math.inf, 100.0, 1.0), (100.0, math.inf, 10.0)]
    assert spans_of(inventory, 150.0, 200.0) == [(100.0, math.inf, 10.0)]


def test_epochs_that_say_the_same_are_one(inventory):
    epochs(inventory, (-50.0, 100.0, 1.0), (100.0, 300.0, 1.0), (300.0, 400.0, 2.0))
    assert spans_of(inventory, 0.0, 200.0) == [(-50.0, 300.0, 1.0)]


@pytest.mark.parametrize(
    ("latitude_deg", "longitude_deg", "moved_deg", "apart"),
    [
        (32.8, 130.7, (0.05, 0.0), "0.050"),
        (60.0, 179.999, (0.0, -359.962), "0.019"),  # across the date line, where a degree is half as long
        (60.0, 130.7, (0.0, 0.019), None),
        (32.8, 130.7, (0.009, 0.0), None),
    ],
)
def test_a_sensor_far_from_its_station_is_warned_of(
    inventory, caplog, latitude_deg, longitude_deg, moved_deg, apart
):
    site, sensor = inventory[0][0], channel(inventory)
    site.latitude, site.longitude = latitude_deg, longitude_deg
    sensor.latitude, sensor.longitude = latitude_deg + moved_deg[0], longitude_deg + moved_deg[1]
    said(inventory, "XX.S00..HHZ")
    assert bool(caplog.text) == (apart is not None)
    assert apart is None or f"XX.S00..HHZ {apart} deg from its station" in caplog.text


def test_an_epoch_that_ends_a_second_early_goes_on(inventory, caplog):
    epochs(inventory, (None, 99.0, 1.0), (100.0, None, 2.0))
    assert spans_of(inventory, 0.0, 200.0) == [(-math.inf, 100.0, 1.0), (100.0, math.inf, 2.0)]
    assert not caplog.text


def test_of_epochs_that_overlap_the_last_begun_counts(inventory, caplog):
    """The old one was never ended."""
    epochs(inventory, (-500.0, None, 1.0), (-100.0, None, 10.0))
    assert spans_of(inventory, 0.0, 200.0) == [(-100.0, math.inf, 10.0)]
    assert "epochs of XX.S00..HHZ that contradict each other" in caplog.text


def test_an_old_epoch_that_is_wrong_takes_no_newer_one_away(inventory, caplog):
    epochs(inventory, (-500.0, None, 1.0), (-100.0, None, 10.0))
    channel(inventory).response.instrument_sensitivity.input_units = "PA"
    assert spans_of(inventory, 0.0, 200.0) == [(-100.0, math.inf, 10.0)]
    assert "epochs of XX.S00..HHZ that contradict each other" in caplog.text


@pytest.mark.parametrize("unknown_m", [-12345.0, -9999.0, 99999.0])
def test_an_elevation_that_none_can_have_is_refused(inventory, unknown_m):
    """Placeholders of SAC and of tables; a station and its channels repeat them."""
    inventory[0][0].elevation = unknown_m
    for each in inventory[0][0]:
        each.elevation, each.depth = unknown_m, 0.0
    with pytest.raises(ValueError, match=r"XX\.S00\.\.HHZ has elevation .*correct it in the station list"):
        said(inventory, "XX.S00..HHZ")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("Elevation", "its station at 400 FEET: heights are metres, mend the number"),
        ("Depth", "its depth at 3 FEET"),
    ],
)
@pytest.mark.parametrize("unit", ["FEET", "meters"])
def test_heights_are_metres(inventory, where, told, unit):
    """Silently they were read as such, whatever unit the file states."""
    inventory[0][0].elevation = 400.0
    for each in inventory[0][0]:
        each.elevation, each.depth = 400.0, 3.0
    written = io.BytesIO()
    inventory.write(written, format="STATIONXML")
    text = re.sub(f"<{where}[^>]*>", f'<{where} unit="{unit}">', written.getvalue().decode())
    read = obspy.read_inventory(io.BytesIO(text.encode()))
    if unit == "meters":
        assert said(read, "XX.S00..HHZ").elevation_m == said(inventory, "XX.S00..HHZ").elevation_m
        return
    with pytest.raises(ValueError, match=told):
        said(read, "XX.S00..HHZ")


def test_the_elevation_of_its_station_stands_in_for_a_channels(inventory, caplog):
    inventory[0][0].elevation = 120.0
    channel(inventory).elevation, channel(inventory).depth = -9999.0, 20.0
    assert said(inventory, "XX.S00..HHZ").elevation_m == 100.0
    assert "XX.S00..HHZ has elevation -9999 m" in caplog.text


@pytest.mark.parametrize(
    ("station_m", "channel_m", "depth_m", "told"),
    [
        (2500.0, 0.0, 0.0, r"at 0 m, 0 m deep, and its station at 2500 m: the channel counts, at 0 m; mend"),
        (0.0, 2500.0, 0.0, "at 2500 m, 0 m deep, and its station at 0 m"),
        (2500.0, -200.0, 200.0, "at -200 m, 200 m deep, and its station at 2500 m"),
        (100.0, 100.0, -250.0, "-250 m deep, which is above the ground, at 350 m: depths count down"),
        (100.0, 100.0, -40.0, None),  # on a tower
        (100.0, 250.0, 0.0, None),
        (100.0, -1400.0, 1500.0, None),
        (100.0, 100.0, 1500.0, None),
    ],
)
def test_a_height_that_its_station_contradicts_is_warned_of(
    inventory, caplog, station_m, channel_m, depth_m, told
):
    """Channels of 0 m at a station of 2500 m made P early by most of a second, and nothing said so."""
    warn_once.cache_clear()
    inventory[0][0].elevation = station_m
    channel(inventory).elevation, channel(inventory).depth = channel_m, depth_m
    said(inventory, "XX.S00..HHZ")
    assert bool(caplog.text) == (told is not None)
    assert told is None or f"XX.S00..HH? {told}" in caplog.text


def test_a_location_of_dashes_is_none(inventory):
    channel(inventory).location_code = "--"
    assert said(inventory, "XX.S00..HHZ").sensitivity.value == 4e8


def test_what_no_epoch_covers_is_warned_of(inventory, caplog):
    epochs(inventory, (20.0, 100.0, 1.0), (150.0, None, 2.0))
    assert spans_of(inventory, 0.0, 200.0) == [(20.0, 100.0, 1.0), (150.0, math.inf, 2.0)]
    assert "does not describe XX.S00..HHZ from 2016-04-14T12:26:30" in caplog.text


@pytest.mark.parametrize(
    ("station_m", "channel_m", "depth_m", "sensor_m"),
    [
        (500.0, 500.0, 0.0, 500.0),
        (500.0, 500.0, None, 500.0),
        (500.0, -1000.0, 1500.0, -1000.0),  # as FDSN means it
        (500.0, 500.0, 1500.0, -1000.0),  # the surface's elevation, repeated
        (500.0, 495.0, 100.0, 395.0),
        (500.0, 402.0, 100.0, 402.0),
    ],
)
def test_a_borehole_is_below_its_station(station_m, channel_m, depth_m, sensor_m):
    assert sensor_elevation_m(station_m, channel_m, depth_m) == sensor_m
