"""Published peak ground motion: what shaking is expected from, and the simulation calibrated against."""

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "*shape"]

# BSSA14: unspecified mechanism, California (their electronic supplement, revised 2014-07-15). e0, e4, e5, e6,
# hinge magnitude, c1, c2, c3, h km, exponent of Vs30 and the largest Vs30 it holds for, m/s.
BSSA14 = {
    "pgv": (5.037, 1.073, -0.1536, 0.2252, 6.2, -1.243, 0.1489, -0.00344, 5.3, -0.84, 1300.0),
    "pga": (0.4473, 1.431, 0.05053, -0.1662, 5.5, -1.134, 0.1917, -0.008088, 4.5, -0.6, 1500.0),
    "psa_3s": (-1.1898, 2.1323, -0.04332, 0.62694, 6.2, -1.2179, 0.097638, 0.0, 6.93, -1.0112, 922.43),
    "psa_5s": (-1.966, 2.2299, -0.014855, 0.87314, 6.2, -1.2189, 0.10353, 0.0, 7.78, -0.91954, 793.13),
    "psa_10s": (-3.0702, 1.8837, -0.15096, 1.0651, 6.2, -1.3253, 0.15183, 0.0, 9.66, -0.65575, 775.0),
}
REFERENCE_MAGNITUDE, REFERENCE_VS30_MPS = 4.5, 760.0
MPS_PER_CMPS, MPS2_PER_GAL, MPS2_PER_G = 0.01, 0.01, 9.80665


def bssa14(measure: str, magnitude: Values, joyner_boore_km: Values, vs30_mps: float | Values) -> Values:
    """Boore, Stewart, Seyhan & Atkinson (2014), Earthquake Spectra 30, 1057-1085, eqs 1-8: median RotD50.

    measure: a key of BSSA14; m/s of "pgv", m/s2 of the others (psa: 5 % damped pseudo-spectral acceleration).
    Valid for Mw 3 to 8.5, 0 to 400 km, Vs30 150 to 1500 m/s. The nonlinear site term is left out: below 3 %
    on rock and stiff ground.
    """
    e0, e4, e5, e6, hinge, c1, c2, c3, h_km, exponent, stiffest_mps = BSSA14[measure]
    above = magnitude - hinge
    event = e0 + np.where(above <= 0.0, e4 * above + e5 * above**2, e6 * above)
    distance_km = np.hypot(joyner_boore_km, h_km)
    path = (c1 + c2 * (magnitude - REFERENCE_MAGNITUDE)) * np.log(distance_km) + c3 * (distance_km - 1.0)
    site = exponent * np.log(np.minimum(vs30_mps, stiffest_mps) / REFERENCE_VS30_MPS)
    unit = MPS_PER_CMPS if measure == "pgv" else MPS2_PER_G
    return np.asarray(unit * np.exp(event + path + site))


def bssa14_pgv_log_sigma(magnitude: Values, joyner_boore_km: Values, vs30_mps: float | Values) -> Values:
    """Total standard deviation of ln PGV about `bssa14`, their eqs 13-17 and electronic supplement."""
    growth = np.clip(magnitude - 4.5, 0.0, 1.0)
    within = 0.644 + (0.552 - 0.644) * growth
    far = np.log(np.maximum(joyner_boore_km, 1.0) / 105.0) / np.log(272.0 / 105.0)
    soft = np.log(300.0 / np.asarray(vs30_mps)) / np.log(300.0 / 225.0)
    within = within + 0.082 * np.clip(far, 0.0, 1.0) - 0.080 * np.clip(soft, 0.0, 1.0)
    return np.asarray(np.hypot(within, 0.401 + (0.346 - 0.401) * growth))


def bssa14_pgv_mps(magnitude: Values, joyner_boore_km: Values, vs30_mps: float | Values) -> Values:
    """`bssa14` of peak ground velocity."""
    return bssa14("pgv", magnitude, joyner_boore_km, vs30_mps)


# Standard deviations of log10 about the medians of Si & Midorikawa (1999).
SI_MIDORIKAWA99_LOG10_SIGMA = {"pgv": 0.23, "pga": 0.27}


def si_midorikawa99_pgv_mps(magnitude: Values, fault_distance_km: Values, depth_km: Values) -> Values:
    """Si & Midorikawa (1999), J. Struct. Constr. Eng. AIJ 523, 63-70: larger horizontal, crustal earthquakes.

    Stiff ground, Vs30 about 600 m/s; data of Mw 5.8 to 8.3 within 300 km of the fault.
    """
    near_km = fault_distance_km + 0.0028 * 10 ** (0.5 * magnitude)
    log10_cmps = 0.58 * magnitude + 0.0038 * depth_km - np.log10(near_km) - 0.002 * fault_distance_km - 1.29
    return np.asarray(MPS_PER_CMPS * 10**log10_cmps)


def si_midorikawa99_pga_mps2(magnitude: Values, fault_distance_km: Values, depth_km: Values) -> Values:
    """The same authors' peak acceleration, at the surface. depth_km: mean of the fault."""
    near_km = fault_distance_km + 0.0055 * 10 ** (0.5 * magnitude)
    log10_gal = 0.50 * magnitude + 0.0043 * depth_km - np.log10(near_km) - 0.003 * fault_distance_km + 0.61
    return np.asarray(MPS2_PER_GAL * 10**log10_gal)


def melgar15_pgd_m(magnitude: Values, hypocentral_km: Values) -> Values:
    """Melgar et al. (2015), GRL 42, 5197-5205: largest length of the displacement vector, with its step.

    log10 PGD (cm) = -4.434 + 1.047 M - 0.138 M log10 R; GNSS data of Mw 5.9 to 9.1.
    """
    log10_cm = -4.434 + 1.047 * magnitude - 0.138 * magnitude * np.log10(hypocentral_km)
    return np.asarray(0.01 * 10**log10_cm)
