"""Magnitude target: a Gaussian over magnitude bins, read back as the mean around the mode."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MagnitudeBins:
    """Regular magnitude bins; `minimum` is the centre of the first (dimensionless, as magnitude is)."""

    minimum: float
    width: float
    count: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.count < 2:
            raise ValueError(
                "magnitude bins need a positive width and at least 2 bins, got "
                f"width={self.width}, count={self.count}"
            )

    @property
    def maximum(self) -> float:
        """Centre of the last bin."""
        return self.minimum + self.width * (self.count - 1)

    def centres(self, like: Tensor) -> Float[Tensor, " bin"]:
        """Bin centres on the device of `like`."""
        return self.minimum + self.width * torch.arange(self.count, dtype=torch.float32, device=like.device)


def encode_magnitude(
    magnitude: Float[Tensor, " batch"], bins: MagnitudeBins, *, sigma: float
) -> Float[Tensor, "batch bin"]:
    """Gaussian pdf over the bins, summing to 1; `sigma` in magnitude units."""
    offset = bins.centres(magnitude) - magnitude.float()[:, None]
    return torch.softmax(-0.5 * (offset / sigma) ** 2, dim=1)


def decode_magnitude(
    logits: Float[Tensor, "batch bin"], bins: MagnitudeBins, *, reach: float
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """(Magnitude, standard deviation): mean of the pdf within `reach` of its mode; spread of all of it."""
    pdf = torch.softmax(logits.float(), dim=1)
    centres = bins.centres(logits)
    mode = centres[pdf.argmax(dim=1)]
    local = pdf * ((centres - mode[:, None]).abs() <= reach)
    magnitude = (local * centres).sum(dim=1) / local.sum(dim=1)
    mean = (pdf * centres).sum(dim=1, keepdim=True)
    return magnitude, (pdf * (centres - mean) ** 2).sum(dim=1).sqrt()
