"""A declarer goes on where another has stopped, whenever that was."""

import json

import pytest
from made_alarms import STEP_S, T0, declarer, estimate

from fcn.alarm.following import Following, Retraction
from fcn.catalogue.event import Status
from fcn.catalogue.phase import PhasePick

RULES = {
    "follow": Following(falling_s=3.0, min_s=2.0, max_s=30.0),
    "retract": Retraction(max_detection_score=0.3, for_s=1.0, within_s=20.0, max_magnitude=5.0),
}
N_STEPS = 24
PICKS = (PhasePick("XX", "A", "P", T0 + 2.0, residual_s=0.1, correction_s=0.0, weight=0.9),)
COVARIANCE = ((2.0, 0.5, 0.0), (0.5, 1.0, 0.0), (0.0, 0.0, 4.0))


def fed(rule, steps):
    """Two events: one that is followed to its end, one that is withdrawn."""
    updates = []
    for step in steps:
        now_s, since_s = T0 + 5 + step * STEP_S, step * STEP_S
        known = [each.event_id for each in rule.known(now_s)]
        is_located = step % 2 == 0 or not known
        own = (
            {"covariance_km2": COVARIANCE, "origin_stations": ("XX.A",), "picks": PICKS} if is_located else {}
        )
        says = [
            estimate(
                now_s,
                falling_s=max(since_s - 4.0, 0.0),
                follows=known[0] if known else None,
                is_located=is_located,
                **own,
            )
        ]
        if step < 5:
            says.append(estimate(now_s, origin_time_s=T0 - 20.0, east_km=60.0))
        elif len(known) > 1:
            weak = {"detection": 0.05, "location": 0.01, "follows": known[1]}
            says.append(estimate(now_s, origin_time_s=T0 - 20.0, east_km=60.0, falling_s=0.0, **weak))
        updates += rule.process(now_s, says)
    return updates


@pytest.mark.parametrize("stop", range(0, N_STEPS, 3))
def test_nothing_is_lost_or_said_otherwise(stop):
    whole, first, second = (declarer(rules=RULES) for _ in range(3))
    expected = fed(whole, range(N_STEPS))
    found = fed(first, range(stop))
    second.restore(json.loads(json.dumps(first.state())))
    assert found + fed(second, range(stop, N_STEPS)) == expected
    assert second.events == whole.events
    assert [each.picks for each in second.events] == [PICKS, ()]
    assert {each.final.status for each in whole.events} == {Status.FINAL, Status.RETRACTED}


def test_a_place_that_is_kept_keeps_what_is_known_of_it():
    known = {"covariance_km2": COVARIANCE, "origin_stations": ("XX.A",), "picks": PICKS}
    rule = declarer(rules=RULES)
    for step in range(6):
        now_s = T0 + 5 + step * STEP_S
        event = next(iter(rule.known(now_s)), None)
        own = known if event is None else {"follows": event.event_id, "is_located": False}
        rule.process(now_s, [estimate(now_s, falling_s=0.0, **own)])
    (event,) = rule.events
    assert len(event.updates) > 3
    assert all(each.covariance_km2 == COVARIANCE for each in event.updates)
    assert all(each.origin_stations == ("XX.A",) for each in event.updates)
    assert event.picks == PICKS


def test_states_of_before_are_read():
    rule, again = declarer(rules=RULES), declarer(rules=RULES)
    fed(rule, range(8))
    state = json.loads(json.dumps(rule.state()))
    for event in state["events"]:
        event.pop("picks")
        for each in (*event["updates"], *event.get("estimates", ())):
            for key in ("covariance_km2", "origin_stations", "magnitude_stations"):
                each.pop(key)
    again.restore(state)
    assert again.events[0].final.covariance_km2 is None
    assert again.events[0].picks == ()
    assert again.events[0].final.event == rule.events[0].final.event


def test_forgotten_events_are_those_that_are_over():
    rule = declarer(rules=RULES)
    fed(rule, range(N_STEPS))
    for step in range(2):  # another one, an hour later
        now_s = T0 + 3600.0 + step * STEP_S
        rule.process(now_s, [estimate(now_s, origin_time_s=T0 + 3595.0)])
    assert len(rule.events) == 3
    rule.forget(T0 + 1800.0)
    assert [each.alarm.event.origin_time_s for each in rule.events] == [T0 + 3595.0]
