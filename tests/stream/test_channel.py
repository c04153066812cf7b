"""Packets of a channel that come in the wrong order, twice, or not at all."""

import itertools

import numpy as np
import pytest
from made_networks import COUNTS_PER_MPS, START_S
from made_streams import SPEC

from fcn.stream.channel import LiveChannel
from fcn.stream.packet import Packet
from fcn.waveform.response import Described, Sensitivity

SEED_ID = "XX.A..HHZ"
COUNTS = np.random.default_rng(0).normal(0, 1e4, 1000)
FIRST = round(START_S * 20)


def channel(patience_s: float = 30.0) -> LiveChannel:
    sensitivity = Sensitivity(COUNTS_PER_MPS, "velocity")
    described = Described(SEED_ID, -np.inf, np.inf, sensitivity, (1.0, 0.0, 0.0), 32.8, 130.8, 0.0)
    return LiveChannel([described], 100.0, SPEC, patience_s, START_S)


def packet(index: int, n: int = 100) -> Packet:
    return Packet(SEED_ID, START_S + index, 100.0, COUNTS[100 * index : 100 * index + n])


def heard(order, clock_s=None, **kwargs):
    found = channel(**kwargs)
    for i, index in enumerate(order):
        found.push(packet(index), START_S + (i if clock_s is None else clock_s[i]))
    motion, valid, _ = found.motions[0].track.between(FIRST, FIRST + 200)
    return motion, valid, found


IN_ORDER = heard(range(10))


@pytest.mark.parametrize(
    "order", [[0, 1, 3, 2, 4, 5, 6, 7, 8, 9], [0, 2, 3, 4, 1, 5, 6, 7, 8, 9], [0, 3, 2, 5, 1, 4, 6, 9, 7, 8]]
)
def test_what_comes_late_is_put_into_its_place(order):
    motion, valid, found = heard(order)
    np.testing.assert_array_equal(motion, IN_ORDER[0])
    np.testing.assert_array_equal(valid, IN_ORDER[1])
    assert found.counts["reordered"] >= 1
    assert found.counts["repeated"] == 0


@pytest.mark.parametrize(
    "order", [[0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], [0, 2, 2, 1, 1, 3, 4, 5, 6, 7, 8, 9, 0]]
)
def test_repeats_are_left_out_and_counted(order):
    motion, valid, found = heard(order)
    np.testing.assert_array_equal(motion, IN_ORDER[0])
    assert valid.all()
    assert found.counts["repeated"] >= 2


def test_nothing_waits_for_a_gap():
    _, valid, found = heard([0, 1, 3])
    assert valid[60:80].all()
    assert not valid[40:59].any()
    assert found.settled == FIRST + 40
    assert found.counts["gaps"] == 1


def test_a_gap_that_is_old_stays():
    _, valid, found = heard([0, 1, 3, 4, 2], [0, 1, 2, 13, 14], patience_s=10.0)
    assert not valid[40:59].any()
    assert found.counts["repeated"] == 1
    assert found.settled == FIRST + 100


@pytest.mark.parametrize(
    ("false", "lost"),
    [([5], []), ([5, 6, 7], []), ([5], [3]), ([5], [9]), ([5, 30], [9]), ([0], []), ([0, 1], [4])],
)
def test_a_clock_that_is_ahead_for_a_moment_costs_that_moment(false, lost):
    """Packets stamped 59 s ahead: what follows is before them, for longer than late ones are waited for."""
    found, n = channel(patience_s=10.0), 70
    counts = np.random.default_rng(1).normal(0, 1e4, (n, 100))
    for index in sorted({*range(n)} - {*lost}):
        start_s = START_S + index + 59.0 * (index in false)
        found.push(Packet(SEED_ID, start_s, 100.0, counts[index]), START_S + index + 1.0)
    _, valid, _ = found.motions[0].track.between(FIRST, FIRST + 20 * 59)
    inside = valid.reshape(59, 20)[:, 2:-2].all(axis=1)
    assert np.flatnonzero(~inside).tolist() == sorted({*false, *lost})


def test_a_first_packet_that_is_ahead_of_a_clock_that_has_not_begun_is_the_first():
    found = channel()
    found.push(packet(0), -np.inf)
    assert found.settled == found.motions[0].reached > FIRST


@pytest.mark.parametrize("seed", range(12))
def test_any_order_within_patience_is_that_of_time(seed):
    """Some come late, some twice and some never; it goes on from its state at any moment."""
    rng, n, patience_s = np.random.default_rng(seed), 40, 20.0
    edges = np.concatenate(([0], np.cumsum(rng.integers(30, 300, n))))
    counts = rng.normal(0, 1e4, edges[-1])
    packets = [
        Packet(SEED_ID, START_S + first / 100.0, 100.0, counts[first:end])
        for first, end in itertools.pairwise(edges)
    ]
    lost = set(rng.choice(np.arange(1, n), 3, replace=False).tolist())
    late_s = rng.uniform(0.0, patience_s - 1.0, n) * (rng.uniform(size=n) < 0.4) * (np.arange(n) > 0)
    come = [(packets[i].end_time_s + late_s[i], i) for i in range(n) if i not in lost]
    come += [(clock_s + rng.uniform(0.0, 5.0), i) for clock_s, i in come if rng.uniform() < 0.1]
    found, in_order = channel(patience_s), channel(patience_s)
    for clock_s, i in sorted(come):
        found.push(packets[i], clock_s)
        if rng.uniform() < 0.2:
            state, found = found.state(), channel(patience_s)
            found.restore(state)
    for i in sorted({*range(n)} - lost):
        in_order.push(packets[i], packets[i].end_time_s)
    (end,) = {each.motions[0].reached for each in (found, in_order)}
    one, other = (each.motions[0].track.between(FIRST, end) for each in (found, in_order))
    for here, there in zip(one, other, strict=True):
        np.testing.assert_array_equal(here, there)


def test_overlaps_add_what_is_new():
    found = channel()
    found.push(packet(0), START_S)
    found.push(Packet(SEED_ID, START_S + 0.5, 100.0, COUNTS[50:1000]), START_S)
    motion, valid, _ = found.motions[0].track.between(FIRST, FIRST + 200)
    np.testing.assert_allclose(motion, IN_ORDER[0], atol=1e-15)
    assert valid.all()


def test_it_goes_on_from_its_state():
    first, second = channel(), channel()
    for index in (0, 1, 3):
        first.push(packet(index), START_S)
    second.restore(first.state())
    for index in (2, 4, 5, 6, 7, 8, 9):
        second.push(packet(index), START_S)
    motion, valid, _ = second.motions[0].track.between(FIRST, FIRST + 200)
    np.testing.assert_array_equal(motion, IN_ORDER[0])
    assert valid.all()


def test_packets_may_state_what_a_clock_measured():
    """Of one channel, half of them late; nothing of them is lost to another rate's."""
    found, rng, n = channel(), np.random.default_rng(3), 100
    for index in (0, 1, 3, 2, 4, 6, 5, 7, 8, 9):
        stated_hz = 100.0 * (1.0 + rng.uniform(-1e-3, 1e-3))
        found.push(
            Packet(SEED_ID, START_S + index, stated_hz, COUNTS[n * index : n * (index + 1)]), START_S + index
        )
    motion, valid, _ = found.motions[0].track.between(FIRST, FIRST + 200)
    assert valid.all()
    np.testing.assert_allclose(motion[1], IN_ORDER[0][1], atol=0.1 * IN_ORDER[0][1].std())
    assert found.counts == {"gaps": 2, "reordered": 2}


def test_it_goes_on_from_a_state_without_rates():
    first, second = channel(), channel()
    for index in (0, 1, 3):
        first.push(packet(index), START_S)
    state = first.state()
    state["since"] = [[start_s, counts] for start_s, _, counts in state["since"]]
    second.restore(state)
    second.push(packet(2), START_S)
    np.testing.assert_array_equal(second.motions[0].track.between(FIRST, FIRST + 79)[0], IN_ORDER[0][:, :79])


def test_a_long_packet_keeps_step_with_its_own_rate():
    """A quarter of an hour at once: of 99.95 Hz, where the channel has been of 100."""
    n = 90_000
    counts = np.round(1e4 * np.sin(2 * np.pi * 3.0 * np.arange(n) / 99.95))
    found = channel(patience_s=1e9)
    found.push(Packet(SEED_ID, START_S, 100.0, counts[:10]), START_S)
    found.push(Packet(SEED_ID, START_S + 0.1, 99.95, counts[10:]), START_S)
    reached_s = found.motions[0].reached / 20.0 - START_S
    assert reached_s == pytest.approx(n / 99.95, abs=0.2)
