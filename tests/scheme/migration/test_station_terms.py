"""Station terms: what is learnt, from what, when, and that nothing of the future is in it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_migration import configured

from fcn.catalogue.event import Known, WindowEstimate
from fcn.config import build
from fcn.scheme.migration.picks import Arrived, Picks, find_p
from fcn.scheme.migration.station_terms import StationTerms, Terms, TermsLaw

N = 8
AZIMUTH_RAD = torch.arange(N) * 2 * torch.pi / N
STATION_KM = torch.stack([12 * AZIMUTH_RAD.sin(), 9 * AZIMUTH_RAD.cos(), torch.arange(N) / -10], dim=1)
NOBODY = torch.zeros(N, dtype=torch.bool)
ONE_LATE_S = torch.tensor([0.2] + [0.0] * (N - 1))
P_SPKM = -torch.nn.functional.normalize(STATION_KM - torch.tensor([0.0, 0.0, 8.0]), dim=1) / 6.0
MOVEOUT_SPKM = torch.stack([P_SPKM, 1.73 * P_SPKM], dim=1)
ALL_HEARD = torch.ones(N)
NO_S = torch.zeros(N), torch.zeros(N)


def other_origin_s(t_s: float, east_km: float, north_km: float, down_km: float) -> torch.Tensor:
    """By how much P comes later from an origin that is later and elsewhere."""
    return t_s + P_SPKM @ torch.tensor([east_km, north_km, down_km])


def known(name: str, *, is_open: bool) -> Known:
    numbers = (
        "now_s",
        "detection_score",
        "first_p_time_s",
        "location_score",
        "east_km",
        "north_km",
        "depth_km",
    )
    place = dict.fromkeys(numbers, 1.0)
    return Known(name, WindowEstimate(**place, origin_time_s=0.0, magnitude=None), is_open)


@pytest.fixture(scope="module")
def law(toy_store) -> TermsLaw:
    return build(configured(toy_store)["scheme"]["reading"]["terms"])


def picks_of(time_s: torch.Tensor, probability: float = 1.0) -> Picks:
    return Picks(torch.arange(len(time_s)), time_s, torch.full_like(time_s, probability))


def taught(
    terms: StationTerms,
    now_s: float,
    delay_s: torch.Tensor,
    *,
    name: str = "a",
    closes: bool = True,
    moveout_spkm: torch.Tensor | None = None,
    s_delay_s: torch.Tensor | None = None,
    s_heard: torch.Tensor = ALL_HEARD,
    **said,
) -> None:
    """One event whose P comes `delay_s` after the velocity model has it, and S, if heard, `s_delay_s`."""
    believed = terms.begin(now_s, STATION_KM)
    terms.close([])
    terms.observe(
        name,
        believed,
        find_p(picks_of(12.0 + delay_s), 12.0 + believed.delay_s[None, :, 0], within_s=0.6).of_row(0),
        NO_S if s_delay_s is None else (s_delay_s - believed.delay_s[:, 1], s_heard),
        torch.zeros(N, 2, 3) if moveout_spkm is None else moveout_spkm,
        **{"magnitude": torch.zeros(N), "sized": NOBODY, **said},
    )
    if closes:
        terms.begin(now_s + 0.5, STATION_KM)
        terms.close([known(name, is_open=False)])


def test_terms_become_the_delays_that_events_share(law):
    terms, delay_s = StationTerms(law), 0.1 * torch.tensor([2.0, 0.0, -1.0, -1.0, 0.5, 0.0, 0.0, 0.3])
    for number in range(40):
        taught(terms, 100.0 * (number + 1), delay_s)
    said = terms.begin(1e5, STATION_KM)
    torch.testing.assert_close(said.delay_s[:, 0], delay_s - delay_s.mean(), atol=0.02, rtol=0)
    torch.testing.assert_close(said.delay_s[:, 1], law.s_over_p * said.delay_s[:, 0])


def test_of_several_picks_the_most_probable_that_is_near_counts():
    picks = Picks(torch.tensor([1, 1, 0]), torch.tensor([12.3, 11.9, 14.0]), torch.tensor([0.9, 0.8, 0.7]))
    found = find_p(picks, torch.tensor([[12.0] * 3, [14.5] * 3, [0.0] * 3]), within_s=0.6)
    torch.testing.assert_close(found.late_s, torch.tensor([[0.0, 0.3, 0.0], [-0.5, 0.0, 0.0], [0.0] * 3]))
    torch.testing.assert_close(found.probability, torch.tensor([[0.0, 0.9, 0.0], [0.7, 0.0, 0.0], [0.0] * 3]))


def test_without_picks_nothing_has_arrived():
    none = Picks(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0))
    assert find_p(none, torch.zeros(2, 3), within_s=0.6).probability.sum() == 0
    assert find_p(none, torch.zeros(0, 3), within_s=0.6).late_s.shape == (0, 3)


def test_s_that_is_not_probable_enough_does_not_count():
    heard = Arrived(torch.tensor([[0.1, 0.2]]), torch.tensor([[0.5, 0.49]]))
    late_s, probability = heard.of_row(0, 0.5)
    torch.testing.assert_close(late_s, torch.tensor([0.1, 0.2]))
    torch.testing.assert_close(probability, torch.tensor([0.5, 0.0]))


def test_s_has_a_term_of_its_own_where_it_is_heard(law):
    """Elsewhere it is P's, as much larger as the law says."""
    terms = StationTerms(law)
    p_s, s_s = (
        0.1 * torch.tensor(each) for each in ([1.0, -1, 0, 0, 0.5, -0.5, 0, 0], [3.0, -3, 2, -2, 1, -1, 0, 0])
    )
    is_heard = torch.tensor([1.0, 1, 1, 1, 0, 0, 1, 1])
    for number in range(60):
        taught(terms, 100.0 * (number + 1), p_s, s_delay_s=s_s, s_heard=is_heard)
    said = terms.begin(1e5, STATION_KM).delay_s
    torch.testing.assert_close(said[:, 0], p_s, atol=0.02, rtol=0)
    torch.testing.assert_close(said[is_heard > 0, 1], s_s[is_heard > 0], atol=0.03, rtol=0)
    torch.testing.assert_close(said[4:6, 1], law.s_over_p * said[4:6, 0])


def test_one_event_is_half_believed_of_what_s_has_beside_p(law):
    """P's term is known to be zero: the prior of S is about that."""
    terms = StationTerms(replace(law, prior_s=1e-6, s_prior_s=0.2, s_residual_s=0.2))
    s_s = 0.1 * torch.tensor([1.0, -1.0] * (N // 2))
    taught(terms, 100.0, torch.zeros(N), s_delay_s=s_s)
    torch.testing.assert_close(terms.begin(200.0, STATION_KM).delay_s[:, 1], s_s / 2, atol=1e-5, rtol=0)


def test_an_origin_that_is_off_teaches_nothing_of_s_either(law):
    terms, origin = StationTerms(law), (0.1, 0.5, 0.5, 2.0)
    place_km = torch.tensor(origin[1:])
    s_s = origin[0] + MOVEOUT_SPKM[:, 1] @ place_km
    taught(terms, 100.0, other_origin_s(*origin), moveout_spkm=MOVEOUT_SPKM, s_delay_s=s_s)
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() < 1e-4


def test_s_tells_an_origin_that_p_cannot(law):
    """Later and deeper look alike to P of stations all around; with S one of the two does not."""
    with_s, without = StationTerms(law), StationTerms(law)
    late_s = 0.2 * torch.tensor([1.0, -1.0] * (N // 2))
    for each, said in ((with_s, {"s_delay_s": 1.73 * late_s}), (without, {})):
        taught(each, 100.0, late_s, moveout_spkm=MOVEOUT_SPKM, **said)
    first, second = (each.begin(200.0, STATION_KM).delay_s[:, 0] for each in (with_s, without))
    assert not torch.allclose(first, second, atol=1e-3)
    assert with_s.misfit_s() == pytest.approx(without.misfit_s()), "the misfit is that of P alone"


def test_one_s_that_is_far_off_changes_little(law):
    terms, wrong = StationTerms(law), StationTerms(law)
    for each, off_s in ((terms, 0.0), (wrong, 0.9)):
        taught(each, 100.0, torch.zeros(N), moveout_spkm=MOVEOUT_SPKM, s_delay_s=off_s * ONE_LATE_S / 0.2)
    learnt = wrong.begin(200.0, STATION_KM).delay_s
    assert learnt[1:].abs().max() < 0.1
    assert learnt[0, 1] > 0.2
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() < 1e-5


def test_one_event_is_half_believed(law):
    """The posterior mean of a normal variable with a prior as wide as the error of one measurement."""
    terms = StationTerms(replace(law, prior_s=0.1, residual_s=0.1))
    taught(terms, 100.0, ONE_LATE_S)
    said = terms.begin(200.0, STATION_KM)
    torch.testing.assert_close(said.delay_s[:, 0], (ONE_LATE_S - ONE_LATE_S.mean()) / 2)


@pytest.mark.parametrize(
    "origin", [(0.3, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, -1.0, 0.0), (0.1, 0.5, 0.5, 2.0)]
)
def test_an_origin_that_is_off_teaches_nothing(law, origin):
    """Else terms would follow mislocations, and locations follow terms."""
    terms = StationTerms(law)
    taught(terms, 100.0, other_origin_s(*origin), moveout_spkm=MOVEOUT_SPKM)
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() < 1e-4


def test_a_delay_is_learnt_beside_an_origin_that_is_off(law):
    terms, beside = StationTerms(law), StationTerms(law)
    taught(terms, 100.0, ONE_LATE_S, moveout_spkm=MOVEOUT_SPKM)
    taught(beside, 100.0, ONE_LATE_S + other_origin_s(0.1, 0.5, 0.5, 2.0), moveout_spkm=MOVEOUT_SPKM)
    said = terms.begin(200.0, STATION_KM).delay_s
    assert said[0, 0] > 0.03
    torch.testing.assert_close(said, beside.begin(200.0, STATION_KM).delay_s, atol=1e-4, rtol=0)


def test_terms_of_a_station_that_is_described_anew_are_forgotten(law):
    terms, sized = StationTerms(law), ~NOBODY
    for number in range(9):
        taught(terms, 100.0 * (number + 1), ONE_LATE_S, sized=sized, magnitude=10.0 * ONE_LATE_S)
    taught(terms, 2000.0, ONE_LATE_S, closes=False, sized=sized, magnitude=10.0 * ONE_LATE_S)
    before = terms.begin(2001.0, STATION_KM)
    assert before.magnitude[0] > 0.5
    terms.forget(STATION_KM[:1])
    terms.close([known("a", is_open=False)])
    after = terms.begin(2002.0, STATION_KM)
    assert after.delay_s[0].abs().max() == after.magnitude[0] == 0.0
    assert (after.delay_s[1:, 0] <= before.delay_s[1:, 0]).all()  # what the last event taught
    terms.forget(torch.zeros(0, 3))
    torch.testing.assert_close(terms.begin(2003.0, STATION_KM).delay_s, after.delay_s)


@pytest.mark.parametrize("last", ["open", "withdrawn"])
def test_only_closed_events_teach(law, last):
    terms = StationTerms(law)
    taught(terms, 100.0, 1.5 * ONE_LATE_S, closes=False)
    terms.begin(100.5, STATION_KM)
    terms.close([known("a", is_open=True)] if last == "open" else [])
    assert terms.begin(101.0, STATION_KM).delay_s.abs().max() == 0.0


def test_of_an_event_the_newest_solution_counts_once(law):
    one, twice = StationTerms(law), StationTerms(law)
    delay_s = 1.5 * ONE_LATE_S
    taught(one, 100.0, delay_s)
    taught(twice, 99.0, -delay_s, closes=False)
    believed = twice.begin(100.0, STATION_KM)
    twice.observe(
        "a",
        believed,
        (delay_s, ALL_HEARD),
        NO_S,
        torch.zeros(N, 2, 3),
        magnitude=torch.zeros(N),
        sized=NOBODY,
    )
    twice.begin(100.5, STATION_KM)
    twice.close([known("a", is_open=False)])
    torch.testing.assert_close(one.begin(200.0, STATION_KM).delay_s, twice.begin(200.0, STATION_KM).delay_s)


def test_picks_too_few_or_too_far_off_teach_nothing(law):
    terms = StationTerms(law)
    taught(terms, 100.0, ONE_LATE_S + 5.0 * (torch.arange(N) > 4))  # five are left, six are asked for
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() == 0.0


def test_magnitudes_of_stations_have_terms(law):
    terms = StationTerms(replace(law, prior_magnitude=0.2, residual_magnitude=0.2))
    said = {
        "magnitude": torch.tensor([0.4, 0.0, -0.2, 0.1, 0.0, 0.0, 0.0, 0.0]),
        "sized": torch.arange(N) < 3,
    }
    taught(terms, 100.0, torch.zeros(N), **said)
    magnitude = terms.begin(200.0, STATION_KM).magnitude
    torch.testing.assert_close(magnitude, torch.tensor([0.2, 0.0, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0]))


def test_stations_are_known_by_their_places(law):
    terms = StationTerms(law)
    taught(terms, 100.0, ONE_LATE_S - ONE_LATE_S.flip(0))
    before = terms.begin(200.0, STATION_KM).delay_s[:, 0]
    newcomer = torch.tensor([[50.0, 50.0, 0.0]])
    after = terms.begin(300.0, torch.cat([STATION_KM[[7, 0]], newcomer])).delay_s[:, 0]
    torch.testing.assert_close(after, torch.stack([before[7], before[0], torch.tensor(0.0)]))


def test_another_stream_begins_without_terms(law):
    terms = StationTerms(law)
    taught(terms, 100.0, 1.5 * ONE_LATE_S)
    assert terms.begin(50.0, STATION_KM).delay_s.abs().max() == 0.0


def test_what_is_saved_is_restored(law):
    """Through JSON, and in the midst of an event, which is closed after the restart."""
    terms, other = StationTerms(law), StationTerms(law)
    taught(terms, 100.0, 1.5 * ONE_LATE_S)
    taught(terms, 200.0, ONE_LATE_S.flip(0), name="b", closes=False)
    other.restore(json.loads(json.dumps(terms.state())))
    assert torch.equal(terms.begin(201.0, STATION_KM).delay_s, other.begin(201.0, STATION_KM).delay_s)
    learnt = terms.state()["sums"]
    for each in (terms, other):
        each.close([known("b", is_open=False)])
    assert other.state() == terms.state()
    assert terms.state()["sums"] != learnt


ALTERNATING_S = torch.tensor([0.3, -0.3] * (N // 2))


def test_a_misfit_is_what_it_is_believed_to_be_until_events_have_told(law):
    """Two events of eight residuals, of which an origin may take four away."""
    law = replace(law, misfit_s=0.1, misfit_of=12.0, epicentre_kmps=5.0)
    terms = StationTerms(law)
    assert terms.misfit_s() == pytest.approx(0.1)
    assert terms.begin(50.0, STATION_KM).common_km == pytest.approx(0.0, abs=1e-6)
    for number in range(2):
        taught(terms, 100.0 * (number + 1), ALTERNATING_S)
    squares_s2, n = 12 * 0.1**2 + 16 * 0.3**2, 12 + 8
    assert terms.misfit_s() == pytest.approx(np.sqrt(squares_s2 / n), rel=1e-5)
    beyond_s = np.sqrt(squares_s2 / n - 0.1**2)
    assert terms.begin(900.0, STATION_KM).common_km == pytest.approx(5 * beyond_s, rel=1e-5)


def test_terms_that_are_learnt_leave_the_misfit_of_the_model(law):
    """They have a cause, which lies in the paths as well: with a hundred events it is the model's alone."""
    terms = StationTerms(replace(law, misfit_of=1.0))
    for number in range(100):
        taught(terms, 100.0 * (number + 1), ALTERNATING_S)
    assert terms.begin(1e5, STATION_KM).delay_s[0, 0] > 0.25
    assert terms.misfit_s() == pytest.approx(0.3 * np.sqrt(N / (N - 4)), rel=0.01)


@pytest.mark.parametrize(("closes", "said"), [(True, None), (False, True), (False, False)])
def test_an_event_counts_in_the_misfit_from_its_first_solution_on_unless_it_is_withdrawn(law, closes, said):
    terms = StationTerms(law)
    before_s = terms.misfit_s()
    taught(terms, 100.0, ALTERNATING_S, closes=closes)
    at_once_s = terms.misfit_s()
    assert at_once_s > 1.2 * before_s
    if not closes:
        terms.begin(101.0, STATION_KM)
        terms.close([known("a", is_open=False)] if said else [])
        assert terms.misfit_s() == pytest.approx(at_once_s if said else before_s)


@pytest.mark.parametrize("origin", [(0.3, 0.0, 0.0, 0.0), (0.1, 0.5, 0.5, 2.0)])
def test_an_origin_that_is_off_is_no_misfit(law, origin):
    terms = StationTerms(law)
    taught(terms, 100.0, other_origin_s(*origin), moveout_spkm=MOVEOUT_SPKM)
    assert terms.misfit_s() < law.misfit_s


def test_a_model_that_suits_better_than_believed_takes_nothing_off_ranges(law):
    terms = StationTerms(replace(law, misfit_of=1.0, epicentre_kmps=5.0))
    for number in range(3):
        taught(terms, 100.0 * (number + 1), 0.1 * ALTERNATING_S)
    assert terms.misfit_s() < law.misfit_s
    assert terms.begin(900.0, STATION_KM).common_km == 0.0


def test_of_four_stations_no_residual_is_left(law):
    terms, few = StationTerms(replace(law, fewest=3)), torch.arange(N) > 3
    taught(terms, 100.0, ALTERNATING_S + 5.0 * few)
    assert terms.misfit_s() == pytest.approx(law.misfit_s), "four stations suit an origin whatever they say"


def test_in_another_crust_or_stream_the_misfit_is_another(law):
    terms = StationTerms(law)
    taught(terms, 100.0, ALTERNATING_S)
    learnt_s = terms.misfit_s()
    terms.forget(STATION_KM[:3])
    assert terms.misfit_s() == learnt_s
    terms.forget(STATION_KM)
    assert terms.misfit_s() == pytest.approx(law.misfit_s)
    taught(terms, 300.0, ALTERNATING_S)
    terms.begin(50.0, STATION_KM)
    assert terms.misfit_s() == pytest.approx(law.misfit_s)


@pytest.mark.parametrize("n_left", [1, 4])
def test_so_it_is_where_stations_that_are_no_more_are_all_that_taught_it(law, n_left):
    """At a restart in another crust what stays is forgotten; the places of who has left are not told."""
    terms = StationTerms(law)
    taught(terms, 100.0, ALTERNATING_S)
    other = StationTerms(law)
    other.restore(terms.state())
    other.forget(STATION_KM[n_left:])
    for each in (terms, other):
        each.begin(200.0, STATION_KM[n_left:])
    assert other.misfit_s() == pytest.approx(law.misfit_s)
    assert terms.misfit_s() > law.misfit_s, "of the same crust they are what remains"
    terms.begin(300.0, STATION_KM + 100.0)
    assert terms.misfit_s() == pytest.approx(law.misfit_s), "none of the stations that taught it is there"


def test_a_state_from_before_s_was_heard_is_taken_as_it_is(law):
    """Of P and magnitudes, in the midst of an event; what it has of S is nothing."""
    terms, other = StationTerms(law), StationTerms(law)
    for each in (terms, other):
        taught(each, 100.0, ALTERNATING_S, sized=~NOBODY, magnitude=0.3 * ALL_HEARD)
    taught(terms, 200.0, ONE_LATE_S, name="b", closes=False)
    state = json.loads(json.dumps(terms.state()))
    state["sums"] = [[w, t, m, n] for w, t, _, _, m, n in state["sums"]]
    state["open"] = {"b": [[r, w, m, n] for r, w, _, _, m, n, _ in state["open"]["b"]]}
    other.restore(state)
    assert other.misfit_s() == terms.misfit_s()
    for each in (terms, other):
        each.close([known("b", is_open=False)])
    assert other.state() == terms.state()


def test_a_misfit_is_restored_and_a_state_from_before_there_was_one_has_none(law):
    terms, other = StationTerms(law), StationTerms(law)
    taught(terms, 100.0, ALTERNATING_S)
    state = json.loads(json.dumps(terms.state()))
    other.restore(state)
    assert other.misfit_s() == terms.misfit_s() > law.misfit_s
    del state["misfit"]
    other.restore(state)
    assert other.misfit_s() == pytest.approx(law.misfit_s)


@pytest.mark.parametrize("seed", range(8))
def test_the_misfit_of_an_open_event_is_restored_to_its_last_digit(law, seed):
    """A monitor that was killed says what it would have said: in whatever order memory holds residuals."""
    terms, other, n = StationTerms(law), StationTerms(law), 45
    drawn = torch.Generator().manual_seed(seed)
    station_km, residual_s = torch.randn(n, 3, generator=drawn), 0.2 * torch.randn(n, generator=drawn)
    believed = terms.begin(100.0, station_km)
    terms.observe(
        "a",
        believed,
        (residual_s, torch.rand(n, generator=drawn)),
        (residual_s, torch.zeros(n)),
        torch.zeros(n, 2, 3),
        magnitude=torch.zeros(n),
        sized=torch.zeros(n, dtype=torch.bool),
    )
    other.restore(json.loads(json.dumps(terms.state())))
    assert other.misfit_s() == terms.misfit_s() != law.misfit_s


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"misfit": [np.nan, 3.0]}, "misfit of station terms"),
        ({"misfit": [1.0, -3.0]}, "residuals of station terms"),
        ({"misfit": None}, "misfit of station terms"),
        ({"misfit": [1.0, 2.0, 3.0]}, "misfit of station terms must be a list of 2"),
        ({"open": {"b": [[0.1, 1.0, 0.0, 0.0]] * 7 + [[0.1, -7, 0.0, 0.0]]}}, "station terms of b: weights"),
        ({"sums": [[-100.0, 0.0, 0.0, 0.0]] * 8}, "station terms of all events: weights"),
        ({"open": {"b": [[0.1, 1.0, 0.0, -1.0]] * 8}}, "station terms of b: weights"),
        ({"sums": [[np.nan] * 4]}, "station terms of all events: 1 for 8 stations"),
        ({"open": {"b": [[np.inf] * 4] * 8}}, "station terms of b: 8 for 8 stations, or not finite"),
        ({"now_s": np.nan}, "now_s of station terms"),
        ({"sums": [[0.0] * 5] * 8}, "rows of shape .*8, 5.*, not of 6 numbers"),
    ],
)
def test_a_broken_state_is_refused(law, change, told):
    terms = StationTerms(law)
    taught(terms, 100.0, 1.5 * ONE_LATE_S)
    before = terms.state()
    with pytest.raises(ValueError, match=told):
        terms.restore({**before, "misfit": [3.0, 8.0], **change})
    assert terms.state() == before


def test_none_are_zero():
    none = Terms.none(STATION_KM)
    assert none.delay_s.shape == (N, 2)
    assert none.magnitude.shape == (N,)
    assert not none.delay_s.any()
    assert not none.magnitude.any()
    assert none.common_km == 0


@pytest.mark.parametrize(
    "change",
    [
        {"prior_s": 0.0},
        {"s_residual_s": 0.0},
        {"least_s_probability": 1.5},
        {"residual_magnitude": -1.0},
        {"fewest": 2},
        {"misfit_s": 0.0},
        {"misfit_of": 0.0},
        {"epicentre_kmps": -1.0},
    ],
)
def test_impossible_laws_are_refused(law, change):
    with pytest.raises(ValueError, match=f"reading.terms.{next(iter(change))}"):
        replace(law, **change)


def test_what_is_unknown_of_a_term_is_the_prior_and_less_with_every_event(law):
    """Of normal variables: one over the sum of the inverse variances. S has that of P, and one beside it."""
    terms = StationTerms(law)
    p_s2, s_s2 = law.prior_s**2, law.s_over_p**2 * law.prior_s**2 + law.s_prior_s**2
    before = terms.begin(1.0, STATION_KM).variance_s2
    torch.testing.assert_close(before, torch.tensor([p_s2, s_s2]).expand(N, 2))
    for number in range(9):
        taught(terms, 100.0 * (number + 1), torch.zeros(N), s_delay_s=torch.zeros(N))
    after = terms.begin(1e5, STATION_KM).variance_s2
    p_s2 = 1 / (9 / law.residual_s**2 + 1 / law.prior_s**2)
    torch.testing.assert_close(after[:, 0], torch.full((N,), p_s2))
    s_s2 = 1 / (9 / law.s_residual_s**2 + 1 / law.s_prior_s**2)
    torch.testing.assert_close(after[:, 1], torch.full((N,), law.s_over_p**2 * p_s2 + s_s2))
    assert not Terms.none(STATION_KM).variance_s2.any(), "of terms that nobody learns nothing is said"
