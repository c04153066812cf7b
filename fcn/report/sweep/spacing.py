"""What tests of different networks came to, against how far apart their stations are."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from fcn.metrics.table import ALL
from fcn.report.kit.style import CYCLE, from_nought, letter, new_figure, styled
from fcn.report.sweep.figures import setting_of
from fcn.report.sweep.jobs import Job, what_differs

SPACING = "station_spacing_km"
COLUMN = "station spacing (km)"
CAPTION = (
    "Every job by the spacing of its stations (the median distance of a station to the nearest other one), "
    "each on all that its own sequence has. Jobs of one colour are repeats of one setting."
)
_SHOWN = ("recall", "alarm_latency_s_p50", "epicentre_p50_km")
_PANELS = [(row.name, row.label or row.sweep_test) for name in _SHOWN for row in ALL if row.name == name]
_MARKERS = "os^Dv<>Pph"


def is_swept(jobs: Sequence[Job]) -> bool:
    """Whether jobs were tested on stations of more than one spacing."""
    return len({job.figure(SPACING) for job in jobs} - {None}) > 1


@styled
def spacing_figure(jobs: Sequence[Job]) -> Figure | None:
    """A dot per job; None where spacing was not swept."""
    if not is_swept(jobs):
        return None
    differing = what_differs(jobs)
    settings = list(dict.fromkeys(setting_of(job, differing) for job in jobs))
    figure = new_figure(10.4, 3.6)
    panels = figure.subplots(1, len(_PANELS))
    for axes, name, (key, label) in zip(panels, "abc", _PANELS, strict=True):
        for i, setting in enumerate(settings):
            known = [
                (job.figure(SPACING), job.figure(key))
                for job in jobs
                if setting_of(job, differing) == setting
                and job.figure(SPACING) is not None
                and job.figure(key) is not None
            ]
            look: dict[str, Any] = {
                "color": CYCLE[i % len(CYCLE)],
                "marker": _MARKERS[i % len(_MARKERS)],
                "ls": "none",
            }
            axes.plot(*zip(*known, strict=True) if known else ((), ()), label=setting, **look)
        axes.set(xlabel=COLUMN, ylabel=label)
        from_nought(axes)
        axes.grid(visible=True, axis="y")
        letter(axes, name, "")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=5)
    return figure
