"""Point-source synthesis without Green's functions: two rays, omega-square spectra, scattering.

The spectra follow Boore (2003, Pageoph 160, 635-676); the waveforms are built in phase as well as in
amplitude, so that polarity, onset and P to S ratio mean something.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Generator, Tensor

from fcn.simulate.paths import Rays
from fcn.simulate.rupture import Sources, source_spectra
from fcn.simulate.scattering import ScatteringLaw, coda_operator, leaked, packet_operator
from fcn.simulate.spectrum import TimeAxis, band_limit, delay, differentiator, minimum_phase

# Root mean squares over the focal sphere of P, SV and SH patterns: sqrt(4/15), and sqrt(2/5) shared evenly.
MEAN_RADIATION = (0.516, 0.447, 0.447)
FREE_SURFACE = 2.0
PACKET_REACH = (0.5, 1.0)  # P packets widen half as fast as those of S
BAND_LIMIT = (0.48, 0.62)  # corner and edge of the low-pass against aliasing, of the Nyquist frequency


@dataclass(frozen=True)
class PathLaw:
    """The crust between source and site.

    vp_kmps, vs_kmps, density_gpcm3: around the source.
    q, q_exponent: Qs = q f^n above 1 Hz, constant below; q_p_over_s: Qp / Qs.
    spreading_break_km: amplitude falls as 1/R up to it and as R^-0.5 beyond.
    surface_kmps: P and S velocity under the station, which turn the rays upright.
    radiation_hz: the pattern of the double couple holds below the first of the two frequencies and has
        given way to its average above the second (Pulido & Kubo 2004: 1 and 3 Hz).
    """

    vp_kmps: float
    vs_kmps: float
    density_gpcm3: float
    q: float
    q_exponent: float
    q_p_over_s: float
    spreading_break_km: float
    surface_kmps: Sequence[float]
    radiation_hz: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("surface_kmps", "radiation_hz"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if not self.vp_kmps > self.vs_kmps > 0.0:
            raise ValueError(f"vp_kmps {self.vp_kmps} must exceed vs_kmps {self.vs_kmps}, both positive")
        if min(self.q, self.q_p_over_s, self.density_gpcm3, self.spreading_break_km) <= 0.0:
            raise ValueError("q, q_p_over_s, density_gpcm3 and spreading_break_km must be positive")

    def spreading_per_m(self, distance_km: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Geometrical spreading of a hypocentral distance."""
        near = distance_km.clamp(min=0.5, max=self.spreading_break_km)
        far = (self.spreading_break_km / distance_km.clamp(min=self.spreading_break_km)).sqrt()
        return far / (1e3 * near)

    def attenuation(
        self, travel_time_s: Float[Tensor, "batch 2"], frequency_hz: Float[Tensor, " frequency"]
    ) -> Float[Tensor, "batch 2 frequency"]:
        """Loss exp(-pi f t / Q(f)) of P and of S."""
        quality = self.q * frequency_hz.clamp(min=1.0) ** self.q_exponent
        quality = quality * torch.tensor([self.q_p_over_s, 1.0])[:, None]
        return torch.exp(-math.pi * travel_time_s[..., None] * frequency_hz / quality)


def synthesise(
    rays: Rays,
    sources: Sources,
    path: PathLaw,
    scattering: ScatteringLaw,
    site_amplitude: Float[Tensor, "batch 2 frequency"],
    p_at_s: Float[Tensor, " batch"],
    axis: TimeAxis,
    generator: Generator,
) -> Float[Tensor, "batch 3 time"]:
    """Ground velocity, Z, R, T in m/s, with P at `p_at_s` from the first sample and zeros before it.

    site_amplitude: of the vertical and the horizontals, at the axis' frequencies; the padding of
        the axis is to hold the longest source (`Sources.duration_s`) and some 10 s more.
    """
    frequency_hz = axis.frequency_hz
    s_at_s = p_at_s + rays.time_s[:, 1] - rays.time_s[:, 0]
    onset = delay(torch.stack([p_at_s, s_at_s], 1), frequency_hz)
    pulses = source_spectra(sources, rays.station_km, (path.vp_kmps, path.vs_kmps), frequency_hz)
    pulses = pulses * onset * differentiator(frequency_hz)
    loss = path.attenuation(rays.time_s, frequency_hz)
    spread = torch.exp(scattering.variability * torch.randn(len(p_at_s), generator=generator))
    scattered_km = rays.hypocentral_km * spread
    share = scattering.coherent_share(scattered_km, frequency_hz)
    corner_hz, edge_hz = (0.5 * axis.sampling_rate_hz * part for part in BAND_LIMIT)
    site = minimum_phase(site_amplitude * band_limit(frequency_hz, corner_hz, edge_hz))

    total = torch.zeros(len(p_at_s), 3, len(frequency_hz), dtype=torch.complex64)
    for phase, velocity_kmps in enumerate((path.vp_kmps, path.vs_kmps)):
        radiated = _radiated(rays, sources, path, phase, frequency_hz)
        arrival = radiated * (pulses[:, phase] * minimum_phase(loss[:, phase]))[:, None]
        at_s = p_at_s if phase == 0 else s_at_s
        left_s = (axis.kept_s - at_s).clamp(min=0.0)  # scattered waves end there, and cannot wrap around
        packet = packet_operator(scattering, PACKET_REACH[phase] * scattered_km, left_s, axis, generator)
        tail = coda_operator(scattering, rays.time_s[:, phase], velocity_kmps, left_s, axis, generator)
        if phase == 0:
            tail = tail * math.sqrt(scattering.p_tail)
        total += minimum_phase(share.sqrt())[:, None] * arrival
        scattered = minimum_phase((1.0 - share).sqrt())[:, None] * packet + tail
        total += scattered * leaked(arrival, scattering.leakage, frequency_hz, generator)
    total[:, :1] *= site[:, :1]
    total[:, 1:] *= site[:, 1:]
    return torch.fft.irfft(total * axis.sampling_rate_hz, n=axis.n_samples)


def _radiated(
    rays: Rays, sources: Sources, path: PathLaw, phase: int, frequency_hz: Float[Tensor, " frequency"]
) -> Complex[Tensor, "batch 3 frequency"]:
    """Z, R, T far-field displacement of P (0) or S (1) per unit moment-rate pulse, at the surface."""
    pattern = sources.mechanism.radiation(rays.azimuth_rad, rays.takeoff_rad[:, phase])
    low_hz, high_hz = path.radiation_hz
    ordered = ((high_hz - frequency_hz) / (high_hz - low_hz)).clamp(0.0, 1.0)
    mean = torch.tensor(MEAN_RADIATION)[:, None]
    # A node is never dark: a tenth of the average energy leaks in at any frequency.
    energy = ordered * (0.9 * pattern[..., None] ** 2 + 0.1 * mean**2) + (1.0 - ordered) * mean**2
    sign = torch.where(pattern < 0.0, -1.0, 1.0)
    p, sv, sh = (minimum_phase(energy.sqrt()) * sign[..., None]).unbind(1)

    velocity_mps = 1e3 * (path.vp_kmps, path.vs_kmps)[phase]
    level = FREE_SURFACE * sources.moment_nm * path.spreading_per_m(rays.hypocentral_km)
    level = level / (4.0 * math.pi * 1e3 * path.density_gpcm3 * velocity_mps**3)
    sine, cosine = rays.incidence_rad[:, phase, None].sin(), rays.incidence_rad[:, phase, None].cos()
    # Outward P is up and away; SV, positive along increasing take-off angle, is away and down at the surface.
    parts = (p * cosine, p * sine, torch.zeros_like(p)) if phase == 0 else (-sv * sine, sv * cosine, sh)
    return level[:, None, None] * torch.stack(parts, 1)
