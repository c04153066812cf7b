"""House style of every figure: one palette, one type size, no interactive backend.

Colours are Okabe & Ito's (2008), told apart by colour-blind readers; shape or dash repeats every
distinction that colour makes.
"""

import re
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter

INK = "#1a1a1a"
GREY = "#8c8c8c"
PALE = "#d9d9d9"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK)
DASHES = ("-", "--", "-.", ":")

P_COLOUR, S_COLOUR = BLUE, VERMILION
CATALOGUED_COLOUR, DECLARED_COLOUR, FALSE_COLOUR = BLUE, VERMILION, PURPLE

_LARGEST_MAGNITUDE = 8.0
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_RULES: Any = {  # the names matplotlib allows differ by version
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same figure on every machine
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # names come from data, and may hold any number of dollar signs
}
# Decorates every function that makes a figure: styles hold where artists are made, not where they are saved.
styled = matplotlib.rc_context(_RULES)


def new_figure(width_in: float, height_in: float) -> Figure:
    """Figure on an Agg canvas, laid out by constraint."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def legend_above(axes: Axes) -> None:
    """Legend on the line of the title, right: never on the data."""
    if axes.get_legend_handles_labels()[0]:
        place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1}
        axes.legend(ncols=5, columnspacing=1.2, handletextpad=0.5, **place)


def from_nought(axes: Axes) -> None:
    """A vertical axis from nought, with room above what is drawn; of nothing above nought as it is."""
    highest = float(axes.dataLim.y1)
    axes.set_ylim(0, 1.06 * highest if np.isfinite(highest) and highest > 0 else None)


def magnitude_colour(magnitude: float) -> tuple[float, float, float, float]:
    """Ordered colour of a magnitude, dark small to light large, even in lightness (viridis)."""
    return matplotlib.colormaps["viridis"](0.9 * float(np.clip(magnitude / _LARGEST_MAGNITUDE, 0, 1)))


def letter(axes: Axes, name: str, title: str) -> None:
    """Panel letter and title."""
    axes.set_title(f"{name}  {title}")


class _Powers(LogFormatterSciNotation):
    """Matplotlib's labels of a logarithmic axis in plain characters: 10⁻³, 2×10⁻³."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)
        found = re.fullmatch(r"\$\\mathdefault\{(.*)\^\{(.*)\}\}\$", text)
        return text if found is None else found[1].replace(r"\times", "×") + found[2].translate(_RAISED)


def power_ticks(axis: Axis) -> None:
    """Powers of ten on a logarithmic axis of many decades: as by default, but without mathtext."""
    axis.set_major_formatter(_Powers())
    axis.set_minor_formatter(_Powers())


def plain_log_ticks(axis: Axis) -> None:
    """1, 2, 5 x 10^n, written out, on a logarithmic axis of few decades."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
