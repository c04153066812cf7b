"""The page of recombined against directly simulated events: tables, figure, can they be told apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from fcn.audit.event_features import MEASURES, Regression, feature_names
from fcn.audit.two_sample import Verdict, auc, tell_apart
from fcn.report.examples.comparison import DIRECT, RECOMBINED, Comparison, bootstrapped, figures_of, simulate
from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.kit.style import (
    BLUE,
    VERMILION,
    legend_above,
    letter,
    new_figure,
    plain_log_ticks,
    power_ticks,
    styled,
)
from fcn.report.kit.table import Table
from fcn.store.reader import BaseStore
from fcn.terminal import say

TITLE = "Recombined against directly simulated events"
COLOURS = {DIRECT: BLUE, RECOMBINED: VERMILION}
N_TELLING = 12  # single features in the table, the most telling first


def population_table(comparison: Comparison, *, seed: int) -> Table:
    """The figures of both, and their difference with its standard error."""
    direct, recombined = (figures_of(table) for table in comparison.populations.values())
    error = bootstrapped(comparison, figures_of, seed=seed)
    rows = tuple(
        (
            name,
            f"{direct[name]:.3f}",
            f"{recombined[name]:.3f}",
            f"{recombined[name] - direct[name]:+.3f}",
            f"{error[name]:.3f}",
        )
        for name in direct
    )
    return Table("Populations", ("", DIRECT, RECOMBINED, "difference", "standard error"), rows)


def verdict_table(verdicts: list[Verdict]) -> Table:
    """How well they can be told apart."""
    rows = tuple(
        (v.classifier, f"{100 * v.accuracy:.1f} %", f"{100 * v.low:.1f} to {100 * v.high:.1f} %")
        for v in verdicts
    )
    return Table("Told apart", ("classifier", "held-out accuracy", "95 % interval"), rows)


def telling_table(features: dict[str, Float[np.ndarray, "event feature"]]) -> Table:
    """The features that tell most, one at a time."""
    columns = {
        name: tuple(features[which][:, i] for which in (DIRECT, RECOMBINED))
        for i, name in enumerate(feature_names())
    }
    found = {name: auc(*pair) for name, pair in columns.items()}
    telling = sorted(found, key=lambda name: -abs(found[name] - 0.5))[:N_TELLING]
    rows = tuple(
        (name, f"{found[name]:.2f}", *(f"{values.mean():.3f}" for values in columns[name]))
        for name in telling
    )
    return Table("Single features", ("feature of an event", "AUC", DIRECT, RECOMBINED), rows)


@styled
def comparison_figure(comparison: Comparison) -> Figure:
    """Decay, consistency and shape of both populations."""
    figure = new_figure(11.4, 6.6)
    panels = figure.subplots(2, 3)
    _draw_decay(panels[0, 0], comparison)
    features = comparison.features()
    names = feature_names()
    drawn = (
        ("log_peak: deviation", "within-event deviation", "of log10 peak residuals"),
        ("log_peak: mean", "between events", "mean log10 peak residual of an event"),
        ("log_p_over_s: mean", "P over S", "mean residual of log10 P / S of an event"),
        ("log_centroid: mean", "spectral centroid", "mean log10 residual of an event"),
        ("log_duration: mean", "duration", "mean log10 residual of an event"),
    )
    for key, axes, (name, title, label) in zip("bcdef", panels.ravel()[1:], drawn, strict=True):
        columns = {which: values[:, names.index(name)] for which, values in features.items()}
        low, high = np.percentile(np.concatenate(list(columns.values())), [0.5, 99.5])
        edges = np.linspace(low, high, 25)
        for which, values in columns.items():
            axes.hist(values, edges, histtype="step", color=COLOURS[which], linestyle=_dash(which), lw=1.3)
            axes.axvline(np.median(values), color=COLOURS[which], linestyle=_dash(which), linewidth=0.7)
        axes.set(xlabel=label, ylabel="events" if key in "be" else "")
        letter(axes, key, title)
    figure.suptitle(f"{TITLE}: {len(comparison)} pairs, simulated", x=0.01, ha="left")
    return figure


def _dash(which: str) -> str:
    return "-" if which == DIRECT else "--"


def _draw_decay(axes: Axes, comparison: Comparison) -> None:
    """Median and 16th to 84th percentile of the log peak, brought to one magnitude, by distance."""
    regression = Regression.fit(comparison.direct)
    edges_km = np.geomspace(8, 100, 10)
    middle_km = np.sqrt(edges_km[1:] * edges_km[:-1])
    i = MEASURES.index("log_peak")
    for which, table in comparison.populations.items():
        _, linear, square = regression.coefficients[:3, i]
        m = np.broadcast_to(table.magnitude[:, None], table.used.shape)[table.used]
        level = table.values[..., i][table.used] - linear * (m - 5.0) - square * (m**2 - 25.0)
        bins = np.digitize(table.distance_km[table.used], edges_km)
        parts = [level[bins == b] for b in range(1, len(edges_km))]
        bands = [np.percentile(p, [16, 50, 84]) if len(p) > 4 else np.full(3, np.nan) for p in parts]
        low, median, high = (10**x for x in np.array(bands).T)
        style: dict[str, Any] = {"color": COLOURS[which], "linestyle": _dash(which)}
        axes.plot(middle_km, median, marker="o", markersize=3, label=which, **style)
        axes.plot(middle_km, low, linewidth=0.6, **style)
        axes.plot(middle_km, high, linewidth=0.6, **style)
    axes.set(xscale="log", yscale="log", xlabel="hypocentral distance (km)")
    axes.set_ylabel("peak 2-8 Hz velocity\nbrought to M 5 (m/s)")
    power_ticks(axes.yaxis)
    plain_log_ticks(axes.xaxis)
    axes.grid(visible=True)
    letter(axes, "a", "decay")
    legend_above(axes)


def compare(config: Mapping[str, Any], store: Path, folder: Path) -> Path:
    """Simulate and compare the first `scenes` events of a training; returns the page.

    config: of conf/recombination.yaml. store: the base store it names.
    """
    torch.set_num_threads(config["trainer"]["threads"])
    digest = BaseStore.open(store).digest[:12]
    return write_recombination_report(
        simulate(config, store),
        folder,
        source=f"seed {config['seed']}, {config['scenes']} scenes; store {store.name}, digest {digest}",
        seed=config["seed"],
    )


def write_recombination_report(
    comparison: Comparison, folder: Path, *, source: str, seed: int, console: Console | None = None
) -> Path:
    """Write report.html, figures/ and the tables as CSV into `folder`; returns the page."""
    features = comparison.features()
    tables = {
        "populations": population_table(comparison, seed=seed),
        "verdicts": verdict_table(tell_apart(features[DIRECT], features[RECOMBINED], seed=seed)),
        "features": telling_table(features),
    }
    page = Page(TITLE)
    page.flag("all data simulated", "warn")
    page.text(source, "lead")
    picture = Picture.of(comparison_figure(comparison))
    picture.write(folder / "figures" / "comparison.png")
    for name, table in tables.items():
        page.heading(table.title)
        page.table(table)
        table.write_csv(folder / f"{name}.csv")
        table.show(console)
    page.heading("Figure")
    page.picture(
        picture, TITLE, "Residuals are of the direct events' regression; thin vertical lines: medians."
    )
    page.write(folder / "report.html")
    say(f"report: {folder / 'report.html'}", console)
    return folder / "report.html"
