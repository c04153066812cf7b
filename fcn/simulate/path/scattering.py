"""Random causal scattering operators: coherent arrival, forward-scattered packet, coda.

An operator replaces each arrival by a weakened copy of itself, a packet of random phase just behind it
(multiple forward scattering) and a long decaying tail (back-scattering), and leaks energy between
components, which no one-dimensional Earth does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Generator, Tensor

from fcn.simulate.source.spectrum import TimeAxis, delay, minimum_phase

LOWEST_HZ = 0.1  # frequency laws are held constant below
CODA_RISE_S = 1.5  # the tail grows in this time; until then the packet stands for what is scattered
LEAKAGE_DELAY_S = 0.5  # longest by which converted waves lag


@dataclass(frozen=True)
class ScatteringLaw:
    """Statistical parameters of a crust's small-scale heterogeneity.

    coherence_km, coherence_exponent: energy share of the coherent wave, exp(-R f^n / L).
    packet_s, packet_s_per_km: mean delay of the forward-scattered packet, a + b R, gamma envelope
        t exp(-t/tm) (as in Mena et al. 2010, BBtoolbox; delay linear in R: Takahashi et al. 2007).
    coda_law: energy of the tail. "single": isotropic single scattering, g V K(t/t0) (Sato 1977);
        "diffusion": D = V / 3g (Sato & Fehler 1998, ch. 7).
    scattering_per_km: g, total scattering coefficient.
    coda_q, coda_q_exponent: Qc = Q0 f^n, energy falling as exp(-2 pi f t / Qc).
    p_tail: energy of P's tail over that of the same law for S; above 1 since P scatters mostly into S.
    variability: standard deviation, from record to record, of the logarithm of the distance that coherence
        and packet feel (sites and paths differ more than distances do).
    leakage: energy share of scattered waves that comes from the two other components.
    band_centres_hz: the tail's envelope is set in bands around these.
    """

    coherence_km: float
    coherence_exponent: float
    packet_s: float
    packet_s_per_km: float
    coda_law: str
    scattering_per_km: float
    coda_q: float
    coda_q_exponent: float
    p_tail: float
    variability: float
    leakage: float
    band_centres_hz: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "band_centres_hz", tuple(map(float, self.band_centres_hz)))
        for name in ("coherence_km", "packet_s", "scattering_per_km", "coda_q"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.band_centres_hz or not min(self.band_centres_hz) > 0.0:
            raise ValueError(f"band_centres_hz must be positive and at least one, got {self.band_centres_hz}")
        if not self.packet_s_per_km >= 0.0:
            raise ValueError(f"packet_s_per_km must not be negative, got {self.packet_s_per_km}")
        if min(self.p_tail, self.variability) < 0.0:
            raise ValueError(f"p_tail {self.p_tail} and variability {self.variability} must not be negative")
        if not 0.0 <= self.leakage <= 1.0:
            raise ValueError(f"leakage is an energy share in 0..1, got {self.leakage}")
        if self.coda_law not in ("single", "diffusion"):
            raise ValueError(f"coda_law must be 'single' or 'diffusion', got {self.coda_law!r}")

    def coda_q_at(self, frequency_hz: float) -> float:
        """Coda Q at a frequency; constant below 1 Hz."""
        return self.coda_q * max(frequency_hz, 1.0) ** self.coda_q_exponent

    def coherent_share(
        self, distance_km: Float[Tensor, " batch"], frequency_hz: Float[Tensor, " frequency"]
    ) -> Float[Tensor, "batch frequency"]:
        """Share of the energy that travels as the unscattered wave."""
        decay = frequency_hz.clamp(min=LOWEST_HZ) ** self.coherence_exponent / self.coherence_km
        return torch.exp(-distance_km[:, None] * decay)

    def coda_power(
        self,
        elapsed_s: Float[Tensor, "batch time"],
        travel_time_s: Float[Tensor, " batch"],
        velocity_kmps: float,
    ) -> Float[Tensor, "batch time"]:
        """Tail energy per second over the energy of the arrival, without absorption; 0 before it.

        elapsed_s: since the arrival, which took `travel_time_s`.
        """
        onset = travel_time_s[:, None].clamp(min=0.3)
        lapse = onset + elapsed_s.clamp(min=0.1)
        if self.coda_law == "single":
            ratio = lapse / onset
            power = self.scattering_per_km * velocity_kmps * torch.log((ratio + 1) / (ratio - 1)) / ratio
        else:
            diffusivity = velocity_kmps / (3.0 * self.scattering_per_km)  # km^2/s
            distance_km = onset * velocity_kmps
            spread = (4.0 * math.pi * diffusivity * lapse) ** -1.5
            spread = spread * torch.exp(-(distance_km**2) / (4.0 * diffusivity * lapse))
            power = 4.0 * math.pi * distance_km**2 * velocity_kmps * spread
        return power * (1.0 - torch.exp(-elapsed_s / CODA_RISE_S))


def _noise_spectrum(
    envelope_power: Float[Tensor, "batch time"], sampling_rate_hz: float, generator: Generator
) -> Complex[Tensor, "batch 3 frequency"]:
    """Transform of white noise under an envelope; its mean squared modulus is the envelope's integral."""
    n_batch, n_samples = envelope_power.shape
    noise = torch.randn(n_batch, 3, n_samples, generator=generator)
    return torch.fft.rfft(noise * envelope_power.sqrt()[:, None] / math.sqrt(sampling_rate_hz))


def packet_operator(
    law: ScatteringLaw,
    distance_km: Float[Tensor, " batch"],
    duration_s: Float[Tensor, " batch"],
    axis: TimeAxis,
    generator: Generator,
) -> Complex[Tensor, "batch 3 frequency"]:
    """Random packet of unit energy just behind an arrival, cut after `duration_s`."""
    mean_delay_s = (law.packet_s + law.packet_s_per_km * distance_km)[:, None]
    time_s = axis.time_s
    power = time_s * torch.exp(-time_s / mean_delay_s) / mean_delay_s**2
    power = power * (time_s < duration_s[:, None])
    return _noise_spectrum(power, axis.sampling_rate_hz, generator)


def coda_operator(
    law: ScatteringLaw,
    travel_time_s: Float[Tensor, " batch"],
    velocity_kmps: float,
    duration_s: Float[Tensor, " batch"],
    axis: TimeAxis,
    generator: Generator,
) -> Complex[Tensor, "batch 3 frequency"]:
    """Random tail behind an arrival, cut after `duration_s`."""
    elapsed_s = axis.time_s.expand(len(travel_time_s), -1)
    power = law.coda_power(elapsed_s, travel_time_s, velocity_kmps) * (elapsed_s < duration_s[:, None])
    weights = minimum_phase(band_weights(law.band_centres_hz, axis.frequency_hz))
    total = torch.zeros(len(travel_time_s), 3, axis.n_samples // 2 + 1, dtype=torch.complex64)
    for weight, centre_hz in zip(weights, law.band_centres_hz, strict=True):
        decay = torch.exp(-2.0 * math.pi * centre_hz * elapsed_s / law.coda_q_at(centre_hz))
        total += weight * _noise_spectrum(power * decay, axis.sampling_rate_hz, generator)
    return total


def band_weights(
    centres_hz: Sequence[float], frequency_hz: Float[Tensor, " frequency"]
) -> Float[Tensor, "band frequency"]:
    """Amplitudes of smooth bands, equal in width in log frequency, whose squares add up to 1."""
    octaves = torch.log2(frequency_hz.clamp(min=LOWEST_HZ))
    centres = torch.log2(torch.tensor(centres_hz))
    return torch.softmax(-((octaves - centres[:, None]) ** 2) / 0.8, 0).sqrt()


def leaked(
    arrivals: Complex[Tensor, "batch 3 frequency"],
    leakage: float,
    frequency_hz: Float[Tensor, " frequency"],
    generator: Generator,
) -> Complex[Tensor, "batch 3 frequency"]:
    """Arrivals with `leakage` of each component's energy taken from the other two.

    With random signs and a random short delay, so that what comes over does not interfere with what stays.
    """
    n_batch = len(arrivals)
    signs = torch.randint(0, 2, (n_batch, 3, 3), generator=generator).float() * 2.0 - 1.0
    others = torch.matmul((signs * (1.0 - torch.eye(3))).to(arrivals.dtype), arrivals)
    late = delay(LEAKAGE_DELAY_S * torch.rand(n_batch, 3, generator=generator), frequency_hz)
    return math.sqrt(1.0 - leakage) * arrivals + math.sqrt(leakage / 2.0) * late * others
