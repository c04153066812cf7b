"""Intensity of stations from packets is that of their recordings, whatever comes of them."""

import math

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_site, make_trace

from fcn.shaking.observed import station_acceleration
from fcn.stream.keeping import read_stream, write_stream
from fcn.stream.observing import ObservedNetwork, Observing
from fcn.stream.packet import Packet, packets_of
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

SITE, OTHER = make_site("S00"), make_site("S01", 32.9)
RATE_HZ = 100.0
OBSERVING = Observing(window_s=20.0, max_gap_s=1.0, wait_s=2.0, stale_s=5.0)
VELOCITY, ACCELERATION = Sensitivity(4e8, "velocity"), Sensitivity(1e5, "acceleration")


def shaken(n=6000, seed=0):
    """Acceleration of three components, m/s2, that grows and fades."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, n)) * 0.5 * np.exp(-(((np.arange(n) - n / 2) / (n / 8)) ** 2))


def recorded(*instruments):
    """(stream, inventory) of instruments (site, code, sensitivity, motion)."""
    traces, stated = [], {}
    for site, code, sensitivity, motion in instruments:
        for letter, row in zip("ENZ", motion, strict=True):
            seed_id = f"{site.id}..{code}{letter}"
            traces.append(make_trace(seed_id, np.round(sensitivity.value * row).astype(np.int32), RATE_HZ))
            stated[seed_id] = sensitivity
    stream = obspy.Stream(traces)
    return stream, make_inventory([SITE, OTHER], stream, stated)


@pytest.fixture(scope="module")
def accelerometer():
    return recorded((SITE, "HN", ACCELERATION, shaken()))


def network(inventory, observing=OBSERVING):
    return ObservedNetwork([SITE.id, OTHER.id], inventory, observing)


def in_packets(stream, length_s, late_s=0.0):
    """(arrival, packet), in order of arrival."""
    packets = [packet for trace in stream for packet in packets_of(trace, length_s)]
    return sorted(((each.end_time_s + late_s, each) for each in packets), key=lambda due: due[0])


def followed(observed, due, until_s, since_s=START_S):
    """Intensities of the first station each quarter of a second."""
    due, found = list(due), {}
    for tick in range(math.floor(since_s * 4) + 1, math.floor(until_s * 4) + 1):
        now_s = tick / 4
        come = [packet for at_s, packet in due if at_s <= now_s]
        due = [each for each in due if each[0] > now_s]
        observed.push(come, now_s)
        found[now_s] = observed.observed(now_s).get(SITE.id)
    return found


@pytest.mark.parametrize("length_s", [0.1, 1.0, 4.12])
@pytest.mark.parametrize("kind", ["acceleration", "velocity"])
def test_packets_give_what_the_whole_does(length_s, kind):
    sensitivity = ACCELERATION if kind == "acceleration" else VELOCITY
    motion = shaken() if kind == "acceleration" else 0.01 * shaken()
    stream, inventory = recorded((SITE, "HN" if kind == "acceleration" else "HH", sensitivity, motion))
    whole = station_acceleration(stream, inventory).real_time_intensity(window_s=20.0, max_gap_s=1.0)
    observed = network(inventory)
    for at_s, packet in in_packets(stream, length_s):
        observed.push([packet], at_s)
        observed.observed(at_s)
    (instrument,) = observed._stations[SITE.id].values()
    assert instrument.intensity == pytest.approx(whole[-1], abs=1e-9)
    assert instrument.at_s == pytest.approx(START_S + 59.99)
    observed = network(inventory)
    found = followed(observed, in_packets(stream, 0.25), START_S + 60.0)
    for after_s in (10.0, 30.0, 45.0):
        assert found[START_S + after_s] == pytest.approx(whole[round(after_s * RATE_HZ) - 1], abs=1e-9)


def test_it_goes_on_from_its_state_on_the_disk(accelerometer, tmp_path):
    stream, inventory = accelerometer
    due = in_packets(stream, 1.03)
    straight = followed(network(inventory), due, START_S + 60.0)
    first, second = network(inventory), network(inventory)
    followed(first, [each for each in due if each[0] <= START_S + 31.0], START_S + 31.0)
    write_stream(tmp_path, {"observed": first.state()})
    second.restore(read_stream(tmp_path)["observed"])
    later = [each for each in due if each[0] > START_S + 31.0]
    found = followed(second, later, START_S + 60.0, since_s=START_S + 31.0)
    assert found
    assert all(straight[now_s] == value for now_s, value in found.items())


def test_a_component_that_is_late_or_lost_holds_nobody_up(accelerometer):
    stream, inventory = accelerometer
    due = in_packets(stream, 0.5)
    whole = followed(network(inventory), due, START_S + 58.0)
    lost = [(at_s, each) for at_s, each in due if not (each.seed_id.endswith("Z") and at_s > START_S + 20)]
    found = followed(network(inventory), lost, START_S + 58.0)
    assert found[START_S + 40] == pytest.approx(whole[START_S + 40], abs=0.5)
    assert found[START_S + 40] != whole[START_S + 40]


def test_gaps_repeats_and_disorder_cost_what_is_missing(accelerometer):
    stream, inventory = accelerometer
    due = in_packets(stream, 0.5)
    found = followed(network(inventory), sorted([*due, *due], key=lambda each: each[0]), START_S + 58.0)
    assert found == followed(network(inventory), due, START_S + 58.0)
    gap = [(at_s, each) for at_s, each in due if not START_S + 5 < at_s < START_S + 15]
    found = followed(network(inventory), gap, START_S + 58.0)
    assert found[START_S + 11] is None  # stale
    whole = followed(network(inventory), due, START_S + 58.0)
    assert found[START_S + 45] == pytest.approx(whole[START_S + 45], abs=0.05)


def test_what_is_not_yet_is_not_observed(accelerometer):
    stream, inventory = accelerometer
    observed = network(inventory)
    observed.push([packet for trace in stream for packet in packets_of(trace)], START_S)
    early = observed.observed(START_S + 10.0)[SITE.id]
    whole = station_acceleration(stream, inventory).real_time_intensity(window_s=20.0, max_gap_s=1.0)
    assert early == pytest.approx(whole[1000], abs=1e-9)  # the sample of this moment is there


def test_packets_from_the_future_and_of_no_use_are_counted(accelerometer):
    observed = network(accelerometer[1])
    observed.push(
        [
            Packet("XX.S00..HNZ", START_S + 1e6, 100.0, np.zeros(10)),
            Packet("XX.S00..HNZ", START_S, 50.0, np.zeros(10)),
            Packet("XX.S00..QQQ", START_S, 100.0, np.zeros(10)),
            Packet("YY.S00..HNZ", START_S, 100.0, np.zeros(10)),
            Packet("XX.S00..HNZ", START_S - 1e6, 100.0, np.zeros(10)),
        ],
        START_S,
    )
    assert observed.observed(START_S) == {}
    assert observed.counts == {"from the future": 1, "too slow": 1, "of no use": 1}


def test_an_accelerometer_speaks_where_it_delivers():
    strong, weak = shaken(), 0.01 * shaken(seed=1)
    stream, inventory = recorded((SITE, "HN", ACCELERATION, strong), (SITE, "HH", VELOCITY, 1e-3 * weak))
    due = in_packets(stream, 1.0)
    half = [(at_s, each) for at_s, each in due if "HN" not in each.seed_id or at_s < START_S + 35]
    found = followed(network(inventory), half, START_S + 55.0)
    assert found[START_S + 34] > 3.5
    assert found[START_S + 50] < 2.0


def test_memory_is_bounded():
    stream, inventory = recorded((SITE, "HN", ACCELERATION, shaken()))
    observed = network(inventory)
    parts = [part for part in stream if part.id.endswith(("E", "Z"))]  # the third never comes
    for round_ in range(20):
        for trace in parts:
            for packet in packets_of(trace, 10.0):
                moved_s = packet.start_time_s + 60.0 * round_
                observed.push([Packet(packet.seed_id, moved_s, RATE_HZ, packet.counts)], moved_s + 10.0)
                observed.observed(moved_s + 10.0)
    state = observed.state()[SITE.id]
    assert sum(each["waiting"].size for part in state for each in part["components"]) < 2 * 2000


def test_stations_that_join_are_observed_and_others_go_on():
    """Those described as before keep what has come; one that has another response begins anew."""
    motion = shaken()
    stream, both = recorded((SITE, "HN", ACCELERATION, motion), (OTHER, "HN", ACCELERATION, motion))
    observed = ObservedNetwork([SITE.id], both, OBSERVING)
    due = in_packets(stream, 0.5)
    whole = followed(ObservedNetwork([SITE.id, OTHER.id], both, OBSERVING), due, START_S + 31.0)
    followed(observed, [each for each in due if each[0] <= START_S + 30.0], START_S + 30.0)
    assert OTHER.id not in observed.observed(START_S + 30.0)
    observed.watch([OTHER.id, SITE.id], both)
    later = [each for each in due if each[0] > START_S + 30.0]
    found = followed(observed, later, START_S + 31.0, since_s=START_S + 30.0)
    assert found[START_S + 31.0] == whole[START_S + 31.0]
    assert OTHER.id in observed.observed(START_S + 31.0)
    _, described_anew = recorded((SITE, "HN", Sensitivity(2e5, "acceleration"), motion))
    observed.watch([SITE.id], described_anew)
    assert observed.observed(START_S + 31.0) == {}
