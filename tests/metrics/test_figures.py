"""The metrics against plain NumPy, accumulated against whole, merged over processes against single."""

import copy
import pickle

import numpy as np
import pytest
import torch

from fcn.metrics.aggregate import Quantile
from fcn.metrics.detection import EventRecall, FalseAlarmRate, false_alarms_per_hour, recall
from fcn.metrics.location import depth_error_km, location_figures, location_metrics
from fcn.metrics.magnitude import magnitude_figures, magnitude_metrics
from fcn.metrics.timeliness import (
    alarm_latency_s,
    compute_figures,
    latency_figures,
    latency_metrics,
)

RNG = np.random.default_rng(4)
TRUE_KM = RNG.uniform(-50, 50, (40, 3))
PREDICTED_KM = TRUE_KM + RNG.normal(0.5, 6, (40, 3))
TRUE_P_S = 1.46e9 + RNG.uniform(0, 3600, 40)
NOW_S = TRUE_P_S + RNG.uniform(2, 9, 40)


def reference_location(predicted, true):
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


def reference_magnitude(predicted, true):
    return {"magnitude_mae": np.mean(np.abs(predicted - true)), "magnitude_bias": np.mean(predicted - true)}


def reference_latency(now_s, first_p_s):
    latency = now_s - first_p_s
    return {
        "alarm_latency_s_min": latency.min(),
        "alarm_latency_s_p50": np.percentile(latency, 50),
        "alarm_latency_s_p90": np.percentile(latency, 90),
        "alarm_latency_s_max": latency.max(),
    }


FAMILIES = {
    "location": (location_metrics, location_figures, reference_location, PREDICTED_KM, TRUE_KM),
    "magnitude": (
        magnitude_metrics,
        magnitude_figures,
        reference_magnitude,
        PREDICTED_KM[:, 0],
        TRUE_KM[:, 0],
    ),
    "latency": (
        latency_metrics,
        lambda now_s, p_s: latency_figures(alarm_latency_s(now_s, p_s)),
        reference_latency,
        NOW_S,
        TRUE_P_S,
    ),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


def close(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert float(actual[name]) == pytest.approx(value, rel=1e-5), name


def test_close_can_fail():
    with pytest.raises(AssertionError, match="a"):
        close({"a": torch.tensor(1.0)}, {"a": 1.1})


def test_function_equals_reference(family):
    _, function, reference, predicted, true = family
    close(function(*tensors(predicted, true)), reference(predicted, true))


def test_accumulated_equals_whole(family):
    make, _, reference, predicted, true = family
    metrics = make()
    for start, stop in [(0, 1), (1, 1), (1, 17), (17, 40)]:  # one part is empty: a batch of noise only
        metrics.update(*tensors(predicted[start:stop], true[start:stop]))
    close(metrics.compute(), reference(predicted, true))


def test_processes_merge_as_one(family):
    """What DDP does: every state gathered from the ranks and reduced as declared."""
    make, _, reference, predicted, true = family
    ranks = [make(), make()]
    for rank, metrics in enumerate(ranks):
        metrics.update(*tensors(predicted[rank::2], true[rank::2]))
    merged = ranks[0]
    for name, metric in merged.items(keep_base=True):
        metric.merge_state(copy.deepcopy(ranks[1][name]))
    close(merged.compute(), reference(predicted, true))


def test_prefix_reset_and_pickle(family):
    make, _, reference, predicted, true = family
    metrics = pickle.loads(pickle.dumps(make(prefix="val/")))
    metrics.update(*tensors(predicted + 1, true))
    metrics.reset()
    metrics.update(*tensors(predicted, true))
    close(metrics.compute(), {f"val/{name}": value for name, value in reference(predicted, true).items()})


def test_nothing_counted_is_not_a_number_and_not_zero(family):
    make, function, _, predicted, true = family
    metrics = make()
    metrics.update(*tensors(predicted[:0], true[:0]))
    assert all(torch.isnan(value) for value in metrics.compute().values())
    assert all(torch.isnan(value) for value in function(*tensors(predicted[:0], true[:0])).values())


@pytest.mark.parametrize("make", [location_metrics, magnitude_metrics])
def test_an_estimate_that_is_not_a_number_is_refused(make):
    bad = torch.full((2, 3) if make is location_metrics else (2,), torch.nan)
    for name, metric in make().items():
        with pytest.raises(RuntimeError, match="nan"):
            metric.update(bad, torch.zeros_like(bad))
        assert name


def test_depth_error_is_positive_when_too_deep():
    assert depth_error_km(torch.tensor([[0.0, 0, 12]]), torch.tensor([[0.0, 0, 10]])).item() == 2.0


def test_latency_refuses_single_precision():
    with pytest.raises(ValueError, match="float64"):
        alarm_latency_s(torch.zeros(1), torch.zeros(1, dtype=torch.float64))


def test_compute_time_percentiles():
    figures = compute_figures(torch.arange(101.0))
    assert {name: value.item() for name, value in figures.items()} == {
        "compute_ms_per_window_p50": 50.0,
        "compute_ms_per_window_p99": 99.0,
    }


def test_quantile_refuses_a_percentage():
    with pytest.raises(ValueError, match="fraction of a quantile must be in 0-1: 90"):
        Quantile(90.0)


def test_recall_and_false_alarms():
    assert recall(69, 179).item() == pytest.approx(0.3855, abs=1e-4)
    assert torch.isnan(recall(0, 0))
    assert false_alarms_per_hour(3, 1800.0).item() == 6.0
    assert torch.isnan(false_alarms_per_hour(0, 0.0))


def test_recall_and_false_alarms_accumulate_and_merge():
    first, second = EventRecall(), EventRecall()
    first.update(1, 4)
    first.update(2, 2)
    second.update(0, 6)
    first.merge_state(second)
    assert first.compute().item() == 0.25
    rate, other = FalseAlarmRate(), FalseAlarmRate()
    rate.update(1, 1800.0)
    other.update(torch.tensor(2), 5400.0)
    rate.merge_state(other)
    assert rate.compute().item() == 1.5
