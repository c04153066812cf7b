"""A large earthquake that is felt declares with less evidence."""

from dataclasses import replace

import pytest
from made_alarms import STEP_S, T0, declarer, estimate

from fcn.alarm.rules import Felt, SummedEvidence

FELT = Felt(
    least_magnitude=5.0, least_support=100.0, min_detection_score=0.4, min_location_score=0.05, agree_s=1.0
)
START_S = T0 + 5


def evidence(felt=FELT, shaken=None):
    return SummedEvidence(0.7, 0.15, least_log_odds=4.5, every_s=0.5, within_s=2.5, felt=felt, shaken=shaken)


def declared_at(felt=FELT, shaken=None, location=0.8, **says):
    """Seconds after the first of five windows that all say the same; None: never."""
    rule = declarer(evidence=evidence(felt, shaken))
    for step in range(5):
        now_s = START_S + step * STEP_S
        if rule.process(now_s, [estimate(now_s, location=location, **{"magnitude": 5.0, **says})]):
            return step * STEP_S
    return None


@pytest.mark.parametrize(
    ("says", "after_s"),
    [
        ({"detection": 0.6, "support": 100.0}, 1.0),
        ({"detection": 0.4, "support": 5000.0}, 1.0),
        ({"detection": 0.6, "support": 5000.0, "location": 0.05}, 1.0),
        ({"detection": 0.6, "support": 99.0}, None),
        ({"detection": 0.6, "support": None}, None),
        ({"detection": 0.6, "support": 5000.0, "magnitude": 4.9}, None),
        ({"detection": 0.6, "support": 5000.0, "magnitude": None}, None),
        ({"detection": 0.39, "support": 5000.0}, None),
        ({"detection": 0.6, "support": 5000.0, "location": 0.04}, None),
        ({"detection": 0.95, "support": 5000.0}, 0.5),  # its sum is enough before
    ],
)
def test_what_is_felt_declares_with_less_evidence(says, after_s):
    assert declared_at(**says) == after_s


def test_without_the_rule_that_is_none():
    assert declared_at(felt=None, detection=0.6, support=5000.0) is None


def test_windows_that_did_not_feel_it_do_not_count():
    rule = declarer(evidence=evidence())
    said = [(0.72, 1.0), (0.72, 1.0), (0.6, 500.0), (0.6, 500.0), (0.6, 500.0)]
    updates = []
    for step, (detection, support) in enumerate(said):
        now_s = START_S + step * STEP_S
        updates += rule.process(now_s, [estimate(now_s, detection=detection, support=support, magnitude=6.0)])
    assert [each.now_s for each in updates] == [START_S + 4 * STEP_S]


def test_motion_that_lasts_asks_for_even_less():
    """Each rule counts the windows that it holds for."""
    shaken = replace(FELT, least_magnitude=6.0, least_support=300.0, min_detection_score=0.3, agree_s=2.0)
    for magnitude, support, after_s in ((6.0, 300.0, 2.0), (5.9, 300.0, None), (6.0, 299.0, None)):
        assert declared_at(shaken=shaken, detection=0.3, magnitude=magnitude, support=support) == after_s
    assert declared_at(shaken=shaken, detection=0.4, magnitude=6.0, support=300.0) == 1.0
    assert declared_at(felt=None, shaken=shaken, detection=0.4, magnitude=6.0, support=300.0) == 2.0
    assert declared_at(shaken=shaken, detection=0.29, magnitude=7.0, support=5000.0) is None


@pytest.mark.parametrize(
    ("magnitude", "steps", "n_events"), [(5.5, range(3), 1), (4.5, range(3), 2), (5.5, range(60, 63), 2)]
)
def test_what_is_felt_of_an_open_event_declares_no_other(magnitude, steps, n_events):
    """From the window that declares it until it is final; of a smaller one that much is not felt."""
    rule = declarer(evidence=evidence())
    for step in range(64):
        now_s = START_S + step * STEP_S
        said = [estimate(now_s, detection=0.95, support=500.0, magnitude=magnitude)]
        if step in steps:
            said.append(estimate(now_s, T0 + 30.0, 70.0, detection=0.5, support=500.0, magnitude=7.0))
        rule.process(now_s, said)
    assert len(rule.events) == n_events


@pytest.mark.parametrize(
    ("apart_km", "later_s", "n_events"),
    [
        (500.0, 10.0, 2),  # P takes 41 s from 150 km nearer, and its own was there after 12
        (500.0, 45.0, 1),
        (500.0, 32.0, 1),  # its own P was there before, and what is felt is of seconds after
        (160.0, 2.0, 1),  # either may be misplaced
        (300.0, 2.0, 2),
    ],
)
def test_what_the_open_event_cannot_have_been_felt_of_yet_is_declared(apart_km, later_s, n_events):
    """A network may be wider than what one earthquake shakes."""
    rule = declarer(evidence=evidence())
    for step in range(12):
        now_s = START_S + later_s + step * STEP_S
        said = [estimate(now_s, detection=0.95, support=500.0, magnitude=6.2)]
        other = estimate(now_s, T0 + later_s, apart_km, detection=0.5, support=500.0, magnitude=6.5)
        rule.process(now_s, [*said, replace(other, first_p_time_s=T0 + later_s + 2.5)] if step > 3 else said)
    assert len(rule.events) == n_events


@pytest.mark.parametrize(
    "wrong",
    [
        (5.0, 1.0, 0.5, 0.15, 1.0),
        (5.0, 100.0, 0.0, 0.15, 1.0),
        (5.0, 100.0, 0.5, -0.1, 1.0),
        (5.0, 100.0, 0.5, 0.15, 0.0),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="least_support > 1"):
        Felt(*wrong)


def test_agreement_longer_than_windows_are_kept_is_refused():
    with pytest.raises(ValueError, match=r"agreement of 2\.5 s within 2\.5 s"):
        evidence(shaken=replace(FELT, agree_s=2.5))


def test_what_counts_by_its_motion_alone_is_no_evidence():
    """However likely it is, nowhere placed it declares after agree_s, and not beside an open large event."""
    assert declared_at(detection=0.997, support=500.0, magnitude=6.5, location=0.1) == 1.0
    rule = declarer(evidence=evidence())
    for step in range(4):
        now_s = START_S + step * STEP_S
        other = estimate(now_s, T0 + 30.0, 70.0, detection=0.95, location=0.1, support=500.0, magnitude=6.5)
        rule.process(now_s, [estimate(now_s, detection=0.95, support=500.0, magnitude=7.0), other])
    assert len(rule.events) == 1


def test_windows_of_little_evidence_do_not_speak_against_an_event():
    shaken = replace(FELT, least_magnitude=6.0, least_support=300.0, min_detection_score=0.3, agree_s=2.0)
    for rules in ({"felt": FELT, "shaken": shaken}, {"felt": None, "shaken": None}):
        rule, alarms_s = declarer(evidence=evidence(**rules)), []
        for step in range(5):
            now_s = START_S + step * STEP_S
            score = 0.31 if step % 2 else 0.95
            said = estimate(now_s, detection=score, support=500.0, magnitude=6.5)
            alarms_s += [step * STEP_S for _ in rule.process(now_s, [said])]
        assert alarms_s[0] == 1.0
