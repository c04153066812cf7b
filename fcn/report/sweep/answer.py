"""A sweep's answer in a sentence, and the table it rests on."""

import math
from collections.abc import Sequence

from fcn.report.kit.table import ABSENT, Table
from fcn.report.sweep.comparison import Comparison, Estimate, Setting

COLUMNS = (  # figure, header, digits
    ("f1", "F1", 3),
    ("recall", "found", 3),
    ("false_alarms_per_hour", "false/h", 1),
    ("alarm_latency_s_p50", "alarm p50 (s)", 1),
    ("epicentre_p50_km", "epicentre p50 (km)", 2),
    ("epicentre_rmse_km", "epicentre RMSE (km)", 2),
    ("depth_rmse_km", "depth RMSE (km)", 2),
    ("magnitude_mae", "magn. MAE", 2),
)
_MOST_NAMED = 4


def answer(where: str, comparison: Comparison) -> str:
    """What the numbers of one set say, with 95 % intervals."""
    if comparison.found_nothing:
        return _nothing_found(where, comparison)
    best = comparison.best
    found, off = best.figures["recall"], best.figures["epicentre_p50_km"]
    false = best.figures["false_alarms_per_hour"]
    even = [each.name for each in comparison.settings if each.behind and each.behind.value == 0]
    rank = f"and {', '.join(even)} are equal by F1: the first" if even else "does best by F1: it"
    sentence = (
        f"On {where} ({comparison.n_events} events) {best.name} {rank} finds "
        f"{_percent(found)} with {_range(false, 1)} false alarms an hour"
    )
    sentence += f", epicentres {_range(off, 1)} km off (median)." if math.isfinite(off.value) else "."
    others = [each for each in comparison.settings if each is not best]
    if not others:
        return f"{sentence} Nothing is there to compare it with yet."
    worse = sorted((each for each in others if each.is_told_apart), key=_shortfall, reverse=True)
    same = [each for each in others if not each.is_told_apart and each.name not in even]
    if worse:
        named = [f"{each.name} by {_range(each.behind, 3)}" for each in worse[:_MOST_NAMED] if each.behind]
        further = f" and {len(worse) - _MOST_NAMED} more" if len(worse) > _MOST_NAMED else ""
        sentence += f" Behind it in F1: {', '.join(named)}{further}."
    if same:
        sentence += f" Not told apart from it: {', '.join(each.name for each in same)}."
    return sentence + _latencies(comparison)


def _nothing_found(where: str, comparison: Comparison) -> str:
    """Said of all settings, with what they declared all the same."""
    named = [
        f"{each.name} {_range(each.figures['false_alarms_per_hour'], 1)}" for each in comparison.settings
    ]
    further = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return (
        f"On {where} ({comparison.n_events} events) nothing was found, whatever the setting. False alarms an "
        f"hour: {', '.join(named[:_MOST_NAMED])}{further}."
    )


def repeats_said(comparison: Comparison, *, differ_in_luck: bool) -> str:
    """What is known of the luck of a training; differ_in_luck: settings differ in their seeds alone."""
    if differ_in_luck:
        values = [each.figures["f1"].value for each in comparison.settings]
        spread = max(values) - min(values)
    elif max(each.n_jobs for each in comparison.settings) == 1:
        return "Each setting was trained once: how far luck goes is not known, and not in the intervals."
    else:
        spread = max(each.spread for each in comparison.settings)
    said = f"F1 of trainings that differ in their seed alone differs by up to {spread:.3f}."
    alone = [each.name for each in comparison.settings if each.n_jobs == 1]
    if differ_in_luck or not alone:
        return said
    return f"{said} Trained once, their F1 as uncertain as that of the others has it: {', '.join(alone)}."


def _latencies(comparison: Comparison) -> str:
    known = [each for each in comparison.settings if math.isfinite(each.figures["alarm_latency_s_p50"].value)]
    if len(known) < 2:
        return ""
    first, *_, last = sorted(known, key=lambda each: each.figures["alarm_latency_s_p50"].value)
    if not first.figures["alarm_latency_s_p50"].value < last.figures["alarm_latency_s_p50"].value:
        return ""
    soon, late = (_range(each.figures["alarm_latency_s_p50"], 1) for each in (first, last))
    return (
        f" The median alarm comes from {soon} s ({first.name}) to {late} s ({last.name}) after the first P."
    )


def settings_table(where: str, comparison: Comparison) -> Table:
    """Every setting with the intervals of its figures: which is best, and which not told apart from it."""
    rows = tuple(
        (
            each.name,
            # first of all, where a narrow window shows it
            ABSENT if comparison.found_nothing else _verdict(each),
            ABSENT if each.behind is None else f"{each.p_value:.3f}",
            str(each.n_jobs),
            *(cell(each.figures[name], digits) for name, _, digits in COLUMNS),
            f"{each.spread:.3f}" if each.n_jobs > 1 else ABSENT,
        )
        for each in comparison.settings
    )
    header = ("setting", "by F1", "p", "jobs", *(title for _, title, _ in COLUMNS), "F1 over repeats")
    return Table(f"{where}, {comparison.n_events} events", header, rows, left=(0, 1), prose=(0,))


def numbers_table(compared: Sequence[tuple[str, Comparison]]) -> Table:
    """The same for other programs: a line per set, setting and figure."""
    rows = [
        (where, each.name, str(each.n_jobs), name, repr(found.value), repr(found.low), repr(found.high))
        for where, comparison in compared
        for each in comparison.settings
        for name, found in (
            *each.figures.items(),
            *((("f1_behind_best", each.behind),) if each.behind else ()),
        )
    ]
    header = ("set", "setting", "jobs", "figure", "value", "low_95", "high_95")
    return Table("settings", header, tuple(rows))


def _verdict(setting: Setting) -> str:
    if setting.behind is None:
        return "best"
    if setting.behind.value == 0.0:
        return "equal to the best"
    return "behind the best" if setting.is_told_apart else "not told apart"


def _shortfall(setting: Setting) -> float:
    return setting.behind.value if setting.behind is not None else 0.0


def cell(found: Estimate, digits: int) -> str:
    """A figure and its interval, for a table."""
    if not math.isfinite(found.value):
        return ABSENT
    return f"{found.value:.{digits}f} ({found.low:.{digits}f}–{found.high:.{digits}f})"


def _range(found: Estimate, digits: int) -> str:
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _percent(found: Estimate) -> str:
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f} %)"
