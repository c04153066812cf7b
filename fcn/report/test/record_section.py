"""Record sections of single events: what had been recorded when the alarm came."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fcn.catalogue.event import DeclaredEvent, Event
from fcn.report.kit.style import DECLARED_COLOUR, GREY, INK, P_COLOUR, S_COLOUR, new_figure, styled
from fcn.report.test.outcome import Outcome, arrivals_s

BEFORE_S, AFTER_S = 4.0, 36.0  # of the origin time
_VERTICAL = 0  # component Z
COLOURS = {"P": P_COLOUR, "S": S_COLOUR}


@dataclass(frozen=True)
class Subject:
    """An event to show: where it is taken to be, and what was declared, if anything."""

    event: Event
    declared: DeclaredEvent | None
    why: str


def choose_subjects(outcome: Outcome) -> list[Subject]:
    """The largest event, and the found one of median magnitude; without a catalogue the largest declared."""
    found = {true.event_id: each for each, true in outcome.pairs}
    if not outcome.has_catalogue:
        ranked = sorted(outcome.declared, key=lambda each: _size(each.final.event), reverse=True)
        return [Subject(each.final.event, each, "declared; no catalogue") for each in ranked[:2]]
    if not len(outcome.catalogue):
        return []
    ranked_true = sorted(outcome.catalogue, key=_size, reverse=True)
    largest = ranked_true[0]
    subjects = [Subject(largest, found.get(largest.event_id), "largest catalogued")]
    others = [true for true in ranked_true if true.event_id in found and true is not largest]
    if others:
        typical = others[len(others) // 2]
        subjects.append(Subject(typical, found[typical.event_id], "median magnitude of those found"))
    return subjects


@styled
def record_section(outcome: Outcome, subjects: list[Subject]) -> Figure:
    """One panel an event: vertical velocity, 2-8 Hz, each trace over its own peak, by epicentral distance."""
    figure = new_figure(5.2 * len(subjects), 5.4)
    panels = figure.subplots(1, len(subjects), squeeze=False)[0]
    for letter, axes, subject in zip("abc", panels, subjects, strict=False):
        _draw_traces(axes, outcome, subject)
        _draw_moments(axes, subject)
        event = subject.event
        size = "" if event.magnitude is None else f"M {event.magnitude:.1f}, "
        axes.set_title(f"{letter}  {event.event_id}: {size}{event.depth_km:.0f} km deep\n{subject.why}")
        axes.set(
            xlabel="time since origin (s)",
            ylabel="epicentral distance (km), moved apart where near",
            xlim=(-BEFORE_S, AFTER_S),
        )
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=len(handles))
    figure.suptitle(f"{outcome.name}: vertical, detection band, each trace over its peak", x=0.01, ha="left")
    return figure


def _size(event: Event) -> float:
    return -np.inf if event.magnitude is None else event.magnitude


def _draw_traces(axes: Axes, outcome: Outcome, subject: Subject) -> None:
    sequence, event = outcome.sequence, subject.event
    distance_km = np.linalg.norm(sequence.station_km[:, :2] - outcome.local_km([event])[:, :2], axis=1)
    rate_hz = sequence.sampling_rate_hz
    origin = (event.origin_time_s - sequence.start_time_s) * rate_hz
    first, last = max(round(origin - BEFORE_S * rate_hz), 0), round(origin + AFTER_S * rate_hz)
    traces = sequence.narrow[:, _VERTICAL, first:last]
    time_s = (first - origin + np.arange(traces.shape[1])) / rate_hz
    gap_km = np.ptp(distance_km) / len(distance_km)
    place_km = _moved_apart(distance_km, gap_km)
    height_km = 0.6 * gap_km
    for station, place in enumerate(place_km):
        peak = np.abs(traces[station]).max(initial=0.0)
        if peak == 0:
            continue
        axes.plot(time_s, place + height_km * traces[station] / peak, color=INK, linewidth=0.45)
        name = f" {sequence.network.stations[station].code} {distance_km[station]:.0f} km"
        axes.text(AFTER_S, place, name, va="center", fontsize=6.5)
    axes.set_ylim(min(place_km.min() - 1.2 * gap_km, 0), place_km.max() + 1.2 * gap_km)
    _draw_picks(axes, outcome, subject, place_km - 0.3 * gap_km)
    times_s = arrivals_s(sequence, [event])
    if times_s is None:
        return
    for phase, (name, colour) in enumerate(COLOURS.items()):
        arrival_s = times_s[0, :, phase]
        marks: dict[str, Any] = {"marker": "|", "markersize": 12, "markeredgewidth": 1.4, "color": colour}
        axes.plot(arrival_s, place_km, linestyle="none", label=f"{name}, predicted", **marks)


def _draw_picks(
    axes: Axes, outcome: Outcome, subject: Subject, below_km: Float[np.ndarray, " station"]
) -> None:
    """What the network picked of the event, under each trace."""
    picks = subject.declared.picks if subject.declared is not None else ()
    rows = {each.id: row for row, each in enumerate(outcome.sequence.network)}
    for name, colour in COLOURS.items():
        own = [(each, rows.get(f"{each.network}.{each.station}")) for each in picks if each.phase == name]
        points = [
            (pick.time_s - subject.event.origin_time_s, below_km[row]) for pick, row in own if row is not None
        ]
        if points:
            mark: dict[str, Any] = {"marker": "^", "markersize": 4.5, "color": colour}
            axes.plot(*zip(*points, strict=True), linestyle="none", label=f"{name}, picked", **mark)


def _moved_apart(distance_km: Float[np.ndarray, " station"], gap_km: float) -> Float[np.ndarray, " station"]:
    """Distances increased as little as keeps traces gap_km apart, in the same order."""
    place_km = distance_km.copy()
    order = np.argsort(distance_km, kind="stable")
    for nearer, farther in itertools.pairwise(order):
        place_km[farther] = max(place_km[farther], place_km[nearer] + gap_km)
    return place_km


def _draw_moments(axes: Axes, subject: Subject) -> None:
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle=":", label="origin time")
    if subject.declared is None:
        axes.text(0.98, 0.98, "not declared", transform=axes.transAxes, ha="right", va="top", color=GREY)
        return
    alarm_s = subject.declared.alarm.now_s - subject.event.origin_time_s
    axes.axvline(alarm_s, color=DECLARED_COLOUR, linewidth=1.6, linestyle="--", label="alarm")
    axes.axvspan(alarm_s, AFTER_S, color=DECLARED_COLOUR, alpha=0.05, linewidth=0)
    final_s = subject.declared.final.event.origin_time_s - subject.event.origin_time_s
    star: dict[str, Any] = {"marker": "*", "markersize": 10, "color": DECLARED_COLOUR, "clip_on": False}
    axes.plot([final_s], [axes.get_ylim()[0]], linestyle="none", label="origin time, declared", **star)
