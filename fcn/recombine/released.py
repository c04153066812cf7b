"""How much of a large earthquake has happened by now: the moment its source has released."""

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.constants import RELEASED
from fcn.recombine.synthesise import corner_frequency_hz

LEAST = 1e-6  # share of the moment: its magnitude is 4 below


def released_magnitude(
    magnitude: Float[Tensor, "*n"], release_s: Float[Tensor, "*n share"], elapsed_s: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """Magnitude of the moment released `elapsed_s` after origin, M + 2/3 log10 of its share, at least M - 4.

    release_s: when the shares `RELEASED` are out; NaN where that is not known, as of small earthquakes: then
        all is out after 1 / fc (`corner_frequency_hz`). Linear in between, and before the first share, like
        a crack that grows at a constant speed, with the cube of time (Sato & Hirasawa 1973).
    """
    shares = torch.tensor(RELEASED, device=magnitude.device)
    simple_s = shares ** (1 / 3) / corner_frequency_hz(magnitude).float()[..., None]
    known_s = torch.where(release_s.isnan(), simple_s, release_s)
    passed = (elapsed_s[..., None] >= known_s).sum(dim=-1)
    after = passed.clamp(1, len(RELEASED) - 1)  # the interval up to this share
    begin_s, end_s = (known_s.gather(-1, i[..., None])[..., 0] for i in (after - 1, after))
    part = ((elapsed_s - begin_s) / (end_s - begin_s).clamp_min(1e-6)).clamp(0.0, 1.0)
    share = shares[after - 1] + part * (shares[after] - shares[after - 1])
    begun = (elapsed_s / known_s[..., 0].clamp_min(1e-6)).clamp(0.0, 1.0) ** 3
    share = torch.where(passed == 0, shares[0] * begun, share).clamp_min(LEAST)
    return magnitude + share.log10() / 1.5
