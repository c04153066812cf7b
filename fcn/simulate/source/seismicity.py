"""Where and when earthquakes happen: background and aftershocks, in the local frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Hypocentres:
    """Earthquakes in order of origin time, seconds from the start of the sequence; local frame."""

    origin_time_s: Float[np.ndarray, " event"]
    east_km: Float[np.ndarray, " event"]
    north_km: Float[np.ndarray, " event"]
    depth_km: Float[np.ndarray, " event"]
    magnitude: Float[np.ndarray, " event"]

    def __len__(self) -> int:
        return len(self.origin_time_s)


@dataclass(frozen=True)
class Background:
    """Independent earthquakes: uniform in a box about (east_km, north_km) and in time.

    half_size_km: of the box, east and north. Magnitudes follow Gutenberg-Richter, cut at both ends. Times
    keep `quiet_s` from either end of the sequence.
    """

    n_events: int
    magnitude: Sequence[float]
    b_value: float
    centre_km: Sequence[float]
    half_size_km: Sequence[float]
    depth_km: Sequence[float]
    quiet_s: float

    def draw(self, rng: np.random.Generator, duration_s: float) -> Hypocentres:
        """Random earthquakes. Raises ValueError where the sequence is shorter than its quiet ends."""
        if duration_s <= 2.0 * self.quiet_s:
            raise ValueError(
                f"a sequence of {duration_s} s leaves no time between two quiet {self.quiet_s} s"
            )
        n = self.n_events
        offset_km = rng.uniform(-1.0, 1.0, (n, 2)) * self.half_size_km + self.centre_km
        return Hypocentres(
            np.sort(rng.uniform(self.quiet_s, duration_s - self.quiet_s, n)),
            offset_km[:, 0],
            offset_km[:, 1],
            rng.uniform(self.depth_km[0], self.depth_km[1], n),
            gutenberg_richter(rng, n, self.magnitude, self.b_value),
        )


@dataclass(frozen=True)
class Aftershocks:
    """A main shock and what follows it: Omori-Utsu in time, a cloud about its fault in space.

    at_s: origin time of the main shock; n_events: aftershocks before the end. omori_c_s, omori_p: rate
    (c + t)^-p (Utsu 1961). strike_deg: of the fault, along which the cloud has the length of Wells &
    Coppersmith (1994) and across which a quarter of that.
    """

    at_s: float
    main_magnitude: float
    n_events: int
    magnitude: Sequence[float]
    b_value: float
    omori_c_s: float
    omori_p: float
    centre_km: Sequence[float]
    strike_deg: float
    depth_km: Sequence[float]

    def draw(self, rng: np.random.Generator, duration_s: float) -> Hypocentres:
        """Random aftershocks. Raises ValueError where the main shock is not within the sequence."""
        if not 0.0 <= self.at_s < duration_s:
            raise ValueError(f"main shock at {self.at_s} s is outside a sequence of {duration_s} s")
        n = self.n_events
        times_s = omori_utsu(rng, n, duration_s - self.at_s, self.omori_c_s, self.omori_p)
        length_km = 10.0 ** (-2.44 + 0.59 * self.main_magnitude)
        along_km, across_km = rng.normal(0.0, 0.35, n) * length_km, rng.normal(0.0, 0.09, n) * length_km
        strike = math.radians(self.strike_deg)
        east_km = along_km * math.sin(strike) + across_km * math.cos(strike)
        north_km = along_km * math.cos(strike) - across_km * math.sin(strike)
        return Hypocentres(
            np.append(self.at_s, self.at_s + times_s),
            self.centre_km[0] + np.append(0.0, east_km),
            self.centre_km[1] + np.append(0.0, north_km),
            rng.uniform(self.depth_km[0], self.depth_km[1], n + 1),
            np.append(self.main_magnitude, gutenberg_richter(rng, n, self.magnitude, self.b_value)),
        )


def gutenberg_richter(
    rng: np.random.Generator, n: int, limits: Sequence[float], b_value: float
) -> Float[np.ndarray, " n"]:
    """Magnitudes with 10^(-b M), between limits (inverse of the truncated distribution)."""
    share = rng.uniform(size=n)
    largest = 1.0 - 10.0 ** (-b_value * (limits[1] - limits[0]))
    return limits[0] - np.log10(1.0 - share * largest) / b_value


def omori_utsu(
    rng: np.random.Generator, n: int, duration_s: float, c_s: float, p: float
) -> Float[np.ndarray, " n"]:
    """Sorted times after the main shock with density (c + t)^-p, up to duration_s (Utsu 1961)."""
    share = rng.uniform(size=n)
    if abs(p - 1.0) < 1e-6:
        times_s = c_s * ((1.0 + duration_s / c_s) ** share - 1.0)
    else:
        reach = (c_s + duration_s) ** (1.0 - p) - c_s ** (1.0 - p)
        times_s = (c_s ** (1.0 - p) + share * reach) ** (1.0 / (1.0 - p)) - c_s
    return np.sort(times_s)


def merged(parts: Sequence[Hypocentres]) -> Hypocentres:
    """All the earthquakes of several draws in order of time; those beyond the end were never drawn."""
    columns = ("origin_time_s", "east_km", "north_km", "depth_km", "magnitude")
    joined = [np.concatenate([getattr(part, name) for part in parts]) for name in columns]
    order = np.argsort(joined[0], kind="stable")
    return Hypocentres(*(column[order] for column in joined))
