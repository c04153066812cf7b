import pytest
import torch
from torch.nn import functional

from fcn.loss.multitask import MultitaskLoss
from fcn.loss.terms import detection_loss, pdf_loss, product_pdf_loss

TERMS = ("station_p", "first_p", "location", "magnitude")


def multitask(learned: bool, **weights: float) -> MultitaskLoss:
    return MultitaskLoss(
        weights={term: weights.get(term, 1.0) for term in TERMS},
        learned=learned,
    )


def test_a_perfect_pdf_costs_nothing_and_a_wrong_one_its_divergence():
    target = torch.softmax(torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0)), dim=-1) / 4
    keep = torch.ones(2, dtype=torch.bool)
    assert float(pdf_loss(target.log(), target, keep)) == pytest.approx(0, abs=1e-6)
    uniform = (target * (target * 20).log()).flatten(1).sum(1).mean()
    assert float(pdf_loss(torch.zeros(2, 4, 5), target, keep)) == pytest.approx(float(uniform), rel=1e-5)


def test_examples_without_an_event_do_not_count():
    target = torch.full((2, 8), 1 / 8)
    logits = torch.stack([torch.arange(8.0), torch.zeros(8)])
    only_second = pdf_loss(logits, target, torch.tensor([False, True]))
    none = pdf_loss(logits.requires_grad_(), target, torch.tensor([False, False]))
    assert float(only_second) == pytest.approx(0, abs=1e-6)
    none.backward()
    assert none.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_a_product_of_pdfs_costs_what_its_volume_does_and_has_the_same_gradient(dtype, rtol):
    generator = torch.Generator().manual_seed(3)
    factors = [torch.softmax(torch.randn(3, n, generator=generator), dim=1) for n in (6, 9, 4)]
    keep = torch.tensor([True, False, True])
    logits = 3 * torch.randn(3, 6, 9, 4, generator=generator)
    gradients, values = [], []
    for loss, target, kind in (
        (pdf_loss, torch.einsum("bx,by,bz->bxyz", *factors), torch.float32),
        (product_pdf_loss, factors, dtype),
    ):
        leaf = logits.to(kind).detach().requires_grad_()
        value = 2.5 * loss(leaf, target, keep)
        value.backward()
        values.append(value.item())
        gradients.append(leaf.grad.float())
    assert values[1] == pytest.approx(values[0], rel=rtol)
    torch.testing.assert_close(
        gradients[1], gradients[0], rtol=rtol, atol=2e-3 * float(gradients[0].abs().max())
    )
    assert torch.equal(gradients[1][1], torch.zeros(6, 9, 4))


def test_detection_is_weighted_cross_entropy_over_what_is_kept():
    logits = torch.tensor([[0.5, -1.0, 3.0]])
    target = torch.tensor([[1.0, 0.0, 0.5]])
    keep = torch.tensor([[True, True, False]])
    got = detection_loss(logits, target, keep, positive_weight=4.0)
    want = (4 * functional.softplus(torch.tensor(-0.5)) + functional.softplus(torch.tensor(-1.0))) / 2
    assert float(got) == pytest.approx(float(want), rel=1e-6)


def test_fixed_weights_multiply():
    loss = multitask(False, station_p=2.0, first_p=0.0, location=1.0, magnitude=0.5)
    terms = {term: torch.tensor(float(i + 1)) for i, term in enumerate(TERMS)}
    assert float(loss(terms)) == pytest.approx(2 * 1 + 0 * 2 + 1 * 3 + 0.5 * 4)
    assert not list(loss.parameters())


def test_learned_weights_find_the_optimum_of_kendall_et_al():
    loss = multitask(True)
    terms = dict(zip(TERMS, torch.tensor([0.1, 1.0, 4.0, 25.0]), strict=True))
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.1)
    for _ in range(400):
        optimiser.zero_grad()
        loss(terms).backward()
        optimiser.step()
    for term, value in terms.items():  # d/ds [exp(-s) L + s/2] = 0 at exp(s) = 2 L
        assert loss.log_variance[term].exp().item() == pytest.approx(2 * float(value), rel=0.02)


@pytest.mark.parametrize("weights", [{}, dict.fromkeys(TERMS, -1.0)])
def test_wrong_weights_are_refused(weights):
    with pytest.raises(ValueError, match="loss weights"):
        MultitaskLoss(weights=weights, learned=False)
