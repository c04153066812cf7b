"""What arrivals at stations are off by, about the origin that suits all of them best."""

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

N_ORIGIN = 4  # of an event's residuals a time and a place take away so many
REWEIGHTED = 3  # times: by then what is far off has the weight it is left with
FAR = 2.25  # standard deviations: what is further off counts as its distance, not as its square


@dataclass(frozen=True)
class Residuals:
    """Of one event at every station, of its last good solution; weights are 0 where there is none.

    p_s, s_s: of P and S together, about one origin, without the stations' terms. p_alone_s: of P about the
    origin that P alone asks for. magnitude: what each station says, less the event's.
    """

    p_s: Float[Tensor, " station"]
    p_weight: Float[Tensor, " station"]
    s_s: Float[Tensor, " station"]
    s_weight: Float[Tensor, " station"]
    magnitude: Float[Tensor, " station"]
    magnitude_weight: Float[Tensor, " station"]
    p_alone_s: Float[Tensor, " station"]

    def table(self) -> Float[Tensor, "station 7"]:
        """All of them, in order."""
        return torch.stack([getattr(self, each.name) for each in fields(self)], dim=1)

    def misfit(self) -> tuple[float, float]:
        """Sum of the squares of P's own residuals, s^2, and how many they are but for the origin's four."""
        weight, n = self.p_weight.tolist(), int((self.p_weight > 0).sum())
        if n <= N_ORIGIN:
            return 0.0, 0.0
        # exact sums: those of tensors depend on how memory holds them, which a restored state does not say
        squares_s2 = math.fsum(w * r**2 for w, r in zip(weight, self.p_alone_s.tolist(), strict=True))
        return n * squares_s2 / math.fsum(weight), n - N_ORIGIN


def not_of_origin(
    residual_s: Float[Tensor, " pick"],
    weight: Float[Tensor, " pick"],
    moveout_spkm: Float[Tensor, "pick 3"],
    far_s: Float[Tensor, " pick"] | None = None,
) -> Float[Tensor, " pick"]:
    """What of residuals no other origin time or place would take away, by weighted least squares.

    The rest would make terms follow mislocations, and locations follow terms, event by event. far_s: what is
    further off counts less (Huber 1964, Annals of Mathematical Statistics 35); None: nothing does.
    """
    partials = torch.cat([torch.ones_like(moveout_spkm[:, :1]), moveout_spkm], dim=1).double()
    residual_s, counts = residual_s.double(), weight.double()
    rest_s = residual_s
    for _ in range(1 if far_s is None else REWEIGHTED):
        root = counts.sqrt()
        change = torch.linalg.pinv(root[:, None] * partials, rtol=1e-3) @ (root * residual_s)
        rest_s = residual_s - partials @ change
        if far_s is not None:
            counts = weight.double() * (far_s.double() / rest_s.abs().clamp_min(1e-9)).clamp_max(1.0)
    return rest_s.float()
