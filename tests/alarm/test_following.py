import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_alarms import STEP_S, T0, declarer, estimate

from fcn.alarm.followed import ENDED_S
from fcn.alarm.following import Coda, Following, Retraction
from fcn.alarm.rules import Nearness
from fcn.catalogue.coda import CodaReach
from fcn.catalogue.event import Status
from fcn.catalogue.phase import PhasePick
from fcn.catalogue.released import may_grow

FOLLOW = Following(falling_s=10.0, min_s=8.0, max_s=180.0)
CODA = Coda(CodaReach(5.0, 180.0, 4.0, 50.0), least_support=2.0, growing_support=10.0, magnitude_within=0.0)
RETRACT = Retraction(max_detection_score=0.3, for_s=3.0, within_s=20.0, max_magnitude=5.0)
LARGE = {"magnitude": 7.5}  # it may rupture for long
WEAK = {"detection": 0.05, "location": 0.01}
START_S = T0 + 5


def declared(magnitude=6.5, **rules):
    """A rule that has declared one event at START_S + STEP_S, and its id."""
    rule = declarer(rules={"follow": FOLLOW, **rules})
    for now_s in (START_S, START_S + STEP_S):
        rule.process(now_s, [estimate(now_s, magnitude=magnitude)])
    return rule, rule.events[0].event_id


def read_again(rule, name, says, until_s, since_s=STEP_S, every_s=1.0):
    """says(seconds after START_S): of each later window, keyword arguments of an estimate or None."""
    updates = []
    for step in range(round(since_s / STEP_S) + 1, round(until_s / STEP_S) + 1):
        now_s, values = START_S + step * STEP_S, says(step * STEP_S)
        due = (step * STEP_S) % every_s == 0 and values is not None
        updates += rule.process(now_s, [estimate(now_s, follows=name, **values)] if due else [])
    return updates


def test_an_event_is_followed_without_evidence_until_motion_has_fallen_for_long_enough():
    rule, name = declared()
    # peaks grow for 70 s; long after, evidence is nil and the place is kept
    updates = read_again(
        rule,
        name,
        lambda s: {
            **WEAK,
            "is_located": False,
            "magnitude": 6.5 + 0.01 * min(s, 70),
            "is_growing": s < 70,
            "falling_s": max(s - 70.0, 0.0),
        },
        until_s=120,
    )
    assert len(rule.events) == 1
    assert rule.events[0].alarm.status is Status.NEW
    assert [each.status for each in updates] == [Status.UPDATE] * 79 + [Status.FINAL]
    assert updates[-1].now_s == START_S + 80.0  # nothing more in the 40 s that follow
    assert updates[-1].event.magnitude == pytest.approx(7.2)
    assert [each.is_lower_bound for each in updates] == [True] * 69 + [False] * 11
    assert not rule.known(START_S + 81)[0].is_open


@given(st.lists(st.tuples(st.floats(6.0, 8.0), st.booleans(), st.sampled_from([0.0, 30.0])), min_size=3))
def test_a_lower_bound_never_falls_while_it_is_one_and_its_place_stays(said):
    """Each second a magnitude, whether it grows, and how far east the event is placed."""
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: (
            {"magnitude": said[n][0], "is_growing": said[n][1], "east_km": said[n][2], "falling_s": 0.0}
            if s == int(s) and (n := int(s) - 1) < len(said)
            else None
        ),
        until_s=len(said) + 1,
    )
    assert len(updates) == len(said)
    for before, after, (_, was, at_km), (read, grows, east_km) in zip(
        updates, updates[1:], said, said[1:], strict=False
    ):
        least = before.event.magnitude if was and grows and at_km == east_km else read
        assert after.event.magnitude == max(read, least)


def test_a_place_that_moves_step_by_step_does_not_stay():
    """Each step is short, but the bound was read where the event is not any more."""
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: {
            "magnitude": 7.0 if s < 2 else 6.0,
            "is_growing": True,
            "east_km": 8.0 * s,
            "falling_s": 0.0,
        },
        until_s=6,
    )
    assert [each.event.magnitude for each in updates] == [7.0, 7.0, 6.0, 6.0, 6.0, 6.0]


def test_a_bound_that_is_held_is_settled_whatever_single_readings_say():
    rule, _ = declared(follow=None)
    updates = []
    for step in range(2, 80):
        now_s = START_S + step * STEP_S
        magnitude = 6.5 if step == 2 else 5.6 + 0.3 * (step % 2)
        updates += rule.process(now_s, [estimate(now_s, magnitude=magnitude, is_growing=True)])
    assert {each.event.magnitude for each in updates} == {6.5}
    assert updates[-1].status is Status.FINAL
    settle = rule.rules.settle
    assert updates[-1].now_s - rule.events[0].alarm.now_s < settle.max_s - 1


def test_what_is_too_small_to_last_for_so_long_is_no_lower_bound():
    """And is not held: its network takes noise for growth."""
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: {"magnitude": 1.5 - 0.1 * s, "is_growing": True, "falling_s": 0.0},
        until_s=6,
    )
    assert [each.event.magnitude for each in updates] == pytest.approx([1.4, 1.3, 1.2, 1.1, 1.0, 0.9])
    assert not any(each.is_lower_bound for each in updates)


def test_a_single_low_reading_ends_no_bound():
    """Nor do readings that are too small and large enough by turns: what is held may grow."""
    rule, name = declared()
    low = read_again(
        rule,
        name,
        lambda s: {"magnitude": 4.3 if s == 12 else 6.5, "is_growing": True, "falling_s": 0.0},
        until_s=20,
    )
    assert [(each.event.magnitude, each.is_lower_bound) for each in low] == [(6.5, True)] * len(low)
    rule, name = declared()
    turns = read_again(
        rule,
        name,
        lambda s: {"magnitude": 6.8 if s % 2 else 6.0, "is_growing": True, "falling_s": 0.0},
        until_s=120,
    )
    assert {(each.event.magnitude, each.is_lower_bound) for each in turns} == {(6.8, True)}


@pytest.mark.parametrize("restarts", [False, True])
def test_readings_that_stay_low_end_a_bound(restarts):
    """Two of an M 6.9, and for three minutes ones of an M 5.0 said to grow, which is over after 27 s."""
    rule, name = declared()
    updates = []
    for s in range(1, 176):
        updates += read_again(
            rule,
            name,
            lambda s: {"magnitude": 6.9 if s < 3 else 5.0, "is_growing": True, "falling_s": 0.0},
            since_s=s - STEP_S,
            until_s=s,
        )
        if restarts:
            before, rule = rule, declarer(rules={"follow": FOLLOW})
            rule.restore(json.loads(json.dumps(before.state())))
    said = [(each.event.magnitude, each.is_lower_bound) for each in updates]
    held = said.index((5.0, False))
    assert said == [(6.9, True)] * held + [(5.0, False)] * (len(said) - held)
    since_s = [each.now_s - each.event.first_p_time_s for each in updates]
    over = [may_grow(5.0, each) for each in since_s].index(False)
    assert since_s[held] - since_s[over] == pytest.approx(ENDED_S)


def test_a_bound_that_expires_gives_way_to_what_is_read():
    """Nothing of what was held stays: 5.6 cannot go on after 52 s, and what was read then is what is said."""
    rule, name = declared(5.6)
    updates = read_again(
        rule,
        name,
        lambda s: {"magnitude": 5.6 if int(s) % 4 == 1 else 4.3, "is_growing": True, "falling_s": 0.0},
        until_s=60,
    )
    for each in updates:
        since_s = each.now_s - each.event.first_p_time_s
        read = 5.6 if int(each.now_s - START_S) % 4 == 1 else 4.3
        expected = (5.6, True) if may_grow(5.6, since_s) else (read, False)
        assert (each.event.magnitude, each.is_lower_bound) == expected
    assert not all(each.is_lower_bound for each in updates)


def test_an_event_that_nobody_reads_grows_no_longer_than_its_size_may():
    rule, name = declared(5.0)
    read_again(rule, name, lambda s: {"magnitude": 5.0, "is_growing": True, "falling_s": 0.0}, until_s=2)
    last = rule._followed[-1]
    first_p_s = rule.events[0].final.event.first_p_time_s
    for since_s in (10.0, 26.0, 28.0, 60.0):
        now_s = first_p_s + since_s
        assert last.grows(now_s) == may_grow(5.0, since_s)


def test_an_event_that_is_sized_no_more_is_a_bound_for_as_long_as_its_size_may_grow():
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: {"magnitude": 5.0 if s == 1 else None, "is_growing": s == 1, "falling_s": 0.0},
        until_s=40,
    )
    assert {each.event.magnitude for each in updates} == {5.0}
    bounds = [each.is_lower_bound for each in updates]
    assert bounds == sorted(bounds, reverse=True)  # once it is none, it stays none
    since_s = [each.now_s - each.event.first_p_time_s for each in updates]
    assert bounds == [may_grow(5.0, each) for each in since_s]
    assert 0 < sum(bounds) < len(bounds)


def test_what_is_closed_for_want_of_readings_is_a_bound_only_if_it_may_still_grow():
    rule, name = declared()
    read_again(rule, name, lambda s: {"magnitude": 5.0, "is_growing": True, "falling_s": 0.0}, until_s=2)
    assert rule.events[0].final.is_lower_bound
    updates = rule.process(START_S + 400.0, [])
    assert [(each.status, each.is_lower_bound) for each in updates] == [(Status.FINAL, False)]


def test_the_last_word_is_what_was_read_last():
    """Though the network still thinks that it grows: motion has fallen for so long."""
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: {"magnitude": 7.0 if s < 5 else 6.6, "is_growing": True, "falling_s": max(s - 5, 0.0)},
        until_s=40,
    )
    assert [each.event.magnitude for each in updates[-2:]] == [7.0, 6.6]
    assert updates[-1].status is Status.FINAL


def test_without_a_rule_of_following_weak_evidence_updates_nothing():
    rule, name = declared(follow=None)
    assert read_again(rule, name, lambda s: {**WEAK, "falling_s": 0.0}, until_s=30) == []


def test_a_network_that_says_nothing_of_motion_settles_as_before():
    rule, name = declared()
    updates = read_again(rule, name, lambda s: {}, until_s=60)
    assert (updates[-1].status, updates[-1].now_s) == (Status.FINAL, START_S + 9.0)


def test_motion_that_falls_at_once_is_followed_for_the_least_time():
    rule, name = declared()
    updates = read_again(rule, name, lambda s: {"falling_s": s + 10}, until_s=60)
    assert (updates[-1].status, updates[-1].now_s) == (Status.FINAL, START_S + 9.0)  # 8 s after 0.5 s


def test_motion_that_never_falls_is_followed_to_the_end():
    rule, name = declared()
    updates = read_again(rule, name, lambda s: {**LARGE, "falling_s": 0.0, "is_growing": True}, until_s=220)
    assert (updates[-1].status, updates[-1].now_s) == (Status.FINAL, START_S + 181.0)
    assert [each.status for each in updates].count(Status.FINAL) == 1
    assert updates[-1].is_lower_bound


def test_what_is_final_because_motion_has_fallen_is_no_lower_bound():
    rule, name = declared()
    updates = read_again(rule, name, lambda s: {**LARGE, "falling_s": s, "is_growing": True}, until_s=20)
    assert [each.is_lower_bound for each in updates] == [True] * 9 + [False]
    assert updates[-1].status is Status.FINAL


def test_an_event_that_no_station_can_size_any_more_keeps_its_size():
    rule, name = declared()
    updates = read_again(
        rule,
        name,
        lambda s: {"magnitude": 7.0 if s <= 2 else None, "is_growing": s <= 2, "falling_s": 0.0},
        until_s=4,
    )
    assert [each.event.magnitude for each in updates] == [7.0] * 4
    assert [each.is_lower_bound for each in updates] == [True] * 4


def test_an_event_of_which_nothing_more_comes_is_closed_when_it_is_forgotten():
    rule, name = declared()
    says = {"falling_s": 1.0, "magnitude": 7.0}
    updates = read_again(rule, name, lambda s: says if s <= 3 else None, until_s=70)
    assert [each.status for each in updates] == [Status.UPDATE] * 3 + [Status.FINAL]
    assert updates[-1].now_s == START_S + 63.5  # more than 60 s after the last
    assert updates[-1].event == updates[-2].event


def test_once_motion_is_watched_what_was_not_read_again_updates_nothing():
    rule, name = declared()
    read_again(rule, name, lambda s: {**WEAK, "falling_s": 0.0, "magnitude": 7.0}, until_s=1)
    now_s = START_S + 2
    other, own = estimate(now_s), estimate(now_s, follows=name, falling_s=0.0, magnitude=7.1, **WEAK)
    (update,) = rule.process(now_s, [other, own])
    assert update.event.magnitude == 7.1
    assert rule.process(now_s + 0.5, [estimate(now_s + 0.5)]) == []


def test_a_place_of_its_own_goes_before_one_that_was_kept():
    rule, name = declared()
    now_s = START_S + 1
    kept = estimate(now_s, follows=name, falling_s=0.0, is_located=False)
    own = estimate(now_s, follows=name, falling_s=0.0, east_km=3.0, **WEAK)
    for pair in ([kept, own], [own, kept]):
        rule, _ = declared()
        rule.process(now_s, pair)
        assert rule.known(now_s)[0].estimate == own


# ------------------------------------------------------------------ coda


def after(since_s=44.0, east_km=40.0, magnitude=4.9, support=1.2):
    """What is said of an event after the first; two windows declare it, were it no coda."""
    return {
        "origin_time_s": T0 + since_s,
        "first_p_time_s": T0 + since_s + 3,
        "east_km": east_km,
        "magnitude": magnitude,
        "support": support,
    }


@pytest.mark.parametrize(
    ("second", "n_events"),
    [
        (after(), 1),
        (after(support=2.0), 2),  # a real aftershock
        (after(support=None), 2),  # a network that does not say
        (after(magnitude=6.5), 2),  # no smaller than the first
        (after(magnitude=None), 1),
        (after(east_km=74.0), 1),  # 24.8 + 50 km
        (after(east_km=76.0), 2),
        (after(since_s=179.0), 1),
        (after(since_s=181.0), 2),
        (after(since_s=-4.5), 2),  # its P came before
    ],
)
def test_within_the_coda_of_a_large_event_a_second_must_be_supported(second, n_events):
    rule, name = declared(coda=CODA)
    read_again(rule, name, lambda s: {"falling_s": s, "magnitude": 6.5}, until_s=12)
    begin_s = max(second["origin_time_s"] + 6, START_S + 13)
    for step in range(4):
        now_s = begin_s + step * STEP_S
        rule.process(now_s, [estimate(now_s, **second)])
    assert len(rule.events) == n_events


@pytest.mark.parametrize(("supported", "n_events"), [(5.0, 1), (None, 2)])
def test_what_no_station_has_felt_yet_has_shown_no_support(supported, n_events):
    """It has neither magnitude nor support, as has all that is said by a network without them."""
    rule, name = declared(coda=CODA)
    says = {"magnitude": 6.5, "support": supported}
    read_again(rule, name, lambda s: {"falling_s": s, **says}, until_s=12)
    for step in range(4):
        now_s = START_S + 50 + step * STEP_S
        rule.process(now_s, [estimate(now_s, **after(magnitude=None, support=None))])
    assert len(rule.events) == n_events


@pytest.mark.parametrize(
    ("is_growing", "magnitude", "support", "n_events"),
    [
        (True, 6.0, 1.2, 1),
        (False, 6.0, 1.2, 2),
        (True, 4.9, 9.0, 1),
        (True, 4.9, 10.0, 2),
        (False, 4.9, 9.0, 2),
    ],
)
def test_while_an_event_grows_nothing_is_larger_and_more_support_is_needed(
    is_growing, magnitude, support, n_events
):
    rule, name = declared(coda=CODA)
    says = {"falling_s": 0.0, "magnitude": 5.5, "is_growing": is_growing}
    read_again(rule, name, lambda s: says, until_s=12)
    for now_s in (START_S + 13, START_S + 13.5):
        rule.process(now_s, [estimate(now_s, **after(since_s=8, magnitude=magnitude, support=support))])
    assert len(rule.events) == n_events


def test_an_event_that_is_closed_grows_no_more():
    """It was followed to the end while it grew; what comes after has to show no more than any other."""
    rule, name = declared(coda=CODA, follow=Following(falling_s=10.0, min_s=8.0, max_s=20.0))
    read_again(rule, name, lambda s: {"falling_s": 0.0, "magnitude": 5.5, "is_growing": True}, until_s=22)
    for now_s in (START_S + 23, START_S + 23.5):
        rule.process(now_s, [estimate(now_s, **after(since_s=18, magnitude=4.9, support=3.0))])
    assert len(rule.events) == 2


def test_the_coda_of_a_small_event_accounts_for_nothing():
    rule, name = declared(coda=CODA)
    read_again(rule, name, lambda s: {"falling_s": s, "magnitude": 4.9}, until_s=12)
    for now_s in (T0 + 50, T0 + 50.5):
        rule.process(now_s, [estimate(now_s, **after(magnitude=3.0))])
    assert len(rule.events) == 2


def test_of_one_window_the_larger_is_declared_and_its_coda_is_not():
    rule = declarer(rules={"follow": FOLLOW, "coda": CODA})
    for now_s in (START_S, START_S + STEP_S):
        late = estimate(now_s, origin_time_s=T0 + 2, east_km=30.0, detection=0.8, magnitude=4.0, support=1.1,
                        first_p_time_s=T0 + 4)  # fmt: skip
        rule.process(now_s, [late, estimate(now_s, magnitude=6.5)])
    assert len(rule.events) == 1
    assert rule.events[0].alarm.event.magnitude == 6.5


# ------------------------------------------------------------------ retraction


@pytest.mark.parametrize(
    ("detection", "magnitude", "retracted_s"),
    [
        (lambda s: 0.1, 4.0, 4.0),  # weak from 1 s on
        (lambda s: 0.1 if s != 3 else 0.5, 4.0, 7.0),  # anew from 4 s on
        (lambda s: 0.1, 5.1, None),
        (lambda s: 0.4, 4.0, None),
        (lambda s: 0.9 if s < 18.5 else 0.1, 4.0, None),  # too late
    ],
)
def test_an_event_whose_evidence_goes_is_withdrawn(detection, magnitude, retracted_s):
    rule = declarer(rules={"follow": FOLLOW, "retract": RETRACT})
    for now_s in (START_S, START_S + STEP_S):
        rule.process(now_s, [estimate(now_s, magnitude=magnitude)])
    name = rule.events[0].event_id
    updates = read_again(
        rule,
        name,
        lambda s: {"detection": detection(s), "falling_s": 0.0, "magnitude": magnitude},
        until_s=30,
    )
    assert rule.events[0].is_retracted == (retracted_s is not None)
    if retracted_s is not None:
        last = updates[-1]
        assert (last.status, last.now_s, last.detection_score) == (
            Status.RETRACTED,
            START_S + retracted_s,
            0.1,
        )
        assert rule.known(START_S + 30.5) == []  # it explains nothing any more


@pytest.mark.parametrize(
    ("detection", "magnitude", "last_s", "status"),
    [
        (lambda s: 0.1 if s > 8 else 0.9, 4.0, 12.0, Status.RETRACTED),  # weak from 9 s on, final at 9 s else
        (lambda s: 0.1 if 8 < s < 11 else 0.9, 4.0, 11.0, Status.FINAL),  # and strong again
        (lambda s: 0.1 if s > 8 else 0.9, 5.1, 9.0, Status.FINAL),  # too large to be withdrawn
        (lambda s: 0.4, 4.0, 9.0, Status.FINAL),
    ],
)
def test_nothing_is_final_while_it_may_be_withdrawn(detection, magnitude, last_s, status):
    rule, name = declared(magnitude, retract=RETRACT)
    updates = read_again(
        rule,
        name,
        lambda s: {"detection": detection(s), "falling_s": 10.0 + s, "magnitude": magnitude},
        until_s=30,
    )
    assert (updates[-1].status, updates[-1].now_s) == (status, START_S + last_s)


def test_what_can_be_withdrawn_no_more_is_final_however_weak():
    rule, name = declared(4.0, retract=RETRACT)
    updates = read_again(
        rule,
        name,
        lambda s: {"detection": 0.1 if s > 18 else 0.9, "falling_s": s - 9.0, "magnitude": 4.0},
        until_s=30,
    )
    assert (updates[-1].status, updates[-1].now_s) == (Status.FINAL, START_S + 19.0)


def test_what_is_doubted_and_read_no_more_is_final_once_it_is_forgotten():
    rule, name = declared(4.0, retract=RETRACT)
    updates = read_again(
        rule,
        name,
        lambda s: (
            {"detection": 0.1 if s > 8 else 0.9, "falling_s": 10.0 + s, "magnitude": 4.0}
            if s < 10.5
            else None
        ),
        until_s=100,
    )
    forgotten_s = START_S + 10.0 + 60.0  # forget_s
    assert (updates[-1].status, updates[-1].now_s) == (Status.FINAL, forgotten_s + STEP_S)


def test_a_doubt_is_kept_by_a_restart():
    def says(s):
        return {"detection": 0.1 if s > 8 else 0.9, "falling_s": 10.0 + s, "magnitude": 4.0}

    other = declarer(rules={"follow": FOLLOW, "retract": RETRACT})
    one, name = declared(4.0, retract=RETRACT)
    assert read_again(one, name, says, until_s=10)[-1].status is Status.UPDATE  # it would be final
    other.restore(json.loads(json.dumps(one.state())))
    last = read_again(other, name, says, until_s=30, since_s=10)[-1]
    assert (last.status, last.now_s) == (Status.RETRACTED, START_S + 12.0)


def test_none_is_withdrawn_where_no_evidence_is_called_weak():
    rule, name = declared(retract=Retraction(None, 3.0, 20.0, 9.0))
    read_again(rule, name, lambda s: {"detection": 0.0, "falling_s": 0.0}, until_s=20)
    assert not rule.events[0].is_retracted


# ------------------------------------------------------------------ doubles


@pytest.mark.parametrize(
    ("origin_s", "east_km", "withdrawn"), [(0.5, 4.0, True), (1.0, 0.0, False), (0.0, 6.0, False)]
)
def test_of_two_events_that_come_to_one_place_the_later_one_is_withdrawn(origin_s, east_km, withdrawn):
    rule, first = declared(coincide=Nearness(0.75, 5.0))
    own, others = ((PhasePick("XX", "A", "P", T0 + late_s),) for late_s in (9.0, 2.0))
    for now_s in (START_S + 2 * STEP_S, START_S + 3 * STEP_S):
        rule.process(now_s, [estimate(now_s, origin_time_s=T0 + 3.5, east_km=40.0, picks=own)])
    second = rule.events[1].event_id
    now_s = START_S + 4 * STEP_S
    updates = rule.process(
        now_s,
        [
            estimate(now_s, follows=first, falling_s=0.0),
            estimate(now_s, T0 + origin_s, east_km, follows=second, falling_s=0.0, picks=others),
        ],
    )
    assert rule.events[1].picks == (own if withdrawn else others), "of the place that was said"
    assert [each.event_id for each in rule.known(now_s + 1)] == ([first] if withdrawn else [first, second])
    assert rule.events[1].is_retracted is withdrawn
    assert [each.status for each in updates] == [
        Status.UPDATE,
        Status.RETRACTED if withdrawn else Status.UPDATE,
    ]
    times_s = [each.now_s for each in rule.events[1].updates]
    assert sorted(set(times_s)) == times_s  # one word a window
    rule.process(now_s + STEP_S, [estimate(now_s + STEP_S, T0 + origin_s, east_km)])
    assert len(rule.events) == 2  # the first explains it


# ------------------------------------------------------------------ properties and refusals

said = st.tuples(
    st.sampled_from([None, "own", "own", "other"]),
    st.sampled_from([0.0, 5.0, 40.0]),
    st.integers(-8, 8),
    st.sampled_from([0.05, 0.75, 0.95]),
    st.sampled_from([None, 0.0, 6.0, 12.0]),
    st.sampled_from([None, 1.0, 3.0]),
    st.sampled_from([None, 3.5, 6.0]),
)
streams = st.lists(st.lists(said, max_size=3, unique_by=lambda each: each[1:4]), max_size=40)


def replay(windows, order):
    rule = declarer(
        rules={"follow": FOLLOW, "coda": CODA, "retract": RETRACT, "coincide": Nearness(0.75, 5.0)}
    )
    updates = []
    for step, window in enumerate(windows):
        now_s = START_S + step * STEP_S
        known = [each.event_id for each in rule.known(now_s)]
        names = {None: None, "own": known[0] if known else None, "other": known[-1] if known else None}
        estimates = [
            estimate(now_s, T0 + dt, east, 0.0, detection, 0.9, follows=names[who], falling_s=falling,
                     support=support, magnitude=size)
            for who, east, dt, detection, falling, support, size in window
        ]  # fmt: skip
        updates.append(rule.process(now_s, order(estimates)))
    return rule, updates


@given(windows=streams, seed=st.integers(0, 99), n=st.integers(0, 40))
def test_following_is_causal_and_needs_no_order(windows, seed, n):
    rule, updates = replay(windows, list)
    assert replay(windows, lambda each: random.Random(seed).sample(each, len(each)))[1] == updates
    assert replay(windows[:n], list)[1] == updates[:n]
    for event in rule.events:
        statuses = [each.status for each in event.updates]
        assert statuses[0] is Status.NEW
        assert not {Status.FINAL, Status.RETRACTED} & set(statuses[:-1])
        times_s = [each.now_s for each in event.updates]
        assert times_s == sorted(set(times_s))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Following(0.0, 8.0, 180.0), "falling_s > 0"),
        (lambda: Following(10.0, 200.0, 180.0), "min_s <= max_s"),
        (lambda: Coda(CODA.reach, 1.0, 2.0, 0.0), "1 < least_support <= growing_support"),
        (lambda: Retraction(0.3, 30.0, 20.0, 5.0), "for_s <= within_s"),
        (lambda: Retraction(0.0, 3.0, 20.0, 5.0), "0 < max_detection_score"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
