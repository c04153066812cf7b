"""First P that the catalogue does not know, computed where stations deliver."""

import dataclasses

import numpy as np
import pytest
from report_example import MODEL, RATE_HZ, START_S, make_sequence

from fcn.assemble import travel_times
from fcn.catalogue.event import Catalogue
from fcn.data.first_p import with_computed_first_p
from fcn.earth.travel_time import TravelTimeTable

SEQUENCE = make_sequence(n_events=3)
TRUE = SEQUENCE.catalogue


TABLE = {"min_depth_km": 0.0, "max_depth_km": 30.0, "max_distance_km": 150.0, "step_km": 1.0}
TIMES = TravelTimeTable.stack([travel_times(MODEL, TABLE)])


def computed(catalogue, known=SEQUENCE.known):
    return with_computed_first_p(
        dataclasses.replace(SEQUENCE, catalogue=catalogue, known=known), TIMES
    ).catalogue


def without_picks(events=TRUE.events):
    return Catalogue("bare", tuple(dataclasses.replace(each, first_p_time_s=None) for each in events))


def test_what_the_catalogue_lacks_is_computed_and_marked():
    kept = dataclasses.replace(TRUE[1], first_p_time_s=TRUE[1].first_p_time_s + 0.3)
    given = Catalogue("some", (*without_picks(TRUE.events[:1]).events, kept))
    first, second = computed(given)
    assert first.first_p_time_s == pytest.approx(TRUE[0].first_p_time_s, abs=0.02)
    assert first.first_p_is_computed
    assert second == kept


def test_stations_that_do_not_deliver_when_p_arrives_have_none():
    """The nearest station's record ends before P: the first P is that of the next."""
    event = TRUE[0]
    sample = int((event.first_p_time_s - START_S) * RATE_HZ)
    (everywhere,) = computed(without_picks([event]))
    known, later = SEQUENCE.known.copy(), [everywhere.first_p_time_s]
    for silent in range(3):
        # silence the station that was first, by its own arrival
        gone = first_station(event, known)
        known[gone, :, sample - 5 :] = False
        (found,) = computed(without_picks([event]), known)
        later.append(found.first_p_time_s)
        assert later[silent + 1] > later[silent]
    known[:] = False
    (found,) = computed(without_picks([event]), known)
    assert (found.first_p_time_s, found.first_p_is_computed) == (None, False)


def first_station(event, known):
    x, y = SEQUENCE.frame.to_local_km(np.array([event.latitude_deg]), np.array([event.longitude_deg]))
    source_km = np.array([x[0], y[0], event.depth_km])
    distance_km = np.linalg.norm(SEQUENCE.station_km - source_km, axis=1)
    distance_km[~known[:, 0, -1]] = np.inf
    return int(distance_km.argmin())


def test_an_event_beyond_the_travel_times_stays_without(caplog):
    deep = dataclasses.replace(without_picks().events[0], depth_km=300.0)
    (found,) = computed(Catalogue("deep", (deep,)))
    assert found == deep
    assert f"no first P is computed of 1 catalogued event(s), as {deep.event_id}: " in caplog.text


def test_a_national_catalogue_is_told_of_in_one_line(caplog):
    """Of those beyond the travel times that may have shaken the recorded time; the others are passed over."""
    deep, early, late = (
        [
            dataclasses.replace(
                without_picks().events[0],
                event_id=f"{name}{i}",
                depth_km=300.0,
                origin_time_s=START_S + at_s + i,
            )
            for i in range(5)
        ]
        for name, at_s in (("deep", 0.0), ("early", -2000.0), ("late", 1e7))
    )
    found = computed(Catalogue("national", (*deep, *early, *late, *without_picks().events)))
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith("no first P is computed of 5 catalogued event(s), as deep0: ")
    assert [event.first_p_time_s is not None for event in found if event.depth_km < 300.0] == [True] * 3


def test_nothing_is_computed_where_nothing_is_missing():
    for catalogue in (TRUE, None):
        given = dataclasses.replace(SEQUENCE, catalogue=catalogue)
        assert with_computed_first_p(given, TIMES) is given
