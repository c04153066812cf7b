"""How much stronger or weaker an earthquake shakes than others of its magnitude: its source term.

Every station of a recombined event has its record from another earthquake. Left as they are, the terms of
those earthquakes (stress drop, magnitude error) scatter from station to station, where one event's term is
common to all its stations. They are measured in the store once, taken off each record, and one is drawn per
event.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

SMALLEST_VARIANCE = 1e-4  # of source terms, log10 squared


@dataclass(frozen=True)
class SourceTerms:
    """log10 of amplitude, positive where an earthquake is stronger than its magnitude says.

    of_record: what is to be taken off each record; 0 where nothing is known.
    deviation: standard deviation between sources.
    """

    of_record: Float[np.ndarray, " n"]
    deviation: float


def measure_source_terms(
    residual: Float[np.ndarray, " n"], source_id: Shaped[np.ndarray, " n"]
) -> SourceTerms:
    """From residuals of records about a common law (NaN: not known), and the source of each.

    The variances between sources, b, and within them, w, by the method of moments (one-way random effects,
    e.g. Searle, Casella & McCulloch 1992). Of the mean m of a source's n residuals g m is taken off, with
    (1 - g)^2 = w / (w + n b): (1 - g)^2 b + w (1 - (1 - (1 - g)^2) / n) is the variance that is left, and
    this g makes it w. More (g = 1, or the best linear predictor's n b / (w + n b)) would take each record's
    own deviation with the mean, and stations of one event would differ less than those of an earthquake.
    """
    known = np.isfinite(residual)
    residual = np.where(known, residual, 0.0)
    sources, source = np.unique(source_id, return_inverse=True)
    count = np.bincount(source, weights=known, minlength=len(sources))
    mean = np.bincount(source, weights=residual, minlength=len(sources)) / np.maximum(count, 1)
    some = count > 0
    freedom = max(float((count[some] - 1).sum()), 1.0)
    within = float(((residual - mean[source])[known] ** 2).sum()) / freedom
    between = float(mean[some].var() - within * (1 / count[some]).mean()) if some.any() else 0.0
    between, within = max(between, SMALLEST_VARIANCE), max(within, SMALLEST_VARIANCE)
    share = 1 - np.sqrt(within / (within + count * between))
    return SourceTerms((mean * share)[source], float(np.sqrt(between)))
