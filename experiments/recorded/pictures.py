"""Pictures of the recorded sets: where each side puts the events, and the magnitudes as they were stated."""

import io
from collections.abc import Sequence as Items
from pathlib import Path

import numpy as np
from jaxtyping import Float
from known import PEER, Known, Side
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fcn.report.kit.picture import Picture
from fcn.report.kit.style import BLUE, GREY, INK, PALE, VERMILION, letter, new_figure, styled
from fcn.report.test.outcome import local_km
from fcn.tables import time_s

COLUMNS = 4
MARGIN = 1.15  # of a map about its events,
LEAST_SHARE = 0.35  # and this much of the network is shown at least
LEAST_MAGNITUDES = 1.0  # on an axis
Shown = Items[tuple[str, Known, dict[str, Side]]]  # title, set, sides by name
LOOKS = {
    PEER: {"marker": "o", "c": BLUE, "ms": 7, "mfc": "none", "mew": 1.2, "zorder": 3},
    "fcn": {"marker": "D", "c": VERMILION, "ms": 3.5, "mew": 0, "zorder": 4},
}


def write(figure: Figure, path: Path) -> None:
    """The figure in few colours, chosen so that rare ones stay: kilobytes in the repository."""
    picture = Image.open(io.BytesIO(Picture.of(figure).png)).convert("RGB")
    picture.quantize(32, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


@styled
def draw_maps(shown: Shown) -> Figure:
    """A map of each set: stations, the set's catalogue, and what either side has."""
    figure, panels = _panels(len(shown), 3.2)
    handles = {}
    for number, (axes, (title, known, sides)) in enumerate(zip(panels, shown, strict=False)):
        _draw_map(axes, known, sides)
        letter(axes, "abcdefghijklmnopqrstuvwxyz"[number % 26], title)
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=4)
    figure.supxlabel("km east and north of the network's centre", fontsize=8.5)
    return figure


def _draw_map(axes: Axes, known: Known, sides: dict[str, Side]) -> None:
    sequence = known.sequence
    true = () if sequence.catalogue is None else sequence.catalogue.events
    station_km = sequence.station_km
    axes.plot(station_km[:, 0], station_km[:, 1], "^", c=GREY, ms=4, mew=0, label="station")
    true_km = local_km(sequence, true)
    events_km = [true_km[:, :2]]
    for name in (PEER, "fcn"):
        if name in sides:
            events_km.append(local_km(sequence, sides[name].events)[:, :2])
            axes.plot(*events_km[-1].T, linestyle="none", label=name, **LOOKS[name])
    axes.plot(*true_km[:, :2].T, "*", c=INK, ms=8, mfc="none", mew=0.8, zorder=5, label="catalogue")
    middle, half_km = _square(np.concatenate(events_km), station_km[:, :2])
    axes.set(
        aspect="equal",
        xlim=(middle[0] - half_km, middle[0] + half_km),
        ylim=(middle[1] - half_km, middle[1] + half_km),
    )
    axes.grid(c=PALE, lw=0.4)


def _square(
    events_km: Float[np.ndarray, "event 2"], station_km: Float[np.ndarray, "station 2"]
) -> tuple[Float[np.ndarray, "2"], float]:
    """Middle and half width of what is shown: all events, and some of the network; all of it without any."""
    inner_km = events_km if len(events_km) else station_km
    half_km = MARGIN * float(np.ptp(inner_km, axis=0).max()) / 2
    least_km = LEAST_SHARE * float(np.ptp(station_km, axis=0).max())
    return (inner_km.min(axis=0) + inner_km.max(axis=0)) / 2, max(half_km, least_km)


@styled
def draw_magnitudes(shown: Shown) -> Figure:
    """Of each set: fcn's magnitudes as they were stated, against time, and the catalogue's."""
    figure, panels = _panels(len(shown), 2.3)
    for number, (axes, (title, known, sides)) in enumerate(zip(panels, shown, strict=False)):
        catalogue = known.sequence.catalogue
        start_s = known.sequence.start_time_s
        updates = sides["fcn"].updates if "fcn" in sides else []
        for event_id in dict.fromkeys(row["event_id"] for row in updates):
            said = [row for row in updates if row["event_id"] == event_id and row["magnitude"]]
            after_s = [time_s(row["now_utc"], "updates.csv: now_utc") - start_s for row in said]
            axes.plot(after_s, [float(row["magnitude"]) for row in said], ".-", ms=2.5, lw=0.8)
        for event in catalogue or ():
            if event.magnitude is not None:
                axes.plot(event.origin_time_s - start_s, event.magnitude, "*", c=INK, ms=7, mfc="none")
        low, high = axes.get_ylim()
        if not axes.lines:
            text = "nothing declared" if "fcn" in sides else "fcn was not run"
            axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes, c=GREY)
            axes.set(xlim=(0, known.sequence.end_time_s - start_s), yticks=[])
        elif high - low < LEAST_MAGNITUDES:
            middle = (low + high) / 2
            axes.set_ylim(middle - LEAST_MAGNITUDES / 2, middle + LEAST_MAGNITUDES / 2)
        letter(axes, "abcdefghijklmnopqrstuvwxyz"[number % 26], title)
    figure.supxlabel("seconds of the recording", fontsize=8.5)
    figure.supylabel("magnitude: as stated (lines), the catalogue's (stars)", fontsize=8.5)
    return figure


def _panels(n: int, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure with at least n panels; those beyond n are off."""
    n_lines = -(-n // COLUMNS)
    figure = new_figure(3.1 * COLUMNS, 0.5 + height_in * n_lines)
    panels = list(figure.subplots(n_lines, COLUMNS, squeeze=False).ravel())
    for axes in panels[n:]:
        axes.set_axis_off()
    return figure, panels
