"""Every figure of merit, a row each, by family. To add one, add a row; what its columns mean: `row.Row`."""

from fcn.metrics.errors import (
    DepthInside,
    EpicentreInside,
    TimeInside,
    alarm_latency_s,
    compute_ms,
    depth_error_km,
    epicentre_error_km,
    false_alarms,
    found,
    found_and_true,
    is_right,
    magnitude_error,
    right_s,
    stood_s,
)
from fcn.metrics.row import Row
from fcn.metrics.statistic import Quantile, ShareOver, mean, mean_absolute, ratio, root_mean_square

# fmt: off
# errors of (predicted_km, true_km)
LOCATION = (
    Row("epicentre_rmse_km", epicentre_error_km, root_mean_square, "epicentre RMSE (km)", 3,
        moments="RMSE (km)", sweep_test="epicentre RMSE (km)"),
    Row("epicentre_p50_km", epicentre_error_km, Quantile(0.5), "epicentre median (km)", 3, moments="median",
        classes="epicentre median (km)", training="epicentre p50 (km)", sweep_val="epicentre p50 (km)"),
    Row("epicentre_p90_km", epicentre_error_km, Quantile(0.9), "epicentre 90 % (km)", 3, moments="90 %",
        training="epicentre p90 (km)"),
    # further off than this, an epicentre would mislead a regional warning
    Row("epicentre_share_over_10km", epicentre_error_km, ShareOver(10.0), moments="> 10 km"),
    Row("depth_rmse_km", depth_error_km, root_mean_square, "depth RMSE (km)", 3, moments="depth RMSE",
        training="depth RMSE (km)", sweep_val="depth RMSE (km)"),
    Row("depth_bias_km", depth_error_km, mean, "depth bias (km, + deep)", 3, moments="bias"),
)

# errors of (predicted, true)
MAGNITUDE = (
    Row("magnitude_mae", magnitude_error, mean_absolute, "magnitude MAE", moments="magn. MAE",
        training="magn. MAE", sweep_val="magn. MAE"),
    Row("magnitude_bias", magnitude_error, mean, "magnitude bias", moments="bias", classes="magnitude bias"),
)

# errors of (predicted_km, true_km, uncertainty_km)
COVERAGE = (
    Row("epicentre_coverage_50", EpicentreInside(0.5), mean),
    Row("depth_coverage_50", DepthInside(0.5), mean),
    Row("epicentre_coverage_90", EpicentreInside(0.9), mean),
    Row("depth_coverage_90", DepthInside(0.9), mean),
)

# errors of (predicted_s, true_s, uncertainty_s)
TIME_COVERAGE = (
    Row("origin_time_coverage_50", TimeInside(0.5), mean),
    Row("origin_time_coverage_90", TimeInside(0.9), mean),
)

# errors of (alarm_now_s, first_p_time_s)
LATENCY = (
    Row("alarm_latency_s_min", alarm_latency_s, Quantile(0.0)),
    Row("alarm_latency_s_p50", alarm_latency_s, Quantile(0.5), "alarm after P (s), median",
        classes="alarm median (s)", sweep_test="alarm p50 (s)"),
    Row("alarm_latency_s_p90", alarm_latency_s, Quantile(0.9)),
    Row("alarm_latency_s_max", alarm_latency_s, Quantile(1.0)),
)

# errors of (since_first_p_s)
SETTLING = (
    Row("magnitude_right_s_p50", right_s, Quantile(0.5), "magnitude right for good after P (s), median", 1),
    Row("magnitude_right_s_p90", right_s, Quantile(0.9)),
)

# errors of (predicted, released so far)
RELEASED = (
    Row("magnitude_released_mae_at_10s", magnitude_error, mean_absolute, "P + 10 s, M against released, MAE"),
    Row("magnitude_released_bias_at_10s", magnitude_error, mean),
)

# errors of (flags)
BOUND = (Row("lower_bound_right_share_at_10s", is_right, mean, "P + 10 s, lower bound right (share)"),)

# errors of (alarm_to_last_s)
STOOD = (
    Row("false_alarm_stood_s_p50", stood_s, Quantile(0.5), "false alarms stood (s), median", 1),
    Row("false_alarm_stood_s_max", stood_s, Quantile(1.0)),
)

# errors of (per_window_ms)
COMPUTE = (
    Row("compute_ms_per_window_p50", compute_ms, Quantile(0.5), "window (ms), median", 1),
    Row("compute_ms_per_window_p99", compute_ms, Quantile(0.99), "window (ms), 99 %", 1),
)

# counts of (Tally)
DETECTION = (
    Row("recall", found, ratio, sweep_test="recall"),
    Row("false_alarms_per_hour", false_alarms, ratio, "false alarms per hour", 1, sweep_test="false/h"),
)

# of all validation sequences together: a training logs it; metrics.json, of one sequence, does not hold it
F1 = Row("f1", found_and_true, ratio, training="F1")

# in the order in which people are told of them
ALL = (
    F1, *DETECTION, *STOOD, *LOCATION, *MAGNITUDE, *SETTLING, *RELEASED, *BOUND, *COVERAGE,
    *TIME_COVERAGE, *LATENCY, *COMPUTE,
)
# fmt: on
