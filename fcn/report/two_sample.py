"""Telling two populations apart: small classifiers, cross-validated, and single features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

N_FOLDS = 10
N_BOOTSTRAP = 2000
N_STEPS = 300  # of full-batch Adam; the penalty, not their number, keeps the fit in check
LEARNING_RATE = 0.02
WEIGHT_DECAY = {"logistic regression": 1e-3, "small MLP": 1e-2}
N_HIDDEN = 16


@dataclass(frozen=True)
class Verdict:
    """How well a classifier tells held-out members apart: share right, and its 95 % interval."""

    classifier: str
    accuracy: float
    low: float
    high: float


def _network(kind: str, n_features: int) -> nn.Module:
    if kind == "logistic regression":
        return nn.Linear(n_features, 1)
    return nn.Sequential(nn.Linear(n_features, N_HIDDEN), nn.Tanh(), nn.Linear(N_HIDDEN, 1))


def _fit(
    kind: str, x: Float32[Tensor, "n feature"], y: Float32[Tensor, " n"], seed: int
) -> Callable[[Tensor], Tensor]:
    state = torch.get_rng_state()  # torch's initialisers know only the global generator
    torch.manual_seed(seed)
    try:
        network = _network(kind, x.shape[1])
    finally:
        torch.set_rng_state(state)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    for _ in range(N_STEPS):
        optimiser.zero_grad()
        penalty = sum(p.square().sum() for name, p in network.named_parameters() if "weight" in name)
        loss = nn.functional.binary_cross_entropy_with_logits(network(x)[:, 0], y)
        (loss + WEIGHT_DECAY[kind] * penalty).backward()
        optimiser.step()
    return network


def tell_apart(
    first: Float[np.ndarray, "pair feature"], second: Float[np.ndarray, "pair feature"], *, seed: int
) -> list[Verdict]:
    """Accuracy of each classifier on pairs it has not seen; 0.5 is a guess.

    first, second: row i of both belongs together (the same source and network) and stays in one fold.
    The interval is by bootstrap over pairs.
    """
    if len(first) != len(second) or len(first) < N_FOLDS:
        raise ValueError(
            f"need at least {N_FOLDS} pairs, as many of the first as of the second, got "
            f"{len(first)} and {len(second)}"
        )
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(first)) % N_FOLDS
    verdicts = []
    for kind in WEIGHT_DECAY:
        right = np.zeros(len(first))
        for held_out in range(N_FOLDS):
            right[fold == held_out] = _right(kind, first, second, fold == held_out, seed)
        means = right[rng.integers(len(right), size=(N_BOOTSTRAP, len(right)))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        verdicts.append(Verdict(kind, float(right.mean()), float(low), float(high)))
    return verdicts


def _right(
    kind: str,
    first: Float[np.ndarray, "pair feature"],
    second: Float[np.ndarray, "pair feature"],
    held_out: Bool[np.ndarray, " pair"],
    seed: int,
) -> Float[np.ndarray, " held_out"]:
    """Share of each held-out pair put where it belongs: 0, 0.5 or 1."""
    train = np.concatenate([first[~held_out], second[~held_out]])
    middle, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    x = torch.from_numpy((train - middle) / spread).float()
    y = torch.cat([torch.zeros(int((~held_out).sum())), torch.ones(int((~held_out).sum()))])
    network = _fit(kind, x, y, seed)
    with torch.no_grad():
        score = [
            network(torch.from_numpy((part[held_out] - middle) / spread).float())[:, 0].numpy()
            for part in (first, second)
        ]
    return 0.5 * (score[0] < 0) + 0.5 * (score[1] > 0)


def auc(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> float:
    """Probability that a member of the second exceeds one of the first, ties counted half (Mann-Whitney)."""
    ranks = _ranks(np.concatenate([first, second]))
    n, m = len(first), len(second)
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1, ties averaged."""
    order: Int[np.ndarray, " n"] = np.argsort(values, kind="stable")
    _, inverse, counts = np.unique(values[order], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    average = last - (counts - 1) / 2
    ranks = np.empty(len(values))
    ranks[order] = average[inverse]
    return ranks
