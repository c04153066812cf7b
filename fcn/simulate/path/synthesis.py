"""From arrivals to ground velocity: scattering and site, the same whatever the arrivals come from."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Generator, Tensor

from fcn.simulate.path.crust import Crust
from fcn.simulate.path.rays import Rays
from fcn.simulate.path.scattering import coda_operator, leaked, packet_operator
from fcn.simulate.source.rupture import Sources, effective_km
from fcn.simulate.source.spectrum import TimeAxis, minimum_phase

SETTLING_S = 10.0  # padding beyond the longest source, in which pulses and filters die away
TAIL_HZ = 1.0  # below, tails of ruptures fall off
PACKET_REACH = (0.5, 1.0)  # P packets widen half as fast as those of S


@dataclass(frozen=True)
class Plan:
    """Records to be made at once: one row per record in everything.

    p_at_s: P from the first sample of the axis, whose padding is to hold the longest source
        (`Sources.felt_s`) and SETTLING_S more. site_amplitude: of the vertical and the horizontals.
    """

    rays: Rays
    sources: Sources
    site_amplitude: Float[Tensor, "batch 2 frequency"]
    p_at_s: Float[Tensor, " batch"]
    axis: TimeAxis

    @property
    def onset_s(self) -> Float[Tensor, "batch 2"]:
        """P and S from the first sample."""
        return self.p_at_s[:, None] + self.rays.time_s - self.rays.time_s[:, :1]


def ground_velocity(
    plan: Plan, crust: Crust, arrivals: Complex[Tensor, "batch 2 3 frequency"], generator: Generator
) -> Float[Tensor, "batch 3 time"]:
    """Z, R, T in m/s of P and S arrivals, scattered and amplified; the kept part of the axis."""
    axis, law = plan.axis, crust.scattering
    frequency_hz = axis.frequency_hz
    spread = torch.exp(law.variability * torch.randn(len(plan.p_at_s), generator=generator))
    longer = _longer(plan)
    scattered_km = plan.rays.hypocentral_km * longer * spread
    share = law.coherent_share(scattered_km, frequency_hz)
    coherent, incoherent = minimum_phase(share.sqrt()), minimum_phase((1.0 - share).sqrt())
    rough = torch.where(plan.sources.finite[:, None], _rough(frequency_hz), torch.ones(1))
    total = torch.zeros(len(plan.p_at_s), 3, len(frequency_hz), dtype=torch.complex64)
    for phase, velocity_kmps in enumerate((crust.path.vp_kmps, crust.path.vs_kmps)):
        arrival = arrivals[:, phase]
        left_s = (axis.kept_s - plan.onset_s[:, phase]).clamp(min=0.0)  # what is scattered ends there
        packet = packet_operator(law, PACKET_REACH[phase] * scattered_km, left_s, axis, generator)
        tail = coda_operator(law, longer * plan.rays.time_s[:, phase], velocity_kmps, left_s, axis, generator)
        if phase == 0:
            tail = tail * math.sqrt(law.p_tail)
        total += coherent[:, None] * arrival
        scattered = incoherent[:, None] * packet + rough[:, None] * tail
        total += scattered * leaked(arrival, law.leakage, frequency_hz, generator)
    site = minimum_phase(plan.site_amplitude)
    total[:, :1] *= site[:, :1]
    total[:, 1:] *= site[:, 1:]
    return torch.fft.irfft(total * axis.sampling_rate_hz, n=axis.n_samples)[..., : axis.n_kept]


def _longer(plan: Plan) -> Float[Tensor, " batch"]:
    """Effective over hypocentral distance, 1 for points."""
    effective = effective_km(plan.sources, plan.rays.station_km) / plan.rays.hypocentral_km
    return torch.where(plan.sources.finite, effective, torch.ones_like(effective))


def _rough(frequency_hz: Float[Tensor, " frequency"]) -> Complex[Tensor, " frequency"]:
    """Factor on the tails of ruptures: of waves that are long beside heterogeneity little is scattered back.

    Tails are set in bands from some 0.5 Hz up. Below, where points radiate next to nothing, those of
    a rupture of many seconds would add up to more than the arrivals themselves.
    """
    ratio = torch.complex(torch.zeros_like(frequency_hz), frequency_hz / TAIL_HZ)
    return (ratio / (1.0 + ratio)) ** 2
