import dataclasses
import json
import math

import numpy as np
import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import score_sequence
from fcn.metrics.watched import Watched

TOLERANCE = MatchTolerance(4.0, 25.0, 1.0)
T0 = 1_460_636_794.0
KM_PER_DEGREE_NORTH = 110.914  # WGS84 at 32.7 N
KEYS_OF_ISSUE = {
    *("simulated", "n_catalogued", "n_declared", "n_matched", "recall", "false_alarms_per_hour"),
    *(f"alarm_latency_s_{name}" for name in ("min", "p50", "p90", "max")),
    *("compute_ms_per_window_p50", "compute_ms_per_window_p99", "magnitude_mae", "magnitude_bias"),
    *(
        f"{figure}{moment}"
        for figure in (
            "epicentre_rmse_km",
            "epicentre_p50_km",
            "epicentre_p90_km",
            "depth_rmse_km",
            "depth_bias_km",
        )
        for moment in ("", "_at_alarm", "_at_2s", "_at_4s", "_at_6s", "_at_10s", "_at_20s", "_at_30s")
    ),
}


def true_event(event_id, origin_time_s, magnitude=3.0, first_p_delay_s=2.0):
    first_p_time_s = None if first_p_delay_s is None else origin_time_s + first_p_delay_s
    return Event(event_id, origin_time_s, 32.7, 130.8, 10.0, magnitude, "Mj", first_p_time_s)


def declared_event(true, *said, event_id="d"):
    """said: (seconds after the true first P, north error km, depth error km, magnitude error)."""
    updates = [
        Update(
            true.origin_time_s + 2.0 + elapsed_s,
            dataclasses.replace(
                true,
                event_id=event_id,
                latitude_deg=true.latitude_deg + north_km / KM_PER_DEGREE_NORTH,
                depth_km=true.depth_km + depth_km,
                magnitude=None if true.magnitude is None else true.magnitude + magnitude,
            ),
            0.9,
            0.9,
        )
        for elapsed_s, north_km, depth_km, magnitude in said
    ]
    return DeclaredEvent(event_id, updates)


def score(declared, catalogue, span_s=(T0 - 100, T0 + 1700), compute_ms=(1.0, 3.0)):
    return score_sequence(
        declared, catalogue, Watched((span_s,)), np.array(compute_ms), tolerance=TOLERANCE, simulated=True
    )


def test_every_key_of_the_issue_is_there_with_and_without_a_catalogue():
    with_catalogue = score([], Catalogue("c", ()))
    without = score([], None)
    assert set(with_catalogue) >= KEYS_OF_ISSUE
    assert set(without) == set(with_catalogue)
    json.dumps([with_catalogue, without], allow_nan=False)


def test_without_a_catalogue_figures_are_absent_not_zero():
    a = true_event("a", T0)
    figures = score([declared_event(a, (4, 3, 0, 0))], None)
    known = {name: value for name, value in figures.items() if value is not None}
    assert known == {
        "simulated": True,
        "n_declared": 1,
        "n_retracted": 0,
        "watched_hours": 0.5,
        "compute_ms_per_window_p50": 2.0,
        "compute_ms_per_window_p99": pytest.approx(2.98),
    }


def test_nothing_declared():
    figures = score([], Catalogue("c", (true_event("a", T0),)), compute_ms=())
    assert figures["recall"] == 0.0
    assert figures["false_alarms_per_hour"] == 0.0
    assert figures["epicentre_rmse_km"] is None
    assert figures["alarm_latency_s_p50"] is None
    assert figures["compute_ms_per_window_p50"] is None
    assert figures["n_at_20s"] == 0


def test_figures_by_hand():
    a, b, missed = true_event("a", T0), true_event("b", T0 + 300), true_event("m", T0 + 600)
    false_alarm = declared_event(true_event("f", T0 + 900), (5, 0, 0, 0))
    declared = [
        declared_event(a, (3.5, 12, 4, 0.5), (5.5, 6, 2, 0.3), (12, 3, 1, 0.1)),
        declared_event(b, (5.0, 4, -3, -0.4), (19, 1, -2, -0.2)),
        false_alarm,
    ]
    figures = score(declared, Catalogue("c", (a, b, missed)))
    expected = {
        "n_catalogued": 3,
        "n_declared": 3,
        "n_matched": 2,
        "recall": 2 / 3,
        "false_alarms_per_hour": 2.0,  # one in half an hour
        "alarm_latency_s_min": 3.5,
        "alarm_latency_s_p50": 4.25,
        "alarm_latency_s_p90": 4.85,
        "alarm_latency_s_max": 5.0,
        "epicentre_rmse_km": math.sqrt((9 + 1) / 2),
        "epicentre_p50_km": 2.0,
        "depth_bias_km": -0.5,
        "depth_rmse_km": math.sqrt((1 + 4) / 2),
        "magnitude_mae": 0.15,
        "magnitude_bias": -0.05,
        "epicentre_rmse_km_at_alarm": math.sqrt((144 + 16) / 2),
        "epicentre_share_over_10km_at_alarm": 0.5,
        "n_at_alarm": 2,
        "n_at_2s": 0,
        "epicentre_rmse_km_at_2s": None,
        "n_at_4s": 1,
        "epicentre_rmse_km_at_4s": 12.0,
        "n_at_6s": 2,
        "epicentre_rmse_km_at_6s": math.sqrt((36 + 16) / 2),
        "depth_bias_km_at_6s": -0.5,
        "epicentre_rmse_km_at_10s": math.sqrt((36 + 16) / 2),
        "epicentre_rmse_km_at_20s": math.sqrt((9 + 1) / 2),
    }
    for name, value in expected.items():
        assert figures[name] == (value if value is None else pytest.approx(value, rel=2e-3)), name


def test_unknown_first_p_leaves_only_what_does_not_need_it():
    a = true_event("a", T0, first_p_delay_s=None)
    figures = score([declared_event(a, (4, 3, 0, 0))], Catalogue("c", (a,)))
    assert figures["alarm_latency_s_p50"] is None
    assert figures["n_at_20s"] == 0
    assert figures["epicentre_rmse_km_at_alarm"] == pytest.approx(3, rel=2e-3)


def test_events_without_magnitude_are_counted_out_of_the_magnitude_figures_only():
    a, b = true_event("a", T0, magnitude=None), true_event("b", T0 + 300)
    declared = [declared_event(a, (4, 3, 0, 0)), declared_event(b, (4, 3, 0, 0.5))]
    figures = score(declared, Catalogue("c", (a, b)))
    assert figures["n_matched"] == 2
    assert figures["n_magnitude"] == 1
    assert figures["magnitude_mae"] == pytest.approx(0.5)


def test_an_event_before_the_span_is_neither_a_match_nor_a_miss_nor_makes_a_false_alarm():
    early = true_event("early", T0)
    figures = score(
        [declared_event(early, (4, 3, 0, 0))], Catalogue("c", (early,)), span_s=(T0 + 1, T0 + 1801)
    )
    assert (figures["n_catalogued"], figures["n_matched"]) == (0, 0)
    assert figures["false_alarms_per_hour"] == 0.0
    assert figures["recall"] is None
