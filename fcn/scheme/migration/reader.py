"""Reading a stream with the migration network: hypotheses of each window, in a coarse and a fine pass.

Finding, placing and sizing are three things. What is new needs picks and evidence; a declared event moves
where a volume is trusted, and keeps its place where none is; its magnitude is read there in every window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from fcn.arch.migration import MigrationNet, Sized
from fcn.batch import Batch, Targets
from fcn.catalogue.event import Known, WindowEstimate
from fcn.geometry.lattice import Lattice
from fcn.scheme.base import View, require_finite
from fcn.scheme.migration import claims, hypotheses
from fcn.scheme.migration import reading as rules
from fcn.scheme.migration.arrivals import Heard, phase_picks
from fcn.scheme.migration.candidates import Candidates
from fcn.scheme.migration.hearing import Listener
from fcn.scheme.migration.hypotheses import Hypotheses
from fcn.scheme.migration.incremental import IncrementalEncoder
from fcn.scheme.migration.learnt import Learnt
from fcn.scheme.migration.look import look
from fcn.scheme.migration.migrate import Anchors, Migration
from fcn.scheme.migration.neighbourhood import first_reached, with_own
from fcn.scheme.migration.picks import Picks, PicksOfStream, late_s
from fcn.scheme.migration.places import Places, at_edge, merged, pdfs_of
from fcn.scheme.migration.refinement import refined
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms
from fcn.scheme.migration.told import told
from fcn.scheme.migration.transfer import HOST, moved, on_host
from fcn.scheme.migration.volume import VolumesOfStations, joined

STEPS_OUTWARD, EDGE = 3, 0.6  # at most, each of this share of a fine volume's half-width or more
ROUNDED_S = 0.1  # more than travel times and picks are rounded by


@dataclass
class MigrationReader:
    """Reads windows of one stream one by one; coarse volumes and what is learnt of stations are kept.

    visible_snr: P anchors the volume of `look` above it.
    """

    core: Migration
    reading: rules.Reading
    visible_snr: float
    volumes: VolumesOfStations = field(init=False)
    learnt: Learnt = field(init=False)
    encoder: IncrementalEncoder = field(init=False)
    candidates: Candidates = field(init=False)
    picks: PicksOfStream = field(init=False)

    def __post_init__(self) -> None:
        self.core = replace(self.core, volume=replace(self.core.volume, margin=self.reading.margin))
        self.volumes = VolumesOfStations(self.core.volume, self.core.neighbourhood)
        self.learnt = Learnt.by(self.reading.terms, self.reading.health, self.reading.moveout)
        self.encoder = IncrementalEncoder(self.core.sampling_rate_hz)
        self.candidates = Candidates(self.reading.candidates, self.reading.same_s, self.reading.same_km)
        asked = self.reading.least_probability, self.reading.pick_apart_s
        self.picks = PicksOfStream(*asked, self.core.sampling_rate_hz)

    @torch.no_grad()
    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """Hypotheses of one window. Raises ValueError for a batch of several: each must know the last."""
        assert isinstance(network, MigrationNet)
        if len(batch) != 1:
            raise ValueError(f"windows of a stream are read one at a time, got a batch of {len(batch)}")
        here = on_host(batch)
        if not here.mask.any():
            self.candidates.keep([])
            return [[]]
        reading, now_s, reach_km = self.reading, float(batch.now_s[0]), self.core.volume.fine_reach_km
        seen = self._see(network, batch, here, *self.learnt.begin(here, known))
        due_s = hypotheses.due(known, seen.travel_times(hypotheses.places_km(known, HOST)), seen.start_s)
        explained = hypotheses.explained(
            seen.picks, due_s, known, p_tolerance_s=reading.p_tolerance_s, s_tolerance_s=reading.s_tolerance_s
        )
        again = hypotheses.due_again(known, now_s=now_s, relocate_s=reading.relocate_s)
        followed = self._followed(seen, [known[row] for row in again], due_s[again], seen.picks)
        # a pick that waits for other stations' data grows no older by that
        front_s = self.core.window_s(batch) - late_s(here.heard[0], self.core.sampling_rate_hz)
        unexplained = seen.picks.where(~explained)
        fresh = self._new(seen, unexplained, front_s - reading.recent_s)
        places = followed + self._moved(seen, followed)
        places += self._undeclared(seen, known, unexplained, now_s) + self._anchored(seen, fresh)
        found = latest = self._fine_pass(seen, places, explained, known, due_s)
        for _ in range(STEPS_OUTWARD):
            if len(places := at_edge(places, latest, edge_km=EDGE * reach_km, **reading.trusted)) == 0:
                break
            latest = self._fine_pass(seen, places, explained, known, due_s)
            found += latest
        p_s, within_s = seen.arrivals(found.place_km, found.origin_s)[..., 0], reading.p_tolerance_s
        found = claims.weighed(
            found, p_s, known, due_s, seen.picks, reach_km, reading.candidates, p_tolerance_s=within_s
        )
        names = {known[row].event_id for row in again}
        settled = merged(found, known, names, start_s=seen.start_s, **reading.trusted)
        settled = refined(seen, settled, self.core, reading.refine, reading.tolerances_s)
        next_s = hypotheses.overtaken(settled.follows, known, due_s)
        said = self._said(seen, settled, next_s, known, due_s) if len(settled) else []
        self.candidates.keep(said)
        return [said]

    def state(self) -> dict[str, Any]:
        """What it has learnt of its stations, what it has found and not declared, and the last picks."""
        return {**self.learnt.state(), "candidates": self.candidates.state(), "picks": self.picks.last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Reader`."""
        self.learnt.restore(state)
        self.candidates.restore(state.get("candidates", ()))
        self.picks.last = [(name, time_s, value) for name, time_s, value in state.get("picks", ())]

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """See `Reader`."""
        self.learnt.forget(station_km)

    def _see(self, network: MigrationNet, batch: Batch, here: Batch, terms: Terms, sound: Sound) -> Seen:
        features, rate_hz = self.encoder.encode(network, batch), self.core.sampling_rate_hz
        require_finite(batch, station_p=features.station_p)
        start_s, first = float(batch.now_s[0]) - self.core.window_s(batch), features.nobodys
        heard = self.picks.find(features.station_p[0], batch, here.mask[0], start_s=start_s, first=first)
        waves = self.learnt.waves(heard, batch, start_s, rate_hz)
        picks = waves.where(sound.times[waves.station])
        ear, here = Listener.of(network, batch, rate_hz), replace(here, mask=here.mask & sound.times)
        batch = replace(batch, mask=moved(batch.mask.device, here.mask)[0])
        return Seen(batch, here, network, features, picks, heard, start_s, terms, sound, ear)

    def _coarse_peaks(
        self, seen: Seen, station: Int[Tensor, " anchor"], time_s: Float[Tensor, " anchor"]
    ) -> tuple[Float[Tensor, "anchor 3"], Float[Tensor, " anchor"], Float[Tensor, " anchor"]]:
        """Peak of each anchor's coarse volume, evidence for an event in it (0-1), and its cells' size, km.

        Where the peak lies at its edge, the source may lie beyond: the volume further out is asked, too, if
        travel times reach it, and of the two the one with more evidence counts.
        """
        lattice, near, travel_s = joined(self.volumes.coarse(seen.batch, seen.here, station.tolist()))
        anchors = Anchors(station[None], time_s[None])
        where, evidence = told(self.core, seen, anchors, lattice, near, travel_s, "coarse")
        place_km = where.hypocentre_km
        beyond, at_edge = self.core.volume.outward(lattice.flat(), place_km)
        rows = (at_edge & (evidence >= self.reading.trusted_evidence)).nonzero()[:, 0]
        if len(rows) > 0 and seen.reaches_outward:
            further = Lattice(beyond.first_km[rows][None], beyond.spacing_km[rows][None], beyond.shape)
            own = Anchors(station[rows][None], time_s[rows][None])
            travel_s = self.volumes.travel_times(seen.batch, seen.here, further, near[:, rows])
            there, more = told(self.core, seen, own, further, near[:, rows], travel_s, "coarse")
            better = (more > evidence[rows]).nonzero()[:, 0]
            place_km[rows[better]], evidence[rows[better]] = there.hypocentre_km[better], more[better]
        return place_km, evidence, lattice.spacing_km[0, :, 0]

    def _followed(
        self, seen: Seen, known: Sequence[Known], due_s: Float[Tensor, "event station 2"], picks: Picks
    ) -> Hypotheses:
        """Events to look for again about their last place, anchored by these picks."""
        here = seen.here
        place_km = hypotheses.places_km(known, HOST)
        near = self.core.neighbourhood.of(place_km[None], here.station_km, here.mask)[0]
        return hypotheses.followed(
            known,
            picks,
            due_s,
            near,
            window_s=self.core.window_s(here),
            p_tolerance_s=self.reading.p_tolerance_s,
        )

    def _undeclared(self, seen: Seen, known: Sequence[Known], picks: Picks, now_s: float) -> Hypotheses:
        """What the last window found of new events, about its places there."""
        last = [Known("", each, True) for each in self.candidates.undeclared(known, now_s)]
        travel_s = seen.travel_times(hypotheses.places_km(last, HOST))
        again = self._followed(seen, last, hypotheses.due(last, travel_s, seen.start_s), picks)
        return replace(again, follows=(None,) * len(again))

    def _moved(self, seen: Seen, followed: Hypotheses) -> Hypotheses:
        """Declared events to look for elsewhere, out of reach of the volume about their last place."""
        if len(followed) == 0:
            return followed
        place_km, evidence, _ = self._coarse_peaks(seen, followed.station, followed.time_s)
        return hypotheses.moved(
            followed,
            place_km,
            evidence,
            reach_km=self.core.volume.fine_reach_km,
            least_evidence=self.reading.least_evidence,
        )

    def _new(self, seen: Seen, unexplained: Picks, since_s: float) -> Picks:
        """Of the picks that no declared event explains, those that may anchor a hypothesis.

        A hypothesis needs picks at several sites: one that no other can go with need not be looked at.
        """
        recent = unexplained.time_s >= since_s
        if self.reading.least_picks < 2:
            return unexplained.where(recent)
        delay_s = seen.terms.delay_s[:, 0].abs()
        apart_s = self.volumes.apart_s(seen.batch, seen.here) + delay_s + delay_s[:, None]
        # a pick may be so far off where the hypothesis has it, and the anchor's from the mean of all
        tolerance_s = 2 * self.reading.p_tolerance_s + ROUNDED_S
        two = self.volumes.witnesses(seen.batch, seen.here)
        with_another = hypotheses.in_company(unexplained, apart_s, two, tolerance_s=tolerance_s)
        return unexplained.where(recent & with_another)

    def _anchored(self, seen: Seen, picks: Picks) -> Hypotheses:
        """Where unexplained picks have evidence for an event, most evidence first, and none twice."""
        station, time_s = (each[: self.reading.max_anchors] for each in (picks.station, picks.time_s))
        if (n := len(station)) == 0:
            return Hypotheses(seen.here.station_km.new_zeros(0, 3), station, time_s, ())
        place_km, evidence, cell_km = self._coarse_peaks(seen, station, time_s)
        # the anchors of one event agree on its origin time: one of them is enough
        travel_s = seen.travel_times(place_km)[..., 0]
        kept = hypotheses.distinct(
            place_km,
            time_s - travel_s[torch.arange(n), station],
            evidence,
            least_evidence=self.reading.least_evidence,
            same_s=self.reading.same_s,
            same_km=(2 * cell_km).clamp_min(self.reading.same_km),
        )
        return Hypotheses(place_km[kept], station[kept], time_s[kept], (None,) * len(kept))

    def _fine_pass(
        self,
        seen: Seen,
        places: Hypotheses,
        explained: Bool[Tensor, " pick"],
        known: Sequence[Known],
        due_s: Float[Tensor, "known station 2"],
    ) -> Places:
        """Hypocentres, origin times and evidence of hypotheses; new ones have picks of their own.

        explained: picks that an event of `known`, declared, explains, whose P and S are due at due_s.
        """
        here, reading, within_s = seen.here, self.reading, self.reading.p_tolerance_s
        if len(places) == 0:
            return Places.none(here.mask.shape[1])
        near, lattice = self._about(seen, places)
        cells_s = self.volumes.travel_times(seen.batch, here, lattice, near)
        anchors = Anchors(places.station[None], places.time_s[None])
        where, evidence = told(self.core, seen, anchors, lattice, near, cells_s, "fine")
        travel_s = seen.travel_times(where.hypocentre_km)
        first_guess_s = places.time_s - travel_s[torch.arange(len(places)), places.station, 0]
        heard_s = travel_s[..., 0].masked_fill(~near[0], torch.inf)
        origin_s = hypotheses.origin_times(first_guess_s, heard_s, seen.picks, p_tolerance_s=within_s)
        arrival_s, p_s = origin_s[:, None, None] + travel_s, origin_s[:, None] + heard_s
        at_once = torch.zeros(len(places), len(seen.picks), dtype=torch.bool)
        if reading.moveout is not None:
            at_once = reading.moveout.at_once(seen.picks, arrival_s[..., 0], near[0], ~explained)
        keep = hypotheses.have_picks(
            arrival_s,
            evidence,
            seen.picks,
            torch.tensor([name is None for name in places.follows]),
            explained,
            at_once,
            self.volumes.witnesses(seen.batch, here),
            least_picks=reading.least_picks,
            p_tolerance_s=within_s,
            s_tolerance_s=reading.s_tolerance_s,
        )
        found = Places(
            follows=places.follows,
            pdf=pdfs_of(where.epicentre_pdf, lattice.flat()),
            place_km=where.hypocentre_km,
            origin_s=origin_s,
            origin_uncertainty_s=seen.origin_uncertainties(where, p_s, p_tolerance_s=within_s),
            first_p_s=arrival_s[..., 0].masked_fill(~here.mask[0], torch.inf).amin(dim=1),
            evidence=evidence,
            score=where.score,
            across_km=where.horizontal_uncertainty_km,
            down_km=where.depth_uncertainty_km,
            is_located=torch.ones_like(keep),
            covariance_km2=where.covariance_km2,
            has_p=near[0] & hypotheses.with_p(arrival_s[..., 0], seen.picks, p_tolerance_s=within_s),
            favour=torch.zeros_like(keep, dtype=torch.long),
            common_km=torch.full_like(evidence, seen.terms.common_km),
        )
        found, p_s = found.rows(keep.nonzero()[:, 0].tolist()), p_s[keep]
        least = self.candidates.least_magnitude
        follows = claims.claimed(found.follows, p_s, known, due_s, seen.picks, least, p_tolerance_s=within_s)
        return replace(found, follows=follows)

    def _about(self, seen: Seen, places: Hypotheses) -> tuple[Bool[Tensor, "1 event station"], Lattice]:
        """Fine volumes about places, no further out than is looked for, and the stations that judge them."""
        here = seen.here
        near = self.core.about_places(here, places.centre_km[None], places.station[None])
        coarse = self.core.volume.coarse(here.station_km, near, places.centre_km[None])
        fine = self.core.volume.fine(places.centre_km, coarse.flat(), outward=seen.reaches_outward)
        judges = first_reached(
            near,
            seen.travel_times(places.centre_km)[None, ..., 0],
            within_s=self.reading.judges_within_s,
            enough=self.core.neighbourhood.enough,
        )
        lattice = Lattice(fine.first_km[None], fine.spacing_km[None], fine.shape)
        return with_own(judges, places.station[None]), lattice

    def _said(
        self,
        seen: Seen,
        places: Places,
        next_s: Float[Tensor, "event station"],
        known: Sequence[Known],
        due_s: Float[Tensor, "known station 2"],
    ) -> list[WindowEstimate]:
        """The hypotheses with their magnitudes, where a station has seen P. next_s: P of later events."""
        batch, heard = seen.batch, Heard.of(seen, places, self.core, self.reading.tolerances_s)
        arrival_s = heard.due_s
        place_km, times_s, until_s, sizes, term = moved(
            batch.waveforms.device, places.place_km, arrival_s, next_s, seen.sound.sizes, seen.terms.magnitude
        )
        felt = self.core.measure(batch, place_km[None], times_s[None], until_s[None])
        amplitudes = replace(felt, use=felt.use & sizes)
        first_guess = amplitudes.first_guess[0] - term
        said = seen.network.magnitude(first_guess, amplitudes.inputs[0], amplitudes.use[0])
        require_finite(
            batch, magnitude=said.magnitude, magnitude_uncertainty=said.deviation, growing=said.growing
        )
        falling_s, rise = amplitudes.course(times_s[None, ..., 0])
        numbers = [getattr(said, each.name) for each in fields(said)]
        *numbers, falling_s, rise, use = moved(HOST, *numbers, falling_s[0], rise[0], felt.use[0])
        said = Sized(*numbers)
        self.learnt.observe(seen, places, heard, said, use, known, due_s, self.reading.tolerances_s)
        return places.estimates(
            now_s=float(batch.now_s[0]),
            start_s=seen.start_s,
            magnitude=said.magnitude,
            deviation=said.deviation,
            growing=said.growing > 0,
            falling_s=falling_s,
            rise=rise,
            sized_by=use & seen.sound.sizes,
            station_ids=batch.station_ids,
            picks=phase_picks(seen, places, heard, self.reading.terms),
        )

    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """See `fcn.scheme.migration.look.look`."""
        assert isinstance(network, MigrationNet)
        return look(self.core, self.visible_snr, network, batch, targets, index)
