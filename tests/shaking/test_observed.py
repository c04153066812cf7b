"""Acceleration of stations from their channels, and what recordings say of real-time intensity."""

import pickle
from collections import defaultdict

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_network, make_site, make_trace

from fcn.shaking.jma import jma_intensity
from fcn.shaking.observed import ToAcceleration, station_acceleration
from fcn.waveform.archive import read_sds
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

SITE = make_site("S00")
VELOCITY, ACCELERATION = Sensitivity(4e8, "velocity"), Sensitivity(1e5, "acceleration")
RATE_HZ = 100.0


def ground(n=3000, seed=0):
    """Velocity in m/s of three components, smooth at this rate, and its acceleration."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n) / RATE_HZ
    omega, phase = 2 * np.pi * rng.uniform(0.5, 3.0, (3, 4, 1)), rng.uniform(0.0, 6.0, (3, 4, 1))
    velocity = 0.002 * np.sin(omega * time_s + phase).sum(axis=1)
    acceleration = 0.002 * (omega * np.cos(omega * time_s + phase)).sum(axis=1)
    return velocity, acceleration


def station(*instruments):
    """(stream, inventory) of instruments (code, sensitivity, motion (3, n))."""
    traces = [
        make_trace(f"{SITE.id}..{code}{letter}", np.round(sensitivity.value * row).astype(np.int32))
        for code, sensitivity, motion in instruments
        for letter, row in zip("ZNE", motion, strict=True)
    ]
    stated = {
        f"{SITE.id}..{code}{letter}": sensitivity for code, sensitivity, _ in instruments for letter in "ZNE"
    }
    stream = obspy.Stream(traces)
    return stream, make_inventory([SITE], stream, stated)


def test_an_accelerometer_comes_before_a_seismometer():
    velocity, acceleration = ground()
    found = station_acceleration(*station(("HH", VELOCITY, velocity), ("HN", ACCELERATION, acceleration)))
    assert (found.station_id, found.instrument) == ("XX.S00", "XX.S00..HN")
    assert (found.start_time_s, found.sampling_rate_hz) == (START_S, RATE_HZ)
    np.testing.assert_allclose(found.mps2, acceleration[[2, 1, 0]], atol=1e-5)  # E, N, Z: any order will do


def test_a_seismometer_alone_is_differentiated_and_unknown_where_it_clips():
    velocity, acceleration = ground()
    velocity[1, 1000:1100] = 0.021  # 8.4e6 counts, beyond 24 bits
    found = station_acceleration(*station(("HH", VELOCITY, velocity)))
    between = (acceleration[:, 1:] + acceleration[:, :-1]) / 2
    np.testing.assert_allclose(found.mps2[0, 1:], between[2], atol=2e-3)
    assert np.isnan(found.mps2[1, 1000:1101]).all()
    assert np.isfinite(found.mps2[1, 1101:]).all()
    plain = station_acceleration(*station(("HN", ACCELERATION, acceleration)))
    known = np.isfinite(found.mps2[:, :900]).all(axis=0)
    assert jma_intensity(found.mps2[:, :900][:, known], RATE_HZ) == pytest.approx(
        jma_intensity(plain.mps2[:, :900][:, known], RATE_HZ), abs=0.02
    )


def test_ends_of_32_bits_are_unknown():
    """Of an accelerometer for which they would be 2 g."""
    counts = np.zeros(300)
    counts[100:150], counts[200] = -(2**31), 2**31 - 1
    unknown = np.isnan(ToAcceleration(Sensitivity(1.1e8, "acceleration"), RATE_HZ).process(counts))
    assert np.flatnonzero(unknown).tolist() == [*range(100, 150), 200]


@pytest.mark.parametrize("sensitivity", [VELOCITY, ACCELERATION], ids=lambda each: each.measurement)
def test_chunks_give_what_the_whole_does(sensitivity):
    counts = np.round(sensitivity.value * ground()[0][0])
    counts[700:750], counts[900:990] = np.nan, 8.3e6
    whole = ToAcceleration(sensitivity, RATE_HZ).process(counts)
    state, parts = ToAcceleration(sensitivity, RATE_HZ), []
    for part in np.split(counts, [0, 1, 2, 50, 705, 710, 901, 903, 2000]):
        parts.append(state.process(part))
        state = pickle.loads(pickle.dumps(state))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.isnan(whole[700:750]).all()


def test_gaps_are_unknown_and_what_the_ground_cannot_do():
    _, acceleration = ground()
    stream, inventory = station(("HN", ACCELERATION, acceleration))
    stream[0].data[500] = 2_000_000_000  # 20 000 m/s2
    parts = [
        stream[1].slice(endtime=stream[1].stats.starttime + 9.99),
        stream[1].slice(stream[1].stats.starttime + 20),
    ]
    found = station_acceleration([stream[0], *parts, stream[2]], inventory)
    assert np.flatnonzero(np.isnan(found.mps2[2])).tolist() == [500]
    assert np.flatnonzero(np.isnan(found.mps2[1])).tolist() == list(range(1000, 2000))
    np.testing.assert_allclose(found.mps2[1, 2000:], acceleration[1, 2000:], atol=1e-5)


def test_stations_without_three_fast_components_are_refused():
    _, acceleration = ground()
    stream, inventory = station(("HN", ACCELERATION, acceleration))
    with pytest.raises(ValueError, match="2 channels"):
        station_acceleration(stream[:2], inventory)
    _, slow, slow_inventory = make_network(1, rate_hz=50.0)
    with pytest.raises(ValueError, match="50 Hz, slower than 80 Hz"):
        station_acceleration(slow, slow_inventory)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "scatter"), [("taiwan_hualien", 0.03), ("taitung_m65", 0.07)])
def test_real_time_intensity_of_recorded_earthquakes_is_the_exact_one(shared_dir, name, scatter):
    """TSMIP accelerograms of ML 5.8 and M 6.5, every third station."""
    folder = shared_dir / "realdata" / name
    inventory = obspy.read_inventory(str(folder / "stations.xml"))
    traces = defaultdict(list)
    for trace in read_sds(folder / "waveforms"):
        traces[trace.stats.station].append(trace)
    apart = []
    for own in list(traces.values())[::3]:
        found = station_acceleration(own, inventory)
        exact = jma_intensity(found.mps2[:, np.isfinite(found.mps2).all(axis=0)], found.sampling_rate_hz)
        apart.append(np.nanmax(found.real_time_intensity(window_s=60.0, max_gap_s=1.0)) - exact)
    assert len(apart) > 7
    assert np.std(apart) < scatter
    assert abs(np.mean(apart)) < 0.03
    assert np.abs(apart).max() < 0.2
