"""One loss per branch; targets are probabilities, predictions logits."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def masked_mean(value: Float[Tensor, "*shape"], keep: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Mean of the kept elements; 0 (with a gradient) where none is kept."""
    return torch.where(keep, value, torch.zeros_like(value)).sum() / keep.sum().clamp_min(1)


def detection_loss(
    logits: Float[Tensor, "*shape time"],
    target: Float[Tensor, "*shape time"],
    keep: Bool[Tensor, "*shape time"],
    *,
    positive_weight: float,
) -> Float[Tensor, ""]:
    """Binary cross-entropy per sample; `positive_weight` balances the few samples near a P arrival."""
    weight = logits.new_full((), positive_weight, dtype=torch.float32)
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
    with torch.autocast(logits.device.type, enabled=False):  # bfloat16 would round the loss to two digits
        # as products of whole volumes: a third of the time of `kl_div`, whose xlogy is not vectorised
        negative_entropy = torch.einsum("bn,bn->b", pdf, pdf.clamp_min(torch.finfo(pdf.dtype).tiny).log())
        value = negative_entropy - torch.einsum("bn,bn->b", pdf, log_pdf)
    return masked_mean(value, keep)


class _CrossEntropyOfProducts(torch.autograd.Function):
    """Cross-entropy of the softmax over a volume against a product of three pdfs.

    Volume by volume, so that each stays in the cache, and with its gradient in the same pass: written out by
    autograd it took a third of a training step of a narrow EEWNet (benchmarks/bench_losses.py).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, px: Tensor, py: Tensor, pz: Tensor) -> Tensor:
        value = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
        gradient = torch.empty_like(logits)
        volume = torch.empty(logits.shape[1:], dtype=torch.float32, device=logits.device)
        for i, each in enumerate(logits):
            volume.copy_(each)
            across = px[i][:, None] * py[i]
            mean = ((volume @ pz[i]) * across).sum()
            largest = volume.amax()
            mass = volume.sub_(largest).exp_().sum()
            value[i] = largest + mass.log() - mean
            volume.div_(mass).addcmul_(across[..., None], pz[i], value=-1.0)
            gradient[i].copy_(volume)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype)[:, None, None, None], None, None, None


def product_pdf_loss(
    logits: Float[Tensor, "batch x y z"],
    factors: Sequence[Float[Tensor, "batch _"]],
    keep: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """`pdf_loss` for a target that is the product of one pdf per axis, without making its volume."""
    px, py, pz = factors
    negative_entropy = sum(-torch.special.entr(p).sum(dim=1) for p in (px, py, pz))
    with torch.autocast(logits.device.type, enabled=False):  # bfloat16 would round the loss to two digits
        value: Tensor = _CrossEntropyOfProducts.apply(logits, px, py, pz)
    return masked_mean(value + negative_entropy, keep)
