"""Residuals of P: what of them another place and time would take away, and how large the rest is."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fcn import checked

N_ORIGIN = 4  # of an event's residuals a time and a place take away so many
MOST_MISFIT = 1e9  # residuals of a year of a large network, and the sum of their squares


@dataclass(frozen=True)
class Misfit:
    """Sum of the squares of P residuals, s^2, and how many they are but for four of each event's origin."""

    squares_s2: float = 0.0
    n: float = 0.0

    @classmethod
    def of(cls, delay_s: Float[Tensor, " station"], weight: Float[Tensor, " station"]) -> "Misfit":
        """One event's."""
        weights, n = weight.tolist(), int((weight > 0).sum())
        if n <= N_ORIGIN:
            return cls()
        # exact sums: those of tensors depend on how memory holds them, which a restored state does not say
        squares_s2 = math.fsum(w * r**2 for w, r in zip(weights, delay_s.tolist(), strict=True))
        return cls(n * squares_s2 / math.fsum(weights), n - N_ORIGIN)

    @classmethod
    def restored(cls, name: str, saved: object) -> "Misfit":
        """From two numbers, called so in a state. Raises ValueError for what they cannot be."""
        squares_s2, n = checked.listed(f"{name} of station terms", saved, 2)
        return cls(
            checked.number(f"{name} of station terms", squares_s2, 0.0, MOST_MISFIT),
            checked.number(f"residuals of {name} of station terms", n, 0.0, MOST_MISFIT),
        )

    def times(self, factor: float) -> "Misfit":
        """As if of fewer residuals."""
        return Misfit(factor * self.squares_s2, factor * self.n)

    def __add__(self, other: "Misfit") -> "Misfit":
        """Of both."""
        return Misfit(self.squares_s2 + other.squares_s2, self.n + other.n)


def not_of_origin(
    residual_s: Float[Tensor, " station"],
    weight: Float[Tensor, " station"],
    moveout_spkm: Float[Tensor, "station 3"],
) -> Float[Tensor, " station"]:
    """What of residuals no other origin time or place would take away, by weighted least squares.

    The rest would make terms follow mislocations, and locations follow terms, event by event.
    """
    partials = torch.cat([torch.ones_like(moveout_spkm[:, :1]), moveout_spkm], dim=1).double()
    root = weight.double().sqrt()
    change = torch.linalg.pinv(root[:, None] * partials, rtol=1e-3) @ (root * residual_s.double())
    return (residual_s.double() - partials @ change).float()
