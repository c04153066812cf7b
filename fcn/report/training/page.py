"""The report of a training: its curves, and its validations in a table."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from fcn.metrics.table import ALL
from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.kit.table import Table, number
from fcn.report.training.curves import Curve, read_curves, training_figure
from fcn.terminal import say

COLUMNS = (("val/loss", "loss"), *((f"val/{row.name}", row.training) for row in ALL if row.training))


def write_run_report(run: Path, folder: Path, console: Console | None = None) -> Path:
    """Write report.html and figures/curves.png of a training into `folder`; returns the page.

    Raises what `read_curves` raises.
    """
    curves = read_curves(run)
    table = validation_table(run.name, curves)
    last_step = int(max(curve.steps.max(initial=0) for curve in curves.values()))
    page = Page(f"Training {run.name}")
    page.text(f"{last_step} optimiser steps so far, {len(table.rows)} validations.", "lead")
    page.heading("Curves")
    picture = Picture.of(training_figure(curves))
    picture.write(folder / "figures" / "curves.png")
    page.picture(
        picture,
        f"curves of training {run.name}",
        "Training losses are of single batches, validation's of all its examples; an axis may leave out the "
        "first steps. F1 is over the replayed validation sequences, errors over recombined examples.",
    )
    if table.rows:
        page.heading("Validations")
        page.table(table)
    page.write(folder / "report.html")
    table.show(console)
    say(f"report: {folder / 'report.html'}", console)
    return folder / "report.html"


def validation_table(name: str, curves: Mapping[str, Curve]) -> Table:
    """A row a validation, with the figures of COLUMNS that it logged."""
    shown = [(key, column) for key, column in COLUMNS if key in curves]
    at = {
        key: dict(zip(curves[key].steps.tolist(), curves[key].values.tolist(), strict=True))
        for key, _ in shown
    }
    steps = sorted({step for values in at.values() for step in values})
    rows = tuple((str(int(step)), *(number(at[key].get(step), 3) for key, _ in shown)) for step in steps)
    return Table(f"Training {name}", ("step", *(column for _, column in shown)), rows)
