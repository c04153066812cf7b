import math
from dataclasses import replace

import pytest
import torch
from simulated_records import LEAD_S, simulate

from fcn.earth.greens import compute_greens
from fcn.earth.velocity import LayeredModel
from fcn.simulate.ensemble.earth import to_store_rate
from fcn.simulate.path.rays import Rays
from fcn.simulate.path.stochastic import _radiated
from fcn.simulate.source.point import DoubleCouple


def test_p_begins_at_its_sample(recipe, jma2001):
    """A tenth of the first swing is reached within 0.2 s of P, less the delay of the preprocessing."""
    records = simulate(recipe, jma2001, 2.5, 20.0)
    velocity = torch.from_numpy(to_store_rate(recipe, records.waveforms))[:, 0].abs()
    rate_hz = recipe.preprocess.sampling_rate_hz
    p = int(LEAD_S * rate_hz)
    first_second = velocity[:, p : p + int(rate_hz)]
    onset = (first_second > 0.1 * first_second.amax(1, keepdim=True)).float().argmax(1) / rate_hz
    assert float(onset.quantile(0.9)) < 0.21


def test_amplitude_grows_as_moment_below_the_corner(recipe, jma2001):
    """One magnitude is a factor 10^1.5 in the low-frequency level."""
    peak = []
    for magnitude in (3.0, 4.0):
        records = simulate(recipe, jma2001, magnitude, 40.0, n=256)
        spectrum = torch.fft.rfft(records.waveforms[:, 2])
        hertz = torch.fft.rfftfreq(records.waveforms.shape[-1], 1 / recipe.sampling_rate_hz)
        low = (hertz > 0.2) & (hertz < 0.5)
        peak.append(float(spectrum[:, low].abs().mean(1).median()))
    assert peak[1] / peak[0] == pytest.approx(10**1.5, rel=0.2)


def test_low_frequency_level_is_the_far_field_of_the_moment(recipe, jma2001):
    """S displacement 2 F M0 / (4 pi rho vs^3 R) at the surface, without site and scattering (A&R 4.32)."""
    bare = replace(
        recipe,
        crust=replace(
            recipe.crust,
            scattering=replace(
                recipe.crust.scattering,
                scattering_per_km=1e-9,
                leakage=0.0,
                coherence_km=1e6,
                variability=0.0,
            ),
            site=replace(
                recipe.crust.site,
                kappa_s=(0.0, 0.0),
                roughness=(0.0, 0.0),
                resonance=0.0,
                vertical_exponent=1.0,
            ),
            stress_drop_sigma=0.0,
        ),
    )
    records = simulate(bare, jma2001, 3.0, 30.0, n=64)
    path, n_samples = recipe.crust.path, records.waveforms.shape[-1]
    hertz = torch.fft.rfftfreq(n_samples, 1 / recipe.sampling_rate_hz)
    bin_ = int((hertz - 0.5).abs().argmin())
    displacement = (torch.fft.rfft(records.waveforms[:, 2]) / recipe.sampling_rate_hz)[:, bin_].abs()
    displacement = displacement / (2 * math.pi * float(hertz[bin_]))
    pattern = records.sources.mechanism.radiation(records.rays.azimuth_rad, records.rays.takeoff_rad[:, 1])
    moment_nm = 10 ** (1.5 * 3.0 + 9.1)
    level = 2 * moment_nm / (4 * math.pi * 1e3 * path.density_gpcm3 * (1e3 * path.vs_kmps) ** 3 * 1e3 * 31.62)
    seen = pattern[:, 2].abs() > 0.3
    loss = 1.42 * math.exp(
        -math.pi * 0.5 * float(records.rays.time_s[0, 1]) / path.q
    )  # generic rock at 0.5 Hz
    ratio = displacement[seen] / (level * loss * pattern[seen, 2].abs())
    assert float(ratio.median()) == pytest.approx(1.0, rel=0.08)


def test_first_motion_has_the_sign_of_the_pattern(recipe, jma2001):
    plain = replace(
        recipe, crust=replace(recipe.crust, scattering=replace(recipe.crust.scattering, coherence_km=1e5))
    )
    records = simulate(plain, jma2001, 3.0, 15.0, n=64)
    pattern = records.sources.mechanism.radiation(records.rays.azimuth_rad, records.rays.takeoff_rad[:, 0])
    rate_hz = recipe.sampling_rate_hz
    first = int(LEAD_S * rate_hz)
    swing = records.waveforms[:, 0, first : first + round(0.1 * rate_hz)].sum(1)
    clear = pattern[:, 0].abs() > 0.3
    assert (swing.sign() == pattern[:, 0].sign())[clear].float().mean() > 0.9


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("path", {"vp_kmps": 3.0}, "must exceed"),
        ("path", {"q": 0.0}, "q must be positive, got 0.0"),
        ("path", {"q": math.nan}, "q must be positive, got nan"),
        ("path", {"surface_kmps": (1.0,)}, "surface_kmps is a pair"),
        ("path", {"radiation_hz": (3.0, 3.0)}, r"radiation_hz is a pair .* got \(3.0, 3.0\)"),
        ("crust", {"stress_drop_mpa": 0.0}, "stress_drop_mpa .* 0.0"),
        ("crust", {"stress_drop_mpa": math.nan}, "stress_drop_mpa .* nan"),
    ],
)
def test_nonsense_is_refused(recipe, part, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(recipe.crust if part == "crust" else recipe.crust.path, **changes)


def test_polarities_are_those_of_the_full_wave_field(recipe):
    """P, SV and SH at the top of a half-space, beside the discrete-wavenumber solution: same signs."""
    vp, vs, depth_km, distance_km, n = 6.1, 3.5, 12.0, 4.0, 60
    layers = LayeredModel.from_velocities("half-space", "made", (0.0,), (vp,), (vs,))
    bank = compute_greens(
        replace(layers, qp=(1e4,), qs=(1e4,)),
        [depth_km],
        [distance_km],
        duration_s=30,
        sampling_rate_hz=40,
        max_frequency_hz=5,
        reference_frequency_hz=5,
    )
    generator = torch.Generator().manual_seed(3)
    couples = DoubleCouple.random(n, generator)
    azimuth_rad = 2 * math.pi * torch.rand(n, generator=generator)
    node = torch.zeros(n, dtype=torch.long)
    spectra = bank.radiate(node, node, 1e15 * couples.moment_tensor(), torch.rad2deg(azimuth_rad))
    laplace = bank.laplace_per_s
    pulse = 1 / (1 + laplace / (2 * math.pi)) ** 2 / laplace
    displacement = bank.to_time(spectra * pulse.to(spectra.dtype))
    time_s = torch.arange(displacement.shape[-1]) / 40
    path_km = math.hypot(depth_km, distance_km)
    incidence_rad = math.atan2(distance_km, depth_km)
    pair = torch.ones(n, 2)
    rays = Rays(
        distance_km=torch.full((n,), distance_km),
        depth_km=torch.full((n,), depth_km),
        azimuth_rad=azimuth_rad,
        time_s=pair * torch.tensor([path_km / vp, path_km / vs]),
        takeoff_rad=pair * (math.pi - incidence_rad),
        incidence_rad=pair * incidence_rad,
    )
    frequency_hz = torch.fft.rfftfreq(256, 1 / 40)
    law = replace(recipe.crust.path, radiation_hz=(50.0, 90.0))  # the pattern at all frequencies
    sources = recipe.crust.draw_sources(torch.full((n,), 4.0), torch.full((n,), depth_km), couples, generator)
    for phase, arrival_s, components in ((0, path_km / vp, (0, 1)), (1, path_km / vs, (0, 1, 2))):
        after = (time_s > arrival_s) & (time_s < arrival_s + 0.5)
        before = (time_s > arrival_s - 0.15) & (time_s < arrival_s - 0.05)
        moved = displacement[..., after].mean(-1) - displacement[..., before].mean(-1)
        expected = _radiated(rays, sources, law, phase, frequency_hz)[..., 0].real
        for component in components:
            clear = expected[:, component].abs() > expected[:, component].abs().median()
            same = (expected[:, component].sign() == moved[:, component].sign())[clear]
            assert float(same.float().mean()) > 0.95, (phase, component)
