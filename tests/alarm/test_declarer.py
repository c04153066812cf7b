import dataclasses
import random

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from made_alarms import FRAME, STEP_S, T0, declarer, estimate

from fcn.alarm.declarer import Declarer
from fcn.alarm.rules import (
    BestWindow,
    Evidence,
    Settlement,
    SummedEvidence,
)
from fcn.catalogue.event import Status
from fcn.config import CONF_DIR, build

RULES = sorted(path.stem for path in (CONF_DIR / "declare").glob("*.yaml") if path.stem != "base")


def replay(rule, windows):
    return [rule.process(now_s, list(estimates)) for now_s, estimates in windows]


def clock(n, start_s=T0 + 5):
    return [start_s + STEP_S * i for i in range(n)]


# ------------------------------------------------------------------ declaring


def test_a_quiet_stream_declares_nothing():
    rule = declarer()
    weak = [[], [estimate(0.0, detection=0.69)], [estimate(0.0, location=0.59)]]
    windows = [
        (now_s, [dataclasses.replace(each, now_s=now_s) for each in weak[i % 3]])
        for i, now_s in enumerate(clock(60))
    ]
    assert replay(rule, windows) == [[]] * 60
    assert rule.events == []


@pytest.mark.parametrize(
    ("seen", "step_s", "agree_s", "within_s", "alarm"),
    [
        ("1", 0.5, 0.0, 0.5, 0),
        ("01000", 0.5, 0.5, 2.0, None),
        ("011", 0.5, 0.5, 2.0, 2),
        ("01001", 0.5, 0.5, 2.0, 4),
        ("010001", 0.5, 0.5, 2.0, None),
        ("0100011", 0.5, 0.5, 2.0, 6),
        ("110110111", 0.5, 1.0, 1.5, 8),
        ("1101", 0.5, 1.0, 2.0, 3),
        ("10011", 0.5, 1.0, 4.0, 4),
        ("1011", 1.0, 1.0, 4.0, 2),  # the first stood for a second
        ("10011", 1.0, 1.0, 4.0, 3),
        ("100011", 1.0, 1.0, 4.0, 5),  # 4 s ago is too long ago
        ("01", 2.0, 1.0, 4.0, None),  # one window, however far apart they are
        ("011", 2.0, 1.0, 4.0, 2),
        ("0101", 2.0, 1.0, 4.0, None),
        ("1111111", 0.2, 1.0, 4.0, 5),
    ],
)
def test_windows_must_agree_for_long_enough(seen, step_s, agree_s, within_s, alarm):
    rule = declarer(agree_s, within_s)
    times_s = [T0 + 5 + step_s * i for i in range(len(seen))]
    windows = [(t, [estimate(t)] if flag == "1" else []) for t, flag in zip(times_s, seen, strict=True)]
    updates = replay(rule, windows)
    first = next((i for i, new in enumerate(updates) if new), None)
    assert first == alarm
    assert len(rule.events) == (alarm is not None)


def test_what_is_read_again_of_an_event_is_of_it_wherever_it_has_moved():
    """Another epicentre and another first P: without `follows` one sure window would declare it anew."""
    far = {"east_km": 60.0, "detection": 0.97, "first_p_time_s": T0 + 9.0}
    for follows, n_events in ((None, 2), ("of the first", 1)):
        rule = declarer(evidence=SummedEvidence(0.5, 0.6, least_log_odds=3.0, every_s=0.5, within_s=2.5))
        rule.process(T0 + 5, [estimate(T0 + 5, detection=0.97)])
        (known,) = rule.known(T0 + 5.5)
        assert known.event_id == rule.events[0].event_id
        name = follows and known.event_id
        rule.process(T0 + 5.5, [estimate(T0 + 5.5, follows=name, **far)])
        assert len(rule.events) == n_events
        assert len(rule.events[0].updates) == 3 - n_events


@pytest.mark.parametrize(
    ("scores", "alarm"),
    [
        ([0.96], 0),  # ln(0.96 / 0.04) = 3.2
        ([0.8, 0.8, 0.8], 2),  # 3 x 1.39
        ([0.8, 0.8], None),
        ([0.6] * 9, None),  # five of them are 2.0
        ([0.9, 0.0, 0.0, 0.0, 0.7], 4),  # 2.2 + 0.85, five windows in all
        ([0.9, 0.0, 0.0, 0.0, 0.0, 0.7], None),
        ([0.49] * 9, None),
        ([1.0], 0),
    ],
)
def test_log_odds_of_the_last_windows_add_up(scores, alarm):
    rule = declarer(evidence=SummedEvidence(0.5, 0.6, least_log_odds=3.0, every_s=0.5, within_s=2.5))
    windows = [(t, [estimate(t, detection=p)]) for t, p in zip(clock(len(scores)), scores, strict=True)]
    updates = replay(rule, windows)
    assert next((i for i, new in enumerate(updates) if new), None) == alarm


def test_only_the_best_agreeing_estimate_of_a_window_adds_up():
    rule = declarer(evidence=SummedEvidence(0.5, 0.6, least_log_odds=3.0, every_s=0.5, within_s=2.5))
    first = [estimate(T0 + 5, detection=0.8), estimate(T0 + 5, detection=0.7, east_km=1.0)]
    assert replay(rule, [(T0 + 5, first), (T0 + 5.5, [estimate(T0 + 5.5, detection=0.8)])]) == [[], []]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
@pytest.mark.parametrize(("best", "alarm"), [(0.9, 1), (0.8, None)])
def test_of_an_earlier_window_the_best_agreeing_estimate_adds_up(best, alarm, order):
    """ln(0.9 / 0.1) + ln(0.75 / 0.25) = 3.3, where 0.7 instead of 0.9 gives 1.9."""
    rule = declarer(evidence=SummedEvidence(0.5, 0.6, least_log_odds=3.0, every_s=0.5, within_s=2.5))
    first = [estimate(T0 + 5, detection=best), estimate(T0 + 5, detection=0.7, east_km=1.0)]
    elsewhere = estimate(T0 + 5, detection=0.94, east_km=40.0, first_p_time_s=T0 + 9)
    windows = [(T0 + 5, [*first, elsewhere][order]), (T0 + 5.5, [estimate(T0 + 5.5, detection=0.75)])]
    updates = replay(rule, windows)
    assert next((i for i, new in enumerate(updates) if new), None) == alarm


@pytest.mark.parametrize("wrong", [{"min_detection_score": 0.4}, {"every_s": 3.0}, {"least_log_odds": 0.0}])
def test_a_sum_that_makes_no_sense_is_refused(wrong):
    values = {"min_detection_score": 0.5, "min_location_score": 0.1, "least_log_odds": 3.0}
    values |= {"every_s": 0.5, "within_s": 2.5}
    with pytest.raises(ValueError, match="least_log_odds > 0 are required"):
        SummedEvidence(**(values | wrong))


@pytest.mark.parametrize(
    ("change", "declared"),
    [({}, 1), ({"east_km": 9.0}, 1), ({"east_km": 11.0}, 0), ({"origin_time_s": T0 + 2.9}, 1),
     ({"origin_time_s": T0 + 3.1}, 0)],
)  # fmt: skip
def test_windows_agree_in_origin_time_and_epicentre(change, declared):
    rule = declarer()
    replay(rule, [(T0 + 5, [estimate(T0 + 5)]), (T0 + 5.5, [estimate(T0 + 5.5, **change)])])
    assert len(rule.events) == declared


def test_two_estimates_of_one_window_are_not_two_windows():
    rule = declarer()
    assert rule.process(T0 + 5, [estimate(T0 + 5), estimate(T0 + 5, east_km=1.0)]) == []


def test_the_alarm_is_the_declaring_window_and_its_best_estimate():
    rule = declarer()
    replay(rule, [(T0 + 5, [estimate(T0 + 5)])])
    best, other = (
        estimate(T0 + 5.5, north_km=20.0, location=0.95),
        estimate(T0 + 5.5, north_km=5.0, location=0.8),
    )
    (alarm,) = rule.process(T0 + 5.5, [best, other])  # 20 km off agrees with nothing before
    assert alarm.now_s == T0 + 5.5
    assert FRAME.to_local_km(np.array([alarm.event.latitude_deg]), np.array([alarm.event.longitude_deg]))[
        1
    ] == (pytest.approx(5.0, abs=1e-3))
    assert (alarm.event.magnitude, alarm.event.magnitude_type, alarm.event.depth_km) == (4.0, "M", 10.0)
    assert alarm.event.first_p_time_s == T0 + 2.0
    assert (alarm.detection_score, alarm.location_score) == (0.9, 0.8)


def test_what_led_to_one_event_does_not_lead_to_another():
    rule = declarer()
    rule.process(T0 + 5, [estimate(T0 + 5, east_km=14.0)])
    declaring = estimate(T0 + 5.5, east_km=5.0)
    leftover = estimate(T0 + 5.5, east_km=21.0, first_p_time_s=T0 + 4, detection=0.8)  # 7 km from the first
    assert len(rule.process(T0 + 5.5, [declaring, leftover])) == 1


def test_two_events_in_one_window_are_two_events():
    rule = declarer()
    windows = [
        (t, [estimate(t), estimate(t, origin_time_s=T0 - 6, east_km=40.0, detection=0.8)]) for t in clock(10)
    ]
    replay(rule, windows)
    assert len(rule.events) == 2
    assert {len(event.updates) for event in rule.events} == {9}


def test_events_of_one_second_have_ids_of_their_own():
    rule = declarer()
    windows = [(t, [estimate(t), estimate(t, east_km=40.0, first_p_time_s=T0 + 4)]) for t in clock(3)]
    replay(rule, windows)
    assert [event.event_id for event in rule.events] == ["fcn20160414T122634", "fcn20160414T122634-2"]
    assert [update.event.event_id for update in rule.events[1].updates] == ["fcn20160414T122634-2"] * 2


# ------------------------------------------------------------------ updating


def test_each_later_window_updates_the_event_and_declares_no_other():
    rule = declarer()
    updates = replay(rule, [(t, [estimate(t, east_km=0.3 * i)]) for i, t in enumerate(clock(12))])
    assert [len(new) for new in updates] == [0] + [1] * 11
    (event,) = rule.events
    assert event.updates == [new for step in updates for new in step]


def test_an_early_epicentre_far_off_is_the_same_event_by_its_first_p():
    rule = declarer()
    early = {"east_km": 50.0, "origin_time_s": T0 - 5, "first_p_time_s": T0 + 2}
    windows = [(t, [estimate(t, **early) if i < 3 else estimate(t)]) for i, t in enumerate(clock(8))]
    replay(rule, windows)
    (event,) = rule.events
    assert len(event.updates) == 7


def test_coming_back_to_an_earlier_place_is_not_a_new_event():
    rule = declarer()
    places = [(0.0, 2.0), (0.0, 2.0), (10.0, 2.9), (20.0, 3.8), (30.0, 4.7), (0.0, 2.0), (0.0, 2.0)]
    windows = [
        (t, [estimate(t, east_km=east_km, first_p_time_s=T0 + first_p_s)])
        for t, (east_km, first_p_s) in zip(clock(7), places, strict=True)
    ]
    replay(rule, windows)
    assert len(rule.events) == 1


def test_of_several_estimates_of_an_event_the_best_updates_it():
    rule = declarer()
    replay(rule, [(t, [estimate(t)]) for t in clock(2)])
    (update,) = rule.process(
        T0 + 6, [estimate(T0 + 6, east_km=3.0, location=0.7), estimate(T0 + 6, east_km=5.0, location=0.95)]
    )
    assert update.location_score == 0.95


def test_an_estimate_between_two_events_updates_the_nearer():
    rule = declarer()
    both = [(t, [estimate(t), estimate(t, east_km=20.0, first_p_time_s=T0 + 5)]) for t in clock(2)]
    replay(rule, both)
    (update,) = rule.process(T0 + 6, [estimate(T0 + 6, east_km=12.0, first_p_time_s=T0 + 3.5)])
    (moved,) = [event for event in rule.events if len(event.updates) == 2]
    assert moved.alarm.event.longitude_deg > 130.9  # the one that was 20 km east
    assert moved.final == update


def test_updates_stop_when_stable_but_not_too_soon():
    rule = declarer()
    updates = replay(rule, [(t, [estimate(t)]) for t in clock(60)])
    last = max(i for i, new in enumerate(updates) if new)
    assert last * STEP_S - 0.5 == 8.0  # the alarm is at window 1
    assert len(rule.events) == 1


def test_an_event_that_keeps_changing_is_updated_until_the_maximum():
    rule = declarer()
    updates = replay(rule, [(t, [estimate(t, magnitude=4 + 0.1 * i)]) for i, t in enumerate(clock(60))])
    last = max(i for i, new in enumerate(updates) if new)
    assert last * STEP_S - 0.5 == 20.0
    assert len(rule.events) == 1


def test_an_estimate_after_the_maximum_neither_updates_nor_declares():
    rule = declarer()
    replay(rule, [(t, [estimate(t)]) for t in clock(3)])
    assert replay(rule, [(t, [estimate(t)]) for t in clock(10, start_s=T0 + 40)]) == [[]] * 10
    assert len(rule.events[0].updates) == 2


def test_magnitude_unknown_and_known_are_not_stable():
    settlement = Settlement(0.5, 0.3, 1.0, 0.1, min_s=0.0, max_s=20.0)
    assert settlement.is_stable([estimate(0.0, magnitude=None), estimate(0.5, magnitude=None)])
    assert not settlement.is_stable([estimate(0.0, magnitude=None), estimate(0.5)])


def test_what_jumps_after_a_pause_is_not_stable():
    """Nothing was said in the span but the jump itself: what stood before it disagrees."""
    settlement = Settlement(2.5, 0.3, 1.0, 0.1, min_s=8.0, max_s=20.0)
    before = [estimate(5.0), estimate(5.5)]
    assert not settlement.is_stable([*before, estimate(14.0, east_km=40.0)])
    assert settlement.is_stable([*before, estimate(14.0)])


# ------------------------------------------------------------------ properties

KINDS = [
    Evidence(0.7, 0.6, 0.5, 2.0),
    SummedEvidence(0.5, 0.6, least_log_odds=3.0, every_s=0.5, within_s=2.5),
]

halves = st.integers(-8, 8).map(lambda n: n * 2.5)
windows_of_anything = st.lists(
    st.lists(
        st.tuples(halves, halves, st.integers(-20, 4), st.sampled_from([0.5, 0.75, 0.9, 0.95]), halves),
        max_size=4,
    ),
    max_size=25,
)


def timed(windows):
    return [
        (
            now_s,
            [
                estimate(now_s, now_s + dt, east, north, detection, 0.9, depth_km=depth + 20)
                for east, north, dt, detection, depth in estimates
            ],
        )
        for now_s, estimates in zip(clock(len(windows)), windows, strict=True)
    ]


@pytest.mark.parametrize("evidence", KINDS)
@given(windows=windows_of_anything, seed=st.integers(0, 99))
def test_the_order_of_estimates_in_a_window_does_not_matter(evidence, windows, seed):
    ordered = timed(windows)
    shuffled = [(now_s, random.Random(seed).sample(each, len(each))) for now_s, each in ordered]
    assert replay(declarer(evidence=evidence), ordered) == replay(declarer(evidence=evidence), shuffled)


@pytest.mark.parametrize("evidence", KINDS)
@given(windows=windows_of_anything, n=st.integers(0, 25))
def test_what_was_said_does_not_depend_on_what_comes(evidence, windows, n):
    whole, prefix = timed(windows), timed(windows)[:n]
    assert replay(declarer(evidence=evidence), whole)[:n] == replay(declarer(evidence=evidence), prefix)


@pytest.mark.parametrize("evidence", KINDS)
@given(windows=windows_of_anything)
def test_reset_forgets(evidence, windows):
    rule = declarer(evidence=evidence)
    first = replay(rule, timed(windows))
    rule.reset()
    assert rule.events == []
    assert replay(rule, timed(windows)) == first


@pytest.mark.parametrize(
    ("apart_km", "stations", "n_events"),
    [
        (300.0, (("A.1", "A.2"), ("B.1", "B.2")), 2),
        (140.0, (("A.1", "A.2"), ("B.1", "B.2")), 1),
        (300.0, (("A.1", "A.2"), ("A.2", "B.2")), 1),
        (300.0, (None, ("B.1", "B.2")), 1),
        (300.0, ((), ("B.1", "B.2")), 1),
    ],
)
def test_one_first_p_is_of_one_event_where_a_station_may_have_seen_both(apart_km, stations, n_events):
    """Earthquakes far apart begin within a second, too; an early place of one may be as far off."""
    rule = declarer()
    for now_s in clock(4):
        places = zip((0.0, apart_km), stations, (4.0, 6.5), strict=True)
        said = [
            estimate(now_s, east_km=east_km, origin_stations=names, magnitude=size)
            for east_km, names, size in places
        ]
        rule.process(now_s, said)
    assert len(rule.events) == n_events


@settings(max_examples=200)
@given(windows=windows_of_anything)
def test_no_event_is_declared_where_one_already_explains_it(windows):
    rule = declarer()
    same = rule.same
    for now_s, estimates in timed(windows):
        known = [event.final.event for event in rule.events]
        rule.process(now_s, estimates)
        for new in rule.events[len(known) :]:
            here = new.alarm.event
            for old in known:
                x, y = FRAME.to_local_km(
                    np.array([here.latitude_deg, old.latitude_deg]),
                    np.array([here.longitude_deg, old.longitude_deg]),
                )
                apart_km = np.hypot(x[0] - x[1], y[0] - y[1])
                near = abs(here.origin_time_s - old.origin_time_s) <= same.origin_time_s and (
                    apart_km < same.epicentre_km - 1e-3
                )
                assert not near
                assert abs(here.first_p_time_s - old.first_p_time_s) > same.first_p_s


@given(windows=windows_of_anything)
def test_updates_of_an_event_come_in_order_and_name_it(windows):
    rule = declarer()
    said = [update for new in replay(rule, timed(windows)) for update in new]
    assert sorted(map(id, said)) == sorted(id(update) for event in rule.events for update in event.updates)
    assert len({event.event_id for event in rule.events}) == len(rule.events)
    for event in rule.events:
        assert {update.event.event_id for update in event.updates} == {event.event_id}
        times_s = [update.now_s for update in event.updates]
        assert times_s == sorted(set(times_s))


# ------------------------------------------------------------------ refusals and configuration


def test_a_clock_that_is_set_back_closes_what_is_open():
    rule = declarer()
    replay(rule, [(now_s, [estimate(now_s, magnitude=4.0 + 0.1 * i)]) for i, now_s in enumerate(clock(4))])
    (event,) = rule.events
    rule.turn_back()
    assert event.final.status is Status.FINAL
    assert event.final.event == event.updates[-2].event
    n = len(event.updates)
    now_s = T0 - 100.0
    assert rule.known(now_s) == []
    assert rule.process(now_s, [estimate(now_s, origin_time_s=now_s - 5.0)]) == []
    rule.turn_back()
    assert len(event.updates) == n


def test_windows_out_of_order_are_refused():
    rule = declarer()
    rule.process(T0, [])
    with pytest.raises(ValueError, match=r"must come in order of time.*call reset\(\)"):
        rule.process(T0, [])


def test_an_estimate_of_another_window_is_refused():
    with pytest.raises(ValueError, match="given to the one"):
        declarer().process(T0, [estimate(T0 + 0.5)])


def test_parameters_that_make_no_sense_are_refused():
    with pytest.raises(
        ValueError, match=r"agree_s < within_s is required: agreement of 3\.0 s within 2\.0 s"
    ):
        declarer(agree_s=3.0, within_s=2.0)
    with pytest.raises(ValueError, match="min_s <= max_s"):
        declarer(min_s=30.0)


@pytest.mark.parametrize("name", RULES)
def test_every_configuration_builds(name):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose(f"declare/{name}")
    rule = build(config.declare, frame=FRAME)
    assert isinstance(rule, Declarer)
    replay(rule, [(t, [estimate(t)]) for t in clock(4)])
    assert len(rule.events) == 1


BEST = BestWindow(0.67, [10.0, 23.0])


@pytest.mark.parametrize(
    (
        "scores",
        "last",
    ),  # (seconds after the first P, location score) of successive estimates; index of the final
    [
        ([(3, 0.7), (3.5, 0.7), (4, 0.9), (4.5, 0.8)], 2),  # the highest before 10 s
        ([(3, 0.7), (4, 0.95), (11, 0.7), (12, 0.69)], 2),  # a good one of 10-23 s outranks any before
        ([(3, 0.7), (4, 0.95), (11, 0.65), (12, 0.66)], 1),  # none good in 10-23 s: the highest of all
        ([(3, 0.7), (4, 0.7), (12, 0.7), (24, 0.99)], 2),  # beyond 23 s is outside
        ([(3, 0.7), (4, 0.7), (5, 0.7)], 1),  # equals keep the first: the alarm
    ],
)
def test_the_best_window_is_the_final_solution(scores, last):
    rule = declarer(agree_s=0.5, within_s=20.0, prefer=BEST, stable_s=23.0, min_s=23.0, max_s=23.0)
    for since_s, location in scores:
        now_s = T0 + 2.0 + since_s
        rule.process(now_s, [estimate(now_s, location=location, depth_km=since_s)])
    (event,) = rule.events
    assert event.alarm.now_s == T0 + 2.0 + scores[1][0]
    assert event.final.event.depth_km == scores[last][0]


def test_an_impossible_span_is_refused():
    with pytest.raises(ValueError, match=r"since_first_p_s must be \[from, to\], got \[23.0, 10.0\]"):
        BestWindow(0.67, [23.0, 10.0])
