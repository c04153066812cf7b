"""How long and how far an earthquake is heard: what follows within it may be its own coda."""

from dataclasses import dataclass


def coda_duration_s(magnitude: float) -> float:
    """Seconds from an earthquake to the end of its coda: M = 2.00 log10 T - 0.87, distance left out.

    Lee, Bennett & Meagher (1972), USGS Open-File Report 72-223; central California, M 2 to 5.
    """
    return 10 ** ((magnitude + 0.87) / 2.0)


def rupture_length_km(magnitude: float) -> float:
    """Subsurface length of the rupture: log10 L = -2.44 + 0.59 M.

    Wells & Coppersmith (1994), Bulletin of the Seismological Society of America 84(4), table 2A, all types.
    """
    return 10 ** (0.59 * magnitude - 2.44)


@dataclass(frozen=True)
class CodaReach:
    """When and where another origin may be an earthquake's own coda, a late phase or a part of its rupture.

    least_magnitude: smaller earthquakes are not asked. longest_s: an end to the law of durations, which for
    larger earthquakes than it was made for says hours. before_s: how much too early an origin may come out.
    margin_km: beyond the length of the rupture.
    """

    least_magnitude: float
    longest_s: float
    before_s: float
    margin_km: float

    def __post_init__(self) -> None:
        if not (self.longest_s > 0 and self.before_s >= 0 and self.margin_km >= 0):
            raise ValueError(f"longest_s > 0, before_s >= 0 and margin_km >= 0 are required: {self}")

    def holds(self, magnitude: float | None, after_s: float, apart_km: float) -> bool:
        """Whether an origin after_s later and apart_km from the epicentre lies within.

        magnitude: of the earthquake; None, not known, is too small.
        """
        if magnitude is None or magnitude < self.least_magnitude:
            return False
        lasts_s = min(coda_duration_s(magnitude), self.longest_s)
        return (
            -self.before_s <= after_s <= lasts_s and apart_km <= rupture_length_km(magnitude) + self.margin_km
        )
