import csv
import dataclasses
import math

import numpy as np
import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Status, Update
from fcn.catalogue.released import Released
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import compare, score_sequence
from fcn.metrics.size_classes import by_size, write_sizes
from fcn.metrics.sizing import right_for_good_s, split_ids
from fcn.metrics.watched import Watched

T0 = 1_460_636_794.0
KM_PER_DEGREE_NORTH = 110.914  # WGS84 at 32.7 N
TOLERANCE, WATCHED = MatchTolerance(4.0, 25.0, 1.0), Watched(((T0 - 100, T0 + 3500),))


def event(event_id, since_s=0.0, magnitude=7.0, north_km=0.0):
    origin_s = T0 + since_s
    latitude = 32.7 + north_km / KM_PER_DEGREE_NORTH
    return Event(event_id, origin_s, latitude, 130.8, 10.0, magnitude, "Mw", first_p_time_s=origin_s + 2)


def declared(true, *said, event_id="d", status=Status.UPDATE):
    """said: (seconds after the first P, magnitude, whether it is a lower bound)."""
    own = dataclasses.replace(true, event_id=event_id)
    updates = [
        Update(true.first_p_time_s + s, dataclasses.replace(own, magnitude=size), 0.9, 0.9, bound)
        for s, size, bound in said
    ]
    updates[-1] = dataclasses.replace(updates[-1], status=status)
    return DeclaredEvent(event_id, updates)


def score(said, *events, released=None):
    catalogue = Catalogue("c", events, released or {})
    return score_sequence(said, catalogue, WATCHED, np.ones(1), tolerance=TOLERANCE, simulated=True)


@pytest.mark.parametrize(
    ("magnitudes", "expected"),
    [
        ([6.4, 6.6, 7.4], 2.0),
        ([6.6, 6.4, 6.5], 3.0),
        ([6.6, 7.0, 7.6], None),
        ([7.0], 1.0),
        ([6.6, None, 6.9], 3.0),
    ],
)
def test_a_magnitude_is_right_when_it_stays_within_half_a_unit(magnitudes, expected):
    true = event("a")
    said = declared(true, *((1.0 + i, m, False) for i, m in enumerate(magnitudes)))
    assert right_for_good_s(said, true) == expected
    assert right_for_good_s(said, dataclasses.replace(true, first_p_time_s=None)) is None


def test_time_to_be_right_lost_and_retracted_by_hand():
    a, b, small, large = event("a"), event("b", 900), event("s", 1800, 4.9), event("l", 2700, 5.0)
    false = [
        declared(each, (1, 4.0, False), (last_s, 4.0, False), event_id=f"f{last_s}", status=status)
        for each, last_s, status in (
            (event("f", 3000, 4.0), 9, Status.FINAL),
            (event("g", 3100, 4.0), 4, Status.RETRACTED),
            (small, 6, Status.RETRACTED),
        )
    ]
    found = [
        declared(a, (3, 6.0, True), (8, 6.8, False), event_id="d1"),
        declared(b, (2, 6.9, False), event_id="d2"),
    ]
    figures = score([*found, *false], a, b, small, large)
    expected = {
        "n_declared": 5,
        "n_matched": 2,
        "n_false": 3,  # an event that was withdrawn has been found by nobody
        "n_retracted": 2,
        "n_lost": 1,
        "n_split": 0,
        "n_magnitude_right": 2,
        "magnitude_right_s_p50": 5.0,
        "magnitude_right_s_p90": 7.4,
        "false_alarm_stood_s_p50": 5.0,
        "false_alarm_stood_s_max": 8.0,
        "magnitude_mae_at_30s": 0.15,
        "magnitude_bias_at_4s": -0.55,
        "lower_bound_right_share_at_10s": None,
        "n_released_at_10s": 0,
    }
    for name, value in expected.items():
        assert figures[name] == (value if value is None else pytest.approx(value)), name


GROWS = Released((0.0, 10.0, 20.0), (6.0, 6.8, 7.0))  # half of the moment after 10 s


@pytest.mark.parametrize(
    ("course", "size", "bound", "right"),
    [
        (GROWS, 6.8, True, 1.0),  # 0.2 is no more than the margin, but half is to come
        (GROWS, 6.8, False, 0.0),
        (GROWS, 6.79, False, 0.0),
        (Released((0.0, 9.0), (6.0, 7.0)), 6.79, True, 1.0),
        (Released((0.0, 9.0), (6.0, 7.0)), 6.85, True, 0.0),
        (Released((0.0, 9.0), (6.0, 7.0)), 6.85, False, 1.0),
    ],
)
def test_a_lower_bound_is_right_where_more_was_to_come(course, size, bound, right):
    true = event("a")
    figures = score([declared(true, (9.5, size, bound), (40, 7.0, False))], true, released={"a": course})
    assert figures["lower_bound_right_share_at_10s"] == right
    assert figures["magnitude_released_bias_at_10s"] == pytest.approx(size - course.at(10.0))
    assert figures["magnitude_released_mae_at_10s"] == pytest.approx(abs(size - course.at(10.0)))
    assert figures["n_released_at_10s"] == 1


@pytest.mark.parametrize(
    ("second", "split"),
    [
        (event("x", 44, 4.9, 40.0), {"a"}),
        (event("x", -3, 4.9, 40.0), {"a"}),
        (event("x", -5, 4.9, 40.0), set()),
        (event("x", 200, 4.9, 0.0), set()),
        (event("x", 44, 4.9, 101.0), set()),  # 49 + 50 km
        (event("x", 305, 4.9, 20.0), {"b"}),
        (event("x", 335, 4.9, 20.0), set()),  # M 2.2 is over after 34.3 s
    ],
)
def test_an_event_is_split_where_a_second_lies_within_its_reach(second, split):
    a, b = event("a"), event("b", 300, 2.2)
    catalogue = Catalogue("c", (a, b))
    said = [declared(each, (3, 7.0, False), event_id=f"d{each.event_id}") for each in (a, b, second)]
    counted, matching = compare(said, catalogue, WATCHED, TOLERANCE)
    assert split_ids(said, counted, matching) == split
    said[-1].updates[-1] = dataclasses.replace(said[-1].final, status=Status.RETRACTED)
    assert split_ids(said, *compare(said, catalogue, WATCHED, TOLERANCE)) == set()


def test_classes_of_magnitude_by_hand(tmp_path):
    events = [
        event(name, 300 * i, size)
        for i, (name, size) in enumerate({"a": 4.9, "b": 6.5, "c": 6.9, "d": 7.0}.items())
    ]
    catalogue = Catalogue("c", (*events, dataclasses.replace(event("e", 1500), magnitude=None)))
    said = [
        declared(events[1], (3, 6.0, True), (25, 6.4, False), event_id="d1"),
        declared(events[2], (5, 6.3, False), event_id="d2"),
        declared(event("x", 340, 5.0, 40.0), (3, 5.0, False), event_id="d3"),
    ]
    classes = by_size(said, *compare(said, catalogue, WATCHED, TOLERANCE))
    assert [(c.label, c.n_catalogued, c.n_matched, c.n_lost, c.n_split) for c in classes] == [
        ("M < 5", 1, 0, 1, 0),
        ("6.5 ≤ M < 7", 2, 2, 0, 1),
        ("7 ≤ M", 1, 0, 1, 0),
    ]
    middle = classes[1].figures
    assert (middle["n_magnitude_at_2s"], middle["n_magnitude_at_4s"], middle["n_magnitude"]) == (0, 1, 2)
    assert middle["magnitude_bias_at_20s"] == pytest.approx(-0.55)
    assert middle["magnitude_mae_at_30s"] == pytest.approx(0.35)
    assert middle["magnitude_bias"] == pytest.approx(-0.35)
    assert middle["magnitude_right_s_p50"] == pytest.approx(3.0)
    write_sizes(classes, tmp_path / "sizes.csv")
    with (tmp_path / "sizes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["M < 5", "6.5 ≤ M < 7", "7 ≤ M"]
    assert math.isclose(float(rows[1]["magnitude_bias"]), -0.35)
    assert (rows[0]["magnitude_bias"], rows[1]["n_split"]) == ("", "1")
    write_sizes([], tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text().startswith("class,n_catalogued")
