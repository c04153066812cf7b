import numpy as np
import pytest

from fcn.recombine.select import FEATURES, LIMITS, Choice, OriginIndex, RecordIndex, record_features

TOLERANCES = dict.fromkeys(FEATURES, 1.0)
UNLIMITED = dict.fromkeys(LIMITS, np.inf)


def index(
    features: np.ndarray,
    n_candidates: int = 8,
    noisy: bool = False,
    p_coherence: float = 0.0,
    **limits: float,
) -> RecordIndex:
    """Records 100, 101 ..., each with stronger P than the one before."""
    n = len(features)
    return RecordIndex(
        features,
        np.arange(n) + 100,
        np.zeros(n),
        np.full(n, noisy),
        n_candidates=n_candidates,
        tolerances=TOLERANCES,
        limits={**UNLIMITED, **limits},
        p_strength=np.arange(n, dtype=float),
        p_coherence=p_coherence,
    )


def choose(chosen_from: RecordIndex, query: np.ndarray, pick: np.ndarray, level_db: float = 0.0) -> Choice:
    return chosen_from.choose(query, np.full(len(query), float(level_db)), pick, np.full(len(query), 0.5))


def test_every_record_within_tolerance_is_reached_about_equally_often():
    rng = np.random.default_rng(0)
    near = rng.uniform(-0.1, 0.1, (6, 4))
    far = near + 10
    pick = rng.random(6000)
    choice = choose(index(np.concatenate([near, far])), np.zeros((6000, 4)), pick)
    counts = np.bincount(choice.record - 100, minlength=12)
    assert counts[6:].sum() == 0
    chi2 = ((counts[:6] - 1000) ** 2 / 1000).sum()
    assert chi2 < 20.5  # 99.9 % of chi-squared with 5 degrees of freedom
    assert not choice.widened.any()


@pytest.mark.parametrize("coherence", [0.0, 0.7])
def test_records_of_strong_p_are_chosen_where_p_is_radiated_strongly(coherence):
    """As much as is asked for; and any candidate as often as another, whatever is asked."""
    rng = np.random.default_rng(2)
    p_rank, query = rng.random(8000), np.zeros((8000, 4))
    drawn_from = index(rng.uniform(-0.1, 0.1, (8, 4)), p_coherence=coherence)
    choice = drawn_from.choose(query, np.zeros(8000), rng.random(8000), p_rank)
    assert np.corrcoef(choice.record, p_rank)[0, 1] == pytest.approx(coherence, abs=0.05)
    counts = np.bincount(choice.record - 100, minlength=8)
    assert ((counts - 1000) ** 2 / 1000).sum() < 24.3  # 99.9 % of chi-squared with 7 degrees of freedom


def test_an_empty_neighbourhood_widens_and_says_so():
    choice = choose(index(np.full((5, 4), 10.0)), np.zeros((3, 4)), np.array([0.0, 0.5, 0.999]))
    assert choice.widened.all()
    assert len(choice.record) == 3


def test_the_largest_pick_stays_inside():
    choice = choose(index(np.zeros((3, 4))), np.zeros((1, 4)), np.array([np.nextafter(1.0, 0.0)]))
    assert 100 <= choice.record[0] <= 102


def test_features_are_monotonic_in_what_they_measure():
    low = record_features(*(np.array([v]) for v in (10.0, 5.0, 3.0, 1.0)))
    high = record_features(*(np.array([v]) for v in (20.0, 6.0, 4.0, 2.0)))
    assert (high > low).all()


@pytest.mark.parametrize("name", ["magnitude", "log_s_minus_p"])
def test_records_beyond_a_limit_serve_only_where_there_is_no_other(name):
    """Nearest in all else, but out of bounds in one: passed over, also when that means to widen."""
    column = FEATURES.index(name)
    features = np.zeros((4, 4))
    features[:2, column] = 0.9  # near, and beyond the limit
    features[2:, 0] = 3.0  # far, and within it
    pick = np.linspace(0, 0.99, 20)
    limited = choose(index(features, 2, **{name: 0.5}), np.zeros((20, 4)), pick)
    assert set(limited.record) == {102, 103}
    assert limited.widened.all()
    free = choose(index(features, 2), np.zeros((20, 4)), pick)
    assert set(free.record) == {100, 101}
    assert not free.widened.any()
    none_left = choose(index(features[:2], 2, **{name: 0.5}), np.zeros((20, 4)), pick)
    assert set(none_left.record) <= {100, 101}
    assert none_left.widened.all()


def test_a_record_with_noise_of_its_own_is_not_raised_above_the_limit():
    query, pick = np.zeros((1, 4)), np.zeros(1)
    for noisy, level_db, refused in (
        (True, 11, True),
        (True, 9, False),
        (True, -40, False),
        (False, 40, False),
    ):
        made = index(np.zeros((3, 4)), noisy=noisy, noise_gain_db=10.0)
        assert choose(made, query, pick, level_db).widened.item() == refused


def test_every_record_is_reached():
    """By a query at its own place, whatever its neighbours."""
    rng = np.random.default_rng(1)
    features = rng.uniform(-2, 2, (300, 4))
    queries = np.repeat(features, 40, axis=0)
    choice = choose(index(features, 16), queries, rng.random(len(queries)))
    assert set(choice.record) == set(range(100, 400))


def test_an_origin_is_drawn_as_often_as_it_has_records():
    """And what it says of its choices goes to the queries that were its own."""
    near, far = index(np.zeros((30, 4))), index(np.full((10, 4), 10.0))
    far.records = far.records + 100
    both = OriginIndex([near, far])
    assert set(both.records) == set(near.records) | set(far.records)
    rng = np.random.default_rng(0)
    origin_pick = rng.permuted(np.linspace(0, 1, 4001))  # a draw of nearly 1 is 1 in single precision
    query, level_db = np.zeros((4001, 4)), np.zeros(4001)
    choice = both.choose(query, level_db, rng.random(4001), rng.random(4001), origin_pick)
    from_far = choice.record >= 200
    np.testing.assert_array_equal(from_far, origin_pick >= 0.75)
    np.testing.assert_array_equal(choice.widened, from_far)
    assert len(set(choice.record[~from_far])) == 8  # the candidates


def test_wrong_tolerances_and_empty_stores_are_refused():
    with pytest.raises(ValueError, match="tolerances must be positive"):
        _empty(tolerances={"depth_km": 1.0})
    with pytest.raises(ValueError, match="limits must be positive"):
        _empty(limits={**UNLIMITED, "magnitude": 0.0})
    with pytest.raises(ValueError, match="no earthquake records"):
        _empty()


def _empty(**change: dict[str, float]) -> RecordIndex:
    laws = {"tolerances": TOLERANCES, "limits": UNLIMITED, **change}
    none = np.zeros(0)
    return RecordIndex(
        np.zeros((0, 4)),
        none.astype(int),
        none,
        none > 0,
        n_candidates=1,
        p_strength=none,
        p_coherence=0.0,
        **laws,
    )
