"""Which channels of a station count, and when: known from the past alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn.waveform.choice import FAILOVER_S, SETTLE_S, START_S, choose
from fcn.waveform.response import direction

RATE_HZ = 20.0
AZIMUTHS_DEG = {"Z": 0.0, "N": 0.0, "E": 90.0, "1": 30.0, "2": 120.0}


def vectors(seed_ids):
    return np.array(
        [direction(AZIMUTHS_DEG[name[-1]], -90.0 if name[-1] == "Z" else 0.0) for name in seed_ids]
    )


def uses(delivering, length_s=200.0, over_s=None, clipped_s=None):
    """Seconds and channel codes in use, of channels that deliver, and clip, in spans of seconds."""
    seed_ids = [f"XX.A.{name}" for name in delivering]
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    clipping = [(clipped_s or {}).get(name, []) for name in delivering]
    valid, clipped = (
        np.array([sum(((time_s >= a) & (time_s < b) for a, b in spans), 0 * time_s) > 0 for spans in rows])
        for rows in (delivering.values(), clipping)
    )
    over = np.array([round((over_s or {}).get(name, length_s) * RATE_HZ) for name in delivering])
    found = choose(seed_ids, vectors(seed_ids), valid, over, clipped, RATE_HZ)
    return [
        (each.first / RATE_HZ, each.last / RATE_HZ, " ".join(seed_ids[row][5:] for row in each.channels))
        for each in found
    ]


ALWAYS = [(0.0, 200.0)]


@pytest.mark.parametrize(
    ("codes", "chosen"),
    [
        ((".HHE", ".HHN", ".HHZ"), ".HHZ .HHN .HHE"),
        ((".HNE", ".HNN", ".HNZ", ".HHE", ".HHN", ".HHZ"), ".HHZ .HHN .HHE"),
        ((".HNE", ".HNN", ".HNZ", ".HHZ"), ".HNZ .HNN .HNE"),
        ((".EH2", ".EH1", ".EHZ"), ".EHZ .EH1 .EH2"),
        ((".HGZ", ".HNZ"), ".HNZ"),
        (("10.HHZ", "00.HHZ"), "00.HHZ"),
        (("00.HHZ", ".HHZ"), ".HHZ"),
        ((".BHE", ".BHN", ".BHZ", ".HHE", ".HHN", ".HHZ"), ".HHZ .HHN .HHE"),
        ((".HHE", ".HHN", ".HHZ", ".BHE", ".BHN", ".BHZ"), ".HHZ .HHN .HHE"),
        ((".BHE", ".BHN", ".BHZ", ".HNE", ".HNN", ".HNZ"), ".BHZ .BHN .BHE"),
        (("00.BHZ", "10.HHZ"), "10.HHZ"),
        ((".LHZ", ".BHZ"), ".BHZ"),
        ((".EHZ", ".SHZ", ".HHZ"), ".HHZ"),
        ((".EHZ", ".SHZ"), ".EHZ"),
        (("00.BHZ", "10.EHZ"), "00.BHZ"),
        (("00.EHZ", "10.BHZ"), "10.BHZ"),
        (("00.HHZ", "10.CHZ"), "00.HHZ"),
        ((".BHE", ".BHN", ".BHZ", ".HHZ"), ".BHZ .BHN .BHE"),
        ((".HHZ", ".HHN", ".HHE", ".HH1", ".HH2"), ".HHZ .HHN .HHE"),
    ],
)
def test_the_best_instrument_is_used(codes, chosen):
    assert uses(dict.fromkeys(codes, ALWAYS)) == [(0.0, 200.0, chosen)]


def test_a_slower_stream_of_the_sensor_in_use_never_takes_over():
    """GE, IU and II deliver both; BH? comes in records of ten seconds and more."""
    both = {f".{band}H{c}": ALWAYS for c in "ZNE" for band in "BH"}
    assert uses(both) == [(0.0, 200.0, ".HHZ .HHN .HHE")]
    late = {**both, **{f".HH{c}": [(50.0, 200.0)] for c in "ZNE"}}
    assert [each[2] for each in uses(late)] == [".BHZ .BHN .BHE", ".HHZ .HHN .HHE"]


def test_channels_need_not_begin_together():
    found = uses(
        {".HNZ": ALWAYS, ".HNN": ALWAYS, ".HNE": ALWAYS, **{f".HH{c}": [(1.0, 200.0)] for c in "ZNE"}}
    )
    assert found == [(0.0, 1.0, ".HNZ .HNN .HNE"), (1.0, 200.0, ".HHZ .HHN .HHE")]
    assert START_S > 1.0


def test_what_dies_is_replaced_and_takes_over_again_once_it_is_steady():
    dead = {f".HH{c}": [(0.0, 20.0), (60.0, 200.0)] for c in "ZNE"}
    found = uses({**dead, **dict.fromkeys((".HNZ", ".HNN", ".HNE"), ALWAYS)})
    edges = [20.0 + FAILOVER_S, 60.0 + SETTLE_S]
    assert [name for *_, name in found] == [".HHZ .HHN .HHE", ".HNZ .HNN .HNE", ".HHZ .HHN .HHE"]
    np.testing.assert_allclose([first for first, *_ in found[1:]], edges, atol=0.1)


def test_one_that_flickers_does_not_take_over():
    flicker = [(first, first + 20.0) for first in np.arange(30.0, 200.0, 30.0)]
    found = uses({**{f".HH{c}": flicker for c in "ZNE"}, **dict.fromkeys((".HNZ", ".HNN", ".HNE"), ALWAYS)})
    assert {name for *_, name in found} == {".HNZ .HNN .HNE"}


def test_lost_packets_change_nothing():
    rng = np.random.default_rng(1)
    lossy = {
        f".HH{c}": [(second, second + 1.0) for second in range(200) if second == 0 or rng.random() > 0.1]
        for c in "ZNE"
    }
    found = uses({**lossy, **dict.fromkeys((".HNZ", ".HNN", ".HNE"), ALWAYS)})
    assert [name for *_, name in found] == [".HHZ .HHN .HHE"]


def test_the_others_go_on_where_a_component_dies():
    found = uses({".HHZ": ALWAYS, ".HHN": ALWAYS, ".HHE": [(0.0, 10.0)]})
    assert [name for *_, name in found] == [".HHZ .HHN .HHE", ".HHZ .HHN"]
    assert found[1][0] == pytest.approx(10.0 + FAILOVER_S, abs=0.1)


def test_channels_that_are_renamed_go_on():
    """At once where StationXML says that the old ones have ended, else when they are silent."""
    spans = {".HHZ": ALWAYS}
    spans |= {f".HH{c}": [(0.0, 100.0)] for c in "12"} | {f".HH{c}": [(100.0, 200.0)] for c in "NE"}
    for over_s, moment_s in (({".HH1": 100.0, ".HH2": 100.0}, 100.0), (None, 100.0 + FAILOVER_S)):
        found = uses(spans, over_s=over_s)
        assert [name for *_, name in found] == [".HHZ .HH1 .HH2", ".HHZ .HHN .HHE"]
        assert found[1][0] == pytest.approx(moment_s, abs=0.1)


HH, HN = ([f".{code}{c}" for c in "ZNE"] for code in ("HH", "HN"))


def test_the_accelerometer_stands_in_while_the_seismometer_clips():
    both = dict.fromkeys([*HH, *HN], ALWAYS)
    found = uses(both, clipped_s={".HHN": [(50.0, 51.0), (54.0, 54.5)]})
    back_s = 54.5 + FAILOVER_S + SETTLE_S
    assert [each[2] for each in found] == [" ".join(each) for each in (HH, HN, HH)]
    assert [each[0] for each in found] == pytest.approx([0.0, 50.0, back_s], abs=0.1)


@pytest.mark.parametrize(
    ("others", "clipped"),
    [([], []), ([".HNZ"], []), (HN, HN), (["10.HHZ"], [])],
)
def test_one_that_clips_goes_on_where_none_can_stand_in(others, clipped):
    """There is none, it has fewer components, it clips as well."""
    clipped_s = {name: [(50.0, 52.0)] for name in (".HHZ", *clipped)}
    found = uses(dict.fromkeys([*HH, *others], ALWAYS), clipped_s=clipped_s)
    assert found == [(0.0, 200.0, " ".join(HH))]


def test_a_silent_station_uses_nothing():
    found = uses({".HHZ": [(10.0, 20.0), (100.0, 200.0)]})
    assert [(round(a), round(b)) for a, b, _ in found] == [(10, 25), (100, 200)]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_future_decides_nothing(data):
    """The first half of a recording is used in the same way whatever comes after."""
    n, half = 4000, 2000
    seed_ids = [f"XX.A.{name}" for name in (".HHZ", ".HHN", ".HHE", "10.HNZ", "10.HNN", "10.HNE", ".HH1")]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))

    def spans():
        valid = np.zeros((len(seed_ids), n), dtype=bool)
        for row in valid:
            for _ in range(rng.integers(1, 5)):
                first = rng.integers(0, n)
                row[first : first + rng.integers(1, 2000)] = True
        return valid

    one, other = ((spans(), spans()) for _ in range(2))  # where channels are valid, where they clip
    for after, before in zip(other, one, strict=True):
        after[:, :half] = before[:, :half]
    over = np.full(len(seed_ids), n)
    used = []
    for valid, clipped in (one, other):
        rows = np.zeros((len(seed_ids), n), dtype=bool)
        for each in choose(seed_ids, vectors(seed_ids), valid, over, clipped, RATE_HZ):
            assert 0 <= each.first < each.last <= n
            assert 1 <= len(each.channels) <= 3
            rows[list(each.channels), each.first : each.last] = True
        used.append(rows)
    np.testing.assert_array_equal(used[0][:, :half], used[1][:, :half])
