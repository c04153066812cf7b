import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.geodetics import gps2dist_azimuth

from fcn.catalogue.event import Event
from fcn.metrics.matching import MatchTolerance, epicentral_distance_km, epicentre_offset_km, match_events

TOLERANCE = MatchTolerance(origin_time_s=4.0, epicentre_km=25.0)
KM_PER_DEGREE_NORTH = 110.57  # WGS84 at the equator


def event(origin_time_s, north_km=0.0, event_id="x"):
    return Event(event_id, origin_time_s, north_km / KM_PER_DEGREE_NORTH, 0.0, 10.0, None, None)


def best_by_trial(declared, catalogued):
    """Most pairs, then least cost, by trying every assignment."""
    best = (0, 0.0, ())
    for size in range(1, min(len(declared), len(catalogued)) + 1):
        for rows in itertools.combinations(range(len(declared)), size):
            for columns in itertools.permutations(range(len(catalogued)), size):
                pairs = tuple(zip(rows, columns, strict=True))
                time = [(declared[i].origin_time_s - catalogued[j].origin_time_s) / 4 for i, j in pairs]
                place = [
                    gps2dist_azimuth(declared[i].latitude_deg, 0, catalogued[j].latitude_deg, 0)[0] / 25_000
                    for i, j in pairs
                ]
                if max(map(abs, time)) <= 1 and max(place) <= 1:
                    cost = sum(t**2 + d**2 for t, d in zip(time, place, strict=True))
                    best = max(best, (size, -cost, pairs))
    return best


def tenths(low, high):
    return st.integers(low, high).map(lambda n: n / 10)


events = st.lists(st.builds(event, tenths(0, 120), tenths(-300, 300)), max_size=4)


@given(declared=events, catalogued=events)
def test_matching_is_the_best_there_is(declared, catalogued):
    matching = match_events(declared, catalogued, TOLERANCE)
    size, negative_cost, _ = best_by_trial(declared, catalogued)
    assert len(matching.pairs) == size
    time = [(declared[i].origin_time_s - catalogued[j].origin_time_s) / 4 for i, j in matching.pairs]
    place = [epicentral_distance_km([declared[i]], [catalogued[j]])[0, 0] / 25 for i, j in matching.pairs]
    assert sum(t**2 + d**2 for t, d in zip(time, place, strict=True)) == pytest.approx(
        -negative_cost, abs=1e-6
    )


@given(declared=events, catalogued=events)
def test_every_event_is_in_one_place(declared, catalogued):
    matching = match_events(declared, catalogued, TOLERANCE)
    assert sorted([i for i, _ in matching.pairs] + list(matching.unmatched_declared)) == list(
        range(len(declared))
    )
    assert sorted([j for _, j in matching.pairs] + list(matching.unmatched_catalogued)) == list(
        range(len(catalogued))
    )


def test_two_near_events_are_not_both_matched_to_one():
    matching = match_events([event(0.0), event(1.0)], [event(0.5)], TOLERANCE)
    assert len(matching.pairs) == 1
    assert len(matching.unmatched_declared) == 1


def test_more_matches_beat_nearer_matches():
    # The nearest pair alone costs nothing, but strands the other two, which are 7.8 s apart.
    declared = [event(3.9, 0.0), event(7.8, 24.0)]
    catalogued = [event(3.9, 0.0), event(0.0, 24.0)]
    assert set(match_events(declared, catalogued, TOLERANCE).pairs) == {(0, 1), (1, 0)}


@pytest.mark.parametrize(
    ("origin_time_s", "north_km", "n"), [(4.0, 0.0, 1), (4.01, 0.0, 0), (0.0, 24.9, 1), (0.0, 25.1, 0)]
)
def test_tolerances(origin_time_s, north_km, n):
    assert len(match_events([event(origin_time_s, north_km)], [event(0.0)], TOLERANCE).pairs) == n


def test_offset_points_from_true_to_predicted_and_follows_the_geodesic():
    true = Event("t", 0.0, 32.7, 130.8, 0.0, None, None)
    north_east = Event("p", 0.0, 32.8, 130.9, 0.0, None, None)
    distance_m, azimuth_deg, _ = gps2dist_azimuth(32.7, 130.8, 32.8, 130.9)
    offset_km = epicentre_offset_km([north_east], [true])
    expected = (
        distance_m / 1000 * np.array([np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))])
    )
    np.testing.assert_allclose(offset_km, [expected], rtol=1e-6)
    assert (offset_km > 0).all()


def test_distance_matrix_has_rows_of_the_first():
    distance_km = epicentral_distance_km([event(0.0, 0.0)], [event(0.0, 0.0), event(0.0, 11.0)])
    np.testing.assert_allclose(distance_km, [[0.0, 11.0]], atol=0.01)


def test_tolerance_must_be_positive():
    with pytest.raises(ValueError, match="must be positive"):
        MatchTolerance(0.0, 25.0)
