"""Events of several monitors become one: whatever the order of arrival, repeats and restarts."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_alerts import T0
from made_merged import KEEPING, LIKENESS, MERGED, made

from fcn.alert.alert import Alert
from fcn.catalogue.event import Status
from fcn.operations.association import best, distance_km, groups, key_of
from fcn.operations.merger import Merger


def merger(**changes):
    return Merger(LIKENESS, dataclasses.replace(KEEPING, **changes), MERGED)


def told(merger, *alerts, now_s=0.0):
    return [each for given in alerts for each in merger.take(given, now_s)]


def standing(merger):
    """Members and solution of every event that stands; of ids nothing."""
    return {
        (members, last.status is Status.FINAL, last.origin, last.magnitude)
        for last, members in merger.events.values()
        if not last.is_retracted
    }


def test_two_monitors_tell_one_event_by_its_best_solution():
    merged = merger()
    (first,) = told(merged, made("a", "x", unsure_km=8.0))
    assert (first.version, first.status, first.producer.monitor) == (1, Status.NEW, "merged")
    assert first.producer.config_digest == "cafecafecafe"
    assert (first.latencies.data_s, first.latencies.transport_s) == (1.4, 0.5)
    assert told(merged, made("b", "y", time_s=2.0, north_km=20.0, unsure_km=9.0)) == []
    (second,) = told(merged, made("b", "y", 2, time_s=1.5, north_km=18.0, unsure_km=2.0))
    assert (second.event_id, second.version, second.status) == (first.event_id, 2, Status.UPDATE)
    assert second.origin == made("b", "y", 2, time_s=1.5, north_km=18.0, unsure_km=2.0).origin
    assert told(merged, made("b", "y", 2, time_s=1.5, north_km=18.0, unsure_km=2.0)) == []
    assert merged.counts == {"known already": 1}


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        ({"time_s": 4.0}, True),
        ({"time_s": 4.1}, False),
        ({"north_km": 24.9}, True),
        ({"north_km": 25.3}, False),
        ({"north_km": 60.0, "unsure_km": 25.0}, True),
        ({"north_km": 81.0, "unsure_km": 90.0}, False),
    ],
)
def test_what_is_near_is_one(other, is_one):
    assert (len(groups([made("a", "x"), made("b", "y", **other)], LIKENESS)) == 1) is is_one


def test_distances_are_those_on_the_ellipsoid():
    assert distance_km(made("a", "x"), made("a", "y", north_km=100.0)) == pytest.approx(100.0, rel=1e-3)


def test_one_monitors_events_are_two_and_the_nearer_one_is_the_others():
    near, far = made("a", "near", time_s=0.5), made("a", "far", time_s=3.0)
    other = made("b", "y", time_s=1.0)
    found = groups([far, other, near], LIKENESS)
    assert sorted(map(sorted, found)) == [[("a", "far")], [("a", "near"), ("b", "y")]]


def test_most_stations_come_first_where_all_say_how_many():
    many = made("a", "x", unsure_km=5.0, origin_stations=("A", "B", "C"))
    few = made("b", "y", unsure_km=1.0, origin_stations=("A",))
    assert best([few, many]) is many
    assert best([dataclasses.replace(few, origin_stations=None), many]).event_id == "y"
    assert best([made("b", "y", unsure_km=None), made("a", "x", unsure_km=9.0)]).event_id == "x"


def test_it_is_withdrawn_once_all_have_withdrawn_it():
    merged = merger()
    told(merged, made("a", "x"), made("b", "y", unsure_km=1.0))
    (update,) = told(merged, made("b", "y", 2, status=Status.RETRACTED))
    assert (update.status, update.version) == (Status.UPDATE, 3)
    assert update.origin == made("a", "x").origin
    (last,) = told(merged, made("a", "x", 2, status=Status.RETRACTED))
    assert (last.event_id, last.status, last.version) == (update.event_id, Status.RETRACTED, 4)
    assert merged.n_open == 0
    assert told(merged, made("a", "x", 1), made("b", "y", 2, status=Status.RETRACTED)) == []


def test_the_last_word_waits_for_that_of_all_and_a_while():
    merged = merger()
    told(merged, made("a", "x"), made("b", "y"))
    told(merged, made("a", "x", 2, status=Status.FINAL), now_s=10.0)
    assert merged.advance(1000.0) == []
    told(merged, made("b", "y", 2, status=Status.FINAL), now_s=1000.0)
    assert merged.advance(1029.0) == []
    (last,) = merged.advance(1030.0)
    assert last.status is Status.FINAL
    assert merged.advance(1031.0) == []
    assert told(merged, made("c", "late")) == []
    assert len(merged.events) == 1


def test_events_that_turn_out_to_be_one_leave_the_first_and_part_again_under_a_new_id():
    merged = merger()
    (first,) = told(merged, made("a", "x"))
    (second,) = told(merged, made("b", "y", time_s=10.0))
    (withdrawn,) = told(merged, made("b", "y", 2, time_s=1.0, unsure_km=3.0))
    assert (withdrawn.event_id, withdrawn.status) == (second.event_id, Status.RETRACTED)
    (third,) = told(merged, made("b", "y", 3, time_s=10.0, unsure_km=3.0))
    assert third.status is Status.NEW
    assert len({first.event_id, second.event_id, third.event_id}) == 3


def test_what_is_forgotten_does_not_come_again():
    merged = merger(remember_s=100.0)
    told(merged, made("a", "x"))
    merged.advance(101.0)
    assert merged.events == {}
    assert told(merged, made("a", "x"), now_s=102.0) == []
    (again,) = told(merged, made("c", "z"), now_s=103.0)
    assert again.event_id.endswith("-2")
    assert told(merged, dataclasses.replace(made("a", "x"), producer=MERGED)) == []
    assert merged.counts["its own"] == 1


def test_what_was_issued_long_ago_is_no_news(caplog):
    """A merger that begins beside monitors that have run for months; a replay's clock is its own."""
    merged, now_s = merger(), T0 + KEEPING.remember_s + 1e4
    assert told(merged, made("a", "x"), made("a", "x", 2), made("a", "y"), now_s=now_s) == []
    assert merged.counts == {"of long ago": 3}
    (said,) = caplog.messages
    assert said.startswith(
        "alerts that a issued more than 3600 s ago are passed over, the first is of 2016-04"
    )
    (new,) = told(merged, made("a", "z", issued_time_s=now_s - 10.0), now_s=now_s)
    assert new.status is Status.NEW
    replayed = made("b", "x", time_s=900.0)
    replayed = dataclasses.replace(
        replayed, producer=dataclasses.replace(replayed.producer, is_simulated=True)
    )
    assert [each.status for each in told(merged, replayed, now_s=now_s)] == [Status.NEW]


def test_of_an_event_that_goes_on_no_version_is_too_old():
    merged = merger()
    told(merged, made("a", "x"), now_s=T0)
    (said,) = told(merged, made("a", "x", 2, unsure_km=1.0), now_s=T0 + KEEPING.remember_s + 1e4)
    assert said.status is Status.UPDATE


def test_a_merger_that_goes_on_knows_what_it_said():
    merged, other = merger(), merger()
    told(merged, made("a", "x"), made("b", "y", time_s=30.0))
    other.restore(json.loads(json.dumps(merged.state())))
    assert other.state() == merged.state()
    assert told(other, made("a", "x"), made("b", "y", time_s=30.0)) == []
    (second,) = told(other, made("a", "x", 2))
    assert second.version == 2


PLACES = st.tuples(st.sampled_from([0.0, 1.0, 3.0, 5.5, 9.0]), st.sampled_from([0.0, 15.0, 30.0, 45.0]))


@st.composite
def histories(draw):
    """What three monitors say of up to three events each, in two orders, in the first some of it twice."""
    said = []
    for monitor, event in itertools.product("abc", "xyz"):
        n = draw(st.integers(0, 3))
        last = draw(st.sampled_from([Status.UPDATE, Status.FINAL, Status.RETRACTED]))
        for version in range(1, n + 1):
            time_s, north_km = draw(PLACES)
            unsure_km = draw(st.sampled_from([None, 1.0, 5.0, 15.0]))
            where = {"time_s": time_s, "north_km": north_km, "unsure_km": unsure_km}
            said.append((monitor, event, version, {**where, "status": last if version == n > 1 else None}))
    repeats = draw(st.lists(st.sampled_from(said), max_size=5)) if said else []
    return draw(st.permutations(said + repeats)), draw(st.permutations(said)), draw(st.integers(0, 30))


@given(histories())
@settings(max_examples=60, deadline=None)
def test_the_order_of_arrival_and_repeats_change_nothing(history):
    *orders, at = history
    one, other = ([made(*each, **changes) for *each, changes in order] for order in orders)
    first, second, restarted = (merger(remember_s=1e7) for _ in range(3))
    words = told(first, *one[:at])
    restarted.restore(json.loads(json.dumps(first.state())))
    words += told(restarted, *one[at:])
    told(second, *other)
    assert standing(restarted) == standing(second)
    newest = {key_of(each): each for each in sorted(other, key=lambda each: each.version)}
    stand = {key for key, each in newest.items() if not each.is_retracted}
    assert sorted(key for members, *_ in standing(second) for key in members) == sorted(stand)
    words += restarted.advance(1e6)
    second.advance(1e6)
    assert standing(restarted) == standing(second)
    follows_the_rules(words)


def follows_the_rules(words: list[Alert]):
    """Versions count, the first is new, and nothing follows a last word."""
    for event_id in {each.event_id for each in words}:
        own = [each for each in words if each.event_id == event_id]
        assert [each.version for each in own] == list(range(1, len(own) + 1))
        assert [each.status is Status.NEW for each in own] == [True] + [False] * (len(own) - 1)
        assert not any(each.is_last for each in own[:-1])
        assert all(before.issued_time_s <= after.issued_time_s for before, after in itertools.pairwise(own))
        assert all(Alert.from_json(each.to_json()) == each for each in own)
