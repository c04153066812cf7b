"""One window of a stream, and what is known of it before any hypothesis is made."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.scheme.migration.hearing import Listener
from fcn.scheme.migration.hypotheses import origin_uncertainties
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms
from fcn.scheme.migration.volume import travel_times_of
from fcn.targets.location import LocationEstimate


@dataclass(frozen=True)
class Seen:
    """One window and what the network says of its stations.

    batch: without the stations that may say nothing. here: with its stations on the host, where all that
    follows the features is, too. picks: of the others; heard: of all. start_s: POSIX time of its first
    sample. terms, sound: of the stations. listener: where the network times arrivals.
    """

    batch: Batch
    here: Batch
    network: MigrationNet
    features: Features
    picks: Picks
    heard: Picks
    start_s: float
    terms: Terms
    sound: Sound
    listener: Listener | None

    @property
    def reaches_outward(self) -> bool:
        """Whether travel times are known beyond coarse volumes: those of layers are, a 3-D grid ends."""
        return isinstance(self.here.travel_time, TravelTimeTable)

    def travel_times(self, place_km: Float[Tensor, "event 3"]) -> Float[Tensor, "event station 2"]:
        """P and S from places to every station, s, with the stations' terms."""
        return travel_times_of(self.here, place_km) + self.terms.delay_s

    def arrivals(
        self, place_km: Float[Tensor, "event 3"], origin_s: Float[Tensor, " event"]
    ) -> Float[Tensor, "event station 2"]:
        """P and S of events at every station, seconds after the window's first sample, as origin_s."""
        return origin_s[:, None, None] + self.travel_times(place_km)

    def moveout_spkm(self, place_km: Float[Tensor, "event 3"]) -> Float[Tensor, "event station 2 3"]:
        """By how much P and S come later for a place a km further east, north or down."""
        steps_km = torch.eye(4, 3, device=place_km.device, dtype=place_km.dtype)  # the last one is none
        places_km = (place_km[:, None] + steps_km).flatten(0, 1)
        times_s = travel_times_of(self.here, places_km).unflatten(0, (len(place_km), 4))
        return (times_s[:, :3] - times_s[:, 3:]).permute(0, 2, 3, 1)

    def origin_uncertainties(
        self, where: LocationEstimate, p_s: Float[Tensor, "event station"], *, p_tolerance_s: float
    ) -> Float[Tensor, " event"]:
        """Of origin times by the picks, s, of hypocentres as sure as that; p_s as the function has it."""
        moveout_spkm = self.moveout_spkm(where.hypocentre_km)[:, :, 0]
        return origin_uncertainties(
            p_s, self.picks, moveout_spkm, where.covariance_km2, p_tolerance_s=p_tolerance_s
        )
