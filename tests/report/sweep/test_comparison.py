import math
from dataclasses import replace

import numpy as np
import pytest
from sweep_example import timed

from fcn.metrics.by_event import EventOutcome
from fcn.metrics.moments import TIMED
from fcn.report.sweep.answer import answer, numbers_table, repeats_said, settings_table
from fcn.report.sweep.comparison import compare_settings, holm
from fcn.report.sweep.elapsed import LEAST, elapsed_figure
from fcn.report.sweep.scored import Scored
from fcn.report.sweep.trade import magnitude_figure, trade_figure


def scored(found, *, n_false=0, off_km=1.0, seed=0, timed_s=None):
    """Two hours of events of which those that `found` says were found, so many seconds after P if at all."""
    rng = np.random.default_rng(seed)
    events = {}
    for i, is_found in enumerate(found):
        said = {
            "latency_s": 3.0,
            "epicentre_km": off_km * float(rng.uniform(0.5, 1.5)),
            "depth_error_km": -2.0,
        }
        said_by = {} if timed_s is None else timed(timed_s if is_found else None)
        events[f"s/{i}"] = EventOutcome(f"{i}", 3.0, bool(is_found), **(said if is_found else {}), **said_by)
    return Scored(events, {"s": n_false}, {"s": 2.0})


MOST = [True] * 90 + [False] * 10
HALF = [True] * 50 + [False] * 50


def test_figures_are_those_counted_and_intervals_those_of_a_binomial():
    (only,) = compare_settings([("a", scored(MOST, n_false=4))]).settings
    assert only.behind is None
    assert only.figures["recall"].value == pytest.approx(0.9)
    assert only.figures["f1"].value == pytest.approx(180 / 194)
    assert only.figures["false_alarms_per_hour"].value == 2.0
    assert only.figures["depth_rmse_km"].value == pytest.approx(2.0)
    assert only.figures["alarm_latency_s_p50"].value == 3.0
    assert math.isnan(only.figures["magnitude_mae"].value)
    sigma = math.sqrt(0.9 * 0.1 / 100)
    width = only.figures["recall"].high - only.figures["recall"].low
    assert width == pytest.approx(2 * 1.96 * sigma, rel=0.15)
    poisson = only.figures["false_alarms_per_hour"]
    assert (poisson.low, poisson.high) == pytest.approx((0.675, 4.75), rel=0.15)  # gamma(4.5) over 2 h
    (none,) = compare_settings([("a", scored(MOST))]).settings
    assert none.figures["false_alarms_per_hour"].value == 0.0
    assert none.figures["false_alarms_per_hour"].high == pytest.approx(1.26, rel=0.15)  # gamma(0.5)


def test_settings_that_come_to_the_same_share_a_name_and_all_are_within_the_axes():
    jobs = [("t=2", scored(MOST)), ("t=3", scored(MOST)), ("t=9", scored(HALF, n_false=4))]
    falses, latency = trade_figure(compare_settings(jobs)).axes
    assert {each.get_text() for each in falses.texts} >= {"2, 3", "9"}
    assert {each.get_text() for each in latency.texts} >= {"2, 3", "9"}
    assert falses.get_ylim()[1] > 50.0


def test_nothing_found_is_drawn_without_names():
    falses, latency = trade_figure(compare_settings([("t=2", scored([False] * 10))])).axes
    assert "2" in {each.get_text() for each in falses.texts}
    assert "2" not in {each.get_text() for each in latency.texts}  # no alarm, no latency


def test_settings_are_compared_on_the_same_earthquakes():
    """Two that differ in six events of a hundred: told apart in pairs, though their intervals overlap."""
    better, worse = [True] * 70 + [False] * 30, [True] * 62 + [False] * 38
    comparison = compare_settings([("worse", scored(worse)), ("better", scored(better))])
    assert comparison.best.name == "better"
    behind = comparison.settings[0]
    assert behind.is_told_apart
    assert behind.figures["recall"].high > comparison.best.figures["recall"].low
    same = compare_settings([("a", scored(better)), ("b", scored(better[::-1]))])
    assert not any(each.is_told_apart for each in same.settings)


def test_settings_of_the_same_f1_are_equal_in_the_table_too():
    comparison = compare_settings([("a", scored(MOST)), ("b", scored(MOST[::-1])), ("c", scored(HALF))])
    rows = settings_table("kumamoto", comparison).rows
    assert [row[1] for row in rows] == ["best", "equal to the best", "behind the best"]


def test_repeats_widen_what_is_uncertain_and_only_shared_events_count():
    repeats = [("a", scored(MOST)), ("a", scored(HALF)), ("b", scored(MOST[:60]))]
    comparison = compare_settings(repeats)
    assert comparison.n_events == 60
    a, b = comparison.settings
    assert (a.n_jobs, b.n_jobs) == (2, 1)
    assert a.figures["recall"].value == pytest.approx((60 + 50) / 120)
    assert a.spread > 0.05
    assert a.figures["recall"].high == pytest.approx(1.0)
    assert a.figures["recall"].low < 0.85
    assert compare_settings([]) is None
    assert compare_settings([("a", scored([])), ("b", scored(MOST))]) is None


def test_the_answer_names_the_best_what_is_behind_and_what_is_not_told_apart():
    jobs = [
        ("crust=own", scored(MOST, n_false=3)),
        ("crust=prem", scored(HALF)),
        ("crust=cus", scored(MOST[::-1])),
    ]
    comparison = compare_settings(jobs)
    said = answer("kumamoto", comparison)
    assert said.startswith("On kumamoto (100 events) crust=cus does best by F1: it finds 90 % (")
    assert "Behind it in F1: crust=prem by 0.2" in said
    assert said.endswith("Not told apart from it: crust=own.")
    table = settings_table("kumamoto", comparison)
    assert [row[1] for row in table.rows] == ["not told apart", "behind the best", "best"]
    numbers = {row[:4]: float(row[4]) for row in numbers_table([("kumamoto", comparison)]).rows}
    assert numbers["kumamoto", "crust=prem", "1", "recall"] == 0.5
    assert "Nothing is there to compare" in answer("x", compare_settings(jobs[:1]))


def test_nothing_found_is_an_answer_too():
    comparison = compare_settings([("a", scored([False] * 5)), ("b", scored([False] * 5, n_false=2))])
    said = answer("s", comparison)
    assert said.startswith(
        "On s (5 events) nothing was found, whatever the setting. False alarms an hour: a 0.0 ("
    )
    assert ", b 1.0 (" in said
    assert {row[1] for row in settings_table("s", comparison).rows} == {"–"}
    one = compare_settings([("a", scored([False] * 5))])
    assert "does best" not in answer("s", one)
    assert "nothing was found" in answer("s", one)
    assert not one.best.is_best
    assert magnitude_figure([("a", scored([False] * 5))]) is not None


def test_the_more_settings_there_are_the_more_it_takes_to_be_behind():
    """Holm's correction: of (0.01, 0.04, 0.03) the smallest counts threefold, the others twice."""
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    better, worse = [True] * 70 + [False] * 30, [True] * 66 + [False] * 34
    alone = compare_settings([("worse", scored(worse)), ("better", scored(better))])
    assert alone.settings[0].is_told_apart
    assert alone.settings[0].p_value < 0.05
    others = [(f"as good {i}", scored(better)) for i in range(12)]
    among = compare_settings([("worse", scored(worse)), ("better", scored(better)), *others])
    assert among.settings[0].p_value > 0.05
    assert not among.settings[0].is_told_apart


def test_the_answer_says_how_late_alarms_are_where_it_differs():
    soon, late = scored(MOST), scored(MOST)
    for key, event in late.events.items():
        if event.found:
            late.events[key] = replace(event, latency_s=8.0)
    said = answer("s", compare_settings([("latency_s=null", soon), ("latency_s=5.0", late)]))
    assert said.endswith(
        "alarm comes from 3.0 (3.0 to 3.0) s (latency_s=null) to 8.0 (8.0 to 8.0) s (latency_s=5.0) "
        "after the first P."
    )


def test_luck_is_said_where_it_is_known_and_where_it_is_not():
    once = compare_settings([("a", scored(MOST))])
    assert "how far luck goes is not known" in repeats_said(once, differ_in_luck=False)
    repeats = compare_settings([("a", scored(MOST)), ("a", scored(HALF))])
    told = f"differs by up to {repeats.settings[0].spread:.3f}"
    assert told in repeats_said(repeats, differ_in_luck=False)
    seeds = compare_settings([("seed=1", scored(MOST)), ("seed=2", scored(HALF))])
    assert told in repeats_said(seeds, differ_in_luck=True)


def test_none_is_called_best_of_those_that_are_equal():
    said = answer("s", compare_settings([("a", scored(MOST)), ("b", scored(MOST)), ("c", scored(HALF))]))
    assert said.startswith("On s (100 events) a and b are equal by F1: the first finds 90 %")
    assert "Not told apart" not in said
    assert "Behind it in F1: c by" in said


def test_figures_of_moments_are_of_what_was_declared_by_then():
    soon, late = scored(MOST, timed_s=3.0), scored(HALF, timed_s=7.0)
    first, second = compare_settings([("soon", soon), ("late", late)]).settings
    value = {name: each.value for name, each in first.figures.items()}
    assert [value[f"recall_at_{s}s"] for s in (2, 4, 30)] == pytest.approx([0.0, 0.9, 0.9])
    assert math.isnan(value["epicentre_p50_km_at_2s"])
    assert value["epicentre_p50_km_at_4s"] == pytest.approx(5.0)
    assert value["magnitude_mae_at_10s"] == pytest.approx(0.1)
    assert first.figures["recall_at_4s"].low == pytest.approx(first.figures["recall"].low)
    assert [second.figures[f"recall_at_{s}s"].value for s in (6, 10)] == pytest.approx([0.0, 0.5])
    unknown = compare_settings([("soon", soon), ("before", scored(HALF))]).settings[1]
    assert all(math.isnan(unknown.figures[f"{name}_at_10s"].value) for name in ("recall", "magnitude_mae"))


def test_curves_over_seconds_after_p_have_a_line_a_setting_and_no_error_of_few():
    few = [True] * (LEAST - 1) + [False] * 96
    comparison = compare_settings([("soon", scored(MOST, timed_s=3.0)), ("few", scored(few, timed_s=3.0))])
    share, off, _ = elapsed_figure(comparison).axes
    lines = {line.get_label(): line for line in share.lines}
    assert list(lines) == ["soon", "few"]
    assert lines["soon"].get_linewidth() > lines["few"].get_linewidth()  # the best
    assert lines["few"].get_ydata() == pytest.approx([0.0] + [0.04] * 5)
    assert lines["few"].get_xdata() == pytest.approx([2, 4, 6, 10, 20, 30], rel=0.02)
    errors = {line.get_label(): line.get_ydata() for line in off.lines}
    assert errors["soon"][1:] == pytest.approx([5.0, 20 / 6, 2.0, 1.0, 2 / 3])
    assert np.isnan(errors["soon"][0])
    assert np.isnan(errors["few"]).all()
    (low, high), *_ = [path.vertices[:, 1] for path in share.collections[0].get_paths()][1:]
    assert low < 0.9 < high
    assert elapsed_figure(compare_settings([("a", scored(MOST))])) is None


def test_a_found_event_whose_first_p_is_unknown_counts_neither_way():
    """Neither as declared by then nor as not: all others are."""
    known = scored(MOST, timed_s=3.0)
    nothing = {**timed(None), "latency_s": None}
    unknown = {
        key: replace(event, **nothing) if key in ("s/0", "s/1") else event
        for key, event in known.events.items()
    }
    (only,) = compare_settings([("a", Scored(unknown, {"s": 0}, {"s": 2.0}))]).settings
    assert only.figures["recall_at_30s"].value == pytest.approx(88 / 98)
    assert only.figures["recall_at_2s"].value == 0.0
    assert only.n_known["recall_at_30s"] == 98
    assert only.n_known["epicentre_p50_km_at_30s"] == 88


def test_of_a_catalogue_without_any_first_p_no_moment_is_known():
    events = {key: replace(each, latency_s=None) for key, each in scored(MOST, timed_s=3.0).events.items()}
    (only,) = compare_settings([("a", Scored(events, {"s": 0}, {"s": 2.0}))]).settings
    assert math.isnan(only.figures["recall_at_30s"].value)
    assert only.figures["recall"].value == pytest.approx(0.9)


def test_errors_of_few_known_magnitudes_are_not_drawn():
    known = scored(MOST, timed_s=3.0)
    without = {"timed_magnitude_error": (None,) * len(TIMED)}
    few = {
        key: event if i < LEAST - 1 else replace(event, **without)
        for i, (key, event) in enumerate(known.events.items())
    }
    comparison = compare_settings([("a", Scored(few, {"s": 0}, {"s": 2.0}))])
    _, off, magnitudes = elapsed_figure(comparison).axes
    assert np.isfinite(off.lines[0].get_ydata()[1:]).all()
    assert np.isnan(magnitudes.lines[0].get_ydata()).all()


def test_axes_leave_room_above_the_highest_point():
    figure = elapsed_figure(compare_settings([("soon", scored(MOST, timed_s=3.0))]))
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low == 0.0
        drawn = [
            *axes.lines[0].get_ydata(),
            *(path.vertices[:, 1].max() for path in axes.collections[0].get_paths()),
        ]
        assert high == pytest.approx(1.06 * np.nanmax(drawn))


def test_false_alarms_of_a_sequence_that_not_all_have_seen_do_not_count():
    """As while a sweep runs: on what both were scored on they are the same."""
    one = scored(MOST, n_false=10)
    more = Scored(
        {**one.events, **{f"t/{i}": EventOutcome(f"{i}", 3.0, True) for i in range(50)}},
        {"s": 10, "t": 40},
        {"s": 2.0, "t": 2.0},
    )
    first, second = compare_settings([("more", more), ("one", one)]).settings
    for name in ("f1", "false_alarms_per_hour"):
        assert first.figures[name].value == second.figures[name].value
    assert (first.n_jobs, second.is_told_apart) == (1, False)


def test_false_alarms_are_those_of_as_long():
    """Of the shortest watch of each sequence, where budgets differ; their rate is each one's own."""
    half = replace(scored(MOST, n_false=5), watched_hours={"s": 1.0})
    short, long = compare_settings([("short", half), ("long", scored(MOST, n_false=10))]).settings
    assert short.figures["f1"].value == long.figures["f1"].value == pytest.approx(180 / 195)
    assert short.figures["false_alarms_per_hour"].value == long.figures["false_alarms_per_hour"].value == 5.0


@pytest.mark.parametrize(("n_repeats", "is_told_apart"), [(1, False), (3, True)])
def test_a_setting_without_repeats_may_have_been_lucky(n_repeats, is_told_apart):
    """Among others whose repeats differ by more than what it is behind; with repeats of its own it is."""
    found = [[True] * n + [False] * (100 - n) for n in (90, 60, 30)]
    jobs = [("a", scored(each)) for each in found] + [("b", scored([True] * 20 + [False] * 80))] * n_repeats
    comparison = compare_settings(jobs)
    assert [each.is_told_apart for each in comparison.settings] == [False, is_told_apart]
    said = repeats_said(comparison, differ_in_luck=False)
    assert ("Trained once, their F1 as uncertain as that of the others has it: b." in said) is (
        n_repeats == 1
    )
    assert "differs by up to 0.4" in said
    f1 = comparison.settings[1].figures["f1"]
    assert 0.0 <= f1.low < f1.value < f1.high <= 1.0
