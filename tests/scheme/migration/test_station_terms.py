"""Station terms: what is learnt, from what, when, and that nothing of the future is in it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_migration import configured

from fcn.catalogue.event import Known, WindowEstimate
from fcn.config import build
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.station_terms import StationTerms, Terms, TermsLaw

STATION_KM = torch.tensor([[0.0, 0.0, -0.1], [10.0, 0.0, 0.0], [0.0, 12.0, -1.0], [9.0, 9.0, 0.0]])
NOBODY = torch.zeros(4, dtype=torch.bool)


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
    terms: StationTerms, now_s: float, delay_s: torch.Tensor, *, name: str = "a", closes: bool = True, **said
) -> None:
    """One event whose P comes `delay_s` after the velocity model has it."""
    believed = terms.begin(now_s, STATION_KM)
    terms.close([])
    due_s = torch.tensor([[12.0, 15.0]]) + believed.delay_s
    terms.observe(
        name,
        believed,
        picks_of(12.0 + delay_s),
        due_s,
        tolerance_s=0.6,
        **{"magnitude": torch.zeros(4), "sized": NOBODY, **said},
    )
    if closes:
        terms.begin(now_s + 0.5, STATION_KM)
        terms.close([known(name, is_open=False)])


def test_terms_become_the_delays_that_events_share(law):
    terms, delay_s = StationTerms(law), torch.tensor([0.2, 0.0, -0.1, -0.1])
    for number in range(40):
        taught(terms, 100.0 * (number + 1), delay_s)
    said = terms.begin(1e5, STATION_KM)
    torch.testing.assert_close(said.delay_s[:, 0], delay_s - delay_s.median(), atol=0.02, rtol=0)
    torch.testing.assert_close(said.delay_s[:, 1], law.s_over_p * said.delay_s[:, 0])


def test_one_event_is_half_believed(law):
    """The posterior mean of a normal variable with a prior as wide as the error of one measurement."""
    terms = StationTerms(replace(law, prior_s=0.1, residual_s=0.1))
    taught(terms, 100.0, torch.tensor([0.2, 0.0, 0.0, 0.0]))
    said = terms.begin(200.0, STATION_KM)
    torch.testing.assert_close(said.delay_s[:, 0], torch.tensor([0.1, 0.0, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_an_origin_time_that_is_off_teaches_nothing(law):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.full((4,), 0.3))
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() < 1e-5


@pytest.mark.parametrize("last", ["open", "withdrawn"])
def test_only_closed_events_teach(law, last):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 0.0, 0.0]), closes=False)
    terms.begin(100.5, STATION_KM)
    terms.close([known("a", is_open=True)] if last == "open" else [])
    assert terms.begin(101.0, STATION_KM).delay_s.abs().max() == 0.0


def test_of_an_event_the_newest_solution_counts_once(law):
    one, twice = StationTerms(law), StationTerms(law)
    delay_s = torch.tensor([0.3, 0.0, 0.0, 0.0])
    taught(one, 100.0, delay_s)
    taught(twice, 99.0, -delay_s, closes=False)
    believed = twice.begin(100.0, STATION_KM)
    twice.observe(
        "a",
        believed,
        picks_of(12.0 + delay_s),
        torch.tensor([[12.0, 15.0]]).expand(4, 2),
        tolerance_s=0.6,
        magnitude=torch.zeros(4),
        sized=NOBODY,
    )
    twice.begin(100.5, STATION_KM)
    twice.close([known("a", is_open=False)])
    assert torch.equal(one.begin(200.0, STATION_KM).delay_s, twice.begin(200.0, STATION_KM).delay_s)


def test_picks_too_few_or_too_far_off_teach_nothing(law):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 5.0, 0.0]))  # three are left, four are asked for
    assert terms.begin(200.0, STATION_KM).delay_s.abs().max() == 0.0


def test_magnitudes_of_stations_have_terms(law):
    terms = StationTerms(replace(law, prior_magnitude=0.2, residual_magnitude=0.2))
    said = {
        "magnitude": torch.tensor([0.4, 0.0, -0.2, 0.1]),
        "sized": torch.tensor([True, True, True, False]),
    }
    taught(terms, 100.0, torch.zeros(4), **said)
    magnitude = terms.begin(200.0, STATION_KM).magnitude
    torch.testing.assert_close(magnitude, torch.tensor([0.2, 0.0, -0.1, 0.0]))


def test_stations_are_known_by_their_places(law):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 0.0, -0.3]))
    before = terms.begin(200.0, STATION_KM).delay_s[:, 0]
    newcomer = torch.tensor([[50.0, 50.0, 0.0]])
    after = terms.begin(300.0, torch.cat([STATION_KM[[3, 0]], newcomer])).delay_s[:, 0]
    torch.testing.assert_close(after, torch.stack([before[3], before[0], torch.tensor(0.0)]))


def test_another_stream_begins_without_terms(law):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 0.0, 0.0]))
    assert terms.begin(50.0, STATION_KM).delay_s.abs().max() == 0.0


def test_what_is_saved_is_restored(law):
    """Through JSON, and in the midst of an event, which is closed after the restart."""
    terms, other = StationTerms(law), StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 0.0, 0.0]))
    taught(terms, 200.0, torch.tensor([0.1, 0.2, 0.0, 0.0]), name="b", closes=False)
    other.restore(json.loads(json.dumps(terms.state())))
    assert torch.equal(terms.begin(201.0, STATION_KM).delay_s, other.begin(201.0, STATION_KM).delay_s)
    learnt = terms.state()["sums"]
    for each in (terms, other):
        each.close([known("b", is_open=False)])
    assert other.state() == terms.state()
    assert terms.state()["sums"] != learnt


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sums": [[np.nan] * 4]}, "station terms of all events: 1 for 4 stations"),
        ({"open": {"b": [[np.inf] * 4] * 4}}, "station terms of b: 4 for 4 stations, or not finite"),
        ({"now_s": np.nan}, "now_s of station terms"),
    ],
)
def test_a_broken_state_is_refused(law, change, told):
    terms = StationTerms(law)
    taught(terms, 100.0, torch.tensor([0.3, 0.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match=told):
        terms.restore({**terms.state(), **change})


def test_none_are_zero():
    none = Terms.none(STATION_KM)
    assert none.delay_s.shape == (4, 2)
    assert none.magnitude.shape == (4,)
    assert not none.delay_s.any()
    assert not none.magnitude.any()


@pytest.mark.parametrize("change", [{"prior_s": 0.0}, {"residual_magnitude": -1.0}, {"fewest": 2}])
def test_impossible_laws_are_refused(law, change):
    with pytest.raises(ValueError, match=f"reading.terms.{next(iter(change))}"):
        replace(law, **change)
