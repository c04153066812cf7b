"""Curves of one training, from the CSV log that Lightning writes as it goes."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.report.kit.style import CYCLE, DASHES, INK, letter, new_figure, styled

NO_LOSSES = ("widened",)  # what training logs besides losses
ERRORS = (  # panels: title, columns with their names in the legend; shown where any of them was logged
    ("F1 of the sequences", {"val/f1": ""}),
    ("epicentre error (km)", {"val/epicentre_p50_km": "median", "val/epicentre_p90_km": "90 %"}),
    ("magnitude error", {"val/magnitude_mae": "mean absolute", "val/magnitude_bias": "bias"}),
)
_SMOOTH_SHARE = 0.04  # of a curve's points, averaged to either side of each
_USUAL_PERCENT = (0.5, 99.0)  # of the raw points that the axis has to hold; the first steps leap out of it


@dataclass(frozen=True)
class Curve:
    """One column of the log, where it has values."""

    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]

    def smooth(self) -> Float[np.ndarray, " point"]:
        """Centred running mean."""
        reach = round(_SMOOTH_SHARE * len(self.values))
        total = np.concatenate([[0.0], np.cumsum(self.values)])
        place = np.arange(len(self.values))
        low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(self.values))
        return (total[high] - total[low]) / (high - low)


def read_curves(run: Path) -> dict[str, Curve]:
    """Columns of a run's csv/metrics.csv by name, in order of step; a run that goes on may be read, too.

    Raises FileNotFoundError without that file, ValueError where it holds no figures yet.
    """
    path = run / "csv" / "metrics.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"no csv/metrics.csv in {run}: give the folder of a training, logs/<name>-<time>, which wrote "
            "one with logger=default or logger=csv"
        )
    points: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name not in ("step", "epoch") and text and row.get("step"):
                    points.setdefault(name, []).append((float(row["step"]) + 1, float(text)))
    if not points:
        raise ValueError(f"{path} holds no figures yet: wait for the training's first steps")
    arrays = {name: np.array(values).T for name, values in points.items()}
    finite = {name: array[:, np.isfinite(array).all(axis=0)] for name, array in arrays.items()}
    return {name: Curve(steps=steps, values=values) for name, (steps, values) in finite.items()}


@styled
def training_figure(curves: Mapping[str, Curve]) -> Figure:
    """A panel a loss, training and validation, then panels of what validation found."""
    names = [name.removeprefix("train/") for name in curves if name.startswith("train/")]
    losses = sorted((name for name in names if name not in NO_LOSSES), key=lambda name: name != "loss")
    errors = [(title, columns) for title, columns in ERRORS if any(name in curves for name in columns)]
    n_panels = len(losses) + len(errors)
    n_columns = min(n_panels, 4)
    n_rows = math.ceil(n_panels / n_columns)
    figure = new_figure(10.4, 2.7 * n_rows + 0.3)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    letters = iter(ascii_lowercase)
    for axes, name in zip(panels, losses, strict=False):
        _draw_loss(axes, curves, name)
        letter(axes, next(letters), "loss, weighted sum" if name == "loss" else f"loss: {name}")
    for axes, (title, columns) in zip(panels[len(losses) :], errors, strict=False):
        _draw_errors(axes, curves, columns)
        letter(axes, next(letters), title)
    last_step = max(float(curve.steps.max(initial=0)) for curve in curves.values())
    for axes in panels[:n_panels]:
        axes.set(xlim=(0, 1.02 * last_step), xlabel="optimiser steps")
        axes.grid(visible=True, axis="y")
    for axes in panels[n_panels:]:
        axes.axis("off")
    if losses:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure


def _draw_loss(axes: Axes, curves: Mapping[str, Curve], name: str) -> None:
    train, validation = curves[f"train/{name}"], curves.get(f"val/{name}")
    smooth = train.smooth()
    axes.plot(train.steps, train.values, color=CYCLE[0], alpha=0.3, linewidth=0.5, label="training")
    axes.plot(train.steps, smooth, color=CYCLE[0], linewidth=1.5, label="training, running mean")
    held = [*np.percentile(train.values, _USUAL_PERCENT)] if len(train.values) else []
    if validation is not None:
        axes.plot(
            validation.steps,
            validation.values,
            color=CYCLE[1],
            marker="o",
            markersize=4.5,
            linestyle="--",
            linewidth=0.9,
            label="validation",
        )
        held += [*validation.values]
    if held and max(held) > min(held):
        margin = 0.06 * (max(held) - min(held))
        axes.set_ylim(min(held) - margin, max(held) + margin)


def _draw_errors(axes: Axes, curves: Mapping[str, Curve], columns: Mapping[str, str]) -> None:
    for i, (name, label) in enumerate(columns.items()):
        if name in curves:
            look: dict[str, Any] = {
                "color": CYCLE[1 + i],
                "linestyle": DASHES[1 - i % 2],
                "marker": "os"[i % 2],
            }
            axes.plot(curves[name].steps, curves[name].values, markersize=4.5, label=label or None, **look)
    axes.axhline(0, color=INK, linewidth=0.5)  # every figure here has its zero in sight
    shown = [value for name in columns if name in curves for value in curves[name].values]
    low, high = min([0.0, *shown]), max([0.0, *shown])
    room = (high - low) or 1.0
    axes.set_ylim(low - (0.08 * room if low < 0 else 0.0), high + 0.25 * room)  # above: the legend
    if any(label for name, label in columns.items() if name in curves):
        axes.legend(loc="upper right", ncols=2, columnspacing=1.2)
