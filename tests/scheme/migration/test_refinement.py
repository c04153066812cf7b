"""Places moved by picks: towards where they came from, by as much as they are worth."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from small_migration import single

from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.refinement import PickLaw, refined
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms

TRUE_KM, ORIGIN_S = torch.tensor([[1.0, -2.0, 9.0]]), torch.tensor([12.0])
OFF_KM = torch.tensor([[1.2, -0.9, 1.0]])
WITHIN_S = (0.6, 0.9)


@pytest.fixture
def law(module) -> PickLaw:
    """The shipped one."""
    return module.scheme.reading.refine


@pytest.fixture
def seen(module, batch) -> Seen:
    """A window of eight stations or more that all have a sure P of an event at TRUE_KM, and hear no S."""
    window = next(each for each in map(partial(single, batch), range(10)) if each.station_km.shape[1] >= 8)
    window = replace(window, mask=torch.ones_like(window.mask))
    n = window.station_km.shape[1]
    with torch.no_grad():
        features = module.network.encode(window.waveforms, window.background_mps, window.known, window.mask)
    terms, sound = Terms.none(window.station_km[0]), Sound.all(window.mask[0])
    none = Picks(torch.arange(0), torch.zeros(0), torch.zeros(0))
    made = Seen(window, window, module.network, features, none, none, 970.0, terms, sound)
    made.network.station_s = None
    p_s = made.arrivals(TRUE_KM, ORIGIN_S)[0, :, 0]
    return replace(made, picks=Picks(torch.arange(n), p_s, torch.full((n,), 0.99)))


def told(seen: Seen, off_km: torch.Tensor = OFF_KM, across_km2: float = 4.0) -> Places:
    """One declared event that its volume has off by so much."""
    one, n = torch.ones(1), seen.here.station_km.shape[1]
    return Places(
        ("one",),
        (None,),
        TRUE_KM + off_km,
        *(ORIGIN_S, 0.1 * one, ORIGIN_S + 2, 0.95 * one, 0.9 * one, one, one),
        one > 0,
        across_km2 * torch.eye(3)[None],
        torch.ones(1, n, dtype=torch.bool),
        torch.zeros(1, dtype=torch.long),
        0 * one,
    )


def off_km(places: Places) -> float:
    """Of the epicentre."""
    return float((places.place_km - TRUE_KM)[0, :2].norm())


def test_picks_move_a_place_to_where_they_came_from(module, seen, law):
    before = told(seen)
    after = refined(seen, before, module.scheme.core, law, WITHIN_S)
    assert off_km(before) == pytest.approx(1.5, abs=0.01)
    assert off_km(after) < 0.3
    assert abs(float(after.origin_s - ORIGIN_S)) < 0.1
    first_s = seen.arrivals(after.place_km, after.origin_s)[0, :, 0].min()
    torch.testing.assert_close(after.first_p_s[0], first_s)
    torch.testing.assert_close(after.covariance_km2, before.covariance_km2)


def test_one_pick_that_is_far_off_counts_for_little(module, seen, law):
    late_s = seen.picks.time_s.clone()
    late_s[0] += 0.45
    one_off = replace(seen, picks=replace(seen.picks, time_s=late_s))
    normal = replace(law, degrees=1000.0)
    heavy, light = (
        off_km(refined(one_off, told(seen), module.scheme.core, each, WITHIN_S)) for each in (law, normal)
    )
    assert heavy < 0.5
    assert heavy < 0.7 * light


def test_the_less_probable_picks_are_the_less_they_move(module, seen, law):
    off = []
    for probability in (0.99, 0.5, 0.1):
        value = torch.full_like(seen.picks.probability, probability)
        doubtful = replace(seen, picks=replace(seen.picks, probability=value))
        off.append(off_km(refined(doubtful, told(seen, across_km2=0.5), module.scheme.core, law, WITHIN_S)))
    assert off == sorted(off)
    assert off[2] > 2 * off[0]


@pytest.mark.parametrize("why", ["none", "few", "kept", "new", "far", "no stations near"])
def test_a_place_stays_where_nothing_may_move_it(module, seen, law, why):
    places, core = told(seen), module.scheme.core
    if why == "none":
        law = None
    elif why == "few":
        seen = replace(seen, picks=seen.picks.where(torch.arange(len(seen.picks)) < law.fewest - 1))
    elif why == "kept":
        places = replace(places, is_located=torch.zeros(1, dtype=torch.bool))
    elif why == "new":
        places = replace(places, follows=(None,))
    elif why == "far":
        seen = replace(seen, picks=replace(seen.picks, time_s=seen.picks.time_s + 3.0))
    else:
        core = replace(core, neighbourhood=replace(core.neighbourhood, n_stations=3, enough=3))
    after = refined(seen, places, core, law, WITHIN_S)
    assert torch.equal(after.place_km, places.place_km)
    assert torch.equal(after.origin_s, places.origin_s)


def test_a_place_at_which_arrivals_agree_less_is_not_taken(module, seen, law, monkeypatch):
    """Moveout that points the wrong way leads away."""
    true = Seen.moveout_spkm
    monkeypatch.setattr(Seen, "moveout_spkm", lambda self, place_km: -true(self, place_km))
    after = refined(seen, told(seen), module.scheme.core, law, WITHIN_S)
    assert torch.equal(after.place_km, told(seen).place_km)


def test_of_several_each_is_moved_by_its_own(module, seen, law):
    """As by itself, whatever stands beside it."""
    one, other = told(seen), told(seen, -2 * OFF_KM)
    new = replace(told(seen), follows=(None,))
    core = module.scheme.core
    together = refined(seen, new + one + other, core, law, WITHIN_S)
    torch.testing.assert_close(together.place_km[0], new.place_km[0])
    for row, alone in ((1, one), (2, other)):
        torch.testing.assert_close(
            together.place_km[row], refined(seen, alone, core, law, WITHIN_S).place_km[0]
        )


def test_no_place_is_moved_above_the_volumes(module, seen, law):
    top_km = TRUE_KM[0, 2].item() + 0.5
    core = replace(module.scheme.core, volume=replace(module.scheme.core.volume, min_depth_km=top_km))
    after = refined(seen, told(seen, torch.tensor([[0.0, 0.0, 3.0]])), core, law, WITHIN_S)
    assert after.place_km[0, 2] >= top_km


@pytest.mark.parametrize("key", ["p_s", "s_model_s", "degrees", "fewest", "least_s_probability"])
def test_laws_that_cannot_be_are_refused(law, key):
    with pytest.raises(ValueError, match=rf"reading\.refine\.{key}.*-1"):
        replace(law, **{key: -1})
