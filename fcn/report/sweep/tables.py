"""Tables of the jobs of a sweep."""

from collections.abc import Sequence

from fcn.report.kit.table import Table, number
from fcn.report.sweep.figures import OUTCOMES
from fcn.report.sweep.jobs import Job, what_differs
from fcn.report.sweep.spacing import COLUMN, SPACING, is_swept


def sweep_table(name: str, jobs: Sequence[Job]) -> Table:
    """What differs, the spacing of stations where it does, and the figures of OUTCOMES that any job has."""
    differing = what_differs(jobs)
    shown = [(SPACING, COLUMN)] if is_swept(jobs) else []
    shown += [
        (key, column) for key, _, column in OUTCOMES if any(job.figure(key) is not None for job in jobs)
    ]
    rows = tuple(
        (
            str(job.number),
            job.word,
            *(job.swept.get(key, "default") for key in differing),
            *(number(job.figure(key), 3) for key, _ in shown),
        )
        for job in jobs
    )
    header = ("job", "state", *differing, *(column for _, column in shown))
    return Table(f"Sweep {name}", header, rows, left=tuple(range(len(differing) + 2)))


def missing_table(name: str, jobs: Sequence[Job]) -> Table:
    """Jobs that are not done, what they were or will be, and what is known of the reason."""
    rows = tuple(
        (str(job.number), " ".join(f"{key}={value}" for key, value in job.swept.items()), job.state)
        for job in jobs
    )
    return Table(
        f"Sweep {name}: not done",
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
