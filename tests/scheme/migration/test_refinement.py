"""Places moved by picks: towards where they came from, by as much as they are worth."""

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from small_migration import single
from torch import nn

from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.refinement import PickLaw, refined
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms

TRUE_KM, ORIGIN_S = torch.tensor([[1.0, -2.0, 9.0]]), torch.tensor([12.0])
OFF_KM = torch.tensor([[1.2, -0.9, 1.0]])
WITHIN_S = (0.6, 0.9)


RATE_HZ = 20.0


class Ear(nn.Module):
    """Hears S where a feature passes through zero."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return 3.0 - 20.0 * features[..., 1, 0].abs()


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
    deaf = copy.deepcopy(module.network)
    deaf.station_s = None
    made = Seen(window, window, deaf, features, none, none, 970.0, terms, sound)
    p_s = made.arrivals(TRUE_KM, ORIGIN_S)[0, :, 0]
    return replace(made, picks=Picks(torch.arange(n), p_s, torch.full((n,), 0.99)))


@pytest.fixture
def hearing(seen) -> Seen:
    """The same, with S of that event."""
    s_s, table = seen.arrivals(TRUE_KM, ORIGIN_S)[0, :, 1], seen.features.table.clone()
    first, n = seen.features.first, seen.batch.waveforms.shape[-1]
    table[0, :, 1, first : first + n, 0] = torch.arange(n) / RATE_HZ - s_s[:, None]
    seen.network.station_s = Ear()
    known = torch.ones_like(seen.batch.known)
    return replace(seen, batch=replace(seen.batch, known=known), features=replace(seen.features, table=table))


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


def without_p(seen: Seen) -> Seen:
    """The same, but nobody picks P."""
    return replace(seen, picks=seen.picks.where(torch.zeros(len(seen.picks), dtype=torch.bool)))


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


def test_s_moves_a_place_too_where_it_is_probable_enough(module, hearing, law):
    only_s, core = without_p(hearing), module.scheme.core
    after = refined(only_s, told(hearing, 0.5 * OFF_KM), core, law, WITHIN_S)
    assert off_km(after) < 0.3
    asked = replace(law, least_s_probability=0.999)
    assert off_km(refined(only_s, told(hearing, 0.5 * OFF_KM), core, asked, WITHIN_S)) > 0.7


def test_s_tells_a_depth_that_p_alone_does_not(module, hearing, law):
    def deeper_km(seen: Seen) -> float:
        before = told(seen, torch.tensor([[0.0, 0.0, 3.0]]))
        return abs(float((refined(seen, before, module.scheme.core, law, WITHIN_S).place_km - TRUE_KM)[0, 2]))

    both_km = deeper_km(hearing)
    hearing.network.station_s = None
    assert both_km < 0.8 * deeper_km(hearing) < 3.0


def test_what_comes_of_it_is_where_misfit_and_prior_balance(module, hearing, law):
    """There the gradient of Student's t and of the normal prior vanishes, for arrivals that are linear."""
    before, core = told(hearing, across_km2=0.005), module.scheme.core  # as much as the picks say
    law = replace(law, degrees=2.0)
    after = refined(hearing, before, core, law, WITHIN_S)
    heard = Heard.of(hearing, before, core, WITHIN_S)
    spread_s = law.spread_s(heard.probability, heard.due_s - before.origin_s[:, None, None])
    moveout_spkm = hearing.moveout_spkm(before.place_km)
    counts = (heard.probability > 0) & heard.near[..., None]
    counts[..., 1] &= heard.probability[..., 1] >= law.least_s_probability
    assert counts[..., 1].any()

    def gradient(origin_s: torch.Tensor, place_km: torch.Tensor) -> torch.Tensor:
        change = torch.cat([origin_s - before.origin_s, (place_km - before.place_km)[0]]).double()
        change.requires_grad_()
        off_s = heard.late_s - change[0] - (moveout_spkm @ change[1:].float())
        tails = (law.degrees + 1) * torch.log1p(off_s**2 / (law.degrees * spread_s**2))
        step = change[1:] @ torch.linalg.inv(before.covariance_km2[0].double()) @ change[1:]
        ((tails * counts).sum() + step).backward()
        return change.grad.abs()

    at_first = gradient(before.origin_s, before.place_km)
    assert (gradient(after.origin_s, after.place_km) < 0.01 * at_first.max()).all()


def test_widths_are_of_pick_and_model():
    law = PickLaw(
        p_s=0.4,
        s_s=0.6,
        p_model_s=0.1,
        s_model_s=0.2,
        model_share=0.01,
        degrees=4.0,
        least_s_probability=0.3,
        fewest=5,
    )
    said = law.spread_s(
        torch.tensor([[[0.75, 0.75], [1.0, 1.0]]]), torch.tensor([[[10.0, 20.0], [0.0, 0.0]]])
    )
    wanted = [[(0.04 + 0.01 + 0.01) ** 0.5, (0.09 + 0.04 + 0.04) ** 0.5], [0.1, 0.2]]
    torch.testing.assert_close(said, torch.tensor([wanted]))


def test_where_a_phase_never_comes_it_says_nothing(module, hearing, law, monkeypatch):
    """No table of travel times reaches there: neither time nor moveout is a number."""
    core, before = module.scheme.core, told(hearing)
    times, moveout = Seen.travel_times, Seen.moveout_spkm

    def never(of, value):
        def made(self, place_km):
            found = of(self, place_km).clone()
            found[:, 2] = value
            return found

        return made

    monkeypatch.setattr(Seen, "travel_times", never(times, torch.inf))
    monkeypatch.setattr(Seen, "moveout_spkm", never(moveout, torch.nan))
    after = refined(hearing, before, core, law, WITHIN_S)
    assert off_km(after) < 0.4
    assert after.first_p_s.isfinite().all()


def test_first_p_is_of_stations_that_are_there(module, seen, law):
    nearest = int(seen.picks.time_s.argmin())
    there = torch.ones_like(seen.here.mask)
    there[0, nearest] = False
    away = replace(seen, here=replace(seen.here, mask=there))
    after = refined(away, told(seen), module.scheme.core, law, WITHIN_S)
    arrival_s = seen.arrivals(after.place_km, after.origin_s)[0, :, 0]
    torch.testing.assert_close(after.first_p_s[0], arrival_s[there[0]].min())
    assert after.first_p_s[0] > arrival_s.min()


def test_stations_whose_p_agrees_are_those_of_the_new_place(module, seen, law):
    late_s = seen.picks.time_s.clone()
    late_s[1] += 1.0
    seen = replace(seen, picks=replace(seen.picks, time_s=late_s))
    before = replace(told(seen), has_p=torch.zeros(1, len(late_s), dtype=torch.bool))
    after = refined(seen, before, module.scheme.core, law, WITHIN_S)
    agrees = torch.ones(len(late_s), dtype=torch.bool)
    agrees[1] = False
    assert torch.equal(after.has_p[0], agrees)


def test_no_place_leaves_the_volumes(module, seen, law):
    """Nor what is known of travel times: above, below and to the sides."""
    spec = module.scheme.core.volume
    for changed, deeper_km in (
        ({"min_depth_km": 9.5}, 3.0),
        ({"coarse_depth_km": 7.5 / (spec.cells[2] - 0.5)}, -3.0),
    ):
        core = replace(module.scheme.core, volume=replace(spec, **changed))
        low_km, high_km = core.volume.depth_range_km
        assert not low_km <= TRUE_KM[0, 2] <= high_km
        before = told(seen, torch.tensor([[0.5, 0.5, deeper_km]]))
        after = refined(seen, before, core, law, WITHIN_S)
        assert low_km - 1e-5 <= after.place_km[0, 2] <= high_km + 1e-5
        assert abs(after.place_km[0, 2] - TRUE_KM[0, 2]) < 2.5
    first = tuple((TRUE_KM + OFF_KM)[0, :2].sub(torch.tensor([0.5, 4.0])).tolist())
    pdf = EpicentrePdf(first, (0.5, 0.5), np.full((9, 20), 1 / 180, dtype=np.float32))
    after = refined(seen, replace(told(seen), pdf=(pdf,)), module.scheme.core, law, WITHIN_S)
    assert after.place_km[0, 0] == pytest.approx(first[0], abs=1e-4)
    assert off_km(after) < 1.5


def test_fine_volumes_have_cells_within_the_range_of_depths(module):
    spec = module.scheme.core.volume
    station_km = torch.tensor([[[0.0, 0, 0], [80.0, 0, 0], [0, 80.0, 0]]])
    near = torch.ones(1, 1, 3, dtype=torch.bool)
    coarse = spec.coarse(station_km, near, torch.zeros(1, 1, 3)).flat()
    low_km, high_km = spec.depth_range_km
    depths = []
    for depth_km in (-5.0, 10.0, 100.0):
        fine = spec.fine(torch.tensor([[5.0, 5.0, depth_km]]), coarse, outward=False)
        depths += fine.axes_km()[2].flatten().tolist()
    assert min(depths) == pytest.approx(low_km)
    assert max(depths) == pytest.approx(high_km)


@pytest.mark.parametrize("key", ["p_s", "s_model_s", "degrees", "fewest", "least_s_probability"])
def test_laws_that_cannot_be_are_refused(law, key):
    with pytest.raises(ValueError, match=rf"reading\.refine\.{key}.*-1"):
        replace(law, **{key: -1})
