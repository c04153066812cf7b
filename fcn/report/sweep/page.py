"""The report of a sweep: a question, its answer and what it rests on; CSV and figures beside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

from fcn.planned import planned_jobs
from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.sweep.answer import answer, numbers_table, repeats_said, settings_table
from fcn.report.sweep.comparison import Comparison, compare_settings
from fcn.report.sweep.crusts import STATED, compare_crusts, crusts_table, is_told_whole
from fcn.report.sweep.elapsed import CAPTION, elapsed_figure
from fcn.report.sweep.figures import REPEATS, curve_figure, outcome_figure, setting_of
from fcn.report.sweep.jobs import FINISHED, NOT_BEGUN, Job, read_jobs, what_differs
from fcn.report.sweep.maps import found_maps, largest_sequence
from fcn.report.sweep.parallel import parallel_figure
from fcn.report.sweep.scored import VALIDATION, Scored, read_question
from fcn.report.sweep.spacing import CAPTION as SPACING_CAPTION
from fcn.report.sweep.spacing import spacing_figure
from fcn.report.sweep.tables import everything_table, missing_table, sweep_table
from fcn.report.sweep.trade import magnitude_figure, settings_figure, trade_figure
from fcn.terminal import say

UNEQUAL = 0.05  # of operations: epochs are of whole steps
AS_IT_IS = "as it is"
FEW_REPEATS = "So few repeats say little about luck. "


def write_sweep_report(sweep: Path, folder: Path, console: Console | None = None) -> Path:
    """Compare the jobs of a multirun, done or not: report.html, two CSV and figures/ in `folder`.

    Returns the page. settings.csv has the intervals, sweep.csv every figure of every job.
    Raises what `read_jobs` raises.
    """
    jobs = read_jobs(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    table = sweep_table(sweep.name, jobs)
    everything_table(sweep.name, jobs).write_csv(folder / "sweep.csv")
    page = Page(f"Sweep {sweep.name}")
    missing = [job for job in jobs if job.state != FINISHED]
    differing = what_differs(jobs)
    question = read_question(sweep)
    if question is not None:
        page.text(question, "lead")
    compared = compare_jobs(jobs, differing)
    _reservations(page, jobs)
    _progress(page, jobs, len(planned_jobs(sweep)), differing)
    _answer(page, jobs, compared, differing, console)
    if any(value for job in jobs for name, value in job.score.items() if name.endswith("simulated")):
        page.flag("tested on simulated data", "warn")
    if compared:
        numbers_table(list(compared.items())).write_csv(folder / "settings.csv")
        _comparisons(page, jobs, compared, differing, folder)
    page.heading("Jobs")
    page.text(
        "Validation figures are those of the checkpoint each job kept. Epicentre, depth and magnitude errors "
        "are over recombined validation examples; test figures over a replayed sequence."
    )
    page.table(table)
    if missing:
        page.heading(f"Jobs that are not done ({len(missing)})")
        page.table(missing_table(sweep.name, missing))
    figures = {
        "curves": (
            curve_figure(jobs),
            "Validation by step. Circles: the checkpoints kept. Crosses: where an unfinished job stopped.",
        ),
        "outcomes": (outcome_figure(jobs), "Dots: jobs. Lines: the median of repeats."),
        "spacing": (spacing_figure(jobs), SPACING_CAPTION),
    }
    headings = {
        "curves": "Validation",
        "outcomes": "Against what was swept",
        "spacing": "Against the spacing of stations",
    }
    for name, (figure, caption) in figures.items():
        if figure is not None:
            page.heading(headings[name])
            _picture(page, figure, folder, name, f"{name} of sweep {sweep.name}", caption)
    path = folder / "report.html"
    page.write(path)
    table.show(console)
    say(f"report: {path}", console)
    return path


def compare_jobs(jobs: Sequence[Job], differing: Sequence[str]) -> dict[str, Comparison]:
    """Settings beside each other on every set of sequences that jobs were scored on, validation first."""
    kinds = sorted({kind for job in jobs for kind in job.scored}, key=_in_order)
    found = {kind: compare_settings(_scored(jobs, differing, kind)) for kind in kinds}
    return {kind: comparison for kind, comparison in found.items() if comparison is not None}


def _in_order(kind: str) -> tuple[bool, bool, str]:
    return not kind.startswith(VALIDATION), not kind.endswith(STATED), kind


def _scored(jobs: Sequence[Job], differing: Sequence[str], kind: str) -> list[tuple[str, Scored]]:
    names = {job.number: setting_of(job, differing) or AS_IT_IS for job in jobs}
    return [(names[job.number], job.scored[kind]) for job in jobs if kind in job.scored]


def _swept(job: Job, differing: Sequence[str]) -> dict[str, str]:
    """What was swept, but for repeats unless it is they alone."""
    names = [name for name in differing if name not in REPEATS] or list(differing)
    return {name: job.swept.get(name, "default") for name in names}


def _reservations(page: Page, jobs: Sequence[Job]) -> None:
    """How far what follows can be relied on."""
    minutes = next((job.minutes for job in jobs if job.minutes is not None), None)
    part = "" if minutes is None else f"of each sequence {minutes:g} minutes were scored"
    if not any(job.score or job.scored for job in jobs):
        page.flag("no answer: nothing was scored", "warn")
    elif not all(job.answers for job in jobs):
        page.flag(f"not an answer: {part or 'too little was trained'} (budget=short)", "warn")
    elif part:
        page.text(f"{part.capitalize()}.", "lead")
    for name in ("commit", "precision"):
        made_with = [job.made_with[name].split(", ") for job in jobs if name in job.made_with]
        values = sorted({value for each in made_with for value in each})
        if len(values) > 1:
            page.flag(f"not of one {name}: {', '.join(values)}", "warn")


def _progress(page: Page, jobs: Sequence[Job], n_planned: int, differing: Sequence[str]) -> None:
    """How many jobs there are, in what they differ, and which are not done; n_planned: 0 where not known."""
    begun = sum(job.state != NOT_BEGUN for job in jobs)
    n_all = max(n_planned, len(jobs))
    told = "1 job" if n_all == 1 else f"{n_all} jobs"
    if differing:
        told += f"; they differ in: {', '.join(differing)}"
    elif len(jobs) > 1:
        told += ", of the same overrides"
    page.text(f"{told}.", "lead")
    states = Counter(job.word for job in jobs)
    n_done = states.pop(FINISHED, 0)
    if n_done == n_all:
        return
    states[NOT_BEGUN] = n_all - begun
    page.flag(f"{n_done} of {n_all} {'planned jobs' if n_planned else 'jobs begun'} are done", "warn")
    others = ", ".join(f"{count} {word}" for word, count in states.items() if count)
    page.text(f"The others: {others}. See below, jobs that are not done.")


def _answer(
    page: Page,
    jobs: Sequence[Job],
    compared: Mapping[str, Comparison],
    differing: Sequence[str],
    console: Console | None,
) -> None:
    """A sentence for every set, and what is known of luck and cost."""
    is_none = not all(job.answers for job in jobs)
    for kind, comparison in compared.items():
        if not is_told_whole(kind):
            continue
        sentence = ("Not an answer. " if is_none else "") + answer(kind, comparison)
        page.text(sentence)
        say(sentence, console)
    of_kinds = {kind: _scored(jobs, differing, kind) for kind in compared}
    for where, of_crusts in compare_crusts(compared, of_kinds).items():
        page.text(answer(where, of_crusts))
    if compared and any(job.curve for job in jobs):
        luck = bool(differing) and set(differing) <= set(REPEATS)
        page.text(repeats_said(next(iter(compared.values())), differ_in_luck=luck))
        _cost(page, jobs)


def _cost(page: Page, jobs: Sequence[Job]) -> None:
    """How many operations every training was given, and whether as many as the others."""
    trained = [job for job in jobs if job.curve]
    spent = [job.cost["training_tflop"] for job in trained if job.cost]
    if len(spent) < len(trained):
        page.flag("not at equal cost: each network trained as its experiment says (budget=none)", "warn")
        return
    told = f"Equal cost: every network trained for {max(spent):.3g}"
    if max(spent) - min(spent) > UNEQUAL * max(spent):
        told = f"Networks trained for {min(spent):.3g} to {max(spent):.3g}"
        page.flag("not at equal cost", "warn")
    steps = sorted({int(job.cost["max_steps"]) for job in trained})
    how_many = " to ".join(map(str, dict.fromkeys((steps[0], steps[-1]))))
    page.text(
        f"{told} TFLOP (10^12 operations of matrix products and convolutions, forward and backward), which "
        f"are {how_many} steps. Validation, scoring and the recombination of examples are not counted."
    )


def _comparisons(
    page: Page,
    jobs: Sequence[Job],
    compared: Mapping[str, Comparison],
    differing: Sequence[str],
    folder: Path,
) -> None:
    """Table and figures of every set."""
    crusts = crusts_table(compared)
    if crusts is not None:
        page.heading("Trained and tested")
        page.table(crusts)
        crusts.write_csv(folder / "crusts.csv")
    swept = {setting_of(job, differing) or AS_IT_IS: _swept(job, differing) for job in jobs}
    for kind, comparison in compared.items():
        scored = _scored(jobs, differing, kind)
        page.heading(f"On {kind}")
        page.table(settings_table(kind, comparison))
        page.text(
            "In brackets 95 % intervals: a bootstrap over the events that all jobs were scored on, the same "
            "for every setting, over repeats of a setting, and of the false alarms expected. "
            "Behind the best: the same bootstrap leaves less than 5 % to a difference of nought, by Holm's "
            "correction for the number of settings (p). "
            f"{FEW_REPEATS if any(each.n_jobs > 1 for each in comparison.settings) else ''}"
            "The best of many looks better than it is."
        )
        if not is_told_whole(kind):
            continue
        pictures = (
            ("settings", settings_figure(comparison), "Filled: the best. Red: behind it."),
            ("elapsed", elapsed_figure(comparison), CAPTION),
            (
                "trade",
                trade_figure(comparison),
                "Misses against false alarms and latency, in the order swept.",
            ),
            ("magnitudes", magnitude_figure(scored), "Repeats together."),
            (
                "parallel",
                parallel_figure(comparison, swept),
                "What was swept on the left; figures, the best of each on top. Thick: the best by F1.",
            ),
            (
                "maps",
                found_maps(scored),
                f"Events of {largest_sequence(scored)}; areas grow with magnitude.",
            ),
        )
        for name, figure, caption in pictures:
            if figure is not None:
                place = f"{name}-{kind.replace(' ', '_')}"
                _picture(page, figure, folder, place, f"{name} on {kind}", caption)


def _picture(page: Page, figure: Figure, folder: Path, name: str, alternative: str, caption: str) -> None:
    picture = Picture.of(figure)
    picture.write(folder / "figures" / f"{name}.png")
    page.picture(picture, alternative, caption)
