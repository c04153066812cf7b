"""One loss per branch; targets are probabilities, predictions logits."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def masked_mean(value: Float[Tensor, "*shape"], keep: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Mean of the kept elements; 0 (with a gradient) where none is kept."""
    return (value * keep).sum() / keep.sum().clamp_min(1)


def detection_loss(
    logits: Float[Tensor, "*shape time"],
    target: Float[Tensor, "*shape time"],
    keep: Bool[Tensor, "*shape time"],
    *,
    positive_weight: float,
) -> Float[Tensor, ""]:
    """Binary cross-entropy per sample; `positive_weight` balances the few samples near a P arrival."""
    weight = torch.as_tensor(positive_weight, dtype=torch.float32, device=logits.device)
    value = functional.binary_cross_entropy_with_logits(
        logits.float(), target, reduction="none", pos_weight=weight
    )
    return masked_mean(value, keep)


def pdf_loss(
    logits: Float[Tensor, "batch ..."], target: Float[Tensor, "batch ..."], keep: Bool[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Kullback-Leibler divergence of the softmax of the logits from the target pdf, nat per example.

    The cross-entropy less the target's own entropy: 0 for a perfect prediction, whatever the target's width.
    """
    log_pdf, pdf = torch.log_softmax(logits.float().flatten(1), dim=1), target.flatten(1)
    # as products of whole volumes: a third of the time of `kl_div`, whose xlogy is not vectorised
    negative_entropy = torch.einsum("bn,bn->b", pdf, pdf.clamp_min(torch.finfo(pdf.dtype).tiny).log())
    value = negative_entropy - torch.einsum("bn,bn->b", pdf, log_pdf)
    return masked_mean(value, keep)
