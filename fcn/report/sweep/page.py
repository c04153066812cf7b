"""The report of a sweep: one page, one CSV, two figures."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.kit.table import Table, number
from fcn.report.sweep.figures import OUTCOMES, curve_figure, outcome_figure
from fcn.report.sweep.jobs import FINISHED, Job, read_jobs, what_differs
from fcn.terminal import say


def write_sweep_report(sweep: Path, folder: Path, console: Console | None = None) -> Path:
    """Compare the jobs of a multirun: report.html, sweep.csv and figures/ in `folder`; returns the page.

    Raises what `read_jobs` raises.
    """
    jobs = read_jobs(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    table = sweep_table(sweep.name, jobs)
    everything_table(sweep.name, jobs).write_csv(folder / "sweep.csv")
    page = Page(f"Sweep {sweep.name}")
    failed = [job for job in jobs if job.state != FINISHED]
    differing = what_differs(jobs)
    page.text(f"{len(jobs)} jobs; they differ in: {', '.join(differing) or 'nothing'}.", "lead")
    if any(job.score.get("simulated") for job in jobs):
        page.flag("tested on simulated data", "warn")
    page.heading("Result")
    page.text(
        "Validation figures are those of the checkpoint each job kept. Epicentre, depth and magnitude errors "
        "are over recombined validation examples; test figures over a replayed sequence."
    )
    page.table(table)
    if failed:
        page.heading(f"Failed or unfinished jobs ({len(failed)})")
        page.table(failure_table(sweep.name, failed))
    figures = {
        "curves": (
            curve_figure(jobs),
            "Validation by step. Circles: the checkpoints kept. Crosses: where an unfinished job stopped.",
        ),
        "outcomes": (outcome_figure(jobs), "Dots: jobs. Lines: the median of repeats."),
    }
    for name, (figure, caption) in figures.items():
        if figure is not None:
            picture = Picture.of(figure)
            picture.write(folder / "figures" / f"{name}.png")
            page.heading({"curves": "Validation", "outcomes": "Against what was swept"}[name])
            page.picture(picture, f"{name} of sweep {sweep.name}", caption)
    path = folder / "report.html"
    page.write(path)
    table.show(console)
    say(f"report: {path}", console)
    return path


def sweep_table(name: str, jobs: Sequence[Job]) -> Table:
    """What differs, and the figures of OUTCOMES that any job has."""
    differing = what_differs(jobs)
    shown = [(key, column) for key, _, column in OUTCOMES if any(job.figure(key) is not None for job in jobs)]
    rows = tuple(
        (
            str(job.number),
            *(job.swept.get(key, "default") for key in differing),
            *(number(job.figure(key), 3) for key, _ in shown),
            job.state.split()[0],
        )
        for job in jobs
    )
    header = ("job", *differing, *(column for _, column in shown), "state")
    left = (0, *range(1, len(differing) + 1), len(header) - 1)
    return Table(f"Sweep {name}", header, rows, left)


def failure_table(name: str, jobs: Sequence[Job]) -> Table:
    """Jobs that did not finish, what they were, and what is known of the reason."""
    rows = tuple(
        (str(job.number), " ".join(f"{key}={value}" for key, value in job.swept.items()), job.state)
        for job in jobs
    )
    return Table(
        f"Sweep {name}: failed or unfinished",
        ("job", "overrides", "state"),
        rows,
        left=(0, 1, 2),
        prose=(1, 2),
    )


def everything_table(name: str, jobs: Sequence[Job]) -> Table:
    """Every override and every figure of every job, for other programs; empty where unknown."""
    overrides = list(dict.fromkeys(key for job in jobs for key in job.swept))
    figures = list(dict.fromkeys(key for job in jobs for key in (*job.kept, *job.score)))
    rows = tuple(
        (
            str(job.number),
            job.state,
            *(job.swept.get(key, "") for key in overrides),
            *(
                repr(value) if (value := job.kept.get(key, job.score.get(key))) is not None else ""
                for key in figures
            ),
        )
        for job in jobs
    )
    return Table(f"Sweep {name}: everything", ("job", "state", *overrides, *figures), rows)
