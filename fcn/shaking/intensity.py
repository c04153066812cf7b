"""Scales of seismic intensity, and the peak ground velocity at the surface that belongs to each degree."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "*shape"]
CMPS_PER_MPS = 100.0
LEAST_CMPS = 1e-4  # of less nobody asks, and its logarithm is finite


@runtime_checkable
class Scale(Protocol):
    """An intensity as a monotonic function of peak ground velocity, and back."""

    name: ClassVar[str]
    sigma: ClassVar[float]  # standard deviation of intensity about the function

    def of_pgv(self, pgv_mps: Values) -> Values:
        """Intensity of peak ground velocities, m/s."""
        ...

    def to_pgv_mps(self, intensity: Values) -> Values:
        """The peak ground velocity of an intensity, m/s."""
        ...


@dataclass(frozen=True)
class JmaScale:
    """Instrumental intensity of the Japan Meteorological Agency, 0 to 7.

    Fujimoto & Midorikawa (2005), of PGV in cm/s, larger horizontal: 2.165 + 2.262 log10 PGV up to 7 cm/s, and
    2.002 + 2.603 log10 PGV - 0.213 (log10 PGV)^2 above. Midorikawa et al. (1999), 2.68 + 1.72 log10 PGV, is
    of intensities from 4 on and half a degree too high at 3. Where the branches meet, the lower holds until
    the upper reaches it, so that it can be inverted. sigma: of Midorikawa et al. (1999).
    """

    name: ClassVar[str] = "JMA"
    sigma: ClassVar[float] = 0.21
    _KNEE_CMPS: ClassVar[float] = 7.0
    _PEAK: ClassVar[float] = 2.603 / (2 * 0.213)  # log10 PGV where the parabola turns

    def of_pgv(self, pgv_mps: Values) -> Values:
        """See `Scale`."""
        log = np.log10(np.maximum(CMPS_PER_MPS * pgv_mps, LEAST_CMPS))
        knee = np.log10(self._KNEE_CMPS)
        low = 2.165 + 2.262 * np.minimum(log, knee)
        held = np.minimum(log, self._PEAK)
        high = 2.002 + 2.603 * held - 0.213 * held**2
        return np.asarray(np.where(log <= knee, low, np.maximum(low, high)))

    def to_pgv_mps(self, intensity: Values) -> Values:
        """See `Scale`."""
        low = (intensity - 2.165) / 2.262
        root = np.sqrt(np.maximum(2.603**2 - 4 * 0.213 * (intensity - 2.002), 0.0))
        high = (2.603 - root) / (2 * 0.213)
        log = np.where(low <= np.log10(self._KNEE_CMPS), low, high)
        return np.asarray(10**log / CMPS_PER_MPS)


@dataclass(frozen=True)
class MercalliScale:
    """Modified Mercalli intensity, 1 to 10: Worden et al. (2012), BSSA 102, 204-221, of PGV in cm/s.

    3.78 + 1.47 log10 PGV while log10 PGV <= 0.53, else 2.89 + 3.16 log10 PGV; of California.
    """

    name: ClassVar[str] = "MMI"
    sigma: ClassVar[float] = 0.65
    _KNEE: ClassVar[float] = 0.53

    def of_pgv(self, pgv_mps: Values) -> Values:
        """See `Scale`."""
        log = np.log10(np.maximum(CMPS_PER_MPS * pgv_mps, LEAST_CMPS))
        return np.asarray(np.where(log <= self._KNEE, 3.78 + 1.47 * log, 2.89 + 3.16 * log))

    def to_pgv_mps(self, intensity: Values) -> Values:
        """See `Scale`."""
        knee = 3.78 + 1.47 * self._KNEE
        log = np.where(intensity <= knee, (intensity - 3.78) / 1.47, (intensity - 2.89) / 3.16)
        return np.asarray(10**log / CMPS_PER_MPS)


# Lowest instrumental intensity of each class of the JMA, which splits 5 and 6 in two.
JMA_CLASSES = {
    "1": 0.5, "2": 1.5, "3": 2.5, "4": 3.5, "5-": 4.5, "5+": 5.0, "6-": 5.5, "6+": 6.0, "7": 6.5,
}  # fmt: skip


def jma_class(intensity: float) -> str:
    """The class of an instrumental intensity, "0" to "7"."""
    return next((name for name, least in reversed(JMA_CLASSES.items()) if intensity >= least), "0")
