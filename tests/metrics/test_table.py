"""Every family against plain NumPy: whole, in parts, over processes."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from fcn.metrics.errors import Tally, alarm_latency_s, depth_error_km
from fcn.metrics.row import Row, accumulating, figures
from fcn.metrics.table import (
    ALL,
    COMPUTE,
    COVERAGE,
    DETECTION,
    F1,
    LATENCY,
    LOCATION,
    MAGNITUDE,
    TIME_COVERAGE,
)

RNG = np.random.default_rng(4)
TRUE_KM = RNG.uniform(-50, 50, (40, 3))
PREDICTED_KM = TRUE_KM + RNG.normal(0.5, 6, (40, 3))
UNCERTAINTY_KM = RNG.uniform(1, 9, (40, 2))
TRUE_P_S = 1.46e9 + RNG.uniform(0, 3600, 40)
NOW_S = TRUE_P_S + RNG.uniform(2, 9, 40)


def location(predicted, true):
    difference = predicted - true
    epicentre = np.sqrt(difference[:, 0] ** 2 + difference[:, 1] ** 2)
    return {
        "epicentre_rmse_km": np.sqrt(np.mean(epicentre**2)),
        "epicentre_p50_km": np.percentile(epicentre, 50),
        "epicentre_p90_km": np.percentile(epicentre, 90),
        "epicentre_share_over_10km": np.mean(epicentre > 10),
        "depth_rmse_km": np.sqrt(np.mean(difference[:, 2] ** 2)),
        "depth_bias_km": np.mean(difference[:, 2]),
    }


def magnitude(predicted, true):
    return {"magnitude_mae": np.mean(np.abs(predicted - true)), "magnitude_bias": np.mean(predicted - true)}


def latency(now_s, first_p_s):
    seconds = now_s - first_p_s
    return {
        "alarm_latency_s_min": seconds.min(),
        "alarm_latency_s_p50": np.percentile(seconds, 50),
        "alarm_latency_s_p90": np.percentile(seconds, 90),
        "alarm_latency_s_max": seconds.max(),
    }


def compute(ms):
    return {f"compute_ms_per_window_p{percent}": np.percentile(ms, percent) for percent in (50, 99)}


def coverage(predicted, true, uncertainty):
    """Limits from tables: Rayleigh and normal quantiles."""
    across, down = np.hypot(*(predicted - true)[:, :2].T), np.abs(predicted - true)[:, 2]
    return {
        "epicentre_coverage_50": np.mean(across < 0.832555 * uncertainty[:, 0]),
        "depth_coverage_50": np.mean(down < 0.674490 * uncertainty[:, 1]),
        "epicentre_coverage_90": np.mean(across < 1.517427 * uncertainty[:, 0]),
        "depth_coverage_90": np.mean(down < 1.644854 * uncertainty[:, 1]),
    }


def time_coverage(predicted_s, true_s, uncertainty_s):
    off_s = np.abs(predicted_s - true_s)
    return {
        "origin_time_coverage_50": np.mean(off_s < 0.674490 * uncertainty_s),
        "origin_time_coverage_90": np.mean(off_s < 1.644854 * uncertainty_s),
    }


@dataclass(frozen=True)
class Family:
    rows: tuple[Row, ...]
    reference: object
    arguments: tuple[np.ndarray, ...]

    def part(self, rows):
        return [torch.from_numpy(each[rows]) for each in self.arguments]

    def expected(self, rows=slice(None)):
        return self.reference(*(each[rows] for each in self.arguments))


FAMILIES = {
    "location": Family(LOCATION, location, (PREDICTED_KM, TRUE_KM)),
    "magnitude": Family(MAGNITUDE, magnitude, (PREDICTED_KM[:, 0], TRUE_KM[:, 0])),
    "coverage": Family(COVERAGE, coverage, (PREDICTED_KM, TRUE_KM, UNCERTAINTY_KM)),
    "time_coverage": Family(TIME_COVERAGE, time_coverage, (NOW_S, TRUE_P_S, UNCERTAINTY_KM[:, 0])),
    "latency": Family(LATENCY, latency, (NOW_S, TRUE_P_S)),
    "compute": Family(COMPUTE, compute, (RNG.uniform(5, 90, 40),)),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def close(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert float(actual[name]) == pytest.approx(value, rel=1e-5), name


def test_a_family_equals_its_reference(family):
    close(figures(family.rows, *family.part(slice(None))), family.expected())
    with pytest.raises(AssertionError):
        close(figures(family.rows, *family.part(slice(1, None))), family.expected())


def test_accumulated_equals_whole(family):
    metrics = accumulating(family.rows)
    for start, stop in [(0, 1), (1, 1), (1, 17), (17, 40)]:  # one part is empty: a batch of noise only
        metrics.update(*family.part(slice(start, stop)))
    close(metrics.compute(), family.expected())


def test_processes_merge_as_one(family):
    """What DDP does: every state gathered from the ranks and reduced as declared."""
    ranks = [accumulating(family.rows), accumulating(family.rows)]
    for rank, metrics in enumerate(ranks):
        metrics.update(*family.part(slice(rank, None, 2)))
    merged = ranks[0]
    for name, metric in merged.items(keep_base=True):
        metric.merge_state(copy.deepcopy(ranks[1][name]))
    close(merged.compute(), family.expected())


def test_prefix_reset_and_pickle(family):
    metrics = pickle.loads(pickle.dumps(accumulating(family.rows, prefix="val/")))
    metrics.update(*family.part(slice(0, 9)))
    metrics.reset()
    metrics.update(*family.part(slice(None)))
    close(metrics.compute(), {f"val/{name}": value for name, value in family.expected().items()})


def test_nothing_counted_is_not_a_number_and_not_zero(family):
    nothing = family.part(slice(0, 0))
    metrics = accumulating(family.rows)
    metrics.update(*nothing)
    assert all(torch.isnan(value) for value in metrics.compute().values())
    assert set(figures(family.rows, *nothing).values()) == {None}


def test_an_estimate_that_is_not_a_number_is_refused(family):
    first, *others = family.part(slice(0, 2))
    for row in family.rows:
        assert torch.isnan(row.figure(torch.full_like(first, torch.nan), *others)), row.name
        with pytest.raises(RuntimeError, match="nan"):
            accumulating([row]).update(torch.full_like(first, torch.nan), *others)


def test_names_are_unique_and_columns_have_headings_of_their_own():
    assert len({row.name for row in ALL}) == len(ALL)
    for table in ("label", "classes", "training", "sweep_val", "sweep_test"):
        headings = [heading for row in ALL if (heading := getattr(row, table))]
        assert headings
        assert len(set(headings)) == len(headings), table


def test_depth_error_is_positive_when_too_deep():
    assert depth_error_km(torch.tensor([[0.0, 0, 12]]), torch.tensor([[0.0, 0, 10]])).item() == 2.0


def test_latency_refuses_single_precision():
    with pytest.raises(ValueError, match="float64"):
        alarm_latency_s(torch.zeros(1), torch.zeros(1, dtype=torch.float64))


def test_honest_gaussian_uncertainties_cover_as_often_as_they_say_and_overconfident_ones_do_not():
    n, rng = 20_000, np.random.default_rng(8)
    std_km = rng.uniform(0.5, 5, n)
    error_km = torch.from_numpy(rng.standard_normal((n, 3)) * std_km[:, None])
    uncertainty_km = torch.from_numpy(np.stack([np.sqrt(2) * std_km, std_km], axis=1))
    for factor, honest in ((1.0, True), (1 / 3, False)):
        for name, share in figures(COVERAGE, error_km, 0 * error_km, factor * uncertainty_km).items():
            level = int(name[-2:]) / 100
            assert share == pytest.approx(level, abs=0.01) if honest else share < min(level, 0.5), name


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally(180, 45, 3, 1800.0), {"recall": 0.25, "false_alarms_per_hour": 6.0}),
        (Tally(0, 0, 0, 0.0), {"recall": None, "false_alarms_per_hour": None}),
    ],
)
def test_recall_and_false_alarms(tally, expected):
    assert figures(DETECTION, tally) == expected


def test_f1_is_the_harmonic_mean_of_recall_and_precision():
    recall, precision = 3 / 4, 3 / 6
    assert F1.figure(3, 4, 6).item() == pytest.approx(2 * recall * precision / (recall + precision))
    assert torch.isnan(F1.figure(0, 0, 0))
