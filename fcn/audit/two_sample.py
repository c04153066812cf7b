"""Telling two populations apart: small classifiers of scikit-learn, cross-validated, and single features."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu

N_FOLDS = 10
N_BOOTSTRAP = 2000
MAX_ITERATIONS = 5000  # of the solvers, which converge long before
# of the sum of squared weights, beside the mean log loss of an event
PENALTY = {"logistic regression": 1e-3, "small MLP": 1e-2}
N_HIDDEN = 16


@dataclass(frozen=True)
class Verdict:
    """How well a classifier tells held-out members apart: share right, and its 95 % interval."""

    classifier: str
    accuracy: float
    low: float
    high: float


def check_installed() -> None:
    """Raise ModuleNotFoundError, with the remedy, without scikit-learn: before minutes of simulation."""
    if find_spec("sklearn") is None:
        raise ModuleNotFoundError("telling populations apart needs scikit-learn: pip install 'fcn[audit]'")


def _classifiers(n_train: int, seed: int) -> dict[str, Any]:
    """By name, on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # scikit-learn weighs C times the sum of losses against half the squares, and alpha / n half of them
    linear = LogisticRegression(C=1 / (2 * n_train * PENALTY["logistic regression"]), max_iter=MAX_ITERATIONS)
    small = MLPClassifier(
        (N_HIDDEN,),
        activation="tanh",
        solver="lbfgs",
        alpha=2 * n_train * PENALTY["small MLP"],
        max_iter=MAX_ITERATIONS,
        random_state=seed,
    )
    return {
        name: make_pipeline(StandardScaler(), each)
        for name, each in zip(PENALTY, (linear, small), strict=True)
    }


def tell_apart(
    first: Float[np.ndarray, "pair feature"], second: Float[np.ndarray, "pair feature"], *, seed: int
) -> list[Verdict]:
    """Accuracy of each classifier on pairs it has not seen; 0.5 is a guess.

    first, second: row i of both belongs together (the same source and network) and stays in one fold.
    The interval is by bootstrap over pairs. Raises ValueError for too few pairs, ModuleNotFoundError without
    scikit-learn.
    """
    n = len(first)
    if n != len(second) or n < N_FOLDS:
        raise ValueError(
            f"need at least {N_FOLDS} pairs, as many of the first as of the second, got {n} and {len(second)}"
        )
    check_installed()
    from sklearn.model_selection import GroupKFold, cross_val_predict

    classifiers = _classifiers(2 * n * (N_FOLDS - 1) // N_FOLDS, seed)
    x, y = np.concatenate([first, second]), np.repeat([0, 1], n)
    pair = np.tile(np.arange(n), 2)
    folds = GroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    rng = np.random.default_rng(seed)
    verdicts = []
    for name, classifier in classifiers.items():
        found = cross_val_predict(classifier, x, y, groups=pair, cv=folds)
        right = (found == y).reshape(2, n).mean(axis=0)  # of each pair: 0, 0.5 or 1
        means = right[rng.integers(n, size=(N_BOOTSTRAP, n))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        verdicts.append(Verdict(name, float(right.mean()), float(low), float(high)))
    return verdicts


def auc(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> float:
    """Probability that a member of the second exceeds one of the first, ties counted half (Mann-Whitney)."""
    return float(mannwhitneyu(second, first).statistic) / (len(first) * len(second))
