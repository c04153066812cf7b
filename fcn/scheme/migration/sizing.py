"""Losses of the magnitude branch: events of recombined windows, and ruptures recorded by dense arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional

from fcn.arch.migration import MigrationNet, Sized
from fcn.batch import Batch, Ruptures, Targets
from fcn.catalogue.released import BOUND_MARGIN, BOUND_SHARE
from fcn.devices import numbers
from fcn.loss.terms import masked_mean
from fcn.scheme.migration.amplitudes import Amplitudes, Motion, measure
from fcn.scheme.migration.migrate import Migration

MOST_DEVIATIONS = 30.0  # by which a magnitude is wrong, at most, in its loss
TYPICAL_KMPS = (6.0, 3.5)  # of P and S, for the error of a travel time
UNHEARD = -math.log10(BOUND_SHARE) / 1.5  # what `BOUND_SHARE` lacks in magnitude


@dataclass(frozen=True)
class SizedEvents:
    """Magnitudes of a batch's events, their loss, and of which events one is asked for."""

    magnitude: Float[Tensor, "batch event"]
    loss: Float[Tensor, ""]
    asked: Bool[Tensor, "batch event"]


@dataclass(frozen=True)
class Sizing:
    """What the magnitude branch is asked for in training: the magnitude of the moment released by now.

    hypocentre_jitter_km: (horizontal, depth) error of the hypocentres that amplitudes are measured for.
    travel_time_error:    relative, of the arrivals of ruptures.
    visible_snr:          P counts as seen at a station above it.
    """

    hypocentre_jitter_km: Sequence[float]
    travel_time_error: float
    visible_snr: float

    def of_windows(
        self, core: Migration, network: MigrationNet, batch: Batch, targets: Targets, generator: Generator
    ) -> SizedEvents:
        """Every event at its jittered place."""
        far_s = 10 * core.window_s(batch)  # events that do not exist arrive never
        p_s, s_s = (
            t.nan_to_num(posinf=far_s).transpose(1, 2) for t in (targets.p_arrival_s, targets.s_arrival_s)
        )
        jitter_km = self._jitter_km(targets.event_km, generator)
        amplitudes = core.measure(batch, targets.event_km + jitter_km, torch.stack([p_s, s_s], dim=-1))
        # stations that have not seen the event count as they will in a stream: their weight is learned
        said = _said(network, amplitudes)
        seen_at = amplitudes.use & (targets.p_snr > self.visible_snr).transpose(1, 2)
        # a P that came before the window leaves only a coda: its magnitude is not asked for
        within = p_s.masked_fill(~seen_at, far_s).amin(dim=2) > 0
        asked = within & targets.event_exists & seen_at.any(dim=2)
        magnitude, deviation = (v.view_as(asked) for v in (said.magnitude, said.deviation))
        loss = _gaussian(magnitude, deviation, targets.event_released_magnitude)
        return SizedEvents(magnitude, masked_mean(loss, asked), asked)

    def of_ruptures(
        self, network: MigrationNet, ruptures: Ruptures | None, generator: Generator
    ) -> dict[str, Tensor]:
        """Losses of magnitude and of whether it is a lower bound; zeros without ruptures."""
        if ruptures is None:
            nothing = next(network.parameters()).new_zeros(())
            return {"ruptures": nothing, "growing": nothing}
        jitter_km = self._jitter_km(ruptures.station_km[:, 0], generator)
        offset_km = ruptures.station_km - jitter_km[:, None]
        normal = torch.randn((len(offset_km), 1, 2), generator=generator, device=offset_km.device)
        travel_s = torch.linalg.vector_norm(offset_km, dim=-1)[..., None] / numbers(TYPICAL_KMPS, offset_km)
        since_s = self.travel_time_error * normal * travel_s - ruptures.arrival_s
        amplitudes = measure(
            Motion(ruptures.peaks, 2.0 * ~ruptures.vertical, ruptures.mask),
            since_s[:, None],
            torch.linalg.vector_norm(offset_km, dim=-1)[:, None],
            jitter_km[:, 2:] - ruptures.station_km[:, 0, 2:],  # stations are at the surface
        )
        said = _said(network, amplitudes)
        asked = amplitudes.use[:, 0].any(dim=1)
        # what is said now is too small for good, or the source has more that nobody can have heard of
        short = ruptures.magnitude - said.magnitude.detach() > BOUND_MARGIN
        growing = short | (ruptures.magnitude - ruptures.heard_magnitude > UNHEARD)
        entropy = functional.binary_cross_entropy_with_logits(said.growing, growing.float(), reduction="none")
        return {
            "ruptures": masked_mean(
                _gaussian(said.magnitude, said.deviation, ruptures.released_magnitude), asked
            ),
            "growing": masked_mean(entropy, asked),
        }

    def _jitter_km(self, place_km: Float[Tensor, "*n 3"], generator: Generator) -> Float[Tensor, "*n 3"]:
        across, down = self.hypocentre_jitter_km
        normal = torch.randn(place_km.shape, generator=generator, device=place_km.device)
        return normal * numbers([across, across, down], place_km)


def _said(network: MigrationNet, amplitudes: Amplitudes) -> Sized:
    """Rows: all events of the first window, then those of the second."""
    return network.magnitude(
        amplitudes.first_guess.flatten(0, 1),
        amplitudes.inputs.flatten(0, 1),
        amplitudes.use.flatten(0, 1),
    )


def _gaussian(
    magnitude: Float[Tensor, "*n"], deviation: Float[Tensor, "*n"], true: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """Negative log-likelihood, without the constant."""
    miss = ((magnitude - true) / deviation).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    return 0.5 * miss**2 + deviation.log()
