"""Detection targets: a pulse at every P arrival, and one at the network's first P."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def encode_arrivals(
    arrival_s: Float[Tensor, "*batch"],
    visible: Bool[Tensor, "*batch"],
    *,
    n_samples: int,
    sampling_rate_hz: float,
    sigma_s: float,
) -> Float[Tensor, "*batch time"]:
    """Gaussian pulse of height 1 at each arrival, zero where the arrival is not visible.

    arrival_s: seconds after the window's first sample; may lie outside the window.
    sigma_s:   width of the pulse, not the expected picking error.
    """
    time_s = torch.arange(n_samples, device=arrival_s.device) / sampling_rate_hz
    offset_s = time_s - arrival_s.float()[..., None]
    pulse = torch.exp(-0.5 * (offset_s / sigma_s) ** 2)
    return torch.where(visible[..., None], pulse, torch.zeros_like(pulse))


def encode_first_arrival(
    arrival_s: Float[Tensor, "batch station"],
    visible: Bool[Tensor, "batch station"],
    *,
    n_samples: int,
    sampling_rate_hz: float,
    sigma_s: float,
) -> Float[Tensor, "batch time"]:
    """Gaussian pulse at the earliest visible arrival of the network, zero where none is visible."""
    first_s = torch.where(visible, arrival_s, torch.full_like(arrival_s, torch.inf)).amin(dim=1)
    seen = visible.any(dim=1)
    return encode_arrivals(
        torch.where(seen, first_s, torch.zeros_like(first_s)),
        seen,
        n_samples=n_samples,
        sampling_rate_hz=sampling_rate_hz,
        sigma_s=sigma_s,
    )


def decode_arrival(
    logits: Float[Tensor, "*batch time"], *, sampling_rate_hz: float, sigma_s: float
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """Highest peak of each series: (seconds after the first sample, its probability).

    The peak is refined by the centroid of the probabilities within 2 sigma of the highest sample.
    """
    probability = torch.sigmoid(logits.float())
    score, peak = probability.max(dim=-1)
    reach = max(1, round(2 * sigma_s * sampling_rate_hz))
    window = torch.arange(-reach, reach + 1, device=logits.device)
    index = peak[..., None] + window
    inside = (index >= 0) & (index < logits.shape[-1])
    weight = torch.gather(probability, -1, index.clamp(0, logits.shape[-1] - 1)) * inside
    centroid = (weight * index).sum(-1) / weight.sum(-1).clamp_min(torch.finfo(weight.dtype).tiny)
    return centroid / sampling_rate_hz, score
