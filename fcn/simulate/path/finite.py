"""Arrivals of finite ruptures: every sub-source by its own path, with near-field terms.

Sub-sources come in as impulses at whole samples after the hypocentre's arrival, sorted into classes of corner
frequency, so that a few transforms of one short axis do for hundreds of them.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from fcn.simulate.path.rays import STEEPEST, PathLaw, Rays
from fcn.simulate.path.synthesis import Plan
from fcn.simulate.source.point import P_CORNER_RATIO, DoubleCouple, moment_rate
from fcn.simulate.source.rupture import Sources, effective_km, octave_classes
from fcn.simulate.source.spectrum import TimeAxis, band_limit, delay, differentiator, minimum_phase

# Root mean squares over the focal sphere of P, SV and SH patterns: sqrt(4/15), and sqrt(2/5) shared evenly.
MEAN_RADIATION = (0.516, 0.447, 0.447)
FREE_SURFACE = 2.0
BAND_LIMIT = (0.48, 0.62)  # corner and edge of the low-pass against aliasing, of the Nyquist frequency
BANDS_HZ = (0.5, 5.0)  # where the absorption of each sub-source's own path is taken: ordered, isotropic
PULSE_S = 3.0  # over a corner frequency: until a pulse has died away, to 1e-7
# Surface waves, which rays lack: largest gain of S, at which frequency, and half width in octaves. Chosen by
# the response spectra of BSSA14 at 3 to 10 s.
SURFACE_WAVES = (2.1, 0.09, 1.3)
# High frequencies over what is between these and the corner: spectra of large earthquakes sag there (Atkinson
# & Silva 2000, BSSA 90, 255-274). Chosen by the ratio of PGA to PGV of BSSA14.
SAG = 1.45
NEAR_SIZE = 0.5  # of a sub-source: no station is nearer than this many sizes


@dataclass(frozen=True)
class SubPaths:
    """From every sub-source to its station; phases are P, S.

    late_s: after the hypocentre's phase. time_s: of travel. turn_rad: azimuth less that of the hypocentre.
    pattern: radiation of P, SV, SH.
    """

    reach_km: Float[Tensor, "batch sub"]
    late_s: Float[Tensor, "batch 2 sub"]
    time_s: Float[Tensor, "batch 2 sub"]
    incidence_rad: Float[Tensor, "batch 2 sub"]
    turn_rad: Float[Tensor, "batch sub"]
    pattern: Float[Tensor, "batch 3 sub"]


def sub_paths(rays: Rays, sources: Sources, path: PathLaw) -> SubPaths:
    """Straight paths, by which those of the hypocentre, through the layers, are changed."""
    station_km = rays.station_km
    between = station_km[:, None] - sources.offset_km  # east, north, down
    straight_km = between.norm(dim=-1)
    reach_km = (straight_km**2 + (NEAR_SIZE * sources.sub_size_km) ** 2).sqrt().clamp(min=0.5)
    velocity = torch.tensor([path.vp_kmps, path.vs_kmps])[:, None]
    farther_s = (straight_km - station_km.norm(dim=1, keepdim=True))[:, None] / velocity
    time_s = (rays.time_s[..., None] + farther_s).clamp(min=0.05)
    late_s = (sources.start_s[:, None] + farther_s).clamp(min=0.0)

    # Take-off from straight down: pi / 2 is level.
    takeoff = torch.atan2(between[..., :2].norm(dim=-1), between[..., 2])
    of_hypocentre = torch.atan2(rays.distance_km, -rays.depth_km)[:, None]
    takeoff_rad = rays.takeoff_rad[..., None] + (takeoff - of_hypocentre)[:, None]
    ratio = torch.tensor(path.surface_kmps)[:, None] / velocity
    steeper = ratio * (takeoff.sin() - of_hypocentre.sin())[:, None]
    incidence_rad = torch.asin((rays.incidence_rad[..., None].sin() + steeper).clamp(0.0, STEEPEST))
    azimuth_rad = torch.atan2(between[..., 0], between[..., 1])
    pattern = _patterns(sources.mechanism, azimuth_rad, takeoff_rad.clamp(0.0, math.pi))
    turn_rad = azimuth_rad - rays.azimuth_rad[:, None]
    return SubPaths(reach_km, late_s, time_s, incidence_rad, turn_rad, pattern)


def _patterns(
    mechanism: DoubleCouple,
    azimuth_rad: Float[Tensor, "batch sub"],
    takeoff_rad: Float[Tensor, "batch 2 sub"],
) -> Float[Tensor, "batch 3 sub"]:
    """P, SV, SH of every sub-source: the mechanism is the same all over a fault."""
    n_batch, n_sub = azimuth_rad.shape
    angles = (mechanism.strike_rad, mechanism.dip_rad, mechanism.rake_rad)
    flat = DoubleCouple(*(angle.repeat_interleave(n_sub) for angle in angles))
    p, s = (
        flat.radiation(azimuth_rad.reshape(-1), takeoff_rad[:, phase].reshape(-1)).reshape(n_batch, n_sub, 3)
        for phase in (0, 1)
    )
    return torch.stack([p[..., 0], s[..., 1], s[..., 2]], 1)


def finite_arrivals(plan: Plan, path: PathLaw) -> Complex[Tensor, "batch 2 3 frequency"]:
    """P and S of ruptures in a homogeneous crust at the surface: Z, R, T spectra of ground velocity.

    R and T are those of the hypocentre. Far-field terms with spreading, absorption and radiation of each
    sub-source's own path; near and intermediate ones (Aki & Richards 2002, eqs 4.29-4.32) with its radiation
    pattern, together with S although they begin at P. What would arrive after the kept part is left out.
    """
    sources, axis = plan.sources, plan.axis
    paths = sub_paths(plan.rays, sources, path)
    kept = (sources.share > 0.0)[:, None] & (plan.onset_s[..., None] + paths.late_s < axis.kept_s)
    trains = _Trains.of(plan, paths, kept)
    far = trains.far(*_far_weights(plan, path, paths, kept), path)
    near = trains.near(_near_weights(plan, path, paths, kept), plan, paths)

    frequency_hz = axis.frequency_hz
    longer = effective_km(sources, plan.rays.station_km) / plan.rays.hypocentral_km
    loss = minimum_phase(path.attenuation(plan.rays.time_s * longer[:, None], frequency_hz))
    loss[:, 1] *= minimum_phase(surface_gain(frequency_hz))
    onset = loss * delay(plan.onset_s, frequency_hz)
    near_onset = loss[:, 1] * delay(plan.onset_s[:, 0], frequency_hz)
    arrivals = _on_axis(far, axis) * onset[:, :, None]
    arrivals[:, 1] += _on_axis(near, axis) * near_onset[:, None]
    return arrivals


def surface_gain(frequency_hz: Float[Tensor, " frequency"]) -> Float[Tensor, " frequency"]:
    """Amplitude of S with surface waves over that of the ray alone; 1 at either end: steps stay steps."""
    gain, centre_hz, width = SURFACE_WAVES
    octaves = torch.log2(frequency_hz.clamp(min=1e-4) / centre_hz)
    return 1.0 + (gain - 1.0) * torch.exp(-((octaves / width) ** 2))


def _on_axis(motion: Float[Tensor, "*batch short"], axis: TimeAxis) -> Complex[Tensor, "*batch frequency"]:
    """Spectra on the plan's axis of motion on the short one."""
    return torch.fft.rfft(motion[..., : axis.n_samples], n=axis.n_samples)


def _turned(
    amplitude: Float[Tensor, "batch 3 sub"], paths: SubPaths
) -> tuple[Float[Tensor, "batch 3 sub"], Float[Tensor, "batch 3 sub"]]:
    """P's and S's motion at the surface as Z, R, T of the hypocentre; amplitude: of P, SV, SH.

    Outward P is up and away; SV, positive along increasing take-off angle, is up and towards the source for
    a ray that comes up.
    """
    p, sv, sh = amplitude.unbind(1)
    sine, cosine = paths.incidence_rad.sin(), paths.incidence_rad.cos()
    turn_cos, turn_sin = paths.turn_rad.cos(), paths.turn_rad.sin()
    away = p * sine[:, 0]
    back = -sv * cosine[:, 1]
    return (
        torch.stack([p * cosine[:, 0], away * turn_cos, away * turn_sin], 1),
        torch.stack([sv * sine[:, 1], back * turn_cos - sh * turn_sin, back * turn_sin + sh * turn_cos], 1),
    )


def _far_weights(
    plan: Plan, path: PathLaw, paths: SubPaths, kept: Bool[Tensor, "batch 2 sub"]
) -> tuple[Float[Tensor, "batch 2 3 sub"], Float[Tensor, "batch 2 3 sub"]]:
    """Displacement per moment-rate pulse, as radiated by the double couple and as on average."""
    sources = plan.sources
    velocity_mps = 1e3 * torch.tensor([path.vp_kmps, path.vs_kmps])[:, None]
    level = FREE_SURFACE * (sources.moment_nm[:, None] * sources.share * path.spreading_per_m(paths.reach_km))
    level = kept * level[:, None] / (4.0 * math.pi * 1e3 * path.density_gpcm3 * velocity_mps**3)
    longer = effective_km(sources, plan.rays.station_km) / plan.rays.hypocentral_km
    reference_s = (plan.rays.time_s * longer[:, None])[..., None]
    mean = torch.tensor(MEAN_RADIATION)[:, None]
    sign = torch.where(paths.pattern < 0.0, -1.0, 1.0)
    # A node is never dark: a tenth of the average energy leaks in at any frequency.
    ordered = sign * (0.9 * paths.pattern**2 + 0.1 * mean**2).sqrt()
    weights = []
    for amplitude, band_hz in zip((ordered, sign * SAG * mean), BANDS_HZ, strict=True):
        loss_per_s = -path.attenuation(torch.ones(1, 2), torch.tensor([band_hz])).log()[0]
        absorbed = torch.exp(-loss_per_s * (paths.time_s - reference_s))
        weights.append(torch.stack(_turned(amplitude, paths), 1) * (level * absorbed)[:, :, None])
    return weights[0], weights[1]


def _near_weights(
    plan: Plan, path: PathLaw, paths: SubPaths, kept: Bool[Tensor, "batch 2 sub"]
) -> Float[Tensor, "3 batch 3 sub"]:
    """Velocity per moment-rate pulse of the intermediate terms at P and at S, and in all between the two."""
    sources = plan.sources
    p, s = _turned(paths.pattern, paths)
    reach_m, (alpha, beta) = 1e3 * paths.reach_km, (1e3 * path.vp_kmps, 1e3 * path.vs_kmps)
    level = FREE_SURFACE * sources.moment_nm[:, None] * sources.share * kept[:, 1] / reach_m**2
    level = level[:, None] / (4.0 * math.pi * 1e3 * path.density_gpcm3)
    between = 0.5 * (9.0 * p - 6.0 * s) * (beta**-2 - alpha**-2)
    return torch.stack([(4.0 * p - 2.0 * s) / alpha**2, 3.0 * (s - p) / beta**2, between]) * level


@dataclass(frozen=True)
class _Trains:
    """Impulses on a short axis, and how they are turned into motion.

    at: samples after the hypocentre's P, S. classes: weights of sub-sources in classes of corner frequency,
    the lowest `base_hz` and each an octave above the last.
    """

    axis: TimeAxis
    at: Int[Tensor, "batch 2 sub"]
    classes: Float[Tensor, "class batch sub"]
    base_hz: Float[Tensor, " batch"]

    @classmethod
    def of(cls, plan: Plan, paths: SubPaths, kept: Bool[Tensor, "batch 2 sub"]) -> "_Trains":
        """Long enough for the last pulse to die away."""
        rate_hz = plan.axis.sampling_rate_hz
        base_hz, classes = octave_classes(plan.sources.sub_corner_hz)
        late_s = paths.late_s * kept  # never early: the hypocentre comes first
        between_s = float(plan.rays.time_s.diff(dim=1).amax())
        longest_s = float(late_s.amax()) + between_s + PULSE_S / float(base_hz.amin())
        axis = TimeAxis.holding(rate_hz, longest_s, 2.0)
        return cls(axis, torch.ceil(late_s * rate_hz).long(), classes, base_hz)

    def far(
        self, ordered: Float[Tensor, "batch 2 3 sub"], mean: Float[Tensor, "batch 2 3 sub"], path: PathLaw
    ) -> Float[Tensor, "batch 2 3 short"]:
        """Velocity of far-field terms, whose radiation goes from ordered to mean with frequency."""
        frequency_hz, ratios = self.axis.frequency_hz, torch.tensor([P_CORNER_RATIO, 1.0])
        change_hz = torch.tensor([math.sqrt(path.radiation_hz[0] * path.radiation_hz[1])])
        low = moment_rate(frequency_hz, change_hz)[0]
        total = torch.zeros(1)
        for number, share in enumerate(self.classes):
            pulse = moment_rate(frequency_hz, 2.0**number * self.base_hz[:, None] * ratios)[:, :, None]
            below, above = (self._spectra(share[:, None, None] * weight) for weight in (ordered, mean))
            total = total + pulse * (low * below + (1.0 - low) * above)
        return self._motion(total * differentiator(frequency_hz))

    def near(
        self, weights: Float[Tensor, "3 batch 3 sub"], plan: Plan, paths: SubPaths
    ) -> Float[Tensor, "batch 3 short"]:
        """Velocity of the other terms, from the hypocentre's P on."""
        rate_hz, p_at = self.axis.sampling_rate_hz, self.at[:, 0]
        between = torch.round(plan.rays.time_s.diff(dim=1) * rate_hz).long()
        s_at = torch.maximum(self.at[:, 1] + between, p_at + 1)
        first_s = paths.time_s[:, 0].double()
        last_s = first_s + (s_at - p_at) / rate_hz
        # Between P and S the near field grows with the time since the origin.
        scale = 2.0 / (last_s**2 - first_s**2)
        total = torch.zeros(1)
        for number, share in enumerate(self.classes):
            at_p, at_s, filling = (weight.double() for weight in weights * share[:, None])
            filling = filling * scale[:, None] / rate_hz
            steps = self._impulses(filling * first_s[:, None], p_at) - self._impulses(
                filling * last_s[:, None], s_at
            )
            slopes = (self._impulses(filling, p_at) - self._impulses(filling, s_at)) / rate_hz
            ramp = (steps + slopes.cumsum(-1)).cumsum(-1)
            train = ramp + self._impulses(at_p, p_at) + self._impulses(at_s, s_at)
            pulse = moment_rate(self.axis.frequency_hz, 2.0**number * self.base_hz)[:, None]
            total = total + pulse * torch.fft.rfft(train.float())
        return self._motion(total)

    def _impulses(
        self, weight: Float[Tensor, "batch 3 sub"], at: Int[Tensor, "batch sub"]
    ) -> Float[Tensor, "batch 3 short"]:
        train = torch.zeros(*weight.shape[:-1], self.axis.n_samples, dtype=weight.dtype)
        return train.scatter_add(-1, at[:, None].expand_as(weight), weight)

    def _spectra(self, weight: Float[Tensor, "batch 2 3 sub"]) -> Complex[Tensor, "batch 2 3 frequency"]:
        train = torch.zeros(*weight.shape[:-1], self.axis.n_samples)
        return torch.fft.rfft(train.scatter_add(-1, self.at[:, :, None].expand_as(weight), weight))

    def _motion(self, spectra: Complex[Tensor, "*batch frequency"]) -> Float[Tensor, "*batch short"]:
        """Without what is beyond the band, lest its edge rings."""
        corner_hz, edge_hz = (0.5 * self.axis.sampling_rate_hz * part for part in BAND_LIMIT)
        limit = minimum_phase(band_limit(self.axis.frequency_hz, corner_hz, edge_hz))
        return torch.fft.irfft(spectra * limit, n=self.axis.n_samples)
