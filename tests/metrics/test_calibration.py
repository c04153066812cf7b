import copy

import numpy as np
import pytest
import torch

from fcn.metrics.calibration import coverage_figures, coverage_metrics, depth_coverage, epicentre_coverage

RNG = np.random.default_rng(8)
N = 20_000
STD_KM = RNG.uniform(0.5, 5, N)
ERROR_KM = RNG.standard_normal((N, 3)) * STD_KM[:, None]
UNCERTAINTY_KM = torch.from_numpy(np.stack([np.sqrt(2) * STD_KM, STD_KM], axis=1))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_honest_gaussian_uncertainties_cover_as_often_as_they_say(level):
    error_km = torch.from_numpy(ERROR_KM)
    across_km = torch.hypot(error_km[:, 0], error_km[:, 1])
    assert epicentre_coverage(across_km, UNCERTAINTY_KM[:, 0], level).item() == pytest.approx(level, abs=0.01)
    assert depth_coverage(error_km[:, 2], UNCERTAINTY_KM[:, 1], level).item() == pytest.approx(
        level, abs=0.01
    )


def test_overconfidence_shows():
    figures = coverage_figures(
        torch.from_numpy(ERROR_KM), torch.zeros(N, 3, dtype=torch.float64), UNCERTAINTY_KM / 3
    )
    assert all(float(value) < 0.5 for value in figures.values())
    assert figures["epicentre_coverage_50"] < figures["epicentre_coverage_90"]


def test_accumulated_and_merged_equal_whole():
    predicted, true = torch.from_numpy(ERROR_KM[:100]), torch.zeros(100, 3, dtype=torch.float64)
    expected = coverage_figures(predicted, true, UNCERTAINTY_KM[:100])
    ranks = [coverage_metrics(), coverage_metrics()]
    for start, stop, rank in ((0, 0, 0), (0, 13, 0), (13, 60, 1), (60, 100, 0)):
        part = slice(start, stop)
        ranks[rank].update(predicted[part], true[part], UNCERTAINTY_KM[part])
    for name, metric in ranks[0].items(keep_base=True):
        metric.merge_state(copy.deepcopy(ranks[1][name]))
    for name, value in ranks[0].compute().items():
        assert float(value) == pytest.approx(float(expected[name]), rel=1e-5)


def test_nothing_and_nonsense():
    nothing = torch.zeros(0, 3)
    assert all(torch.isnan(value) for value in coverage_figures(nothing, nothing, nothing[:, :2]).values())
    with pytest.raises(RuntimeError, match="nan"):
        coverage_metrics().update(torch.full((1, 3), torch.nan), torch.zeros(1, 3), torch.ones(1, 2))
