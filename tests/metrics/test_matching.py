import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.geodetics import gps2dist_azimuth

from fcn.catalogue.event import Event
from fcn.metrics.matching import MatchTolerance, epicentral_distance_km, epicentre_offset_km, match_events

TOLERANCE = MatchTolerance(origin_time_s=4.0, epicentre_km=25.0, magnitude_scale=1.0)
KM_PER_DEGREE_NORTH = 110.57  # WGS84 at the equator


def event(origin_time_s, north_km=0.0, magnitude=None, event_id="x"):
    return Event(event_id, origin_time_s, north_km / KM_PER_DEGREE_NORTH, 0.0, 10.0, magnitude, None)


def is_near(first, second):
    apart_m = gps2dist_azimuth(first.latitude_deg, 0, second.latitude_deg, 0)[0]
    return abs(first.origin_time_s - second.origin_time_s) <= 4 and apart_m <= 25_000


def misfit(first, second, catalogued):
    """Squared; without a magnitude the mean of those with the catalogued events that are near enough."""

    def sized(other):
        return None not in (first.magnitude, other.magnitude)

    def square(other):
        return min(abs(first.magnitude - other.magnitude), 1.0) ** 2

    if sized(second):
        return square(second)
    others = [square(other) for other in catalogued if sized(other) and is_near(first, other)]
    return sum(others) / len(others) if others else 0.0


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
                    sizes = [misfit(declared[i], catalogued[j], catalogued) for i, j in pairs]
                    cost = sum(t**2 + d**2 + m for t, d, m in zip(time, place, sizes, strict=True))
                    best = max(best, (size, -cost, pairs))
    return best


def tenths(low, high):
    return st.integers(low, high).map(lambda n: n / 10)


magnitudes = st.none() | tenths(0, 80)
events = st.lists(st.builds(event, tenths(0, 120), tenths(-300, 300), magnitudes), max_size=4)


@given(declared=events, catalogued=events)
def test_matching_is_the_best_there_is(declared, catalogued):
    matching = match_events(declared, catalogued, TOLERANCE)
    size, negative_cost, _ = best_by_trial(declared, catalogued)
    assert len(matching.pairs) == size
    time = [(declared[i].origin_time_s - catalogued[j].origin_time_s) / 4 for i, j in matching.pairs]
    place = [epicentral_distance_km([declared[i]], [catalogued[j]])[0, 0] / 25 for i, j in matching.pairs]
    size_off = [misfit(declared[i], catalogued[j], catalogued) for i, j in matching.pairs]
    cost = sum(t**2 + d**2 + m for t, d, m in zip(time, place, size_off, strict=True))
    assert cost == pytest.approx(-negative_cost, abs=1e-6)


@given(declared=events, catalogued=events)
def test_every_event_is_in_one_place(declared, catalogued):
    matching = match_events(declared, catalogued, TOLERANCE)
    assert sorted([i for i, _ in matching.pairs] + list(matching.unmatched_declared)) == list(
        range(len(declared))
    )
    assert sorted([j for _, j in matching.pairs] + list(matching.unmatched_catalogued)) == list(
        range(len(catalogued))
    )


@given(declared=events, catalogued=events)
def test_how_many_pairs_there_are_is_no_matter_of_magnitudes(declared, catalogued):
    unsized = [[replace(each, magnitude=None) for each in side] for side in (declared, catalogued)]
    sized = match_events(declared, catalogued, TOLERANCE)
    assert len(sized.pairs) == len(match_events(*unsized, TOLERANCE).pairs)


# Few times and sizes: matchings that cost the same.
ties = st.lists(st.builds(event, st.integers(0, 4), st.just(0.0), st.sampled_from([None, 3.0])), max_size=4)


@given(declared=ties, catalogued=ties, data=st.data())
def test_the_order_of_events_is_no_matter(declared, catalogued, data):
    def said(first, second):
        return sorted(
            (repr(first[i]), repr(second[j])) for i, j in match_events(first, second, TOLERANCE).pairs
        )

    others = [data.draw(st.permutations(side)) for side in (declared, catalogued)]
    assert said(declared, catalogued) == said(*others)


# An aftershock in the shadow of its main shock, whose origin is nearer to what is declared of the main shock.
@pytest.mark.parametrize(
    ("main", "aftershock", "said"),
    [
        (event(0.0, 0.0, 6.23), event(0.5, 3.0, 3.06), event(2.5, 5.0, 6.3)),
        (event(0.0, 0.0, 6.66), event(2.9, 11.3, 3.46), event(2.9, 14.0, 6.6)),
    ],
)
def test_a_main_shock_is_not_taken_for_an_aftershock_that_is_nearer(main, aftershock, said):
    assert match_events([said], [main, aftershock], TOLERANCE).pairs == ((0, 0),)
    unsized = replace(said, magnitude=None)
    assert match_events([unsized], [main, aftershock], TOLERANCE).pairs == ((0, 1),)


def test_a_badly_sized_event_is_still_found_and_is_the_one_that_is_nearest():
    said, true = event(0.5, 5.0, 5.2), event(0.0, 0.0, 7.7)
    assert match_events([said], [true], TOLERANCE).pairs == ((0, 0),)
    assert match_events([said], [true, event(3.0, 20.0, 3.0)], TOLERANCE).pairs == ((0, 0),)


@pytest.mark.parametrize("absent", [None, math.nan])
def test_an_event_without_magnitude_attracts_nothing(absent):
    """The main shock is not quite as large as said, and nearer than an aftershock that nobody has sized."""
    main, aftershock = event(0.8, 0.0, 5.6), event(2.0, 0.0, absent)
    assert match_events([event(0.0, 0.0, 5.0)], [main, aftershock], TOLERANCE).pairs == ((0, 0),)


@pytest.mark.parametrize("absent", [None, math.nan])
def test_a_magnitude_that_either_side_lacks_tells_nothing(absent):
    """The nearer one is the one, though the other is sized as said."""
    near, far = event(0.5, 0.0, absent), event(2.0, 0.0, 4.0)
    assert match_events([event(0.0, 0.0, 4.0)], [far, near], TOLERANCE).pairs == ((0, 1),)
    assert match_events([far, near], [event(0.0, 0.0, 4.0)], TOLERANCE).pairs == ((1, 0),)
    assert match_events([event(0.0, 0.0, absent)], [far, replace(near, magnitude=1.0)], TOLERANCE).pairs == (
        (0, 1),
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


@pytest.mark.parametrize("values", [(0.0, 25.0, 1.0), (4.0, 25.0, 0.0)])
def test_tolerance_must_be_positive(values):
    with pytest.raises(ValueError, match="must be positive"):
        MatchTolerance(*values)
