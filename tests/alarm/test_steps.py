"""Rules count seconds: the same estimates, read every 0.5, 1 or 2 s, declare the same up to the step."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_alarms import T0, declarer, estimate

from fcn.alarm.rules import Evidence, SummedEvidence

SPAN_S = 30.0
SUM = SummedEvidence(0.7, 0.6, least_log_odds=3.5, every_s=0.5, within_s=2.5)
RULES = [Evidence(0.7, 0.6, 1.0, 4.0), SUM]
STEPS_S = (1.0, 2.0)

# origins of events (half seconds), how soon their evidence grows (per s), how long it stays (s): far apart in
# place, and in first P, by which events are told apart
events = st.lists(
    st.tuples(st.integers(0, 6).map(lambda n: 3 * n), st.sampled_from([0.02, 0.1, 0.5]), st.integers(16, 40)),
    max_size=3,
    unique_by=lambda event: event[0],
)
# moments at which something is seen once, too faint to be sure
blips = st.lists(st.tuples(st.integers(0, 59), st.sampled_from([0.72, 0.9, 0.95])), max_size=6)


def seen_at(now_s, events, blips):
    """What any stream sees at a moment: each event with a score that grows from 0.7, each blip for 0.5 s."""
    since_s, said = now_s - T0, []
    for i, (onset, growth, stays_s) in enumerate(events):
        age_s = since_s - onset / 2
        if 0 <= age_s < stays_s:
            score = min(0.7 + growth * age_s, 0.999)
            said.append(estimate(now_s, T0 + onset / 2, 100.0 * i, 50.0, score))
    for i, (moment, score) in enumerate(blips):
        if math.isclose(since_s, moment / 2):
            first_p = {"first_p_time_s": T0 - 100 - 10 * i}
            said.append(estimate(now_s, T0 + moment / 2, 100.0 * i, -500.0, score, **first_p))
    return said


def declared(evidence, events, blips, step_s, phase_s=0.0):
    """Alarms and last updates, in s after the start, by the origin time that was declared."""
    rule = declarer(evidence=evidence, min_s=4.0, max_s=12.0)
    for i in range(int((SPAN_S - phase_s) / step_s)):
        now_s = T0 + phase_s + i * step_s
        rule.process(now_s, seen_at(now_s, events, blips))
    return {
        (each.alarm.event.origin_time_s, round(each.alarm.event.longitude_deg, 1)): (
            each.alarm.now_s - T0,
            each.final.now_s - T0,
        )
        for each in rule.events
    }


@pytest.mark.parametrize("evidence", RULES)
@pytest.mark.parametrize("step_s", STEPS_S)
@settings(max_examples=40)
@given(events=events, blips=blips, phase=st.integers(0, 3))
def test_slower_reading_declares_the_same_events_a_step_later_at_most(evidence, step_s, events, blips, phase):
    """A step for what the rule asks, and less than one more for the moment at which the slow one looks."""
    often = declared(evidence, events, blips, 0.5)
    seldom = declared(evidence, events, blips, step_s, phase_s=min(phase * 0.5, step_s - 0.5))
    assert set(seldom) == set(often)
    for key, (alarm_s, last_s) in often.items():
        assert alarm_s <= seldom[key][0] < alarm_s + 2 * step_s
        assert abs(seldom[key][1] - last_s) < 3 * step_s  # counted from its alarm, up to a step of its own


@pytest.mark.parametrize("evidence", RULES)
@pytest.mark.parametrize("step_s", STEPS_S)
@settings(max_examples=20)
@given(growth=st.sampled_from([0.02, 0.1, 0.5]), stays_s=st.integers(16, 30))
def test_of_an_event_that_sets_in_as_both_look_the_alarms_are_a_step_apart_at_most(
    evidence, step_s, growth, stays_s
):
    event = [(8, growth, stays_s)]
    (often,), (seldom,) = (declared(evidence, event, [], s).values() for s in (0.5, step_s))
    assert 0 <= seldom[0] - often[0] <= step_s


@pytest.mark.parametrize("evidence", RULES)
@pytest.mark.parametrize("step_s", [0.25, 0.5, 1.0, 2.0])
def test_what_is_seen_once_and_faintly_is_never_declared(evidence, step_s):
    assert declared(evidence, [], [(8, 0.95)], step_s) == {}


@pytest.mark.parametrize("step_s", [0.5, 1.0, 2.0])
def test_one_window_that_is_sure_declares_at_once_at_any_step(step_s):
    sure = [(8, 0.98)]  # ln(0.98 / 0.02) = 3.9
    ((alarm_s, _),) = declared(SUM, [], sure, step_s).values()
    assert alarm_s == 4.0
