"""Lateral variation of a layered Earth, as travel times feel it."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fcn.seeding import Purpose, derive_rng

LATERAL = 7  # first key of a sequence's random streams
N_WAVES = 200  # plane waves that make up a random field


@dataclass(frozen=True)
class LateralLaw:
    """Random slowness: Gaussian correlation exp(-r^2 / 2 L^2) in three dimensions.

    fraction: standard deviation of P slowness over its mean; s_over_p: that of S over that of P;
    shared: correlation of the two; correlation_km: L.
    """

    fraction: float
    s_over_p: float
    shared: float
    correlation_km: float

    def __post_init__(self) -> None:
        if self.fraction < 0.0 or self.correlation_km <= 0.0 or not 0.0 <= self.shared <= 1.0:
            raise ValueError(f"fraction >= 0, correlation_km > 0 and shared in 0..1 are needed: {self}")


class LateralField:
    """A drawn field of slowness variation, and its effect on travel times."""

    def __init__(self, law: LateralLaw, seed: int) -> None:
        rng = derive_rng(seed, Purpose.SEQUENCE, LATERAL)
        self.law = law
        self.wavenumber = rng.standard_normal((2, N_WAVES, 3)) / law.correlation_km
        self.phase_rad = rng.uniform(0.0, 2.0 * math.pi, (2, N_WAVES))

    def relative_delay(
        self, source_km: Float[np.ndarray, "3"], station_km: Float[np.ndarray, "station 3"]
    ) -> Float[np.ndarray, "station 2"]:
        """Excess of P and S time over the time itself: mean of the field along the straight ray.

        First order in the perturbation (Fermat); the mean of a plane wave along a line is a sinc.
        """
        return self._of_both(*(self._mean(field, source_km, station_km) for field in (0, 1)))

    def slowness(self, place_km: Float[np.ndarray, "place 3"]) -> Float[np.ndarray, "place 2"]:
        """Excess of P and S slowness over the slowness itself, at places."""
        return self._of_both(*(self._mean(field, place_km, place_km) for field in (0, 1)))

    def _of_both(
        self, own: Float[np.ndarray, " place"], other: Float[np.ndarray, " place"]
    ) -> Float[np.ndarray, "place 2"]:
        """P of its own field, S of both."""
        law = self.law
        s = law.shared * own + math.sqrt(1.0 - law.shared**2) * other
        return law.fraction * np.stack([own, law.s_over_p * s], 1)

    def _mean(
        self, field: int, source_km: Float[np.ndarray, "... 3"], station_km: Float[np.ndarray, "station 3"]
    ) -> Float[np.ndarray, " station"]:
        """Mean of a field of unit variance along each ray."""
        middle = 0.5 * (station_km + source_km) @ self.wavenumber[field].T
        half = 0.5 * (station_km - source_km) @ self.wavenumber[field].T
        waves = np.cos(middle + self.phase_rad[field]) * np.sinc(half / np.pi)
        return math.sqrt(2.0 / N_WAVES) * waves.sum(1)
