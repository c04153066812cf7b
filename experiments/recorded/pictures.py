"""Pictures of the recorded sets: maps, magnitudes as they were stated, the story of each largest event."""

import io
import math
from collections.abc import Sequence as Items
from pathlib import Path

import numpy as np
from jaxtyping import Float
from known import PEER, Known, Side
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fcn.catalogue.event import Event
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import MatchTolerance, match_events
from fcn.report.kit.picture import Picture
from fcn.report.kit.style import BLUE, GREEN, GREY, INK, PALE, VERMILION, letter, new_figure, styled
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
    """A map of each set: stations, what either side has, and the references: catalogue and other lists."""
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
    if known.listed_deg:
        listed_km = sequence.frame.to_local_km(*np.array(known.listed_deg).T)
        axes.plot(*listed_km, ".", c=GREEN, ms=3, mew=0, zorder=2, label="another list")
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


@styled
def draw_stories(shown: Shown, tolerance: MatchTolerance) -> Figure:
    """The largest event of each set as fcn told it: its magnitude, and how far off its epicentre was."""
    n_lines = -(-len(shown) // COLUMNS)
    figure = new_figure(3.1 * COLUMNS, 0.6 + 3.4 * n_lines)
    panels = figure.subplots(2 * n_lines, COLUMNS, squeeze=False, height_ratios=[2, 1] * n_lines)
    for axes in panels.ravel():
        axes.set_axis_off()
    handles = {}
    for number, (title, known, sides) in enumerate(shown):
        line, column = divmod(number, COLUMNS)
        upper, lower = panels[2 * line : 2 * line + 2, column]
        upper.set_axis_on()
        letter(upper, "abcdefghijklmnopqrstuvwxyz"[number % 26], title)
        said, true = largest(known, sides.get("fcn"), tolerance)
        if said is None:
            upper.text(0.5, 0.5, "nothing declared", ha="center", transform=upper.transAxes, c=GREY)
            upper.set(xticks=[], yticks=[])
            continue
        lower.set_axis_on()
        _draw_story((upper, lower), sides, said, true, tolerance)
        handles |= dict(zip(*upper.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=4)
    figure.supxlabel("seconds after the first P: the catalogue's, fcn's own where it has none", fontsize=8.5)
    figure.supylabel("magnitude; below, km from the catalogue's epicentre or fcn's last", fontsize=8.5)
    return figure


def largest(
    known: Known, side: Side | None, tolerance: MatchTolerance
) -> tuple[Event, Event | None] | tuple[None, None]:
    """The largest catalogued event that fcn has, in its final words and in the catalogue's.

    Without one that is in the catalogue, fcn's own largest; without any, nothing.
    """
    events = [] if side is None else side.events
    true = () if known.sequence.catalogue is None else known.sequence.catalogue.events
    pairs = match_events(events, true, tolerance).pairs
    if pairs:
        i, j = max(pairs, key=lambda pair: _size(true[pair[1]]))
        return events[i], true[j]
    return (max(events, key=_size), None) if events else (None, None)


def _size(event: Event) -> float:
    return -math.inf if event.magnitude is None else event.magnitude


def _draw_story(
    panels: tuple[Axes, Axes],
    sides: dict[str, Side],
    said: Event,
    true: Event | None,
    tolerance: MatchTolerance,
) -> None:
    upper, lower = panels
    place = true or said
    first_p_s = place.first_p_time_s or said.first_p_time_s or said.origin_time_s
    updates = [row for row in sides["fcn"].updates if row["event_id"] == said.event_id]
    since_s = np.array([time_s(row["now_utc"], "updates.csv: now_utc") for row in updates]) - first_p_s
    size = np.array([float(row["magnitude"] or "nan") for row in updates])
    latitude_deg, longitude_deg = (
        np.array([float(row[name]) for row in updates]) for name in ("latitude_deg", "longitude_deg")
    )
    frame = LocalFrame(place.latitude_deg, place.longitude_deg)
    off_km = np.hypot(*frame.to_local_km(latitude_deg, longitude_deg))
    upper.step(since_s, size, where="post", c=VERMILION, label="fcn")
    lower.step(since_s, off_km, where="post", c=VERMILION)
    upper.plot(since_s[:1], size[:1], "o", c=INK, ms=4, label="alarm")
    if true is not None and true.magnitude is not None:
        upper.axhline(true.magnitude, c=INK, ls="--", lw=0.8, label="catalogue")
    if PEER in sides:
        events = sides[PEER].events
        for i, _ in match_events(events, [place], tolerance).pairs:
            enough_s = sides[PEER].said_s[events[i].event_id] - first_p_s
            for axes, label in ((upper, f"{PEER}: enough picks"), (lower, None)):
                axes.axvline(enough_s, c=BLUE, ls=":", lw=1.0, label=label)
    for axes in panels:
        axes.set_xlim(0.0, max(10.0, float(since_s.max()) * MARGIN))
        axes.grid(c=PALE, lw=0.4)
    upper.tick_params(labelbottom=False)
    lower.set_ylim(0.0, max(5.0, MARGIN * float(off_km.max())))


def _panels(n: int, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure with at least n panels; those beyond n are off."""
    n_lines = -(-n // COLUMNS)
    figure = new_figure(3.1 * COLUMNS, 0.5 + height_in * n_lines)
    panels = list(figure.subplots(n_lines, COLUMNS, squeeze=False).ravel())
    for axes in panels[n:]:
        axes.set_axis_off()
    return figure, panels
