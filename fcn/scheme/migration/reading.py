"""How windows of a stream are read by the migration network: thresholds, tolerances, laws."""

from collections.abc import Sequence
from dataclasses import dataclass

from fcn.scheme.migration.candidates import CandidateLaw
from fcn.scheme.migration.moveout import MoveoutLaw
from fcn.scheme.migration.refinement import ArrivalLaw
from fcn.scheme.migration.station_health import HealthLaw
from fcn.scheme.migration.station_terms import TermsLaw


@dataclass(frozen=True)
class Reading:
    """How a stream's window is read.

    least_probability, pick_apart_s: picks.
    recent_s:          an unexplained pick anchors for so long, by the end of most stations' data.
    max_anchors:       most probable unexplained picks that anchor in one window.
    least_evidence:    of a coarse volume that is worth a fine one.
    least_picks:       stations, 0.3 km apart, at which a new hypothesis needs a P pick of its own.
    p_tolerance_s, s_tolerance_s: a pick is explained by an event whose P or S was due so near.
    same_s, same_km:   hypotheses of one window this near each other are one.
    relocate_s:        a declared event is read again after this.
    trusted_evidence, trusted_score: of a fine volume that moves a declared event; where there is less, the
                       event keeps its place, at which it is sized.
    uncertainty_factor: on the horizontal and the depth uncertainty, chosen on validation sequences
                       (experiments/generalized/rules.py).
    margin:            coarse volumes of a stream are so much wider than the stations that judge them:
                       sources outside a network have to lie in one.
    judges_within_s:   stations that P reaches so long after the first do not judge a fine volume, as far as
                       `neighbourhood.enough` others do: paths to them are known least.
    terms, health:     of stations, learnt from declared events; moveout: what picks of a new event have to
                       show; candidates: which new hypotheses the next window asks again; refine: how picks
                       move a place. None: without.
    """

    least_probability: float
    pick_apart_s: float
    recent_s: float
    max_anchors: int
    least_evidence: float
    least_picks: int
    p_tolerance_s: float
    s_tolerance_s: float
    same_s: float
    same_km: float
    relocate_s: float
    trusted_evidence: float
    trusted_score: float
    uncertainty_factor: Sequence[float]
    margin: float
    judges_within_s: float
    terms: TermsLaw | None
    moveout: MoveoutLaw | None
    health: HealthLaw | None
    candidates: CandidateLaw | None
    refine: ArrivalLaw | None

    def __post_init__(self) -> None:
        if len(self.uncertainty_factor) != 2 or min(self.uncertainty_factor) <= 0:
            raise ValueError(
                "reading.uncertainty_factor must be two positive numbers, horizontal and depth, got "
                f"{list(self.uncertainty_factor)}"
            )
        if self.margin < 1:
            raise ValueError(f"reading.margin: a volume spans its stations, 1 or more, got {self.margin:g}")

    @property
    def tolerances_s(self) -> tuple[float, float]:
        """Of P and S."""
        return self.p_tolerance_s, self.s_tolerance_s

    @property
    def trusted(self) -> dict[str, float]:
        """What a volume that moves a declared event has to say, by the names of arguments."""
        return {"trusted_evidence": self.trusted_evidence, "trusted_score": self.trusted_score}
