"""Published medians of peak ground velocity, against which the simulation is calibrated."""

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "*shape"]

# BSSA14, PGV: unspecified mechanism, California (their electronic supplement, revised 2014-07-15).
E0, E4, E5, E6, HINGE = 5.037, 1.073, -0.1536, 0.2252, 6.2
C1, C2, C3, REFERENCE_MAGNITUDE, H_KM = -1.243, 0.1489, -0.00344, 4.5, 5.3
SITE_EXPONENT, REFERENCE_VS30_MPS = -0.84, 760.0
MPS_PER_CMPS = 0.01


def bssa14_pgv_mps(magnitude: Values, joyner_boore_km: Values, vs30_mps: float) -> Values:
    """Boore, Stewart, Seyhan & Atkinson (2014), Earthquake Spectra 30, 1057-1085, eqs 1-8: median RotD50.

    Valid for Mw 3 to 8.5, 0 to 400 km, Vs30 150 to 1500 m/s. The nonlinear site term is left out: below 2 %
    on rock and stiff ground.
    """
    above = magnitude - HINGE
    event = E0 + np.where(above <= 0.0, E4 * above + E5 * above**2, E6 * above)
    distance_km = np.hypot(joyner_boore_km, H_KM)
    path = (C1 + C2 * (magnitude - REFERENCE_MAGNITUDE)) * np.log(distance_km) + C3 * (distance_km - 1.0)
    site = SITE_EXPONENT * np.log(vs30_mps / REFERENCE_VS30_MPS)
    return np.asarray(MPS_PER_CMPS * np.exp(event + path + site))


def si_midorikawa99_pgv_mps(magnitude: Values, fault_distance_km: Values, depth_km: Values) -> Values:
    """Si & Midorikawa (1999), J. Struct. Constr. Eng. AIJ 523, 63-70: larger horizontal, crustal earthquakes.

    Stiff ground, Vs30 about 600 m/s; data of Mw 5.8 to 8.3 within 300 km of the fault.
    """
    near_km = fault_distance_km + 0.0028 * 10 ** (0.5 * magnitude)
    log10_cmps = 0.58 * magnitude + 0.0038 * depth_km - np.log10(near_km) - 0.002 * fault_distance_km - 1.29
    return np.asarray(MPS_PER_CMPS * 10**log10_cmps)
