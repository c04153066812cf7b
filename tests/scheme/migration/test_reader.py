"""Reading a stream: what it must and must not depend on, and which picks anchor and count."""

import copy
from dataclasses import replace

import pytest
import torch
from shipped_models import load
from small_migration import configured, single

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.scheme.base import NonFiniteError
from fcn.scheme.migration import claims, hypotheses, reader
from fcn.scheme.migration.candidates import CandidateLaw
from fcn.scheme.migration.migrate import Anchors
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms
from fcn.scheme.migration.volume import travel_times
from fcn.seeding import Purpose
from fcn.targets.location import LocationEstimate

ESTIMATE = WindowEstimate(
    now_s=0.0,
    detection_score=0.9,
    first_p_time_s=0.0,
    location_score=0.5,
    east_km=0.0,
    north_km=0.0,
    depth_km=8.0,
    origin_time_s=0.0,
    magnitude=6.0,
    horizontal_uncertainty_km=1.0,
    depth_uncertainty_km=1.0,
)


def read(module, window: Batch, **reading) -> list[WindowEstimate]:
    """As the module's scheme says, but for `reading`."""
    scheme = replace(module.scheme, reading=replace(module.scheme.reading, **reading))
    return scheme.estimates(module.network, window, [])[0]


def reordered(window: Batch, order: torch.Tensor) -> Batch:
    return replace(
        window,
        waveforms=window.waveforms[:, order],
        waveforms_broad=window.waveforms_broad[:, order],
        station_km=window.station_km[:, order],
        mask=window.mask[:, order],
        known=window.known[:, order],
        background_mps=window.background_mps[:, order],
        peaks=window.peaks[:, order],
    )


def padded(window: Batch) -> Batch:
    """With loud rows of absent stations before, among and after the others."""
    n = window.mask.shape[1]
    order = torch.cat([torch.zeros(2, dtype=torch.long), torch.arange(n).repeat_interleave(2)])
    absent = torch.ones(len(order), dtype=torch.bool)
    absent[2::2] = False
    more = reordered(window, order)
    for waveforms in (more.waveforms, more.waveforms_broad):
        waveforms[:, absent] = 1e3 * waveforms[:, absent].flip(-1) + 1.0
    more.peaks[:, absent] = 1e3 * more.peaks[:, absent].flip(-1) + 1.0
    return replace(more, mask=~absent[None])


@pytest.fixture(scope="module")
def windows(toy_store) -> dict[int, list[Batch]]:
    """Windows of the smallest and of a large network, as a stream's."""
    made = {}
    for count in (3, 64):
        config = configured(toy_store, f"stations.count=[{count},{count}]", "data.events.elapsed_s=[8,12]")
        data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
        batch = data.__getitems__([(0, i) for i in range(3)])
        made[count] = [single(batch, row) for row in range(len(batch))]
    return made


def coarse_volume(module, window: Batch, station: int) -> tuple[torch.Tensor, ...]:
    """First cell, logits and evidence of the coarse volume of an anchor 20 s into the window."""
    scheme = module.scheme
    anchors = Anchors(torch.tensor([[station]]), torch.tensor([[20.0]]))
    near, lattice = scheme.core.about_stations(window, anchors.station)
    pairs = pairs_of(near)
    with torch.no_grad():
        logits, evidence = scheme.core.volumes(
            module.network,
            scheme.core.encode(module.network, window),
            window,
            anchors,
            lattice,
            pairs,
            travel_times(window, lattice, pairs),
        )
    return lattice.first_km, logits, evidence


def numbers(found: list[WindowEstimate]) -> torch.Tensor:
    """One row per estimate: all it says but the time of the window."""
    return torch.tensor(
        [
            [
                *(each.east_km, each.north_km, each.depth_km),
                *(each.magnitude or 0.0, each.magnitude_uncertainty or 0.0),
                *(each.origin_time_s - 1000, each.first_p_time_s - 1000),
                *(each.detection_score, each.location_score),
                *(each.horizontal_uncertainty_km, each.depth_uncertainty_km),
            ]
            for each in found
        ]
    )


@pytest.mark.parametrize(
    ("spoilt", "output"),
    [
        ("series.p.bias", "station_p"),
        ("series.out.bias", "coarse_volume"),
        ("volumes.out.bias", "coarse_volume"),
        ("volumes.evidence.0.bias", "coarse_evidence"),
        ("magnitude.event.bias", "magnitude_uncertainty"),
    ],
)
def test_the_first_output_that_is_no_number_stops_the_reading(module, windows, spoilt, output):
    network = copy.deepcopy(module.network)
    network.get_parameter(spoilt).data.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match=rf"network's {output} is not finite, for ground velocities"):
        module.scheme.estimates(network, windows[3][0], [])


@pytest.mark.parametrize("count", [3, 64])
def test_the_order_of_stations_does_not_matter(module, windows, count):
    for window in windows[count]:
        order = torch.randperm(window.mask.shape[1], generator=torch.Generator().manual_seed(0))
        turned = reordered(window, order)
        here = int((order == 1).nonzero())
        for one, two in zip(
            coarse_volume(module, window, 1), coarse_volume(module, turned, here), strict=True
        ):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            numbers(read(module, window)), numbers(read(module, turned)), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("count", [3, 64])
def test_absent_stations_do_not_matter(module, windows, count):
    for window in windows[count]:
        more = padded(window)
        far_km = more.station_km.masked_fill(~more.mask[..., None], 90.0)
        far_km[:, 0] *= -1  # on either side
        for one, two in zip(
            coarse_volume(module, window, 1),
            coarse_volume(module, replace(more, station_km=far_km), 4),
            strict=True,
        ):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        # a stream's absent stations are silent for a while, and keep their places in the coarse volume
        torch.testing.assert_close(
            numbers(read(module, window)), numbers(read(module, more)), rtol=1e-3, atol=1e-3
        )


def test_silent_distant_stations_change_no_coarse_volume(module, windows):
    """A hundred that hear nothing and are out of reach; test_network_sizes.py reads whole streams."""
    window = windows[3][0]
    n, generator = 100, torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(1, n, 2, generator=generator), dim=-1)
    distant_km = (400 + 200 * torch.rand(1, n, 1, generator=generator)) * direction
    quiet = 1e-9 * torch.randn(1, n, 3, window.waveforms.shape[-1], generator=generator)
    table = TravelTimeTable.stack(
        [TravelTimeTable.build(load("iasp91"), max_depth_km=60, max_distance_km=900, step_km=2.0)]
    )
    alone = replace(window, travel_time=table)
    among = replace(
        alone,
        waveforms=torch.cat([window.waveforms, quiet], dim=1),
        waveforms_broad=torch.cat([window.waveforms_broad, quiet], dim=1),
        station_km=torch.cat(
            [window.station_km, torch.cat([distant_km, torch.zeros(1, n, 1)], dim=-1)], dim=1
        ),
        mask=torch.cat([window.mask, torch.ones(1, n, dtype=torch.bool)], dim=1),
        known=torch.cat([window.known, torch.ones_like(quiet, dtype=torch.bool)], dim=1),
        background_mps=torch.cat([window.background_mps, torch.full_like(quiet[:, :, :2], 1e-9)], dim=1),
        peaks=torch.cat([window.peaks, torch.full((1, n, *window.peaks.shape[2:]), 1e-9)], dim=1),
    )
    scheme = module.scheme
    near = replace(scheme.neighbourhood, enough=2)
    scheme = replace(scheme, neighbourhood=near, sizing=replace(scheme.sizing, enough=2))
    seen = []
    for given in (alone, among):
        anchors = Anchors(torch.tensor([[1]]), torch.tensor([[20.0]]))
        about, lattice = scheme.core.about_stations(given, anchors.station)
        pairs = pairs_of(about)
        with torch.no_grad():
            seen.append(
                scheme.core.volumes(
                    module.network,
                    scheme.core.encode(module.network, given),
                    given,
                    anchors,
                    lattice,
                    pairs,
                    travel_times(given, lattice, pairs),
                )
            )
    for one, two in zip(*seen, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [3, 64])
def test_moving_the_whole_frame_moves_the_estimates(module, windows, count):
    shift_km = torch.tensor([37.0, -12.0, 0.0])
    for window in windows[count]:
        moved = replace(window, station_km=window.station_km + shift_km)
        (first_km, *one), (moved_km, *two) = (coarse_volume(module, w, 1) for w in (window, moved))
        torch.testing.assert_close(moved_km, first_km + shift_km, rtol=0, atol=1e-4)
        for before, after in zip(one, two, strict=True):
            # an arrival half-way between two samples may be rounded to the other
            torch.testing.assert_close(before, after, rtol=0, atol=1e-2)
            assert float((before - after).abs().mean()) < 1e-3
        before, after = numbers(read(module, window)), numbers(read(module, moved))
        if window is not windows[count][-1]:  # in which an untrained network of three stations picks nothing
            assert len(before)
        if not len(before):
            assert not len(after)
            continue
        before[:, :2] += shift_km[:2]
        # a peak of an untrained network may have an equal elsewhere: a rounding decides
        other = ((after - before).abs() > 2e-2).any(dim=1)
        assert int(other.sum()) <= (0 if count == 3 else 1)


def test_a_network_without_stations_says_nothing(module, batch):
    window = single(batch, 0)
    assert read(module, replace(window, mask=torch.zeros_like(window.mask))) == []


def test_a_batch_of_streams_is_refused(module, batch):
    with pytest.raises(ValueError, match="one at a time"):
        module.scheme.estimates(module.network, batch, [])


def picked(monkeypatch, *picks: tuple[int, float]) -> None:
    """A network that picks P at these (station, seconds after the window's first sample)."""
    station, time_s = zip(*picks, strict=True) if picks else ((), ())
    found = Picks(
        torch.tensor(station, dtype=torch.long), torch.tensor(time_s), torch.full((len(picks),), 0.9)
    )
    monkeypatch.setattr("fcn.scheme.migration.picks.find_picks", lambda *_, **__: found)


@pytest.mark.parametrize(("recent_s", "n_found"), [(12.0, 1), (10.0, 0)])
def test_an_old_unexplained_pick_anchors_nothing(module, batch, monkeypatch, recent_s, n_found):
    picked(monkeypatch, (1, 19.0))  # 11 s ago
    assert len(read(module, single(batch, 0), recent_s=recent_s)) == n_found


@pytest.mark.parametrize(
    ("n_late", "late_s", "n_found"), [(0, 2.0, 0), (1, 2.0, 0), (2, 2.0, 1), (2, 10.5, 0)]
)
def test_a_pick_is_as_old_as_most_stations_data_have_it(module, batch, monkeypatch, n_late, late_s, n_found):
    """Of three stations, some of which end before the window does, or have stopped; a pick 11 s before."""
    picked(monkeypatch, (1, 19.0))
    window = single(batch, 0)
    n_last = round(late_s * module.scheme.sampling_rate_hz)
    late = window.known.clone()
    late[0, window.mask[0].nonzero()[:n_late, 0], :, -n_last:] = False
    assert int(window.mask.sum()) == 3
    assert len(read(module, replace(window, known=late), recent_s=10.0)) == n_found


@pytest.mark.parametrize(
    ("law", "n_found"),
    [
        (CandidateLaw(least_evidence=1e-9, least_magnitude=-99.0), 1),
        (CandidateLaw(least_evidence=1.0, least_magnitude=-99.0), 0),
        (CandidateLaw(least_evidence=1e-9, least_magnitude=99.0), 0),
        (None, 0),
    ],
)
def test_what_was_found_and_not_declared_is_asked_again(module, batch, monkeypatch, law, n_found):
    """Half a second later, about the same place, though no pick anchors it; and by a reader that goes on."""
    scheme, window = module.scheme, single(batch, 0)
    reading = replace(scheme.reading, candidates=law)
    here, later = (replace(scheme, reading=reading).reader for _ in range(2))
    picked(monkeypatch, (1, 22.0))
    (first,) = here.estimates(module.network, window, [])[0]
    later.restore(here.state())
    picked(monkeypatch)
    soon = replace(window, now_s=window.now_s + 0.5)
    for each in (here, later):
        found = each.estimates(module.network, soon, [])[0]
        assert len(found) == n_found
        assert all(one.origin_time_s == pytest.approx(first.origin_time_s, abs=5.0) for one in found)
    known = Known("declared", first, is_open=False)
    here.candidates.keep([first])
    assert here.estimates(module.network, soon, [known])[0] == []


@pytest.mark.parametrize(("trusted", "names"), [(1e-9, ["declared"]), (1.0, [])])
def test_a_hypothesis_that_is_a_declared_event_moves_it_or_goes(module, batch, monkeypatch, trusted, names):
    """One that is not due in this window; hypotheses of its own nobody has asked for."""
    scheme, window = module.scheme, single(batch, 0)
    here = replace(
        scheme, reading=replace(scheme.reading, trusted_evidence=trusted, trusted_score=1e-9)
    ).reader
    picked(monkeypatch, (1, 22.0))
    (first,) = here.estimates(module.network, window, [])[0]
    asked = []

    def claimed(follows, p_s, known, due_s, picks, *_, **__):
        asked.append((follows, [each.event_id for each in known], p_s.shape[0], due_s.shape[0], len(picks)))
        return ("declared",) * len(follows)

    monkeypatch.setattr(claims, "claimed", claimed)
    elsewhere = replace(first, origin_time_s=first.origin_time_s - 100.0, east_km=first.east_km + 40.0)
    found = here.estimates(module.network, window, [Known("declared", elsewhere, is_open=True)])[0]
    assert asked == [((None,), ["declared"], 1, 1, 1)]
    assert [each.follows for each in found] == names
    assert all(each.is_located and each.east_km == pytest.approx(first.east_km, abs=1e-3) for each in found)


@pytest.mark.parametrize(("at", "n_steps"), [(None, 3), (1, 1), (0, 0)])
def test_a_declared_event_is_looked_for_outward_until_a_volume_is_trusted(
    module, batch, monkeypatch, at, n_steps
):
    """Each fine volume has its peak at its edge; the one at a step, or none, is trusted."""
    picked(monkeypatch, (1, 22.0))
    scheme, window, asked = module.scheme, single(batch, 0), []

    def told(core, seen, anchors, lattice, near, travel_s, kind):
        n = anchors.station.shape[1]
        place_km, evidence = lattice.middle_km()[0].clone(), torch.full((n,), 0.3)
        if kind == "fine":
            if len(asked) == at:
                evidence += 0.6
            place_km[:, 0] += 0.9 * lattice.spacing_km[0, :, 0] * lattice.shape[0] / 2
            asked.append(float(place_km[0, 0]))
        found = LocationEstimate(
            place_km, evidence, evidence, evidence, torch.zeros(n, 3, 3), torch.zeros(n, 2, 2)
        )
        return found, evidence

    monkeypatch.setattr(reader, "told", told)
    here = replace(scheme.reading, trusted_evidence=0.7, trusted_score=0.2, least_evidence=0.5)
    known = Known("declared", replace(ESTIMATE, now_s=float(window.now_s[0]) - 1.0), is_open=True)
    known = replace(known, estimate=replace(known.estimate, origin_time_s=float(window.now_s[0]) - 9.0))
    (said,) = replace(scheme, reading=here).estimates(module.network, window, [known])[0]
    assert len(asked) == 1 + n_steps
    assert asked == sorted(asked)
    assert said.follows == "declared"
    assert said.east_km == pytest.approx(ESTIMATE.east_km if at is None else asked[-1], abs=1e-3)


@pytest.mark.parametrize("what", ["no stations", "clock set back", "no law"])
def test_what_is_not_of_the_last_window_is_not_asked_again(module, batch, monkeypatch, what):
    scheme, window = module.scheme, single(batch, 0)
    law = CandidateLaw(least_evidence=1e-9, least_magnitude=-99.0)
    here = replace(scheme, reading=replace(scheme.reading, candidates=law)).reader
    picked(monkeypatch, (1, 22.0))
    assert len(here.estimates(module.network, window, [])[0]) == 1
    picked(monkeypatch)
    soon = replace(window, now_s=window.now_s + 0.5)
    if what == "no stations":
        here.estimates(module.network, replace(window, mask=window.mask & False), [])
    elif what == "clock set back":
        soon = replace(window, now_s=window.now_s - 0.5)
    else:
        state = here.state()
        here = replace(scheme, reading=replace(scheme.reading, candidates=None)).reader
        here.restore(state)
    assert here.estimates(module.network, soon, [])[0] == []


@pytest.mark.parametrize(
    ("evidence", "further", "reaches", "looks", "where"),
    [
        (0.6, 0.9, True, False, "edge"),
        (0.8, 0.9, True, True, "beyond"),
        (0.8, 0.7, True, True, "edge"),
        (0.8, 0.9, False, False, "edge"),
    ],
)
def test_a_source_at_a_coarse_volumes_edge_is_looked_for_beyond_it(
    module, batch, monkeypatch, evidence, further, reaches, looks, where
):
    """Where the volume is trusted and travel times reach; the one with more evidence says where it is."""
    picked(monkeypatch, (0, 22.0), (1, 23.0))
    asked = []

    def asked_of(core, seen, anchors, lattice, near, travel_s, kind):
        asked.append(lattice)
        n, first = anchors.station.shape[1], len(asked) == 1
        assert len(travel_s) == int(near.sum())
        place_km = lattice.middle_km()[0].clone()
        place_km[:, 0] += lattice.spacing_km[0, :, 0] * (lattice.shape[0] - 1) / 2 if first else 1.0
        none = torch.zeros(n)
        found = LocationEstimate(place_km, none, none, none, torch.zeros(n, 3, 3), torch.zeros(n, 2, 2))
        return found, torch.full((n,), evidence if first else further)

    about = []

    def fine(self, seen, places, *_):
        about.append(places.centre_km)
        return Places.none(seen.here.mask.shape[1])

    monkeypatch.setattr(reader, "told", asked_of)
    monkeypatch.setattr(reader.MigrationReader, "_fine_pass", fine)
    window = single(batch, 0)
    if not reaches:  # as those of a 3-D grid, which ends somewhere
        window = replace(window, travel_time=EarlyAtOne(window.travel_time, window.station_km[0, 0], 0.0))
    read(module, window, least_picks=1)
    assert len(asked) == 1 + looks
    first = asked[0]
    cell_km, n = float(first.spacing_km[0, 0, 0]), first.shape[0]
    off_km = float(about[0][0, 0] - first.middle_km()[0, 0, 0])
    expected_km = cell_km * (n // 2) + 1.0 if where == "beyond" else cell_km * (n - 1) / 2
    assert off_km == pytest.approx(expected_km, rel=1e-4)


def test_picks_that_are_left_out_for_want_of_company_would_have_made_nothing(module, windows, monkeypatch):
    """With anchors enough for all of them, as what is left out no longer takes the place of others."""
    looked_at, in_company = [], hypotheses.in_company

    def noted(picks, apart_s, witnesses, *, tolerance_s):
        kept = in_company(picks, apart_s, witnesses, tolerance_s=tolerance_s)
        looked_at.append((len(picks), int(kept.sum())))
        return kept

    # picks of any probability: most of an untrained network's are of nothing
    asked = {"max_anchors": 200, "least_probability": 0.05, "least_evidence": 0.0, "least_picks": 2}
    for each in (window for count in windows.values() for window in count):
        monkeypatch.setattr(hypotheses, "in_company", noted)
        found = read(module, each, **asked)
        monkeypatch.setattr(hypotheses, "in_company", lambda picks, *_, **__: torch.ones(len(picks)) > 0)
        torch.testing.assert_close(numbers(found), numbers(read(module, each, **asked)))
    assert looked_at


@pytest.mark.parametrize(
    ("explained", "n_found"), [([False, False], 1), ([False, True], 0), ([True, False], 0), ([True, True], 0)]
)
def test_picks_that_a_declared_event_explains_do_not_make_a_new_one(
    module, batch, monkeypatch, explained, n_found
):
    """Two stations have a pick where the new hypothesis has its P; it needs two of its own."""
    # so wide that either pick fits wherever the network puts the event
    other = {"least_picks": 2, "p_tolerance_s": 100.0, "max_anchors": 1}
    picked(monkeypatch, (0, 22.0), (1, 23.0))
    monkeypatch.setattr(hypotheses, "explained", lambda *_, **__: torch.tensor(explained))
    assert len(read(module, single(batch, 0), **other)) == n_found


class EarlyAtOne:
    """Travel times that know nothing of what delays a station."""

    def __init__(self, travel_time: TravelTimeTable, station_km: torch.Tensor, early_s: float) -> None:
        self.travel_time, self.station_km, self.early_s = travel_time, station_km, early_s

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        here = (station_km == self.station_km).all(dim=-1)
        times_s = self.travel_time.between(source_km, station_km)
        return times_s - self.early_s * here[..., None, None]

    def to(self, device) -> "EarlyAtOne":
        return self


def test_a_station_term_makes_up_for_what_travel_times_do_not_know(module, windows):
    """Places, origin times and sizes; without the term they are others."""
    law = replace(module.scheme.reading.terms, s_over_p=1.0, epicentre_kmps=0.0)
    prior = (law.residual_s / law.prior_s) ** 2
    sums = [[1.0, 0.5 * (1.0 + prior), 0.0, 0.0]] + [[0.0] * 4] * 2
    for window in windows[3][:2]:  # in the third an untrained network picks nothing
        place_km = window.station_km[0]
        given = replace(window, travel_time=EarlyAtOne(window.travel_time, place_km[0], 0.5))
        scheme = replace(module.scheme, reading=replace(module.scheme.reading, terms=law))
        scheme.reader.learnt.terms.restore(
            {"now_s": 0.0, "station_km": place_km.tolist(), "sums": sums, "open": {}}
        )
        found = numbers(scheme.estimates(module.network, given, [])[0])
        expected = numbers(read(module, window, terms=None))
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
        without = numbers(read(module, given, terms=None))
        assert without.shape != expected.shape or (without - expected).abs().max() > 0.1


def test_a_misfit_widens_what_is_said_of_epicentres_and_nothing_else(module, windows):
    """Of picks 0.25 s off where 0.15 s are expected: 0.2 s beyond; nothing else that is said is other."""
    window = windows[64][0]
    law = replace(module.scheme.reading.terms, misfit_s=0.15, misfit_of=10.0, epicentre_kmps=10.0)
    scheme = replace(module.scheme, reading=replace(module.scheme.reading, terms=law))
    n, place_km = 1e6, window.station_km[0]
    taught = {"sums": [[1.0, 0.0, 1.0, 0.0]] * len(place_km), "misfit": [n * 0.25**2, n]}
    scheme.reader.learnt.terms.restore({"now_s": 0.0, "station_km": place_km.tolist(), "open": {}, **taught})
    found, plain = scheme.estimates(module.network, window, [])[0], read(module, window, terms=None)
    assert len(found) == len(plain) > 0
    for one, other in zip(found, plain, strict=True):
        wider_km2 = torch.tensor(one.covariance_km2) - torch.tensor(other.covariance_km2)
        torch.testing.assert_close(wider_km2, torch.diag(torch.tensor([2.0, 2.0, 0.0])), atol=2e-3, rtol=0)
        across_km = (other.horizontal_uncertainty_km**2 + 2.0**2) ** 0.5
        assert one.horizontal_uncertainty_km == pytest.approx(across_km, abs=1e-3)
        assert one.common_km == pytest.approx(2.0, abs=1e-3)
        same = {"covariance_km2": None, "horizontal_uncertainty_km": None, "common_km": 0.0}
        assert replace(one, **same) == replace(other, **same)


class FromStraightBelow:
    """Straight rays at 6 and 3.5 km/s."""

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        distance_km = (station_km[:, :, None] - source_km[:, None]).norm(dim=-1)
        return torch.stack([distance_km / 6.0, distance_km / 3.5], dim=-1)

    def to(self, device) -> "FromStraightBelow":
        return self


@pytest.mark.parametrize("moves_out", [False, True])
def test_pulses_without_moveout_make_no_event(module, windows, monkeypatch, moves_out):
    """The same picks but for their times; tolerances are wide, so that moveout alone decides."""
    window, law = replace(windows[3][0], travel_time=FromStraightBelow()), module.scheme.reading.moveout
    station_km = torch.tensor([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0], [0.0, 50.0, 0.0]])
    window = replace(window, station_km=station_km[None])
    picked(monkeypatch, *((row, 22.0 + moves_out * row) for row in range(3)))
    other = {"least_picks": 2, "p_tolerance_s": 100.0, "max_anchors": 1}
    assert len(read(module, window, moveout=law, **other)) == moves_out
    assert len(read(module, window, moveout=None, **other)) == 1


@pytest.mark.parametrize("part", ["times", "sizes"])
def test_a_station_that_may_say_nothing_changes_nothing(module, windows, part):
    """Without times it is as one that is not there, without sizes its amplitudes do not matter."""
    window = windows[64][0]
    ill = torch.zeros(window.mask.shape[1], dtype=torch.bool)
    ill[::2] = True
    spoilt = replace(window, peaks=window.peaks.clone())
    spoilt.peaks[:, ill] *= 1e3
    said = {name: ~(ill & (part == name)) for name in ("times", "sizes")}
    said["sizes"] &= said["times"]
    found = []
    for given in (window, spoilt):
        scheme = replace(module.scheme)
        scheme.reader.learnt.begin = lambda batch, known: (Terms.none(batch.station_km[0]), Sound(**said))
        scheme.reader.learnt.pulses = None  # nobody has begun to count spikes
        found.append(scheme.estimates(module.network, given, [])[0])
    torch.testing.assert_close(numbers(found[0]), numbers(found[1]))
    if part == "times":
        absent = replace(window, mask=window.mask & ~ill)
        torch.testing.assert_close(numbers(found[0]), numbers(read(module, absent, terms=None, health=None)))
    else:
        loud = numbers(read(module, spoilt, terms=None, health=None))
        assert (loud - numbers(found[0])).abs().max() > 1e-3


def test_a_stream_looks_for_sources_outside_its_network(module, windows):
    """Its volumes are as wide as the reading says, up to the widest, about the stations."""
    window = windows[3][0]
    station_km = window.station_km[0, :, :2]
    low_km, high_km = station_km.amin(dim=0), station_km.amax(dim=0)
    for margin in (1.0, 3.0):
        scheme = replace(module.scheme, reading=replace(module.scheme.reading, margin=margin))
        lattice = scheme.reader.volumes.coarse(window, window, [0])[0].lattice
        width_km = float((high_km - low_km).max()) * margin
        assert width_km < scheme.volume.widest_km
        east_km, north_km, _ = (axis_km[0, 0] for axis_km in lattice.axes_km())
        middle_km = torch.stack([east_km.mean(), north_km.mean()])
        torch.testing.assert_close(middle_km, (low_km + high_km) / 2)
        cell_km = max(width_km / len(east_km), scheme.volume.fine_km[0])
        torch.testing.assert_close(east_km.diff(), torch.full((len(east_km) - 1,), cell_km))


def test_a_volume_narrower_than_its_stations_is_refused(module):
    with pytest.raises(ValueError, match=r"reading\.margin.*got 0\.5"):
        replace(module.scheme.reading, margin=0.5)
