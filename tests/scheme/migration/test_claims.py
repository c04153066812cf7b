"""Which place is a declared event's, on numbers worked out by hand; there is no network here."""

from dataclasses import replace

import pytest
import torch
from made_hypotheses import P_TOLERANCE_S, START_S, known, picks_at, travel_s

from fcn.scheme.migration.candidates import CandidateLaw
from fcn.scheme.migration.claims import claimed, weighed
from fcn.scheme.migration.hypotheses import due
from fcn.scheme.migration.places import Places


@pytest.mark.parametrize(
    ("p_s", "is_open", "name"),
    [
        ([20.0, 21.0, 23.0, 24.0], True, "one"),
        ([20.0, 22.0, 23.0, 24.0], True, None),  # of its two picks only one
        ([20.0, 21.0, 29.0, 29.0], True, None),  # no more picks than it has itself
        ([20.0, 21.0, 23.0, 24.0], False, None),
    ],
)
def test_a_hypothesis_that_explains_an_events_picks_and_more_is_that_event(p_s, is_open, name):
    """A declared event has picks at two stations of four, and is looked for elsewhere."""
    events = [known("one", is_open=is_open)]
    due_s = torch.tensor([[[20.1, 22.0], [20.9, 23.0], [26.0, 29.0], [27.0, 29.0]]])
    picks = picks_at((0, 20.0), (1, 21.0), (2, 23.1), (3, 23.9))
    hypotheses_p_s = torch.tensor([p_s, p_s])
    for least, expected in ((3.0, name), (3.1, None)):  # of the event, of M 3
        found = claimed(
            [None, "other"],
            hypotheses_p_s,
            events,
            due_s,
            picks,
            least_magnitude=least,
            p_tolerance_s=P_TOLERANCE_S,
        )
        assert found == (expected, "other")


def test_two_picks_of_one_station_are_no_half_of_an_events():
    """Any hypothesis has one station in common with an event: two it has to have."""
    due_s = torch.tensor([[[20.1, 22.0], [20.9, 23.0], [26.0, 29.0], [27.0, 29.0]]])
    picks = picks_at((0, 19.7), (0, 20.3), (1, 21.0), (2, 23.1), (3, 23.9))
    p_s = torch.tensor([[20.0, 29.0, 23.0, 24.0]])
    found = claimed(
        [None], p_s, [known("one")], due_s, picks, least_magnitude=3.0, p_tolerance_s=P_TOLERANCE_S
    )
    assert found == (None,)


@pytest.mark.parametrize(("apart_km", "later_s"), [(100.0, 0.0), (10.0, 3.0), (0.0, 2.0)])
def test_a_second_earthquake_does_not_claim_the_picks_of_the_first(apart_km, later_s):
    """Which 15 stations or more of 30 have picked; all have picked the second, which is placed as it is."""
    rng = torch.Generator().manual_seed(5)
    for _ in range(100):
        station_km = 50.0 * torch.randn(1, 30, 3, generator=rng) * torch.tensor([1.0, 1.0, 0.0])
        east_km, north_km = (20.0 * torch.randn(2, generator=rng)).tolist()
        one = known("one", east_km=east_km, north_km=north_km, depth_km=10.0, origin_time_s=980.0)
        other = known(
            "other",
            east_km=east_km + apart_km,
            north_km=north_km,
            depth_km=10.0,
            origin_time_s=980.0 + later_s,
        )
        due_s = due([one, other], travel_s([one, other], station_km), START_S)
        p_s = due_s[..., 0] + 0.1 * torch.randn(2, 30, generator=rng)
        n_heard = int(torch.randint(15, 30, (1,), generator=rng))
        heard = [(n, float(p_s[0, n])) for n in range(n_heard)] + [(n, float(p_s[1, n])) for n in range(30)]
        found = claimed(
            [None],
            due_s[1:, :, 0],
            [one],
            due_s[:1],
            picks_at(*heard),
            least_magnitude=3.0,
            p_tolerance_s=0.6,
        )
        assert found == (None,)


def at(place_km, origin_s, follows="one"):
    """A place that was found for a declared event."""
    last = Places.kept(known(), 0.9, start_s=START_S, n_stations=4, device=torch.device("cpu"))
    where = {"place_km": torch.tensor([place_km]), "origin_s": torch.tensor([origin_s])}
    return replace(last, follows=(follows,), **where)


LAW = CandidateLaw(least_evidence=0.5, least_magnitude=4.0)
# an event at (0, 0) with origin at 18 s of the window; P comes a sixth of a second later for every km
STATION_KM = torch.tensor([[12.0, 0.0, 0.0], [0.0, 18.0, 0.0], [-24.0, 0.0, 0.0], [60.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("heard", "place_km", "origin_s", "follows", "magnitude", "stands"),
    [
        # 60 km east P of the first and the last station suit it, of the three picks that made the event
        ([(0, 20.0), (1, 21.0), (2, 22.0)], [72.0, 0.0, 0.0], 10.0, "one", 4.0, False),
        ([(0, 20.0), (1, 21.0), (2, 22.0)], [72.0, 0.0, 0.0], 10.0, None, 4.0, True),
        (
            [(0, 20.0), (1, 21.0), (2, 22.0)],
            [3.0, 0.0, 0.0],
            10.0,
            "one",
            4.0,
            True,
        ),  # no further than is looked
        ([(0, 20.0), (1, 21.0), (2, 22.0)], [13.0, 0.0, 0.0], 10.0, "one", 4.0, False),
        ([(0, 20.0), (3, 12.0)], [72.0, 0.0, 0.0], 10.0, "one", 4.0, True),  # two instead of one
        ([(0, 20.0), (0, 20.3), (3, 17.7)], [60.0, 40.0, 0.0], 11.0, "one", 4.0, True),  # one station each
        ([], [72.0, 0.0, 0.0], 10.0, "one", 4.0, True),
        ([(0, 20.0), (1, 21.0), (2, 22.0)], [72.0, 0.0, 0.0], 10.0, "one", 3.9, True),  # one of a swarm
    ],
)
def test_a_declared_event_does_not_move_to_where_fewer_stations_speak_for_it(
    heard, place_km, origin_s, follows, magnitude, stands
):
    def travel_times(places_km):
        return ((places_km[:, None] - STATION_KM).norm(dim=-1) / 6.0)[..., None].expand(-1, -1, 2)

    events = [known("other", east_km=500.0), known("one", magnitude=magnitude)]
    due_s = due(events, travel_times(torch.tensor([[500.0, 0.0, 0.0], [0.0, 0.0, 0.0]])), START_S)
    place = at(place_km, origin_s, follows)
    p_s = origin_s + travel_times(place.place_km)[..., 0]
    found = weighed(place, p_s, events, due_s, picks_at(*heard), 12.0, LAW, p_tolerance_s=P_TOLERANCE_S)
    assert found.favour.tolist() == ([0] if stands else [-1])


@pytest.mark.parametrize(
    ("n_before", "n_now", "changes", "is_so"),
    [
        (2, 4, {}, True),
        (2, 3, {}, False),
        (0, 3, {}, True),
        (0, 2, {}, False),
        (3, 6, {}, True),
        (3, 5, {}, False),
        (2, 4, {"evidence": 0.49}, False),
        (2, 4, {"magnitude": 3.9}, False),
        (2, 4, {"magnitude": None}, False),
        (2, 4, {"law": None}, False),
        (2, 4, {"away_km": 5.0}, False),
        (2, 4, {"follows": None}, False),
    ],
)
def test_most_stations_outnumber_the_few_that_an_alarm_was_placed_by(n_before, n_now, changes, is_so):
    """P of the last place is due at 20 s everywhere, of the other at 25 s; stations pick either."""
    given = {"evidence": 0.5, "magnitude": 4.0, "law": LAW, "away_km": 60.0, "follows": "one"} | changes
    place = at([given["away_km"], 0.0, 0.0], 10.0, given["follows"])
    place = replace(place, evidence=torch.tensor([given["evidence"]]))
    picks = picks_at(*((n, 20.0) for n in range(n_before)), *((9 - n, 25.0) for n in range(n_now)))
    due_s = torch.tensor([20.0, 30.0]).expand(1, 10, 2)
    events = [known("one", magnitude=given["magnitude"])]
    found = weighed(
        place,
        torch.full((1, 10), 25.0),
        events,
        due_s,
        picks,
        12.0,
        given["law"],
        p_tolerance_s=P_TOLERANCE_S,
    )
    assert (found.favour > 0).tolist() == [is_so]
