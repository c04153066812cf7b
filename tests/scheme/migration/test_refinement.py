"""Places moved by arrivals: towards where they came from, by as much as they are worth."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from small_migration import hears, single

from fcn.batch import Batch
from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.hearing import Due
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.refinement import ArrivalLaw, _Posterior, _posterior, refined
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms

TRUE_KM, ORIGIN_S = torch.tensor([[1.0, -2.0, 9.0]]), torch.tensor([12.0])
OFF_KM = torch.tensor([[1.2, -0.9, 1.0]])
WITHIN_S = (0.6, 0.9)


@pytest.fixture
def law(module) -> ArrivalLaw:
    """The shipped one."""
    return module.scheme.reading.refine


@pytest.fixture
def window(batch) -> Batch:
    """Of eight stations or more, all of which have data."""
    found = next(each for each in map(partial(single, batch), range(10)) if each.station_km.shape[1] >= 8)
    return replace(found, mask=torch.ones_like(found.mask), known=torch.ones_like(found.known))


@pytest.fixture
def seen(module, window) -> Seen:
    """P and S of an event at TRUE_KM come to every station, and P is picked."""
    n = window.station_km.shape[1]
    with torch.no_grad():
        features = module.network.encode(window.waveforms, window.background_mps, window.known, window.mask)
    terms, sound = Terms.none(window.station_km[0]), Sound.all(window.mask[0])
    none = Picks(torch.arange(0), torch.zeros(0), torch.zeros(0))
    made = Seen(window, window, module.network, features, none, none, 970.0, terms, sound, None)
    arrival_s = made.arrivals(TRUE_KM, ORIGIN_S)[0]
    picks = Picks(torch.arange(n), arrival_s[:, 0], torch.full((n,), 0.99))
    return replace(made, picks=picks, listener=hears(module.network.ear, window, arrival_s))


def said(seen: Seen, module, later_s: torch.Tensor | float, width_s: torch.Tensor | float = 0.03) -> Seen:
    """The same, with arrivals so much later and as pulses so wide."""
    arrival_s = seen.arrivals(TRUE_KM, ORIGIN_S)[0] + torch.as_tensor(later_s)
    return replace(seen, listener=hears(module.network.ear, seen.batch, arrival_s, width_s))


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


def test_arrivals_move_a_place_to_where_they_came_from(module, seen, law):
    before = told(seen)
    after = refined(seen, before, module.scheme.core, law, WITHIN_S)
    assert off_km(before) == pytest.approx(1.5, abs=0.01)
    assert off_km(after) < 0.3
    assert abs(float(after.origin_s - ORIGIN_S)) < 0.1
    first_s = seen.arrivals(after.place_km, after.origin_s)[0, :, 0].min()
    torch.testing.assert_close(after.first_p_s[0], first_s)
    across, down = law.uncertainty_factor
    wanted = 4.0 * torch.diag(torch.tensor([across, across, down]) ** 2)
    torch.testing.assert_close(after.covariance_km2[0], wanted)
    assert (float(after.across_km), float(after.down_km)) == pytest.approx((across, down))


def test_one_arrival_that_is_far_off_counts_for_little(module, seen, law):
    """The more so, the more probable it is that what was taken for an arrival is none."""
    late_s = torch.zeros(seen.here.station_km.shape[1], 2)
    late_s[0] = 0.5
    one_off = said(seen, module, late_s)
    sure = replace(law, elsewhere=1e-6)
    few, many = (
        off_km(refined(one_off, told(seen), module.scheme.core, each, WITHIN_S)) for each in (law, sure)
    )
    assert few < 0.4
    assert few < 0.7 * many


def test_one_that_may_have_come_twice_came_when_the_others_agree(module, seen, law):
    """No pick says that: the later moment is the more probable one."""
    two = seen.listener.said.clone()
    later = hears(module.network.ear, seen.batch, seen.arrivals(TRUE_KM, ORIGIN_S)[0] + 0.4).said
    two[:3] = torch.logaddexp(two[:3], later[:3] + 0.7)
    doubtful = said(seen, module, 0.0)
    doubtful.listener.said = two
    places = Heard.of(doubtful, told(seen, 0 * OFF_KM), module.scheme.core, WITHIN_S)
    assert (places.late_s[0, :3, 0] > 0.3).all()
    assert off_km(refined(doubtful, told(seen), module.scheme.core, law, WITHIN_S)) < 0.3


def test_the_less_is_known_of_arrivals_the_less_they_move(module, seen, law):
    off = []
    for width_s in (0.03, 0.3, 1.0):
        doubtful = said(seen, module, 0.0, width_s)
        off.append(off_km(refined(doubtful, told(seen, across_km2=0.25), module.scheme.core, law, WITHIN_S)))
    assert off == sorted(off)
    assert off[2] > 2 * off[0]


def test_of_a_network_that_times_nothing_places_stay(module, seen, law):
    deaf = replace(seen, listener=None)
    after = refined(deaf, told(seen), module.scheme.core, law, WITHIN_S)
    assert torch.equal(after.place_km, told(seen).place_km)


@pytest.mark.parametrize("why", ["none", "few", "kept", "new", "far", "no stations near", "unknown"])
def test_a_place_stays_where_nothing_may_move_it(module, seen, law, why):
    places, core = told(seen), module.scheme.core
    if why == "none":
        law = None
    elif why == "few":
        law = replace(law, fewest=2 * seen.here.station_km.shape[1] + 1)
    elif why == "kept":
        places = replace(places, is_located=torch.zeros(1, dtype=torch.bool))
    elif why == "new":
        places = replace(places, follows=(None,))
    elif why == "far":
        seen = said(seen, module, 6.0)  # nothing is heard near when it is due
    elif why == "unknown":
        places = replace(places, covariance_km2=torch.full((1, 3, 3), torch.nan))
    else:
        core = replace(core, neighbourhood=replace(core.neighbourhood, n_stations=1, enough=1))
    after = refined(seen, places, core, law, WITHIN_S)
    torch.testing.assert_close(after.place_km, places.place_km, atol=0.05 if why == "far" else 0.0, rtol=0)
    if why != "far":
        torch.testing.assert_close(after.covariance_km2, places.covariance_km2, equal_nan=True)


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


def test_s_tells_a_depth_that_p_alone_does_not(module, seen, law):
    before = told(seen, torch.tensor([[0.0, 0.0, 3.0]]))
    vague = torch.tensor([0.03, 5.0])[:, None]  # S

    def deeper_km(seen: Seen) -> float:
        after = refined(seen, before, module.scheme.core, law, WITHIN_S)
        return abs(float((after.place_km - TRUE_KM)[0, 2]))

    assert deeper_km(seen) < 0.8 * deeper_km(said(seen, module, 0.0, vague)) < 3.0


def test_what_comes_of_it_is_the_mean_of_the_posterior():
    """Of arrivals that are normal: the closed form of a linear inversion."""
    generator = torch.Generator().manual_seed(3)
    moveout = torch.cat([torch.ones(9, 1), 0.3 * torch.randn(9, 3, generator=generator)], dim=1).double() * 20
    true = torch.tensor([0.1, 0.5, -0.4, 0.3]).double()
    spread = 1.0 + torch.rand(9, generator=generator).double()  # samples
    seen_at = moveout @ true + 0.5 * torch.randn(9, generator=generator).double()
    samples = torch.arange(121).double()
    log_likelihood = -0.5 * ((samples - 60 - seen_at[:, None]) / spread[:, None]) ** 2
    inverse = torch.diag(torch.tensor([0.0, 1.0, 1.0, 2.0])).double()
    posterior = _Posterior(log_likelihood, -1e4, torch.full((9,), 60.0).double(), moveout, inverse)
    first = torch.diag(torch.tensor([0.09, 1.0, 1.0, 0.5])).double()
    normal = (moveout / spread[:, None] ** 2).T
    wanted = torch.linalg.solve(normal @ moveout + inverse, normal @ seen_at)
    torch.testing.assert_close(posterior.mean(first), wanted, atol=0.02, rtol=0)


def test_arrivals_are_as_wide_as_pdf_model_and_path_and_may_be_elsewhere(law):
    """A pdf of one sample, and one that is even; and nothing is certain."""
    law = replace(law, p_model_s=0.1, s_model_s=0.2, model_share=0.02, elsewhere=0.1)
    pdf = torch.zeros(3, 61)
    pdf[:2, 30], pdf[2] = 1.0, 1 / 61
    event, station, phase = (torch.tensor(each) for each in ([0] * 3, [0, 0, 1], [0, 1, 0]))
    due = Due(event, station, phase, torch.full((3,), -1.5), pdf, 0.05)
    travel_s = torch.tensor([[10.0, 20.0], [1.0, 2.0]])
    variance_s2 = torch.tensor([[0.04, 0.0], [0.0, 0.0]])  # of a term that is still to be learnt
    terms = replace(Terms.none(torch.zeros(2, 3)), variance_s2=variance_s2)
    posterior, _ = _posterior(due, terms, travel_s, torch.zeros(2, 2, 3), torch.eye(3).double(), law)
    off_s = (torch.arange(61).double() - 30) * 0.05
    for row, width_s in ((0, math.hypot(0.1, 0.2, 0.2)), (1, math.hypot(0.2, 0.4))):
        normal = torch.exp(-0.5 * (off_s / width_s) ** 2) / (width_s * math.sqrt(2 * math.pi))
        wanted = torch.log(0.9 * 0.05 * normal + 0.1 / 61)
        torch.testing.assert_close(posterior.log_likelihood[row], wanted, atol=1e-5, rtol=0)
    assert posterior.log_likelihood[2, 20:41].std() < 0.01
    assert posterior.beyond == pytest.approx(math.log(0.1 / 61))


def test_a_sharp_model_loses_nothing_between_samples(law):
    """All of a pdf of one sample lies there."""
    law = replace(law, p_model_s=0.001, model_share=0.0)
    pdf = torch.zeros(1, 61)
    pdf[0, 30] = 1.0
    none = torch.zeros(1, dtype=torch.long)
    due = Due(none, none, none, torch.full((1,), -1.5), pdf, 0.05)
    terms = Terms.none(torch.zeros(1, 3))
    moveout, eye = torch.zeros(1, 2, 3), torch.eye(3).double()
    posterior, _ = _posterior(due, terms, torch.zeros(1, 2), moveout, eye, law)
    assert posterior.log_likelihood.exp().sum() == pytest.approx(1.0)


@pytest.mark.parametrize("later_s", [1.2, 1.4, 1.5])
def test_arrivals_at_the_edge_of_what_is_asked_lead_no_further(module, seen, law, later_s):
    """Beyond it an arrival is anywhere."""
    after = refined(said(seen, module, later_s), told(seen, 0 * OFF_KM), module.scheme.core, law, WITHIN_S)
    assert float(after.origin_s - ORIGIN_S) < 1.55


def test_the_prior_counts_less_by_its_factor(module, seen, law):
    off = [
        off_km(
            refined(
                said(seen, module, 0.0, 0.3),
                told(seen, across_km2=0.1),
                module.scheme.core,
                replace(law, prior_factor=factor),
                WITHIN_S,
            )
        )
        for factor in (0.1, 1.0, 10.0)
    ]
    assert off[0] > 1.1 * off[1] > 1.2 * off[2]


def test_where_a_phase_never_comes_it_says_nothing(module, seen, law, monkeypatch):
    """No table of travel times reaches there: neither time nor moveout is a number."""
    core, before = module.scheme.core, told(seen)
    times, moveout = Seen.travel_times, Seen.moveout_spkm

    def never(of, value):
        def made(self, place_km):
            found = of(self, place_km).clone()
            found[:, 2] = value
            return found

        return made

    monkeypatch.setattr(Seen, "travel_times", never(times, torch.inf))
    monkeypatch.setattr(Seen, "moveout_spkm", never(moveout, torch.nan))
    after = refined(seen, before, core, law, WITHIN_S)
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


@pytest.mark.parametrize("key", ["p_model_s", "s_model_s", "model_share", "elsewhere", "fewest"])
def test_laws_that_cannot_be_are_refused(law, key):
    with pytest.raises(ValueError, match=rf"reading\.refine\.{key}.*-1"):
        replace(law, **{key: -1})


@pytest.mark.parametrize("factors", [[0.9], [0.9, 0.0], [0.9, 0.8, 0.7]])
def test_two_factors_of_uncertainties_are_asked_for(law, factors):
    with pytest.raises(ValueError, match=r"reading\.refine\.uncertainty_factor"):
        replace(law, uncertainty_factor=factors)
