import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update, WindowEstimate
from fcn.geometry.projection import LocalFrame
from fcn.metrics.breakdown import by_magnitude, by_overlap, by_snr
from fcn.metrics.matching import MatchTolerance, match_events
from fcn.metrics.misses import Reason, explain_misses

FRAME = LocalFrame(32.7, 130.8)
TOLERANCE = MatchTolerance(4.0, 25.0, 1.0)
T0 = 1_460_636_794.0
KM_PER_DEGREE_NORTH = 110.914  # WGS84 at 32.7 N


def matched(declared, catalogue):
    return match_events([each.final.event for each in declared], catalogue.events, TOLERANCE)


def event(event_id, origin_time_s=T0, north_km=0.0, magnitude=3.0):
    latitude_deg = 32.7 + north_km / KM_PER_DEGREE_NORTH
    return Event(event_id, origin_time_s, latitude_deg, 130.8, 10.0, magnitude, "Mj", origin_time_s + 2)


def declare(true, delay_s=4.0):
    return DeclaredEvent(true.event_id, [Update(true.origin_time_s + 2 + delay_s, true, 0.9, 0.9)])


def estimate(origin_time_s, north_km, detection, location):
    return WindowEstimate(
        T0 + 9, detection, origin_time_s + 2, location, 0.0, north_km, 10.0, origin_time_s, None
    )


def explain(catalogued, declared=(), estimates=(), snr=None):
    catalogue = Catalogue("c", tuple(catalogued))
    return explain_misses(
        list(declared),
        catalogue,
        matched(declared, catalogue),
        list(estimates),
        tolerance=TOLERANCE,
        frame=FRAME,
        half_size_km=(41.0, 50.0),
        snr=snr or {},
    )


def test_found_events_are_no_misses():
    assert explain([event("a")], [declare(event("d"))]) == []


def test_an_event_outside_the_box_says_how_far():
    (miss,) = explain([event("a", north_km=57.5)])
    assert (miss.reason, miss.detail) == (Reason.OUTSIDE, "7.5 km outside the box")


def test_an_event_declared_elsewhere_says_where():
    (miss,) = explain([event("a")], [declare(event("d", T0 + 1.5, north_km=40.0))])
    assert (miss.reason, miss.detail) == (Reason.MISPLACED, "d declared 40 km away, +1.5 s")


def test_a_declared_event_that_is_matched_elsewhere_misplaces_nothing():
    misses = explain([event("a"), event("b", T0 + 1, 40.0, 2.0)], [declare(event("d", T0 + 1, 40.0))])
    assert [miss.reason for miss in misses] == [Reason.UNSEEN]


def test_the_larger_of_two_near_in_time_overlaps_the_smaller_and_not_the_other_way():
    misses = explain([event("small", magnitude=2.0), event("large", T0 + 6, magnitude=4.0)])
    assert {miss.event.event_id: miss.reason for miss in misses} == {
        "small": Reason.OVERLAPPED,
        "large": Reason.UNSEEN,
    }
    assert misses[0].detail == "overlapped by large (M 4.0, +6.0 s)"


def test_below_threshold_gives_the_best_window_near_the_event():
    estimates = [
        estimate(T0, 3.0, 0.4, 0.5),
        estimate(T0 + 1, 5.0, 0.6, 0.55),
        estimate(T0, 40.0, 0.99, 0.99),
        estimate(T0 + 9, 0.0, 0.99, 0.99),
    ]
    (miss,) = explain([event("a")], estimates=estimates)
    assert miss.reason is Reason.BELOW_THRESHOLD
    assert miss.detail == "best of 2 windows: detection 0.60, location 0.55"


def test_every_fact_is_told_and_the_first_is_the_reason():
    (miss, _) = explain(
        [event("a", magnitude=None), event("b", T0 + 14, magnitude=1.0)],
        estimates=[estimate(T0, 0.0, 0.4, 0.5)],
    )
    assert miss.reason is Reason.OVERLAPPED
    assert miss.detail == (
        "overlapped by b (M 1.0, +14.0 s); best of 1 windows: detection 0.40, location 0.50"
    )


def test_an_event_nobody_could_see_is_below_noise():
    misses = explain([event("a", magnitude=1.0), event("b", T0 + 5)], snr={"a": 1.94, "b": 4.1})
    assert [miss.reason for miss in misses] == [Reason.BELOW_NOISE, Reason.UNSEEN]
    assert misses[0].detail == "SNR 1.9 at the third station; overlapped by b (M 3.0, +5.0 s)"


def test_nothing_known_is_said_to_be_nothing():
    (miss,) = explain([event("a")])
    assert (miss.reason, miss.detail) == (Reason.UNSEEN, "no estimate near its place and time")


def test_breakdown_by_magnitude():
    a, b, c = (
        event("a", magnitude=3.2),
        event("b", T0 + 100, magnitude=3.9),
        event("c", T0 + 200, magnitude=6.5),
    )
    bare = event("bare", T0 + 300, magnitude=None)
    catalogue = Catalogue("c", (a, b, c, bare))
    declared = [declare(event("d", T0, 6.0, 3.0), 3.0), declare(event("e", T0 + 300, 0.0), 5.0)]
    rows = by_magnitude(
        declared,
        catalogue,
        matched(declared, catalogue),
    )
    assert [(row.label, row.n_catalogued, row.n_matched, row.recall) for row in rows] == [
        ("3 ≤ M < 4", 2, 1, 0.5),
        ("6 ≤ M < 7", 1, 0, 0.0),
        ("magnitude unknown", 1, 1, 1.0),
    ]
    assert rows[0].figures["epicentre_p50_km"] == pytest.approx(6.0, rel=1e-3)
    assert rows[0].figures["magnitude_bias"] == pytest.approx(-0.2)
    assert rows[0].figures["alarm_latency_s_p50"] == pytest.approx(3.0)
    assert rows[1].figures["epicentre_p50_km"] is None
    assert rows[2].figures["magnitude_bias"] is None


def labels(rows):
    return [(row.label, row.n_catalogued, row.n_matched) for row in rows]


def test_breakdown_by_visibility():
    catalogue = Catalogue("c", tuple(event(name, T0 + 100 * i) for i, name in enumerate("abcde")))
    declared = [declare(event("d", T0 + 100))]
    snr = {"a": 1.0, "b": 4.0, "c": 7.99, "d": 99.0, "e": float("nan")}
    rows = by_snr(
        declared,
        catalogue,
        matched(declared, catalogue),
        snr,
    )
    assert labels(rows) == [
        ("SNR < 2", 1, 0),
        ("4 ≤ SNR < 8", 2, 1),
        ("16 ≤ SNR", 1, 0),
        ("SNR unknown", 1, 0),
    ]


def test_breakdown_by_overlap():
    catalogue = Catalogue(
        "c",
        (event("alone"), event("small", T0 + 100, magnitude=2.0), event("large", T0 + 110, magnitude=5.0)),
    )
    declared = [declare(event("d", T0 + 110))]
    rows = by_overlap(
        declared,
        catalogue,
        matched(declared, catalogue),
    )
    assert labels(rows) == [
        ("alone within 15 s", 1, 0),
        ("largest of an overlap", 1, 1),
        ("overlapped by a larger one", 1, 0),
    ]
