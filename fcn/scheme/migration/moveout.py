"""What comes to several stations at once is no wave: pulses of telemetry and power have no moveout."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.scheme.migration.picks import Picks


@dataclass(frozen=True)
class MoveoutLaw:
    """When picks are too near in time for the P wave of a hypothesis to have made them.

    together_s: picks no further apart than this came at once: two samples of 20 Hz, as near as picks of one
        pulse are told.
    least_s: from the first to the last of their stations P of the hypothesis needs more than this. Below, as
        of a deep earthquake under a tight network, errors of picks decide, and nothing is said.
    fewest: stations, at least; two are as often alike by chance.
    """

    together_s: float
    least_s: float
    fewest: int

    def __post_init__(self) -> None:
        if not 0 < self.together_s < self.least_s:
            raise ValueError(
                "reading.moveout: 0 < together_s < least_s is required, else real moveout would be refused: "
                f"got {self.together_s} and {self.least_s}"
            )
        if self.fewest < 3:
            raise ValueError(f"reading.moveout.fewest: two stations have no pattern, got {self.fewest}")

    def at_once(
        self,
        picks: Picks,
        p_s: Float[Tensor, "event station"],
        judges: Bool[Tensor, "event station"],
        free: Bool[Tensor, " pick"],
    ) -> Bool[Tensor, "event pick"]:
        """Picks that came at once with others although P of a hypothesis would not have.

        p_s: when P of the hypotheses is due. judges: stations that judge them; those far away have picks of
        their own at any moment. free: picks that no declared event explains.
        """
        counts = free & judges[:, picks.station]  # (event, pick)
        if len(picks) == 0:
            return counts
        near = (picks.time_s[:, None] - picks.time_s).abs() <= self.together_s
        together = near & counts[:, None] & counts[..., None]  # (event, pick, pick)
        due_s = p_s[:, None, picks.station].expand(together.shape)
        first_s = due_s.masked_fill(~together, torch.inf).amin(dim=-1)
        last_s = due_s.masked_fill(~together, -torch.inf).amax(dim=-1)
        return counts & (together.sum(dim=-1) >= self.fewest) & (last_s - first_s > self.least_s)
