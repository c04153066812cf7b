"""Arrivals at stations, and what their phase hints say."""

import re
from dataclasses import dataclass

# Onset (i, e; q: questionable), P or S, branch of the travel-time curve, number of the arrival or none,
# polarity and weight: "P", "iPg", "eS", "IPU0", "EP", "Pn1", "P*", "Pdif". Not "pP", "PcP", "PP", "Lg".
# HYPO71 (Lee & Lahr 1972, USGS Open-File Report 75-311): onset, phase, polarity (U, D, +, -; C), weight 0-4.
_HINT = re.compile(r"[IEQ]?([PS])(?:[GNB*]|DIFF?)?1?[UDC+\-?]?[0-4]?", re.IGNORECASE)


@dataclass(frozen=True)
class PhasePick:
    """Arrival of a phase at a station, POSIX seconds; `phase` is the analyst's hint, as `p_or_s` reads it.

    uncertainty_s: where the analyst gives one.
    """

    network: str
    station: str
    phase: str
    time_s: float
    uncertainty_s: float | None = None


def p_or_s(hint: str | None) -> str | None:
    """ "P" or "S" where a hint means direct P or S, or one along an interface, however it is spelled."""
    found = _HINT.fullmatch("".join((hint or "").split()))
    return found[1].upper() if found else None
