"""Arrivals at stations, and what their phase hints say."""

import re
from dataclasses import dataclass

# Onset (i, e; q: questionable), P or S, branch of the travel-time curve, number of the arrival or none,
# polarity and weight: "P", "iPg", "eS", "IPU0", "EP", "Pn1", "P*", "Pdif". Not "pP", "PcP", "PP", "Lg".
# HYPO71 (Lee & Lahr 1972, USGS Open-File Report 75-311): onset, phase, polarity (U, D, +, -; C), weight 0-4.
_HINT = re.compile(r"[IEQ]?([PS])(?:[GNB*]|DIFF?)?1?[UDC+\-?]?[0-4]?", re.IGNORECASE)
# Origin times may be a second or two late, and P is at once at a station above a shallow source. The latest
# S, along the core to 140 degrees, takes 1860 s (iasp91, Kennett & Engdahl 1991, Geophys. J. Int. 105,
# 429-465); the times of the nearest zone are 3600 s off.
SOONEST_S, LATEST_S = -2.0, 2000.0
NEVER = (
    f"more than {-SOONEST_S:g} s before the origin or {LATEST_S:g} s after it, where no P or S can be: times "
    "must be UTC"
)


@dataclass(frozen=True)
class PhasePick:
    """Arrival of a phase at a station, POSIX seconds; `phase` is the analyst's hint, as `p_or_s` reads it.

    uncertainty_s: where the analyst gives one. What arrivals of QuakeML have, written and not read:
    residual_s, how much later than due it came; correction_s, the station's term in when it was due; weight,
    0-1: a network's probability of the pick.
    """

    network: str
    station: str
    phase: str
    time_s: float
    uncertainty_s: float | None = None
    residual_s: float | None = None
    correction_s: float | None = None
    weight: float | None = None


def p_or_s(hint: str | None) -> str | None:
    """ "P" or "S" where a hint means direct P or S, or one along an interface, however it is spelled."""
    found = _HINT.fullmatch("".join((hint or "").split()))
    return found[1].upper() if found else None


def can_be(after_origin_s: float) -> bool:
    """Whether P or S, at whatever station, may come so long after the catalogued origin."""
    return SOONEST_S <= after_origin_s <= LATEST_S


def since_origin(after_origin_s: float) -> str:
    """ "15.0 s before its origin", "32403.2 s after its origin"."""
    return f"{abs(after_origin_s):.1f} s {'before' if after_origin_s < 0 else 'after'} its origin"
