"""Arrivals of the complete wavefield: Green's functions of a layered Earth, split into P and S parts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from fcn.earth.greens import GreensBank
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.rays import PathLaw
from fcn.simulate.path.synthesis import Plan
from fcn.simulate.source.rupture import source_spectra
from fcn.simulate.source.spectrum import minimum_phase

BLANK_S = 0.05  # before the tabulated P nothing is kept: rounding, and waves wrapped around the window
CROSSOVER_S = 0.3  # before S, over which the P part gives way to the S part


@dataclass(frozen=True)
class FullWaveLaw:
    """How many records are full-wave, and their Green's functions.

    share: of the Earths. n_depths, n_distances: nodes of the bank of one Earth, drawn at random.
    duration_s: must outlast the slowest wave at the largest distance. max_frequency_hz: of the bank.
    packet, tail, p_tail: factors on the delay of the forward-scattered packet, on the energy of the tails and
        on that of P's beyond it: the layers already scatter, and convert P to S.
    q: factor on the quality factor: amplitudes already fall faster than with 1 / distance.
    gain, gain_hz: factors on the amplitudes up to the first and beyond the second of two frequencies, which
        bring their peaks to those of published ground-motion models.
    """

    share: float
    n_depths: int
    n_distances: int
    duration_s: float
    max_frequency_hz: float
    packet: float
    tail: float
    p_tail: float
    q: float
    gain: Sequence[float]
    gain_hz: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("gain", "gain_hz"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share of full-wave Earths must lie in 0..1, got {self.share}")
        if min(self.n_depths, self.n_distances) < 1:
            raise ValueError(f"n_depths and n_distances must be at least 1: {self}")
        for name in ("duration_s", "max_frequency_hz", "packet", "tail", "q"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} of full-wave records must be positive, got {getattr(self, name)}")
        low_to_high = len(self.gain_hz) == 2 and 0.0 < self.gain_hz[0] < self.gain_hz[1]
        if not low_to_high or len(self.gain) != 2 or not min(self.gain) > 0.0:
            raise ValueError(
                f"gain is a pair of positive factors and gain_hz one of frequencies, low to high, got "
                f"{self.gain} and {self.gain_hz}"
            )

    def adapted(self, crust: Crust) -> Crust:
        """The scattering and absorption that go with Green's functions."""
        scattering = replace(
            crust.scattering,
            packet_s_per_km=self.packet * crust.scattering.packet_s_per_km,
            scattering_per_km=self.tail * crust.scattering.scattering_per_km,
            p_tail=self.p_tail * crust.scattering.p_tail,
        )
        return replace(crust, scattering=scattering, path=replace(crust.path, q=self.q * crust.path.q))

    def covers(self, earth: int) -> bool:
        """Whether this Earth is full-wave: `share` of any run of consecutive numbers, evenly spread."""
        return math.floor((earth + 1) * self.share) > math.floor(earth * self.share)


@dataclass(frozen=True)
class BankNodes:
    """Where in a bank each record's Green's function is."""

    depth: Int[Tensor, " batch"]
    distance: Int[Tensor, " batch"]

    def take(self, index: Int[Tensor, " record"]) -> "BankNodes":
        """The nodes that these indices point to."""
        return BankNodes(self.depth[index], self.distance[index])


def full_wave_arrivals(
    plan: Plan, path: PathLaw, bank: GreensBank, nodes: BankNodes
) -> Complex[Tensor, "batch 2 3 frequency"]:
    """P and S parts of the wavefield, Z, R, T spectra of ground velocity.

    The bank is to be without absorption along the path: `path` attenuates it as it does stochastic arrivals.
    plan.p_at_s must lie on the bank's samples, a whole number of them before or after its P.
    """
    moment = plan.sources.moment_nm[:, None] * plan.sources.mechanism.moment_tensor()
    azimuth_deg = torch.rad2deg(plan.rays.azimuth_rad)
    spectra = bank.radiate(nodes.depth, nodes.distance, moment, azimuth_deg)
    motion = _aligned(plan, bank.to_time(spectra))
    parts = torch.fft.rfft(_split(plan, motion), n=plan.axis.n_samples) / plan.axis.sampling_rate_hz
    frequency_hz = plan.axis.frequency_hz
    pulses = source_spectra(plan.sources, plan.rays.station_km, (path.vp_kmps, path.vs_kmps), frequency_hz)
    pulses = pulses * minimum_phase(path.attenuation(plan.rays.time_s, frequency_hz))
    return parts * pulses[:, :, None]


def _aligned(plan: Plan, motion: Float[Tensor, "batch 3 bank"]) -> Float[Tensor, "batch 3 kept"]:
    """Seismograms from the first sample of the plan on; zero outside the bank's window and before P."""
    rate_hz, n_bank = plan.axis.sampling_rate_hz, motion.shape[-1]
    start = torch.round((plan.rays.time_s[:, 0] - plan.p_at_s) * rate_hz).long()
    index = start[:, None] + torch.arange(plan.axis.n_kept)
    blank = torch.arange(plan.axis.n_kept) / rate_hz < (plan.p_at_s - BLANK_S)[:, None]
    inside = (index >= 0) & (index < n_bank) & ~blank
    gathered = motion.gather(2, index.clamp(0, n_bank - 1)[:, None].expand(-1, 3, -1))
    return gathered * inside[:, None]


def _split(plan: Plan, motion: Float[Tensor, "batch 3 kept"]) -> Float[Tensor, "batch 2 3 kept"]:
    """The part up to S and the part from S on, with a smooth change-over that ends at S."""
    time_s = torch.arange(plan.axis.n_kept) / plan.axis.sampling_rate_hz
    p_at_s, s_at_s = plan.onset_s.unbind(1)
    width_s = torch.minimum(torch.full_like(p_at_s, CROSSOVER_S), 0.5 * (s_at_s - p_at_s))
    late = ((time_s - (s_at_s - width_s)[:, None]) / width_s[:, None].clamp(min=1e-3)).clamp(0.0, 1.0)
    s_share = (0.5 - 0.5 * torch.cos(math.pi * late))[:, None]
    return torch.stack([motion * (1.0 - s_share), motion * s_share], 1)
