"""The report of one replayed sequence: report.html, figures/*.png, the result in the terminal."""

from collections.abc import Sequence as Items
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

from fcn.catalogue.event import DeclaredEvent, WindowEstimate
from fcn.data.sequences import Sequence
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import Score
from fcn.metrics.sizing import RIGHT_WITHIN
from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.test.errors import error_figure
from fcn.report.test.event_map import event_map
from fcn.report.test.outcome import Outcome, judge
from fcn.report.test.record_section import choose_subjects, record_section
from fcn.report.test.result import (
    class_table,
    event_table,
    kind_of_data,
    miss_table,
    moment_table,
    result_table,
    site_table,
    size_table,
    utc,
)
from fcn.report.test.story import choose_subject, story
from fcn.report.test.timeline import timeline
from fcn.shaking.score import SiteScore
from fcn.terminal import say


def write_test_report(
    folder: Path,
    sequence: Sequence,
    declared: Items[DeclaredEvent],
    score: Score,
    *,
    tolerance: MatchTolerance,
    estimates: Items[WindowEstimate],
    site_scores: Items[SiteScore] = (),
    console: Console | None = None,
) -> Path:
    """Write report.html and figures/ into `folder`, print the result; returns the page's path.

    score: of `fcn.metrics.score.score_sequence`. estimates: all that the windows said, above the thresholds
    or not; they are why a miss can be explained. site_scores: of warnings of sites, where they were scored.
    """
    outcome = judge(sequence, declared, score, estimates, tolerance)
    page = Page(f"Test on {outcome.name}")
    _introduce(page, outcome, tolerance)
    pictures = {name: (Picture.of(figure), caption) for name, (figure, caption) in _figures(outcome).items()}
    for name, (picture, _) in pictures.items():
        picture.write(folder / "figures" / f"{name}.png")
    _fill(page, outcome, pictures)
    if site_scores:
        _tell_sites(page, outcome, site_scores)
    path = folder / "report.html"
    page.write(path)
    result_table(outcome).show(console)
    if outcome.pairs:
        moment_table(outcome).show(console)
    if outcome.misses:
        miss_table(outcome).show(console)
    if site_scores:
        site_table(outcome, site_scores).show(console)
    say(f"report: {path}", console)
    return path


def _introduce(page: Page, outcome: Outcome, tolerance: MatchTolerance) -> None:
    sequence = outcome.sequence
    kind = kind_of_data(outcome)
    page.flag(f"{kind} data", "warn" if kind == "simulated" else "good")
    page.text(
        f"{len(sequence.network)} stations, {utc(sequence.start_time_s)} to {utc(sequence.end_time_s)} UTC, "
        "replayed as if live: nothing after the end of a window is seen by it.",
        "lead",
    )
    if not outcome.has_catalogue:
        page.text("There is no catalogue of this sequence: figures that need one are absent, not zero.")
        return
    n_computed = outcome.score["n_first_p_computed"]
    if n_computed:
        page.text(
            f"The catalogue has no picks of {n_computed} of {len(outcome.catalogue)} events: their first P "
            "is computed from the velocity model at the stations that delivered, and what is counted from it "
            "may be off by the error of origin time and model."
        )
    page.text(
        "A declared and a catalogued event are one when their origin times are within "
        f"{tolerance.origin_time_s:g} s and their epicentres within {tolerance.epicentre_km:g} km; one to "
        "one, most pairs first, then the nearest in time, place and magnitude. The figures of Wei et al. "
        "(2026) are of real data: continuous streams of 12 stations, first hour after the Kumamoto "
        "earthquake of 2016-04-14 12:26:34 UTC"
        + (", ours of simulated: they show the scale, not a ranking." if kind == "simulated" else ".")
    )


def _tell_sites(page: Page, outcome: Outcome, scores: Items[SiteScore]) -> None:
    page.heading("Warnings of sites")
    page.text(
        f"{outcome.score['n_sites']} stations as sites, each warned as a monitor would warn it, by what was "
        "declared and by what the others observed; truth is the JMA intensity of its own record, in real "
        f"time. {outcome.score['n_sites_clipped']} more have none, for their seismometers clipped. Late: "
        "warned after the intensity was reached. Over-warned: it did not come; in brackets, but nearly did "
        "(site_scores.rule.near). Lead: from warning until it was reached, of those in time and late. Site "
        "by site: sites.csv."
    )
    page.table(site_table(outcome, scores))


def _figures(outcome: Outcome) -> dict[str, tuple[Figure, str]]:
    """Figures by file name, with their captions; only those that have something to show."""
    figures = {
        "map": (
            event_map(outcome),
            "North up; depth sections share the map's scale. Lines join a catalogued event to its final "
            "solution.",
        )
    }
    subjects = choose_subjects(outcome)
    if subjects:
        figures["record_section"] = (
            record_section(outcome, subjects),
            "What lies right of the dashed line had not happened when the alarm came. P and S are predicted "
            "by the sequence's velocity model, where it names one.",
        )
    subject = choose_subject(outcome)
    if subject is not None:
        figures["story"] = (
            story(outcome, subject),
            "Each magnitude stands until the next; dashed while ground motion still grew, so that it was a "
            "lower bound. Released so far, where the sequence knows it: the moment that had left the source "
            "when what is P at the first station left it.",
        )
    figures["timeline"] = (timeline(outcome), "Dashed: the windows that declared an event.")
    if outcome.pairs:
        figures["errors"] = (
            error_figure(outcome),
            "Epicentre errors step at each update; the last one holds afterwards.",
        )
    return figures


def _fill(page: Page, outcome: Outcome, pictures: dict[str, tuple[Picture, str]]) -> None:
    titles = {
        "map": "Where",
        "record_section": "What had been recorded when the alarm came",
        "story": "How the largest event was sized",
        "timeline": "The whole sequence",
        "errors": "How right, and when",
    }
    page.heading("Result")
    page.table(result_table(outcome))
    for name, (picture, caption) in pictures.items():
        page.heading(titles[name])
        page.picture(picture, f"{titles[name]}: {outcome.name}", caption)
    if outcome.pairs:
        page.heading("What was known when")
        page.text(
            "n: events declared by then. RMSE, median, 90th percentile and share over 10 km of the epicentre "
            "error; depth in km, bias positive where too deep; MAE: mean absolute error of magnitude."
        )
        page.table(moment_table(outcome))
    if len(outcome.catalogue):
        page.heading("By class of event")
        page.text(
            "Signal to noise is the peak in 3 s after P over the RMS of the 4 s before, vertical, detection "
            "band, at the third station that P reaches."
        )
        page.table(class_table(outcome))
        page.heading("Magnitude by class")
        page.text(
            "Bias and, in brackets, mean absolute error of what was said so many seconds after the first P, "
            "of the events declared by then, and finally. Lost: nothing matches. Split: a second one, which "
            "matches nothing, was declared within its coda. Right: the median time after the first P from "
            f"which the magnitude stays within {RIGHT_WITHIN:g}, of the events of which it ever does. In "
            "full: magnitude_by_class.csv."
        )
        page.table(size_table(outcome))
    page.heading(f"Declared events ({len(outcome.declared)})")
    if outcome.declared:
        page.table(event_table(outcome))
    if outcome.has_catalogue:
        page.heading(f"Misses ({len(outcome.misses)})")
    if outcome.misses:
        page.table(miss_table(outcome))
