"""What a stream has learnt of its stations: their terms and health, from its own events, and pulses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.arch.migration import Sized
from fcn.batch import Batch
from fcn.catalogue.event import Known
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.moveout import MoveoutLaw
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.pulses import Pulses
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import HealthLaw, Sound, StationHealth
from fcn.scheme.migration.station_terms import StationTerms, Terms, TermsLaw
from fcn.scheme.migration.witness import Expected


@dataclass
class Learnt:
    """Each None where a reading has no law for it."""

    terms: StationTerms | None
    health: StationHealth | None
    pulses: Pulses | None

    @classmethod
    def by(cls, terms: TermsLaw | None, health: HealthLaw | None, moveout: MoveoutLaw | None) -> "Learnt":
        """Nothing yet, by these laws."""
        return cls(
            None if terms is None else StationTerms(terms),
            None if health is None else StationHealth(health),
            None if moveout is None else Pulses(moveout),
        )

    def begin(self, batch: Batch, known: Sequence[Known]) -> tuple[Terms, Sound]:
        """Of the stations of a window, of `on_host`; known: the events declared before it."""
        terms, sound = Terms.none(batch.station_km[0]), Sound.all(batch.mask[0])
        if self.terms is not None:
            terms = self.terms.begin(float(batch.now_s[0]), batch.station_km[0])
            self.terms.close(known)
        if self.health is not None:
            sound = self.health.begin(batch, known)
        return terms, sound

    def waves(self, picks: Picks, batch: Batch, start_s: float, sampling_rate_hz: float) -> Picks:
        """Picks of a window but those of pulses. start_s: POSIX time of its first sample."""
        if self.pulses is None:
            return picks
        waves, spikes = self.pulses.told(picks, batch, start_s, sampling_rate_hz)
        if self.health is not None:
            self.health.observe_spikes(spikes, start_s, self.pulses.at_s)
        return waves

    def observe(
        self,
        seen: Seen,
        places: Places,
        heard: Heard,
        said: Sized,
        use: Bool[Tensor, "event station"],
        known: Sequence[Known],
        due_s: Float[Tensor, "known station 2"],
        tolerances_s: tuple[float, float],
    ) -> None:
        """What the events of one window say.

        use: stations that have felt each, also those whose size is false. due_s: P and S of `known`.
        tolerances_s: see `Expected`.
        """
        if not any(places.follows):
            return
        if self.terms is not None:
            moveout_spkm = seen.moveout_spkm(places.place_km)
            sized = use & seen.sound.sizes
            self.terms.observe_all(seen.terms, heard.arrived, places, moveout_spkm, said, sized)
        if self.health is not None:
            expected = []
            for row, name in enumerate(places.follows):
                others = torch.tensor([each.event_id != name for each in known], device=due_s.device)
                travel_s = heard.due_s[row, :, 0] - places.origin_s[row]
                expected.append(Expected(heard.due_s[row], travel_s, due_s[others], *tolerances_s))
            self.health.observe_all(seen.heard, places, expected, said.by_station, use, seen.sound.sizes)

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes."""
        return {name: part.state() for name, part in self._parts.items() if part is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; a part without a law is passed over, one that was not saved begins anew."""
        for name, part in self._parts.items():
            if part is not None and name in state:
                part.restore(state[name])

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """Of the stations at these places: their terms and health. Pulses are of several stations at once."""
        for part in (self.terms, self.health):
            if part is not None:
                part.forget(station_km)

    @property
    def _parts(self) -> dict[str, StationTerms | StationHealth | Pulses | None]:
        return {"terms": self.terms, "health": self.health, "pulses": self.pulses}
