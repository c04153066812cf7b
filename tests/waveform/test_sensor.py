"""Counts of any instrument become velocity up, north, east."""

import numpy as np
import obspy
import pytest
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_site, make_trace

from fcn.waveform.inventory import make_inventory
from fcn.waveform.preprocess import ToVelocity
from fcn.waveform.response import Sensitivity, direction
from fcn.waveform.sensor import Sensor, assemble, choose_channels, resolve_sensors


def traces(*seed_ids, n=1000, rate_hz=100.0):
    return obspy.Stream([make_trace(seed_id, np.arange(n), rate_hz) for seed_id in seed_ids])


@pytest.mark.parametrize(
    ("seed_ids", "chosen"),
    [
        (("HHE", "HHN", "HHZ"), ["HHZ", "HHN", "HHE"]),
        (("HNE", "HNN", "HNZ", "HHE", "HHN", "HHZ"), ["HHZ", "HHN", "HHE"]),
        (("HNE", "HNN", "HNZ", "HHZ"), ["HNZ", "HNN", "HNE"]),
        (("EH2", "EH1", "EHZ"), ["EHZ", "EH1", "EH2"]),
        (("HHZ", "HHE", "HHN", "HHX"), ["HHZ", "HHN", "HHE"]),
        (("HGZ", "HNZ"), ["HNZ"]),
    ],
)
def test_the_best_instrument_is_chosen(seed_ids, chosen):
    found = choose_channels(traces(*(f"XX.A..{code}" for code in seed_ids)), 20.0)
    assert found == {"XX.A": [f"XX.A..{code}" for code in chosen]}


def test_more_data_then_the_lower_location_code_decide():
    stream = traces("XX.A.10.HHZ", "XX.A.00.HHZ")
    assert choose_channels(stream, 20.0) == {"XX.A": ["XX.A.00.HHZ"]}
    stream += traces("XX.A.10.HHZ")
    assert choose_channels(stream, 20.0) == {"XX.A": ["XX.A.10.HHZ"]}


def test_slow_channels_do_not_count():
    assert choose_channels(traces("XX.A..LHZ", rate_hz=1.0) + traces("XX.A..HNZ"), 20.0) == {
        "XX.A": ["XX.A..HNZ"]
    }
    with pytest.raises(ValueError, match=r"no channel of at least 20 Hz at XX.A \(1 Hz\)"):
        choose_channels(traces("XX.A..LHZ", rate_hz=1.0), 20.0)


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
    stream = traces("XX.A..HHZ") + traces("XX.A..HHN", rate_hz=50.0)
    with pytest.raises(ValueError, match=r"need one sampling rate, found \[50.0, 100.0\] Hz"):
        assemble(stream, ["XX.A..HHZ", "XX.A..HHN"])


def oriented(azimuths_deg, codes="Z12", gains=(1.0, 1.0, 1.0)):
    """Motion Z, N, E seen by channels of these azimuths, and their StationXML."""
    motion = 1e-5 * np.random.default_rng(1).standard_normal((3, 3000))
    dips = [-90.0 if code == "Z" else 0.0 for code in codes]
    vectors = np.array([direction(a, d) for a, d in zip(azimuths_deg, dips, strict=True)])
    counts = np.array(gains)[:, None] * COUNTS_PER_MPS * (vectors @ motion)
    stream = obspy.Stream(
        [make_trace(f"XX.A..HH{code}", row) for code, row in zip(codes, counts, strict=True)]
    )
    stated = {
        trace.id: Sensitivity(gain * COUNTS_PER_MPS, "velocity")
        for trace, gain in zip(stream, gains, strict=True)
    }
    inventory = make_inventory([make_site("A")], stream, stated)
    for found in inventory[0][0]:
        i = codes.index(found.code[-1])
        found.azimuth, found.dip = azimuths_deg[i], dips[i]
    return motion, stream, inventory


@pytest.mark.parametrize(
    "azimuths_deg", [(0.0, 0.0, 90.0), (0.0, 37.0, 127.0), (0.0, 200.0, 110.0), (0.0, 20.0, 75.0)]
)
def test_any_orientation_gives_the_same_motion(spec, azimuths_deg):
    motion, stream, inventory = oriented(azimuths_deg, gains=(1.0, -2.0, 0.5))
    sensor = resolve_sensors(stream, inventory, 20.0)["XX.A"]
    start_s, _, counts = assemble(stream, sensor.seed_ids)
    found = sensor.stream(spec).whole(start_s, counts)
    expected = ToVelocity(spec, 100.0, "velocity", 1.0).process(START_S, motion)
    n = expected.valid.size
    np.testing.assert_allclose(found.velocity_mps[:, :n], expected.velocity_mps, atol=1e-12)


def test_missing_components_are_zero(spec):
    _, stream, inventory = oriented((0.0, 0.0), codes="ZN", gains=(1.0, 1.0))
    sensor = resolve_sensors(stream, inventory, 20.0)["XX.A"]
    assert sensor.station_id == "XX.A"
    chunk = sensor.stream(spec).whole(*(assemble(stream, sensor.seed_ids)[i] for i in (0, 2)))
    assert np.abs(chunk.velocity_mps[0]).max() > 1e-6
    assert np.abs(chunk.velocity_mps[1]).max() > 1e-6
    assert np.abs(chunk.velocity_mps[2]).max() < 1e-18


def test_chunks_of_a_sensor_equal_the_whole(spec):
    _, stream, inventory = make_network(1)
    sensor = resolve_sensors(stream, inventory, 20.0)["XX.S00"]
    start_s, _, counts = assemble(stream, sensor.seed_ids)
    whole = sensor.stream(spec).whole(start_s, counts)
    live = sensor.stream(spec)
    parts = [
        live.process(start_s + i / 100.0, counts[:, i : i + 137]) for i in range(0, counts.shape[1], 137)
    ]
    parts.append(live.flush())
    np.testing.assert_allclose(
        np.concatenate([p.velocity_mps for p in parts], axis=1), whole.velocity_mps, atol=1e-18
    )


def test_parallel_channels_are_refused():
    _, stream, inventory = oriented((0.0, 10.0, 12.0))
    with pytest.raises(ValueError, match="do not point in different directions"):
        resolve_sensors(stream, inventory, 20.0)


def test_mixed_measurements_are_refused():
    _, _, inventory = make_network(1)
    inventory[0][0][0].response.instrument_sensitivity.input_units = "M/S**2"
    with pytest.raises(ValueError, match="measure different things: acceleration, velocity"):
        Sensor.from_inventory(inventory, [f"XX.S00..HH{c}" for c in "ZNE"], 100.0, START_S)
