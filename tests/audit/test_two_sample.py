"""Telling two populations apart."""

import numpy as np
import pytest
from audited import made_table

from fcn.audit import two_sample
from fcn.audit.event_features import Regression, event_features
from fcn.audit.two_sample import auc, tell_apart


def test_equal_populations_cannot_be_told_apart():
    tables = [made_table(np.random.default_rng(seed), 0.2, 0.1) for seed in (2, 3)]
    regression = Regression.fit(tables[0])
    for verdict in tell_apart(*(event_features(table, regression)[0] for table in tables), seed=0):
        assert verdict.low < 0.5 < verdict.high + 0.02
        assert verdict.high - verdict.low < 0.15


def test_what_a_line_does_not_separate_the_mlp_does():
    """A ring about a disc; the line is left to guess."""
    rng = np.random.default_rng(0)
    angle, radius = (
        rng.uniform(0, 2 * np.pi, (2, 200)),
        np.array([[0.5], [2.0]]) + rng.uniform(0, 0.5, (2, 200)),
    )
    disc, ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    line, small = tell_apart(disc, ring, seed=0)
    assert line.accuracy < 0.65
    assert small.low > 0.95


def test_both_versions_of_a_scene_stay_in_one_fold():
    """Each pair is twice the same point, far from all others: one that saw its twin could not but err."""
    points = np.random.default_rng(0).standard_normal((100, 30))
    for verdict in tell_apart(points, points, seed=0):
        assert verdict.accuracy == 0.5


def test_too_few_pairs_are_refused():
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match="need at least 10 pairs"):
        tell_apart(x, x, seed=0)


def test_without_scikit_learn_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(two_sample, "find_spec", lambda name: None)
    x = np.zeros((20, 2))
    with pytest.raises(ModuleNotFoundError, match=r"fcn\[audit\]"):
        tell_apart(x, x, seed=0)


def test_auc_by_hand():
    assert auc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert auc(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
