"""Weighting of the branches' losses: fixed, or learned from each task's uncertainty."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

TERMS = ("station_p", "first_p", "location", "magnitude")


class MultitaskLoss(nn.Module):
    """Weighted sum of the terms.

    weights: one positive number per term of `TERMS`; 0 switches a branch's training off.
    learned: multiply each by exp(-s) and add s / 2, s learned per term
             (Kendall et al. 2018, CVPR, eq. 10 with s = log sigma^2).
    target_*: widths of the targets; positive_weight: see `detection_loss`.
    """

    def __init__(
        self,
        *,
        weights: Mapping[str, float],
        learned: bool,
        arrival_sigma_s: float,
        location_sigma_km: tuple[float, float] | list[float],
        magnitude_sigma: float,
        positive_weight: float,
    ) -> None:
        super().__init__()
        if set(weights) != set(TERMS) or any(w < 0 for w in weights.values()):
            raise ValueError(f"loss weights must be >= 0 for exactly {TERMS}, got {dict(weights)}")
        self.weights = {term: float(weights[term]) for term in TERMS}
        self.log_variance = nn.ParameterDict(
            {term: nn.Parameter(torch.zeros(())) for term in TERMS if learned and weights[term] > 0}
        )
        self.arrival_sigma_s = arrival_sigma_s
        self.location_sigma_km = (float(location_sigma_km[0]), float(location_sigma_km[1]))
        self.magnitude_sigma = magnitude_sigma
        self.positive_weight = positive_weight

    def forward(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Total of the terms, each a scalar."""
        total = torch.zeros((), device=next(iter(terms.values())).device)
        for term, value in terms.items():
            weighted = self.weights[term] * value
            if term in self.log_variance:
                s = self.log_variance[term]
                weighted = torch.exp(-s) * weighted + 0.5 * s
            total = total + weighted
        return total
