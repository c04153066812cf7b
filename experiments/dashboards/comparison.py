"""The comparison of a sweep as a workspace of Weights & Biases: recall, latency, errors, calibration, curves.

    python experiments/dashboards/comparison.py fewer_stations --out comparison.json
    python experiments/dashboards/comparison.py fewer_stations --entity TEAM --save

The first writes what would be sent, and needs neither account nor network; the second saves it as a view of
the project, for runs that were sent (docs/wandb.md). pip install -e '.[dashboards]'
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

try:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed, which makes the dashboards: pip install -e '.[dashboards]'"
    ) from error

from fcn.config import CONF_DIR
from fcn.report.sweep.figures import REPEATS

# sections, and the figures of metrics.json in each
FIGURES = {
    "Recall": ("recall", "false_alarms_per_hour"),
    "Latency": ("alarm_latency_s_p50", "alarm_latency_s_p90"),
    "RMSE": ("epicentre_rmse_km", "epicentre_rmse_km_at_alarm", "depth_rmse_km", "magnitude_mae"),
    "Calibration": (
        "epicentre_coverage_50",
        "epicentre_coverage_90",
        "depth_coverage_50",
        "depth_coverage_90",
    ),
}
SHARES = ("recall", *FIGURES["Calibration"])  # which lie between 0 and 1
LEADING = ("recall", "false_alarms_per_hour", "alarm_latency_s_p50", "epicentre_rmse_km", "depth_rmse_km")
CURVES = ("train/loss", "val/loss", "val/f1", "val/epicentre_p50_km", "val/magnitude_mae")
PICTURES = ("map", "errors", "timeline")
STEP = "trainer/global_step"


@dataclass(frozen=True)
class Question:
    """A file of conf/sweep. swept: the keys that it varies, with their values as they are written."""

    name: str
    text: str
    swept: dict[str, str]

    @classmethod
    def read(cls, name: str) -> "Question":
        """Raises FileNotFoundError for a name that conf/sweep does not have."""
        path = CONF_DIR / "sweep" / f"{name}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in path.parent.glob("*.yaml")))
            raise FileNotFoundError(f"no sweep {name!r} in conf/sweep, which has {known}")
        text = path.read_text("utf-8")
        asked = next(line for line in text.splitlines() if line.startswith("# ") and "@package" not in line)
        params = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
        return cls(name, asked.removeprefix("# "), {key: str(values) for key, values in params.items()})

    @property
    def axes(self) -> list[str]:
        """What panels are drawn against: all but the repeats, or these where there is nothing else."""
        return [key for key in self.swept if key not in REPEATS] or list(self.swept)

    def is_of_numbers(self, key: str) -> bool:
        """Whether every value of a key is one."""
        try:
            return all(float(each) is not None for each in self.swept[key].split(","))
        except ValueError:
            return False


def told(key: str) -> str:
    """Where in its config a run tells the value of a key (`fcn.callbacks.run_log.given`)."""
    return f"given.{key.replace('.', '/')}"


def comparison(
    question: Question, *, entity: str, project: str, group: str | None = None, sequence: str | None = None
) -> ws.Workspace:
    """The workspace of a sweep's runs.

    group: of one sweep; None: all of that name. sequence: of a sweep that trains, whose figures are shown;
    None: the runs are tests, whose figures have no sequence before their names.
    """
    prefix = "" if sequence is None else f"{sequence}/"
    sections = [
        section(title, [each for name in names for each in panels(question, prefix, name)])
        for title, names in FIGURES.items()
    ]
    if sequence is not None:
        sections.append(section("Curves", [curve(question, name) for name in CURVES]))
    columns = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(told(key)), display_name=key) for key in question.axes
    ]
    columns += [
        wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(prefix + name), display_name=name)
        for name in LEADING
    ]
    together = wr.ParallelCoordinatesPlot(columns=columns, title=question.text, layout=wr.Layout(w=24, h=10))
    sections.append(section("All together", [together, wr.RunComparer(diff_only="split")], columns=1))
    media = wr.MediaBrowser(
        title="Figures",
        num_columns=len(PICTURES),
        media_keys=[f"{prefix}figures/{name}" for name in PICTURES],
    )
    events = wr.WeavePanelSummaryTable(table_name=f"{prefix}events")
    sections.append(section("Events", [events, media], columns=1))
    chosen = expr.Tags().isin([f"sweep:{question.name}"]) if group is None else expr.Metric("Group") == group
    return ws.Workspace(
        entity=entity,
        project=project,
        name=question.text if group is None else f"{question.text} ({group})",
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=100),
        runset_settings=ws.RunsetSettings(
            filters=expr.And(chosen),
            groupby=[expr.Config(told(key)) for key in question.axes],
            pinned_columns=[f"summary:{prefix}{name}" for name in LEADING],
        ),
    )


def section(title: str, content: Sequence[Any], *, columns: int = 2) -> ws.Section:
    """An open section."""
    layout = ws.SectionLayoutSettings(columns=columns, rows=max(1, -(-len(content) // columns)))
    return ws.Section(name=title, panels=list(content), is_open=True, layout_settings=layout)


def panels(question: Question, prefix: str, figure: str) -> list[Any]:
    """One figure by every swept value: means over repeats as bars, where values are numbers runs as dots."""
    limits = (0, 1) if figure in SHARES else (None, None)
    made: list[Any] = []
    for key in question.axes:
        title = f"{figure} by {key}"
        bars = wr.BarPlot(
            title=title,
            metrics=[prefix + figure],
            range_x=limits,
            groupby=wr.Config(told(key)),
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            max_bars_to_show=50,
        )
        made.append(bars)
        if question.is_of_numbers(key):
            y = wr.SummaryMetric(prefix + figure)
            made.append(wr.ScatterPlot(title=title, x=wr.Config(told(key)), y=y, range_y=limits))
    return made


def curve(question: Question, name: str) -> Any:
    """One curve of trainings, mean and range of each value of what was swept first."""
    return wr.LinePlot(
        title=name,
        x=STEP,
        y=[name],
        groupby=wr.Config(told(question.axes[0])),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
    )


def specification(workspace: ws.Workspace) -> dict[str, Any]:
    """What `Workspace.save` would send, which the package does not tell by a public name (0.4.13)."""
    found: dict[str, Any] = workspace._spec
    return found


def main() -> None:
    """Build the workspace; write or save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", help="a file of conf/sweep, as fewer_stations")
    parser.add_argument("--group", help="of one sweep: its group, as fewer_stations-sweep-20261126-120000")
    parser.add_argument(
        "--sequence", help="of a sweep that trains: v0, v1, v2 or kumamoto (of several crusts v0-in-stated)"
    )
    parser.add_argument("--project", default="fcn", help="where runs are (logger.wandb.project)")
    parser.add_argument("--entity", default="you", help="whose project it is: a user or a team")
    parser.add_argument("--out", type=Path, help="write the specification here")
    parser.add_argument("--save", action="store_true", help="save it in W&B, for which one must be logged in")
    asked = parser.parse_args()
    if asked.out is None and not asked.save:
        parser.error("say what to do with it: --out FILE, --save, or both")
    workspace = comparison(
        Question.read(asked.sweep),
        entity=asked.entity,
        project=asked.project,
        group=asked.group,
        sequence=asked.sequence,
    )
    if asked.out is not None:
        asked.out.write_text(json.dumps(specification(workspace), indent=2) + "\n", "utf-8")
    if asked.save:
        workspace.save()


if __name__ == "__main__":
    main()
