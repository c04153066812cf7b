"""Weighting of the branches' losses: fixed, or learned from each task's uncertainty."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MultitaskLoss(nn.Module):
    """Weighted sum of the terms.

    weights: one number per term of the network's scheme; 0 switches a branch's training off.
    learned: multiply each by exp(-s) and add s / 2, s learned per term
             (Kendall et al. 2018, CVPR, eq. 10 with s = log sigma^2).
    """

    def __init__(self, *, weights: Mapping[str, float], learned: bool) -> None:
        super().__init__()
        if not weights or any(w < 0 for w in weights.values()):
            raise ValueError(f"loss weights must be >= 0, one per term, got {dict(weights)}")
        self.weights = {term: float(weight) for term, weight in weights.items()}
        self.log_variance = nn.ParameterDict(
            {term: nn.Parameter(torch.zeros(())) for term in self.weights if learned and weights[term] > 0}
        )

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
