"""Which hypotheses are made and which stand, on numbers worked out by hand; there is no network here."""

import pytest
import torch
from made_hypotheses import (
    NOW_S,
    P_TOLERANCE_S,
    S_TOLERANCE_S,
    START_S,
    WINDOW_S,
    known,
    picks_at,
    travel_s,
)

from fcn.catalogue.event import Known
from fcn.scheme.migration.hypotheses import (
    Hypotheses,
    distinct,
    due,
    due_again,
    explained,
    followed,
    have_picks,
    in_company,
    moved,
    origin_times,
    origin_uncertainties,
    overtaken,
)
from fcn.scheme.migration.picks import Picks


def test_arrivals_are_due_a_travel_time_after_the_origin():
    station_km = torch.tensor([[[12.0, 0.0, 0.0], [0.0, 24.0, 0.0]]])
    events = [known(), known(east_km=12.0, origin_time_s=960.0)]  # the second began before the window
    due_s = due(events, travel_s(events, station_km), START_S)
    torch.testing.assert_close(due_s[0], torch.tensor([[20.0, 21.0], [22.0, 24.0]]))
    torch.testing.assert_close(due_s[1, 0], torch.tensor([-10.0, -10.0]))
    assert due([], torch.zeros(0, 2, 2), START_S).shape == (0, 2, 2)


@pytest.mark.parametrize(
    ("station", "time_s", "uncertainty_km", "is_explained"),
    [
        (0, 10.5, 0.0, True),  # P
        (0, 9.3, 0.0, False),
        (0, 14.2, 0.0, True),  # S, which is allowed more
        (0, 15.0, 0.0, False),
        (1, 10.5, 0.0, False),  # P of another station
        (0, 8.5, 6.0, True),  # a km off is a sixth of a second
        (0, 8.5, None, False),
        (0, 7.5, 60.0, True),  # no more than two seconds, however vague
        (0, 7.3, 60.0, False),
    ],
)
def test_a_pick_is_explained_where_p_or_s_was_due(station, time_s, uncertainty_km, is_explained):
    due_s = torch.tensor([[[10.0, 13.5], [12.0, 20.0]], [[50.0, 60.0], [50.0, 60.0]]])
    events = [known(horizontal_uncertainty_km=uncertainty_km), known("two")]
    tolerance = {"p_tolerance_s": P_TOLERANCE_S, "s_tolerance_s": S_TOLERANCE_S}
    pick = picks_at((station, time_s))
    assert explained(pick, due_s, events, **tolerance).tolist() == [is_explained]
    if uncertainty_km is not None:
        # what events have in common fits the picks
        stated_km = (uncertainty_km**2 + 12.0**2) ** 0.5
        events[0] = known(horizontal_uncertainty_km=stated_km, common_km=12.0)
        assert explained(pick, due_s, events, **tolerance).tolist() == [is_explained]
    assert not explained(pick, due_s[:0], [], **tolerance).any()


def again(event: Known, picks: Picks, p_s: list[float], near: list[bool] | None = None) -> Hypotheses:
    """Where the event is looked for again; its P is due at these times."""
    p = torch.tensor([p_s])
    return followed(
        [event],
        picks,
        torch.stack([p, p + 3], dim=-1),
        torch.tensor([near or [True] * len(p_s)]),
        window_s=WINDOW_S,
        p_tolerance_s=P_TOLERANCE_S,
    )


@pytest.mark.parametrize(
    ("event", "is_read"),
    [(known(), True), (known(is_open=False), False), (known(now_s=999.6), False)],
)
def test_open_events_are_read_again_a_second_later(event, is_read):
    rows = due_again([known(is_open=False), event], now_s=NOW_S, relocate_s=1.0)
    assert rows == [1] * is_read


@pytest.mark.parametrize(
    ("picks", "near", "anchor"),
    [
        (picks_at((2, 14.4), (1, 12.1), (0, 9.0)), None, (2, 14.4)),  # the most probable of those that agree
        (picks_at((0, 9.0)), None, (0, 10.0)),  # none agrees: P at the first station
        (picks_at(), [False, True, True], (1, 12.0)),
        (picks_at((2, 14.4), (1, 12.1)), [True, True, False], (1, 12.1)),  # of stations that judge the place
    ],
)
def test_a_followed_event_is_anchored_by_its_best_pick(picks, near, anchor):
    found = again(known(east_km=3.0, depth_km=8.0), picks, [10.0, 12.0, 14.0], near)
    assert (found.station.item(), found.time_s.item()) == pytest.approx(anchor)
    assert found.centre_km.tolist() == [[3.0, 0.0, 8.0]]


@pytest.mark.parametrize("p_s", [-0.1, 30.1])
def test_an_event_whose_p_is_not_in_the_window_has_no_volume(p_s):
    assert len(again(known(), picks_at(), [p_s])) == 0


def test_a_declared_event_moves_only_out_of_reach_and_with_evidence():
    """Peaks inside the volume about the last place are the fine pass's; weak ones are nobody's."""
    last = Hypotheses(torch.zeros(4, 3), torch.arange(4), torch.arange(4) + 10.0, ("a", "b", "c", "d"))
    peak_km = torch.tensor([[11.0, 0.0, 9.0], [9.0, 9.0, 40.0], [11.0, 0.0, 9.0], [0.0, -11.0, 9.0]])
    found = moved(last, peak_km, torch.tensor([0.6, 0.6, 0.4, 0.6]), reach_km=10.0, least_evidence=0.5)
    assert found.follows == ("a", "d")
    assert found.station.tolist() == [0, 3]
    assert found.time_s.tolist() == [10.0, 13.0]
    assert torch.equal(found.centre_km, peak_km[[0, 3]])


@pytest.mark.parametrize(
    ("anchors", "least_evidence", "kept"),
    [
        ([0, 1, 2, 3, 4], 0.2, [1]),  # all others agree with it, or have too little evidence
        ([0, 2, 3], 0.2, [2, 3, 0]),  # the third is 2 s off the first, the fourth 12 km
        ([0, 1, 2, 3, 4], 0.95, []),
    ],
)
def test_anchors_that_agree_on_an_origin_are_one_hypothesis(anchors, least_evidence, kept):
    """The one with most evidence; they agree in time and place, whatever their depths."""
    east_depth_km = torch.tensor([[0.0, 5.0], [6.0, 30.0], [0.0, 5.0], [12.0, 5.0], [0.0, 0.0]])[anchors]
    place_km = torch.stack([east_depth_km[:, 0], torch.zeros(len(anchors)), east_depth_km[:, 1]], dim=1)
    found = distinct(
        place_km,
        torch.tensor([10.0, 11.0, 12.0, 10.5, 10.0])[anchors],
        torch.tensor([0.5, 0.9, 0.7, 0.6, 0.1])[anchors],
        least_evidence=least_evidence,
        same_s=1.5,
        same_km=torch.full((len(anchors),), 10.0),
    )
    assert [anchors[row] for row in found.tolist()] == kept


def test_origin_times_are_the_weighted_mean_of_the_picks_that_agree():
    picks = Picks(torch.tensor([0, 1, 2]), torch.tensor([10.0, 12.3, 30.0]), torch.tensor([0.5, 1.0, 1.0]))
    travel_s = torch.tensor([[2.0, 4.0, 5.0]]).expand(2, 3)
    origin_s = origin_times(torch.tensor([8.1, 100.0]), travel_s, picks, p_tolerance_s=P_TOLERANCE_S)
    assert origin_s.tolist() == pytest.approx([(0.5 * 8.0 + 1.0 * 8.3) / 1.5, 100.0], abs=1e-5)


def test_origin_times_are_unsure_by_the_place_and_by_what_picks_are_off():
    picks = picks_at((0, 10.0), (1, 12.0), (2, 40.0))
    far = torch.inf
    p_s = torch.tensor([[10.0, 12.0, 20.0], [10.3, 11.7, 20.0], [10.2, far, 20.0], [30.0, 30.0, far]])
    moveout_spkm = torch.tensor([[0.2, 0.0, -0.1], [0.0, 0.1, -0.1], [9.0, 9.0, 9.0]]).expand(4, 3, 3)
    covariance_km2 = torch.diag(torch.tensor([4.0, 1.0, 9.0])).repeat(4, 1, 1)
    covariance_km2[:, 0, 2] = covariance_km2[:, 2, 0] = 2.0
    found_s = origin_uncertainties(p_s, picks, moveout_spkm, covariance_km2, p_tolerance_s=P_TOLERANCE_S)
    # of the mean (0.1, 0.05, -0.1) s/km: 0.01 * 4 + 0.0025 * 1 + 0.01 * 9 - 2 * 0.01 * 2
    place_s2 = 0.0925
    one_s2 = 0.04 * 4 + 0.01 * 9 - 2 * 0.02 * 2  # of the first station's pick alone
    expected = [place_s2 + 0.01, place_s2 + 0.09, one_s2 + 0.04, place_s2 + P_TOLERANCE_S**2]
    assert (found_s**2).tolist() == pytest.approx(expected, abs=1e-5)


def all_but(n: int, alike: tuple[tuple[int, int], ...] = ()) -> torch.Tensor:
    """Stations that are witnesses to one another, but for some pairs."""
    two = ~torch.eye(n, dtype=torch.bool)
    for one, other in alike:
        two[one, other] = two[other, one] = False
    return two


def standing(
    arrival_s: torch.Tensor,
    evidence: list[float],
    picks: Picks,
    is_new: list[bool],
    taken: list[bool],
    pulses: tuple[int, ...] = (),
    alike: tuple[tuple[int, int], ...] = (),
) -> list[bool]:
    """Hypotheses that stand where new ones need two picks; `taken`: explained, `pulses`: came at once."""
    at_once = torch.zeros(len(evidence), len(picks), dtype=torch.bool)
    at_once[:, list(pulses)] = True
    return have_picks(
        arrival_s,
        torch.tensor(evidence),
        picks,
        torch.tensor(is_new),
        torch.tensor(taken),
        at_once,
        all_but(arrival_s.shape[1], alike),
        least_picks=2,
        p_tolerance_s=P_TOLERANCE_S,
        s_tolerance_s=S_TOLERANCE_S,
    ).tolist()


@pytest.mark.parametrize(
    ("evidence", "taken", "stand"),
    [
        ([2.0, 1.0, 0.0], [False] * 4, [True, False, True]),
        # with more evidence the ghost, with two picks, stands, and takes one of the good one's three
        ([1.0, 2.0, 0.0], [False] * 4, [True, True, True]),
        # of two picks that are left to the good one, a declared event explains one
        ([2.0, 1.0, 0.0], [True, True, False, False], [False, False, True]),
    ],
)
def test_a_new_hypothesis_needs_picks_that_nothing_better_explains(evidence, taken, stand):
    """Three hypotheses of one window: a good one, its ghost, and a declared event followed."""
    p_s = torch.tensor([[10.0, 11.0, 12.0], [10.0, 14.0, 17.0], [2.0, 3.0, 4.0]])  # event, station
    arrival_s = torch.stack([p_s, p_s + torch.tensor([[3.0], [4.5], [3.0]])], dim=-1)
    arrival_s[1, 2, 0] = 15.1
    # P of the good one at all stations; its S at the third, which the ghost takes for a P
    picks = picks_at((0, 10.0), (1, 11.1), (2, 12.0), (2, 15.0))
    assert standing(arrival_s, evidence, picks, [True, True, False], taken) == stand


@pytest.mark.parametrize(("station", "stands"), [(1, True), (0, False)])
def test_two_picks_of_one_station_are_not_two_stations(station, stands):
    arrival_s = torch.tensor([[[10.0, 13.0], [11.0, 14.5]]])  # event, station, phase
    picks = picks_at((0, 9.7), (station, 10.5))
    assert standing(arrival_s, [1.0], picks, [True], [False, False]) == [stands]


@pytest.mark.parametrize(("alike", "stands"), [(((0, 1),), False), ((), True)])
def test_sensors_of_one_site_are_one_witness(alike, stands):
    arrival_s = torch.tensor([[[10.0, 13.0], [10.0, 13.0], [15.0, 20.0]]])
    picks = picks_at((0, 10.0), (1, 10.0))
    assert standing(arrival_s, [1.0], picks, [True], [False, False], alike=alike) == [stands]
    found = in_company(picks, torch.zeros(3, 3), all_but(3, alike), tolerance_s=0.3)
    assert found.tolist() == [stands, stands]


@pytest.mark.parametrize(
    ("least", "alike", "stands"),
    [
        (1, ((0, 1), (0, 2), (1, 2)), True),
        (2, ((0, 1), (0, 2), (1, 2)), False),
        (3, (), True),
        (3, ((1, 2),), False),
    ],
)
def test_as_many_witnesses_are_asked_for_as_the_reading_says(least, alike, stands):
    arrival_s = torch.full((1, 3, 2), 10.0)
    picks, nothing = picks_at((0, 10.0), (1, 10.0), (2, 10.0)), torch.zeros(3, dtype=torch.bool)
    tolerances = {"p_tolerance_s": P_TOLERANCE_S, "s_tolerance_s": S_TOLERANCE_S}
    given = arrival_s, torch.ones(1), picks, torch.tensor([True]), nothing, nothing[None], all_but(3, alike)
    assert have_picks(*given, least_picks=least, **tolerances).tolist() == [stands]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_the_ends_of_a_chain_are_two_in_any_order(order):
    """The middle one is near both."""
    arrival_s = torch.full((1, 3, 2), 10.0)
    place = {station: i for i, station in enumerate(order)}
    alike = ((place[0], place[1]), (place[1], place[2]))
    picks = picks_at((0, 10.0), (1, 10.0), (2, 10.0))
    assert standing(arrival_s, [1.0], picks, [True], [False] * 3, alike=alike) == [True]


@pytest.mark.parametrize(
    ("pulses", "is_new", "stands"), [((0,), True, True), ((0, 1), True, False), ((0, 1), False, True)]
)
def test_picks_that_came_at_once_count_for_nothing(pulses, is_new, stands):
    """Of three, two are asked for; a declared event needs none."""
    arrival_s = torch.tensor([[[10.0, 13.0], [10.4, 13.5], [12.0, 15.0]]])
    picks = picks_at((0, 10.1), (1, 10.1), (2, 12.0))
    assert standing(arrival_s, [1.0], picks, [is_new], [False] * 3, pulses) == [stands]


def test_a_later_event_that_is_no_smaller_hides_an_earlier_one():
    one = known("one", origin_time_s=980.0, magnitude=3.0)
    events = [
        one,
        known("larger", origin_time_s=988.0, magnitude=4.0, east_km=60.0),
        known("as large", origin_time_s=990.0, magnitude=2.5),
        known("smaller", origin_time_s=981.0, magnitude=2.4),
        known("earlier", origin_time_s=979.0, magnitude=6.0),
        known("not sized", origin_time_s=981.0, magnitude=None),
    ]
    station_km = torch.tensor([[[0.0, 0.0, 0.0], [60.0, 0.0, 0.0]]])
    due_s = due(events, travel_s(events, station_km), START_S)
    next_s = overtaken(["one", None, "larger"], events, due_s)
    # from the as large one at the first station, 20 s into the window, from the larger at the second
    assert next_s.tolist() == [[20.0, 18.0], [torch.inf] * 2, [torch.inf] * 2]


def test_a_pick_that_no_other_can_go_with_anchors_nothing():
    """Two of one source; a second one at the same station; one too late for any source."""
    apart_s = torch.tensor([[0.0, 3.0, 8.0], [3.0, 0.0, 5.0], [8.0, 5.0, 0.0]])
    picks = Picks(torch.tensor([0, 1, 1, 2]), torch.tensor([10.0, 13.4, 25.0, 40.0]), torch.ones(4))
    two = all_but(3)
    alone = in_company(picks, apart_s, two, tolerance_s=0.3)
    assert alone.tolist() == [False, False, False, False]
    assert in_company(picks, apart_s, two, tolerance_s=0.5).tolist() == [True, True, False, False]
