"""The tables of a test: beside Wei et al. (2026), against elapsed time, by class, event by event, misses."""

import datetime
from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np

from fcn.catalogue.event import Event
from fcn.metrics.breakdown import Class, by_magnitude, by_overlap, by_snr
from fcn.metrics.matching import epicentre_offset_km
from fcn.metrics.moments import MOMENTS
from fcn.metrics.row import Row
from fcn.metrics.score import Score
from fcn.metrics.size_classes import SIZE_MOMENTS, by_size
from fcn.metrics.table import (
    BOUND,
    COMPUTE,
    DETECTION,
    LATENCY,
    LOCATION,
    MAGNITUDE,
    RELEASED,
    SETTLING,
    STOOD,
)
from fcn.report.kit.table import ABSENT, Table, number
from fcn.report.test.outcome import Outcome
from fcn.shaking.score import LEAD_QUANTILES, SiteScore


@dataclass(frozen=True)
class Published:
    """Figures of Wei, Zhang & Yang (2026), Acta Seismologica Sinica 48(2):355-373, abstract.

    Real data: continuous streams of 12 stations, first hour after the Mw 6.2 Kumamoto earthquake of
    2016-04-14 12:26:34 UTC.
    """

    citation: str = "Wei et al. 2026"
    data: str = "60 min, 12 stations"
    n_catalogued: int = 179
    n_matched: int = 69
    alarm_latency_s: str = "4.4 to 6.4"
    epicentre_rmse_km: str = "3.409"
    depth_rmse_km: str = "3.787"

    @property
    def recall(self) -> str:
        """As they count it: located / catalogued."""
        return f"{self.n_matched} of {self.n_catalogued} = {self.n_matched / self.n_catalogued:.1%}"


WEI_2026 = Published()
_MOMENT_NAMES = {"": "final", "_at_alarm": "at alarm"}
_N_OWN_COLUMNS = 9  # of the table of events; the rest compares with the catalogue
_COLUMN_DIGITS = 2
_LATENCY_DIGITS = 1  # a window ends every half second


def kind_of_data(outcome: Outcome) -> str:
    """`simulated` or `real`, said of every result."""
    return "simulated" if outcome.sequence.simulated else "real"


def result_table(outcome: Outcome) -> Table:
    """Our figures beside the published ones, which are of real data whatever ours are."""
    score, published = outcome.score, WEI_2026
    minutes = (outcome.sequence.end_time_s - outcome.sequence.start_time_s) / 60
    n_stations = len(outcome.sequence.network)
    theirs = {"epicentre_rmse_km": published.epicentre_rmse_km, "depth_rmse_km": published.depth_rmse_km}

    def lines(family: Items[Row]) -> list[tuple[str, str, str]]:
        return [
            (row.label, number(score[row.name], row.digits), theirs.get(row.name, ABSENT))
            for row in family
            if row.label
        ]

    rows = (
        ("data", f"{minutes:.0f} min, {n_stations} stations", published.data),
        ("declared", number(score["n_declared"]), ABSENT),
        ("found of catalogued", _recall(score), published.recall),
        *lines(DETECTION),
        ("lost, split, retracted", _mishaps(score), ABSENT),
        *lines(STOOD),
        ("alarm after P (s), range", _range(score), published.alarm_latency_s),
        *lines(LATENCY),
        *lines(LOCATION),
        ("epicentre in its 50 %, 90 % area", _coverage(score, "epicentre"), ABSENT),
        ("depth in its 50 %, 90 % range", _coverage(score, "depth"), ABSENT),
        ("origin time in its 50 %, 90 % range", _coverage(score, "origin_time"), ABSENT),
        *lines(MAGNITUDE),
        *lines(SETTLING),
        *lines(RELEASED),
        *lines(BOUND),
        *lines(COMPUTE),
    )
    header = ("", f"this run ({kind_of_data(outcome)})", f"{published.citation} (real)")
    return Table(f"{outcome.name}, beside {published.citation}", header, rows)


def moment_table(outcome: Outcome) -> Table:
    """Location and magnitude as they were known at each moment."""
    columns = [row for row in (*LOCATION, *MAGNITUDE) if row.moments]
    rows = []
    for moment in (*MOMENTS[1:], ""):
        name = _moment_name(moment)
        n_known = outcome.score[f"n{moment}" if moment else "n_matched"]
        values = [number(outcome.score[f"{row.name}{moment}"], _COLUMN_DIGITS) for row in columns]
        rows.append((name, number(n_known), *values))
    header = ("", "n", *(row.moments for row in columns))
    return Table(f"{outcome.name}: what was known when", header, tuple(rows))


def class_table(outcome: Outcome) -> Table:
    """Recall and errors by magnitude, by signal to noise at the third station, by overlap."""
    of = (outcome.declared, outcome.catalogue, outcome.matching)
    classes: list[Class] = [*by_magnitude(*of), *by_snr(*of, outcome.snr), *by_overlap(*of)]
    columns = [row for row in (*LOCATION, *MAGNITUDE, *LATENCY) if row.classes]
    rows = tuple(
        (
            each.label,
            f"{each.n_matched} of {each.n_catalogued}",
            f"{each.recall:.0%}",
            *(
                number(each.figures[row.name], _LATENCY_DIGITS if row in LATENCY else _COLUMN_DIGITS)
                for row in columns
            ),
        )
        for each in classes
    )
    header = ("class", "found", "recall", *(row.classes for row in columns))
    return Table(f"{outcome.name}: by class of event", header, rows)


def size_table(outcome: Outcome) -> Table:
    """How magnitudes grew, by class of magnitude."""
    rows = tuple(
        (
            each.label,
            *(number(count) for count in (each.n_catalogued, each.n_lost, each.n_split)),
            *(_bias_and_mae(each.figures, moment) for moment in SIZE_MOMENTS),
            number(each.figures["magnitude_right_s_p50"], _LATENCY_DIGITS),
        )
        for each in by_size(outcome.declared, outcome.catalogue, outcome.matching)
    )
    moments = (_moment_name(moment) for moment in SIZE_MOMENTS)
    header = ("class", "catalogued", "lost", "split", *moments, "right (s)")
    return Table(f"{outcome.name}: magnitude by class", header, rows)


def site_table(outcome: Outcome, scores: Items[SiteScore]) -> Table:
    """How sites were warned, by intensity."""
    rows = []
    for score in scores:
        leads = [score.figures()[f"lead_s_{name}"] for name in LEAD_QUANTILES]
        counts = (score.n_shaken, score.n_in_time, score.n_late, score.n_missed)
        over = f"{score.n_over} ({score.n_over_near})"
        rows.append(
            (
                f"{score.threshold:g}",
                *(number(count) for count in counts),
                over,
                *(number(lead_s, _LATENCY_DIGITS) for lead_s in leads),
            )
        )
    leads_of = (f"lead {share:.0%} (s)" for share in LEAD_QUANTILES.values())
    header = ("intensity", "shaken", "in time", "late", "missed", "over-warned (near)", *leads_of)
    return Table(f"{outcome.name}: warnings of sites", header, tuple(rows))


def event_table(outcome: Outcome) -> Table:
    """Every declared event, in order of its alarm."""
    true_of = {each.event_id: true for each, true in outcome.pairs}
    rows = []
    for each in sorted(outcome.declared, key=lambda declared: declared.alarm.now_s):
        event, true = each.final.event, true_of.get(each.event_id)
        rows.append(
            (
                each.event_id,
                utc(event.origin_time_s),
                f"{event.latitude_deg:.3f}",
                f"{event.longitude_deg:.3f}",
                _with_uncertainty(event.depth_km, event.depth_uncertainty_km),
                _with_uncertainty(event.magnitude, event.magnitude_uncertainty),
                utc(each.alarm.now_s)[11:],
                str(len(each.updates)),
                str(each.final.status),
                *_beside_truth(each.alarm.now_s, event, true),
            )
        )
    header: tuple[str, ...] = (
        *("declared", "origin time (UTC)", "latitude (°)", "longitude (°)", "depth (km)", "magnitude"),
        *(
            "alarm (UTC)",
            "updates",
            "last is",
            "catalogued",
            "M cat.",
            "alarm after P (s)",
            "epicentre off (km)",
        ),
    )
    if not outcome.has_catalogue:
        header, rows = header[:_N_OWN_COLUMNS], [row[:_N_OWN_COLUMNS] for row in rows]
    return Table(f"{outcome.name}: declared events, final", header, tuple(rows), left=(0, 1, _N_OWN_COLUMNS))


def miss_table(outcome: Outcome) -> Table:
    """Every catalogued event that was not found, with the reason and what else is known."""
    rows = tuple(
        (
            miss.event.event_id,
            utc(miss.event.origin_time_s),
            number(miss.event.magnitude, 1),
            number(miss.event.depth_km, 1),
            str(miss.reason),
            miss.detail,
        )
        for miss in outcome.misses
    )
    header = ("catalogued", "origin time (UTC)", "magnitude", "depth (km)", "reason", "what is known")
    return Table(f"{outcome.name}: misses", header, rows, left=(0, 1, 4, 5), prose=(5,))


def utc(time_s: float) -> str:
    """ISO 8601 to the tenth of a second, rounded."""
    rounded = datetime.datetime.fromtimestamp(round(time_s * 10) / 10, datetime.UTC)
    return rounded.strftime("%Y-%m-%d %H:%M:%S.%f")[:-5]


def _recall(score: Score) -> str:
    if score["recall"] is None:
        return ABSENT if score["n_catalogued"] is None else "none catalogued"
    return f"{score['n_matched']} of {score['n_catalogued']} = {score['recall']:.1%}"


def _mishaps(score: Score) -> str:
    return ", ".join(number(score[name]) for name in ("n_lost", "n_split", "n_retracted"))


def _coverage(score: Score, name: str) -> str:
    half, most = score[f"{name}_coverage_50"], score[f"{name}_coverage_90"]
    return ABSENT if half is None or most is None else f"{half:.0%}, {most:.0%}"


def _range(score: Score) -> str:
    low, high = score["alarm_latency_s_min"], score["alarm_latency_s_max"]
    return ABSENT if low is None or high is None else f"{low:.1f} to {high:.1f}"


def _moment_name(moment: str) -> str:
    return _MOMENT_NAMES.get(moment, "P + " + moment.removeprefix("_at_").removesuffix("s") + " s")


def _bias_and_mae(figures: Score, moment: str) -> str:
    bias, mae = figures[f"magnitude_bias{moment}"], figures[f"magnitude_mae{moment}"]
    return ABSENT if bias is None else f"{bias:+.2f} ({mae:.2f})"


def _with_uncertainty(value: float | None, uncertainty: float | None) -> str:
    text = number(value, 1)
    return text if value is None or uncertainty is None else f"{text} ± {uncertainty:.1f}"


def _beside_truth(alarm_now_s: float, event: Event, true: Event | None) -> Items[str]:
    if true is None:
        return ("none", ABSENT, ABSENT, ABSENT)
    latency_s = None if true.first_p_time_s is None else alarm_now_s - true.first_p_time_s
    after = number(latency_s, 1) + (" (computed P)" if true.first_p_is_computed else "")
    off_km = float(np.hypot(*epicentre_offset_km([event], [true])[0]))
    return (true.event_id, number(true.magnitude, 1), after, number(off_km, 1))
