"""The location loss of EEWNet over a product of pdfs beside that over the whole volume, with gradients.

Run: pytest benchmarks/bench_losses.py
The ratio of the two is printed at the end.
"""

import sys

import pytest
import torch
from torch import Tensor

from fcn.loss.terms import pdf_loss, product_pdf_loss

SHAPE = (96, 192, 64)  # of EEWNet's grid
N_WINDOWS = 16
MEDIANS: dict[str, float] = {}  # seconds per batch


def over_the_volume(logits: Tensor, factors: list[Tensor], keep: Tensor) -> Tensor:
    return pdf_loss(logits, torch.einsum("bx,by,bz->bxyz", *factors), keep)


@pytest.mark.parametrize("name", ["product", "volume"])
def test_location_loss_and_its_gradient(benchmark, name):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(N_WINDOWS, *SHAPE, generator=generator).bfloat16().requires_grad_()
    factors = [torch.softmax(torch.randn(N_WINDOWS, n, generator=generator), dim=1) for n in SHAPE]
    keep = torch.ones(N_WINDOWS, dtype=torch.bool)
    loss = {"product": product_pdf_loss, "volume": over_the_volume}[name]
    benchmark.pedantic(
        lambda: torch.autograd.grad(loss(logits, factors, keep), logits), rounds=5, warmup_rounds=1
    )
    MEDIANS[name] = benchmark.stats.stats.median
    if len(MEDIANS) == 2:
        sys.stdout.write(f"\nproduct: {MEDIANS['volume'] / MEDIANS['product']:.1f} times as fast\n")
