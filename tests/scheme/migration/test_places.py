"""Places of declared events: what moves them, and what they keep."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.event import Known, WindowEstimate
from fcn.catalogue.phase import PhasePick
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.hypotheses import Hypotheses
from fcn.scheme.migration.places import Places, at_edge, merged, pdfs_of

START_S = 970.0
PDF = EpicentrePdf((0.0, 0.0), (1.0, 1.0), np.full((2, 2), 0.25, dtype=np.float32))
PICKS = (PhasePick("XX", "A", "P", 988.5, residual_s=0.1, correction_s=-0.05, weight=0.9),)
LAST = WindowEstimate(
    now_s=999.0,
    detection_score=0.9,
    first_p_time_s=988.5,
    location_score=0.6,
    east_km=1.0,
    north_km=2.0,
    depth_km=3.0,
    origin_time_s=985.0,
    magnitude=6.0,
    horizontal_uncertainty_km=1.5,
    depth_uncertainty_km=2.5,
    origin_time_uncertainty_s=0.5,
)


def found(*rows: tuple[str | None, float, float, float]) -> Places:
    """(follows, east, evidence, score) of each."""
    n = len(rows)
    east, evidence, score = (torch.tensor([row[i] for row in rows]) for i in (1, 2, 3))
    place_km = torch.stack([east, torch.zeros(n), torch.full((n,), 8.0)], dim=1)
    ones = torch.ones(n)
    return Places(
        tuple(row[0] for row in rows),
        (PDF,) * n,
        place_km,
        *(20 * ones, 0.3 * ones, 22 * ones, evidence, score, ones, ones),
        ones > 0,
        4.0 * torch.eye(3).repeat(n, 1, 1),
        torch.tensor([[True, False, True]]).repeat(n, 1),
        torch.zeros_like(ones, dtype=torch.long),
        torch.zeros(n),
    )


def settled(places: Places, *known: str, due: tuple[str, ...] | None = None) -> Places:
    """due: of the known ones; None: all."""
    events = [Known(name, replace(LAST), is_open=True) for name in known]
    return merged(
        places,
        events,
        known if due is None else due,
        start_s=START_S,
        trusted_evidence=0.7,
        trusted_score=0.2,
    )


def test_a_place_that_most_stations_speak_for_goes_before_a_trusted_one():
    """It needs no trusted volume; of several the one with most evidence."""
    rows = [("one", 1.0, 0.9, 0.9), ("one", 2.0, 0.5, 0.1), ("one", 3.0, 0.6, 0.1), ("other", 4.0, 0.6, 0.1)]
    places = replace(found(*rows), favour=torch.tensor([0, 1, 1, 0]))
    told = settled(places, "one", "other")
    east_km = dict(zip(told.follows, told.place_km[:, 0].tolist(), strict=True))
    assert east_km == {"one": 3.0, "other": LAST.east_km}


def test_a_place_that_fewer_stations_speak_for_moves_nothing_and_still_speaks_for_the_event():
    """It is trusted; without it the event would be withdrawn."""
    places = replace(found(("one", 1.0, 0.1, 0.1), ("one", 2.0, 0.9, 0.9)), favour=torch.tensor([0, -1]))
    told = settled(places, "one")
    assert told.is_located.tolist() == [False]
    assert told.evidence.tolist() == [pytest.approx(0.9)]


def unsized(places: Places, station_ids: tuple[str, ...] | None = None) -> WindowEstimate:
    """What is said of the one place, which no station has felt."""
    nothing = torch.zeros(1)
    (said,) = places.estimates(
        now_s=1000.0,
        start_s=START_S,
        magnitude=nothing,
        deviation=nothing,
        growing=nothing > 0,
        falling_s=nothing,
        rise=nothing,
        sized_by=torch.zeros(1, 3, dtype=torch.bool),
        station_ids=station_ids,
        picks=[PICKS],
    )
    return said


def test_what_a_volume_holds_no_more_is_looked_for_about_its_peak():
    """Two of four declared events: the others are trusted, or near the middle. No new one."""
    rows = [
        ("near", 5.0, 0.5, 0.1),
        ("trusted", 9.0, 0.7, 0.2),
        ("far", 9.0, 0.7, 0.1),
        ("west", -9.0, 0.1, 0.9),
    ]
    places = found(*rows, (None, 11.0, 0.1, 0.1))
    n = len(places)
    middle_km = torch.zeros(n, 3)
    middle_km[0, 1] = 7.0  # of a peak at 0 north
    asked = Hypotheses(middle_km, torch.arange(n), 10.0 + torch.arange(n), places.follows)
    further = at_edge(asked, places, edge_km=7.5, trusted_evidence=0.7, trusted_score=0.2)
    assert further.follows == ("far", "west")
    assert further.centre_km.tolist() == [[9.0, 0.0, 8.0], [-9.0, 0.0, 8.0]]
    assert (further.station.tolist(), further.time_s.tolist()) == ([2, 3], [12.0, 13.0])


@pytest.mark.parametrize(("evidence", "follows"), [(0.8, ("one",)), (0.3, ())])
def test_an_event_that_is_not_due_is_read_where_it_moves_alone(evidence, follows):
    """Weak evidence for another place says nothing of its own, which nobody has asked in this window."""
    places = settled(found(("one", 5.0, evidence, 0.5)), "one", "other", due=())
    assert places.follows == follows
    assert places.place_km[:, 0].tolist() == [5.0] * len(follows)


@pytest.mark.parametrize(
    ("rows", "east_km", "is_located"),
    [
        ([("one", 5.0, 0.8, 0.5)], 5.0, True),
        ([("one", 5.0, 0.8, 0.5), ("one", 6.0, 0.9, 0.5)], 6.0, True),  # most evidence
        ([("one", 5.0, 0.8, 0.5), ("one", 6.0, 0.99, 0.1)], 5.0, True),  # of those that are trusted
        ([("one", 5.0, 0.6, 0.9)], 1.0, False),
        ([("one", 5.0, 0.9, 0.1)], 1.0, False),
        ([], 1.0, False),
        ([("two", 5.0, 0.9, 0.9)], 1.0, False),
    ],
)
def test_a_declared_event_moves_where_a_volume_is_trusted(rows, east_km, is_located):
    one = settled(found(*rows), "one")
    assert one.follows == ("one",)
    assert one.place_km[0, 0].item() == east_km
    assert one.is_located.tolist() == [is_located]
    if not is_located:
        assert one.place_km.tolist() == [[1.0, 2.0, 3.0]]
        assert one.origin_s.item() == 15.0
        assert one.first_p_s.item() == 18.5


@pytest.mark.parametrize(
    ("start_s", "last_km", "moves"),
    [(988.5, 0.7, True), (988.6, 0.79, False), (988.6, 0.81, True), (988.6, None, True)],
)
def test_without_its_first_p_in_the_window_an_event_moves_to_no_place_much_less_sure(start_s, last_km, moves):
    """The volume's place is sure to 1 km, and may be a quarter less sure than the last."""
    event = Known("a", replace(LAST, horizontal_uncertainty_km=last_km), is_open=True)
    beside = {"start_s": start_s, "trusted_evidence": 0.7, "trusted_score": 0.2}
    told = merged(found(("a", 9.0, 0.9, 0.9)), [event], ["a"], **beside)
    assert told.place_km.tolist() == [[9.0, 0.0, 8.0] if moves else [1.0, 2.0, 3.0]]


@pytest.mark.parametrize(("own_km", "moves"), [(0.79, False), (0.81, True)])
@pytest.mark.parametrize(("last_common_km", "common_km"), [(0.0, 3.0), (3.0, 0.0), (3.0, 3.0)])
def test_what_epicentres_are_off_in_common_neither_keeps_an_event_nor_lets_it_go(
    own_km, moves, last_common_km, common_km
):
    """Its own range counts, then and now: the volume's place is sure to 1 km, a quarter less than 0.8."""
    stated_km = float(np.hypot(own_km, last_common_km))
    last = replace(LAST, horizontal_uncertainty_km=stated_km, common_km=last_common_km)
    beside = {"start_s": 988.6, "trusted_evidence": 0.7, "trusted_score": 0.2}
    places = replace(found(("a", 9.0, 0.9, 0.9)), common_km=torch.tensor([common_km]))
    told = merged(places, [Known("a", last, is_open=True)], ["a"], **beside)
    assert told.place_km[0, 0].item() == (9.0 if moves else 1.0)


def test_an_event_that_stays_says_what_was_found_for_it():
    """Evidence that is gone is a reason to retract."""
    assert settled(
        found(("one", 5.0, 0.1, 0.9), ("one", 6.0, 0.3, 0.9)), "one"
    ).evidence.item() == pytest.approx(0.3)
    assert settled(found(), "one").evidence.item() == pytest.approx(0.9)


def test_new_ones_stay_beside_declared_ones():
    all_of = settled(
        found((None, 9.0, 0.1, 0.1), ("one", 5.0, 0.9, 0.9), (None, 7.0, 0.5, 0.5)), "one", "two"
    )
    assert all_of.follows == ("two", "one", None, None)
    assert all_of.place_km[:, 0].tolist() == [1.0, 5.0, 9.0, 7.0]


def test_estimates_say_what_the_places_are():
    (said,) = settled(found(), "one").estimates(
        now_s=1000.0,
        start_s=START_S,
        magnitude=torch.tensor([6.5]),
        deviation=torch.tensor([0.2]),
        growing=torch.tensor([True]),
        falling_s=torch.tensor([0.5]),
        rise=torch.tensor([40.0]),
        sized_by=torch.tensor([[False, True, True]]),
        station_ids=("XX.A", "XX.B", "XX.C"),
        picks=[PICKS],
    )
    want = replace(
        LAST,
        now_s=1000.0,
        magnitude=6.5,
        magnitude_uncertainty=said.magnitude_uncertainty,
        follows="one",
        is_located=False,
        is_growing=True,
        falling_s=0.5,
        support=40.0,
        magnitude_stations=("XX.B", "XX.C"),
        detection_score=said.detection_score,
        location_score=said.location_score,
    )
    assert said == want
    assert said.picks == (), "of a place that is kept the picks are those of before"
    assert said.magnitude_uncertainty == pytest.approx(0.2)
    assert said.detection_score == pytest.approx(0.9)


def test_without_a_station_that_has_felt_it_an_event_has_no_size():
    said = unsized(settled(found(), "one"))
    assert said.magnitude is None
    assert said.falling_s is None
    assert not said.is_growing


def test_a_place_of_its_own_has_covariance_and_stations():
    said = unsized(settled(found(("one", 5.0, 0.8, 0.5)), "one"), ("XX.A", "XX.B", "XX.C"))
    assert said.covariance_km2 == ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
    assert said.origin_stations == ("XX.A", "XX.C")
    assert said.magnitude_stations == ()
    assert said.epicentre_pdf is PDF
    assert said.origin_time_uncertainty_s == pytest.approx(0.3)
    assert said.picks == PICKS
    assert said.plain.keys() == LAST.plain.keys(), "a pdf is not kept"
    assert "epicentre_pdf" not in said.plain


def test_a_place_of_its_own_owns_up_to_what_all_have_in_common():
    """A radius of 2 km beside one of 1 km, as much east as north; depths do not have it."""
    places = replace(found(("one", 5.0, 0.8, 0.5)), common_km=torch.tensor([2.0]))
    said = unsized(settled(places, "one"))
    assert said.horizontal_uncertainty_km == pytest.approx(np.sqrt(5))
    assert said.common_km == 2.0
    assert said.own_uncertainty_km == pytest.approx(1.0)
    assert said.depth_uncertainty_km == pytest.approx(1.0)
    np.testing.assert_allclose(said.covariance_km2, np.diag([6.0, 6.0, 4.0]))


def test_a_place_that_is_kept_keeps_its_range_window_by_window():
    """With what it had in common with others then."""
    last = replace(LAST, horizontal_uncertainty_km=2.5, common_km=2.0)
    host = torch.device("cpu")
    for _ in range(3):
        known = Known("one", last, is_open=True)
        last = unsized(Places.kept(known, 0.9, start_s=START_S, n_stations=3, device=host))
        assert (last.horizontal_uncertainty_km, last.common_km) == (2.5, 2.0)
        assert last.own_uncertainty_km == pytest.approx(1.5)


def test_an_event_that_keeps_its_place_has_no_pdf_and_the_time_it_had():
    kept = settled(found(("one", 5.0, 0.8, 0.1)), "one")
    assert kept.pdf == (None,)
    assert kept.origin_uncertainty_s.tolist() == pytest.approx([0.5])


def test_a_place_that_is_kept_from_before_times_were_unsure_says_nothing_of_it():
    before = replace(LAST, origin_time_uncertainty_s=None)
    host = torch.device("cpu")
    kept = Places.kept(Known("one", before, True), 0.9, start_s=START_S, n_stations=3, device=host)
    said = unsized(kept)
    assert said.origin_time_uncertainty_s is None


def test_pdfs_are_on_the_map_of_their_volumes():
    first_km, spacing_km = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([[0.5, 1.5, 2.5]])
    lattice = Lattice(first_km, spacing_km.expand(2, 3), (2, 3, 4))
    one, other = pdfs_of(torch.arange(12.0).view(2, 2, 3) / 66, lattice)
    assert (one.first_km, one.spacing_km) == ((1.0, 2.0), (0.5, 1.5))
    assert other.first_km == (4.0, 5.0)
    np.testing.assert_allclose(other.probability, np.arange(6, 12).reshape(2, 3) / 66, rtol=1e-6)
