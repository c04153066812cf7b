"""Health of stations: what makes one ill, what makes it sound again, and that healthy ones are left alone."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_streams import NoTravelTimes
from omegaconf import OmegaConf

from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.config import build
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.station_health import HealthLaw, Sound, StationHealth
from fcn.scheme.migration.witness import Expected, Witness

CONF = OmegaConf.load(Path(__file__).parents[3] / "conf" / "scheme" / "migration.yaml")
N = 6
STATION_KM = torch.stack([torch.arange(N) * 7.0, torch.arange(N) * -3.0, torch.zeros(N)], dim=1)
SOUND = [True] * N
FIRST_OUT = [False] + [True] * (N - 1)
LEVEL_MPS = 2e-7


@pytest.fixture(scope="module")
def law() -> HealthLaw:
    return build(OmegaConf.to_container(CONF.reading.health))


def window(now_s: float, level_mps: list[float] | None = None, still: tuple[int, ...] = ()) -> Batch:
    """Noise at every station; `still` ones do not move."""
    waveforms = LEVEL_MPS * torch.randn(1, N, 3, 600, generator=torch.Generator().manual_seed(int(now_s)))
    waveforms[:, list(still)] = 0.0
    there = torch.ones(1, N, 3, 600, dtype=torch.bool)
    there[..., -40:] = False  # data are two seconds late
    level = torch.tensor(level_mps or [LEVEL_MPS] * N)[None, :, None, None].expand(1, N, 2, 600)
    return Batch(
        waveforms=waveforms,
        waveforms_broad=waveforms,
        station_km=STATION_KM[None],
        mask=torch.ones(1, N, dtype=torch.bool),
        known=there,
        background_mps=level,
        peaks=torch.zeros(1, N, 6, 800),
        travel_time=NoTravelTimes(),
        now_s=torch.tensor([now_s], dtype=torch.float64),
    )


def known(name: str, *, is_open: bool) -> Known:
    numbers = ("detection_score", "first_p_time_s", "location_score", "east_km", "north_km", "depth_km")
    estimate = WindowEstimate(now_s=1.0, origin_time_s=0.0, magnitude=3.0, **dict.fromkeys(numbers, 1.0))
    return Known(name, estimate, is_open)


def event(
    health: StationHealth,
    now_s: float,
    *,
    clock_s: float | None = 0.0,
    size: float | None = 0.0,
    ends: str = "closed",
) -> Sound:
    """One event from declaration to its end; all stations agree but for what the first says."""
    health.begin(window(now_s), [])
    health.observe(f"e{now_s}", Witness([clock_s] + [0.0] * (N - 1), [size] + [0.0] * (N - 1)))
    last = {"closed": [known(f"e{now_s}", is_open=False)], "open": [known(f"e{now_s}", is_open=True)]}
    return health.begin(window(now_s + 1.0), last.get(ends, []))


def test_a_false_clock_is_noticed_and_forgiven_once_it_agrees_again(law):
    health = StationHealth(law)
    for number in range(2):
        assert event(health, 100.0 * number, clock_s=1.3).times.tolist() == SOUND
    sound = event(health, 200.0, clock_s=1.35)
    assert sound.times.tolist() == sound.sizes.tolist() == FIRST_OUT
    assert health.left_out() == ["clock 1.4 s late"] + [None] * (N - 1)
    for number in range(3, 5):
        assert not event(health, 100.0 * number).times[0]
    assert event(health, 500.0).times.tolist() == SOUND
    assert health.left_out() == [None] * N


@pytest.mark.parametrize(
    "clocks_s",
    [(1.3, None, 1.3), (1.3, 0.0, 1.3), (1.3, 2.0, 1.3), (1.3, -1.3, 1.3)],
    ids=["too few", "it agreed once", "not alike", "either way"],
)
def test_less_does_not_make_a_clock_false(law, clocks_s):
    health = StationHealth(law)
    for number, clock_s in enumerate(clocks_s):
        assert event(health, 100.0 * number, clock_s=clock_s).times.tolist() == SOUND


def test_a_false_gain_is_left_out_of_sizes_alone(law):
    health = StationHealth(law)
    for number in range(3):
        sound = event(health, 100.0 * number, size=2.5)
    assert sound.times.tolist() == SOUND
    assert sound.sizes.tolist() == FIRST_OUT
    assert health.left_out()[0] == "magnitude +2.5"
    for number in range(3, 6):
        sound = event(health, 100.0 * number, size=1.0)  # as sites are
    assert sound.sizes.tolist() == SOUND


def test_a_station_that_is_described_anew_is_sound_until_something_speaks_against_it(law):
    """A gain that was mended: neither what events said of it nor its level before."""
    health, levels = StationHealth(law), [LEVEL_MPS * 1e3] + [LEVEL_MPS] * (N - 1)
    for number in range(3):
        sound = event(health, 100.0 * number, clock_s=1.3, size=2.5)
    assert sound.times.tolist() == sound.sizes.tolist() == FIRST_OUT
    for now_s in range(700, 1400, 2):
        health.begin(window(float(now_s)), [])
    health.observe("open", Witness([1.3] + [0.0] * (N - 1), [2.5] + [0.0] * (N - 1)))
    health.forget(STATION_KM[:1])
    assert health.state()["open"]["open"] == {"clock_s": [None] + [0.0] * 5, "size": [None] + [0.0] * 5}
    for now_s in range(1400, 1600, 2):
        sound = health.begin(window(float(now_s), levels), [])
        assert sound.times.tolist() == sound.sizes.tolist() == SOUND
    assert health.left_out() == [None] * N


@pytest.mark.parametrize("ends", ["open", "withdrawn"])
def test_only_closed_events_count(law, ends):
    health = StationHealth(law)
    for number in range(5):
        assert event(health, 100.0 * number, clock_s=1.3, ends=ends).times.tolist() == SOUND


def test_an_event_that_few_saw_counts_no_more_than_a_better_solution_before_it(law):
    health = StationHealth(law)
    health.begin(window(1.0), [])
    health.observe("e", Witness([1.3] + [0.0] * (N - 1), [None] * N))
    health.observe("e", Witness([0.0] * 4 + [None] * 2, [None] * N))
    health.observe("f", Witness([1.3] + [0.0] * 3 + [None] * 2, [None] * N))  # three agree
    assert health.state()["open"]["e"]["clock_s"][0] == 1.3
    assert set(health.state()["open"]) == {"e"}


@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_a_level_that_jumps_and_stays_is_noticed(law, factor):
    health, levels = StationHealth(law), [LEVEL_MPS * factor] + [LEVEL_MPS] * (N - 1)
    for now_s in range(0, 600, 2):
        assert health.begin(window(float(now_s)), []).times.all()
    for now_s in range(600, 600 + round(law.level_s) - 2, 2):
        assert health.begin(window(float(now_s), levels), []).times.all()
    assert health.begin(window(700.0, levels), []).times.tolist() == FIRST_OUT
    assert health.left_out()[0] == "level far from its history"
    assert health.begin(window(702.0), []).times.all()


def test_a_level_that_stays_becomes_the_history(law):
    health, levels = StationHealth(law), [LEVEL_MPS * 1e3] + [LEVEL_MPS] * (N - 1)
    for now_s in range(0, 600, 30):
        health.begin(window(float(now_s)), [])
    said = [health.begin(window(float(now_s), levels), []).times[0].item() for now_s in range(600, 5000, 30)]
    assert not all(said)
    assert said[-1]


def test_levels_say_nothing_while_an_event_is_known_or_all_rise(law):
    for what, levels in (
        ("event", [LEVEL_MPS * 1e3] + [LEVEL_MPS] * (N - 1)),
        ("all", [LEVEL_MPS * 1e3] * N),
    ):
        health = StationHealth(law)
        for now_s in range(0, 600, 30):
            health.begin(window(float(now_s)), [])
        told = [known("e", is_open=False)] if what == "event" else []
        assert all(
            health.begin(window(float(now_s), levels), told).times.all() for now_s in range(600, 800, 10)
        )
        assert health.left_out() == [None] * N  # nobody is told of whom all the same is heard


def test_a_station_that_stands_still_does_not_judge(law):
    health = StationHealth(law)
    assert health.begin(window(1.0, still=(2, 3, 4)), []).times.tolist() == [
        True,
        True,
        False,
        False,
        False,
        True,
    ]
    assert health.left_out()[2] == "stands still"
    assert health.begin(window(2.0, still=tuple(range(N))), []).times.all()  # somebody has to
    assert health.left_out() == ["stands still"] * N


@pytest.mark.parametrize(("come_s", "judges"), [(1.0, True), (4.0, False), (12.0, False), (28.0, False)])
def test_a_stream_that_has_just_begun_knows_who_stands_still(law, come_s, judges):
    """A dead channel of a triggered record, which begins seconds before P, is no witness against an event."""
    begun = window(1.0, still=(2,))
    begun.known[..., : -40 - round(20 * come_s)] = False
    assert StationHealth(law).begin(begun, []).times.tolist() == [True, True, judges, True, True, True]


def test_a_station_that_has_just_come_is_heard(law):
    """Of four seconds of silence in a stream of half a minute nothing is concluded."""
    late = window(1.0, still=(2,))
    late.known[:, 2, :, : -40 - 80] = False
    assert StationHealth(law).begin(late, []).times.all()


def spikes_at(now_s: float, at_s: list[float]) -> Picks:
    """Those of the first station that a window of 30 s has, whose data are 2 s late."""
    time_s = torch.tensor([t - (now_s - 30.0) for t in at_s if now_s - 30 < t < now_s - 2])
    return Picks(torch.zeros(len(time_s), dtype=torch.long), time_s, torch.ones_like(time_s))


def test_a_station_of_many_spikes_is_not_heard_until_they_end(law):
    """They go on for two minutes, one every ten seconds; windows see each several times."""
    health, heard, why = StationHealth(law), [], []
    for now_s in range(1030, 1500, 2):
        heard.append(health.begin(window(float(now_s)), []).times.tolist())
        why.append(health.left_out()[0])
        health.observe_spikes(spikes_at(now_s, [float(t) for t in range(1030, 1150, 10)]), now_s - 30.0, [])
    assert all(each in (SOUND, FIRST_OUT) for each in heard)
    out = [1030 + 2 * n for n, each in enumerate(heard) if each == FIRST_OUT]
    # the fifth is seen; fewer than five are of the last five minutes
    assert (out[0], out[-1]) == (1076, 1400)
    assert {each for each in why if each} == {"spikes"}
    again = StationHealth(law)
    again.restore(json.loads(json.dumps(health.state())))
    assert again.state() == health.state()


def test_a_pulse_at_several_stations_turns_out_to_be_no_spike(law):
    health, at_s = StationHealth(law), [float(t) for t in range(1000, 1100, 10)]
    for now_s in range(1030, 1100, 2):
        health.begin(window(float(now_s)), [])
        health.observe_spikes(spikes_at(now_s, at_s), now_s - 30.0, [])
    assert health.left_out()[0] == "spikes"
    health.observe_spikes(spikes_at(1100.0, []), 1070.0, [1010.05, 1020.0, 1030.0, 1040.0, 1050.0, 1060.0])
    assert health.begin(window(1101.0), []).times.all()


def test_most_stations_cannot_be_wrong(law):
    health = StationHealth(law)
    for number in range(3):
        health.begin(window(100.0 * number), [])
        health.observe(f"e{number}", Witness([1.3] * 2 + [0.0] * 4, [None] * N))
        sound = health.begin(window(100.0 * number + 1.0), [known(f"e{number}", is_open=False)])
    assert sound.times.tolist() == [False] * 2 + [True] * 4  # a third
    strict = StationHealth(replace(law, most_share=0.2))
    strict.restore(health.state())
    assert strict.begin(window(900.0), []).times.all()


def test_good_solutions_of_followed_events_are_witnesses(law):
    """Good ones alone, and not of what is new."""
    health = StationHealth(law)
    health.begin(window(1.0), [])
    due_s = torch.stack([10.0 + torch.arange(N), 14.0 + 2.0 * torch.arange(N)], dim=1)
    good, poor = torch.full((4,), 0.9), torch.tensor([0.9, 0.1, 0.9, 0.9])
    across_km = torch.tensor([1.0, 1.0, 9.0, 1.0])
    ones = torch.ones(4)
    places = Places(
        ("a", "weak", "blurred", None),
        (None,) * 4,
        torch.zeros(4, 3),
        *(ones, ones, ones, poor, good, across_km, ones, ones > 0),
        torch.zeros(4, 3, 3),
        torch.ones(4, N, dtype=torch.bool),
        torch.zeros_like(ones, dtype=torch.long),
        torch.zeros_like(ones),
    )
    expected = [Expected(due_s, due_s[:, 0] - 8.0, torch.zeros(0, N, 2), 0.6, 0.9)] * 4
    time_s = due_s[:, 0] + torch.tensor([1.3] + [0.1] * (N - 1))
    picks = Picks(torch.arange(N), time_s, torch.full((N,), 0.9))
    use = torch.ones(4, N, dtype=torch.bool)
    health.observe_all(picks, places, expected, torch.full((4, N), 3.0), use, use[0])
    told = health.state()["open"]
    assert set(told) == {"a"}
    assert told["a"]["clock_s"] == [pytest.approx(1.3, abs=1e-4)] + [0.0] * (N - 1)
    assert told["a"]["size"] == [None] + [0.0] * (N - 1)


def test_what_is_saved_is_restored(law):
    """Through JSON, in the midst of an event, which is closed after the restart."""
    health, other = StationHealth(law), StationHealth(law)
    for number in range(2):
        event(health, 100.0 * number, clock_s=1.3)
    event(health, 200.0, clock_s=1.3, ends="open")
    other.restore(json.loads(json.dumps(health.state())))
    for each in (health, other):
        sound = each.begin(window(300.0), [known("e200.0", is_open=False)])
        assert sound.times.tolist() == FIRST_OUT
    assert other.state() == health.state()


def test_stations_are_known_by_their_places_and_streams_by_their_time(law):
    health = StationHealth(law)
    for number in range(3):
        event(health, 100.0 * number, clock_s=1.3)
    order = torch.tensor([5, 0, 1, 2, 3, 4])
    moved = replace(window(300.0), station_km=STATION_KM[None, order])
    assert health.begin(moved, []).times.tolist() == [True, False, True, True, True, True]
    assert health.begin(replace(moved, now_s=torch.tensor([50.0], dtype=torch.float64)), []).times.all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"now_s": math.nan}, "now_s of station health"),
        ({"of": []}, "of must be a list of 6"),
        ({"open": {"e": {"clock_s": [0.0], "size": [0.0]}}}, "clock_s of a witness"),
    ],
)
def test_a_broken_state_is_refused(law, change, told):
    health = StationHealth(law)
    event(health, 100.0)
    with pytest.raises(ValueError, match=told):
        health.restore({**health.state(), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"in_a_row": 1},
        {"fewest": 2},
        {"off_s": 6.0},
        {"level_ratio": 1.0},
        {"off_magnitude": 0.0},
        {"most_share": 0.6},
    ],
)
def test_impossible_laws_are_refused(law, change):
    with pytest.raises(ValueError, match=r"reading\.health"):
        replace(law, **change)
