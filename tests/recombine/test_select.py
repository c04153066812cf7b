import numpy as np
import pytest

from fcn.recombine.select import FEATURES, RecordIndex, record_features

TOLERANCES = dict.fromkeys(FEATURES, 1.0)


def index(features: np.ndarray, n_candidates: int = 8) -> RecordIndex:
    return RecordIndex(
        features, np.arange(len(features)) + 100, n_candidates=n_candidates, tolerances=TOLERANCES
    )


def test_every_record_within_tolerance_is_reached_about_equally_often():
    rng = np.random.default_rng(0)
    near = rng.uniform(-0.1, 0.1, (6, 4))
    far = near + 10
    pick = rng.random(6000)
    choice = index(np.concatenate([near, far])).choose(np.zeros((6000, 4)), pick)
    counts = np.bincount(choice.record - 100, minlength=12)
    assert counts[6:].sum() == 0
    chi2 = ((counts[:6] - 1000) ** 2 / 1000).sum()
    assert chi2 < 20.5  # 99.9 % of chi-squared with 5 degrees of freedom
    assert not choice.widened.any()


def test_an_empty_neighbourhood_widens_and_says_so():
    choice = index(np.full((5, 4), 10.0)).choose(np.zeros((3, 4)), np.array([0.0, 0.5, 0.999]))
    assert choice.widened.all()
    assert len(choice.record) == 3


def test_the_largest_pick_stays_inside():
    choice = index(np.zeros((3, 4))).choose(np.zeros((1, 4)), np.array([np.nextafter(1.0, 0.0)]))
    assert 100 <= choice.record[0] <= 102


def test_features_are_monotonic_in_what_they_measure():
    low = record_features(*(np.array([v]) for v in (10.0, 5.0, 3.0, 1.0)))
    high = record_features(*(np.array([v]) for v in (20.0, 6.0, 4.0, 2.0)))
    assert (high > low).all()


def test_wrong_tolerances_and_empty_stores_are_refused():
    with pytest.raises(ValueError, match="tolerances must be positive"):
        RecordIndex(np.zeros((1, 4)), np.zeros(1, int), n_candidates=1, tolerances={"depth_km": 1.0})
    with pytest.raises(ValueError, match="no earthquake records"):
        RecordIndex(np.zeros((0, 4)), np.zeros(0, int), n_candidates=1, tolerances=TOLERANCES)
