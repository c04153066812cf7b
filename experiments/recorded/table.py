"""Recorded earthquakes through the project's own commands: one table, one picture.

    python experiments/recorded/table.py --root REALDATA
    python experiments/recorded/table.py --root REALDATA --ckpt logs/<run>/checkpoints/best.ckpt --only salton

sets.yaml says which folders of REALDATA there are and where each comes from: waveforms/ (SDS miniSEED),
stations.xml, catalogue.xml. A sequence is built where it is missing, tested as a user would, in the folder
--out, and told in table.md, declared.csv and recorded.png. A set that fails has its reason in the table, and
the others go on.
"""

import argparse
import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import yaml
from obspy import UTCDateTime
from rich.console import Console
from rich.progress import track
from scipy.optimize import linear_sum_assignment

from fcn.catalogue.io import read_quakeml

HERE = Path(__file__).resolve().parent
SAME_S = 1.5  # origins of one event in a catalogue of templates and here
Row = dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """What one test left in its folder."""

    name: str
    given: dict[str, Any]
    metrics: dict[str, Any]
    declared: list[Row]  # rows of catalogue.csv, without those withdrawn
    updates: list[Row]
    true: list[Row]  # the sequence's own catalogue
    templates: list[tuple[float, float]]  # origin time and magnitude

    @property
    def in_templates(self) -> dict[int, int]:
        """Rows declared to rows of the catalogue of templates, one to one by origin time."""
        if not self.templates or not self.declared:
            return {}
        apart_s = np.abs(
            np.array([_time_s(row) for row in self.declared])[:, None]
            - np.array([each[0] for each in self.templates])
        )
        pairs = zip(*linear_sum_assignment(np.where(apart_s <= SAME_S, apart_s, 1e6)), strict=True)
        return {int(i): int(j) for i, j in pairs if apart_s[i, j] <= SAME_S}


def main() -> None:
    """Run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the folder with the sets")
    parser.add_argument("--ckpt", default="generalized")
    parser.add_argument("--only", nargs="+", help="names in sets.yaml")
    parser.add_argument("--out", type=Path, default=Path("logs/recorded"))
    arguments = parser.parse_args()
    sets = yaml.safe_load((HERE / "sets.yaml").read_text(encoding="utf-8"))
    if unknown := set(arguments.only or ()) - set(sets):
        parser.error(f"sets.yaml has no {', '.join(sorted(unknown))}, but {', '.join(sets)}")
    outcomes: list[Outcome] = []
    lines = [HEAD, "|---|" + "---:|" * (HEAD.count("|") - 2)]
    for name in track(arguments.only or list(sets), description="recorded sets"):
        try:
            outcome = run(name, sets[name], arguments.root / name, arguments.out, arguments.ckpt)
        except (RuntimeError, OSError) as error:
            lines.append(f"| {sets[name]['title']} | failed: {error} |" + " |" * (HEAD.count("|") - 3))
        else:
            outcomes.append(outcome)
            lines.append(row(outcome))
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = "\n".join(lines) + "\n"
    (arguments.out / "table.md").write_text(table, encoding="utf-8")
    Console().print(table, soft_wrap=True, markup=False)
    write_declared(outcomes, arguments.out / "declared.csv")
    if outcomes:
        picture(outcomes, arguments.out / "recorded.png")


def run(name: str, given: dict[str, Any], source: Path, out: Path, ckpt: str) -> Outcome:
    """Build and test one set. Raises RuntimeError with the last line of a command that failed."""
    sequence, folder = out / "sequences" / name, out / "runs" / f"{name}-{Path(ckpt).stem}"
    if not source.is_dir():
        raise RuntimeError(f"no folder {source}")
    if not sequence.exists():
        command(
            "fcn.build_sequence",
            f"waveforms='{source}/waveforms/*/*/*/*/*'",
            f"station_file='{source}/stations.xml'",
            f"catalogue='{source}/catalogue.xml'",
            f"out='{sequence}'",
        )
    command(
        "fcn.test",
        f"ckpt={ckpt}",
        "dataset=archive",
        f"dataset.root='{sequence}'",
        f"velocity_model={given['velocity_model']}",
        *([f"dataset.first_p='{HERE / 'first_p.csv'}'"] if given.get("first_p") else []),
        "logger=csv",
        f"hydra.run.dir='{folder}'",
    )
    templates = source / given["templates"] if "templates" in given else None
    return Outcome(
        name,
        given,
        json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
        [each for each in _rows(folder / "catalogue.csv") if each["status"] != "retracted"],
        _rows(folder / "updates.csv"),
        _true(source / "catalogue.xml"),
        [] if templates is None else _templates(templates),
    )


def command(module: str, *overrides: str) -> None:
    """One of the project's commands."""
    done = subprocess.run([sys.executable, "-m", module, *overrides], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error: " in line] or done.stderr.splitlines()
        raise RuntimeError(lines[-1][:300] if lines else f"{module} returned {done.returncode}")


HEAD = (
    "| recorded | found | declared besides | alarm after first P | epicentre off | depth off "
    "| magnitude off (MAE) | followed |"
)


def row(outcome: Outcome) -> str:
    """Of the table."""
    m = outcome.metrics

    def told(name: str, form: str) -> str:
        return "-" if m.get(name) is None else format(m[name], form)

    besides = f"{len(outcome.declared) - m['n_matched']}"
    if m["n_retracted"]:
        besides += f" ({m['n_retracted']} more withdrawn)"
    if outcome.templates:
        known = outcome.in_templates
        large = [j for j, (_, magnitude) in enumerate(outcome.templates) if magnitude >= 1.0]
        found = len(set(large) & set(known.values()))
        besides += (
            f"; in the templates' catalogue are {len(known)} of all declared ({found} of its {len(large)} of "
            f"M ≥ 1), {len(outcome.declared) - len(known)} are not"
        )
    computed = " (computed)" if m.get("n_first_p_computed") else ""
    followed = sorted(_followed_s(outcome.updates).values())
    return (
        f"| {outcome.given['title']} | {m['n_matched']} of {m['n_catalogued']} | {besides} "
        f"| {told('alarm_latency_s_p50', '.1f')} s{computed} | {told('epicentre_p50_km', '.1f')} km "
        f"| {told('depth_bias_km', '+.1f')} km | {told('magnitude_bias', '+.2f')} "
        f"({told('magnitude_mae', '.2f')}) | {np.median(followed) if followed else np.nan:.0f} s |"
    )


def write_declared(outcomes: list[Outcome], path: Path) -> None:
    """Everything declared, with what it is of the catalogue of templates, where there is one."""
    names = ("origin_time_utc", "latitude_deg", "longitude_deg", "depth_km", "magnitude", "status")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["set", *names, "in_templates"])
        for outcome in outcomes:
            known = outcome.in_templates
            for i, each in enumerate(outcome.declared):
                mark = "" if not outcome.templates else str(i in known).lower()
                writer.writerow([outcome.name, *(each[name] for name in names), mark])


def picture(outcomes: list[Outcome], path: Path) -> None:
    """Of each set: magnitudes as they were stated, against time, and the truth."""
    n_rows = -(-len(outcomes) // 3)
    figure, axes = plt.subplots(n_rows, 3, figsize=(12, 3.2 * n_rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(outcomes) :]:
        axis.axis("off")
    for axis, outcome in zip(axes.flat, outcomes, strict=False):
        times_s = [_time_s(each) for each in outcome.true or outcome.declared]
        start_s = min(times_s, default=0.0)
        for event_id in dict.fromkeys(each["event_id"] for each in outcome.updates):
            said = [u for u in outcome.updates if u["event_id"] == event_id and u["magnitude"]]
            after_s = [UTCDateTime(u["now_utc"]).timestamp - start_s for u in said]
            axis.plot(after_s, [float(u["magnitude"]) for u in said], ".-", ms=3, lw=0.8)
        for each in outcome.true:
            if each["magnitude"]:
                axis.plot(_time_s(each) - start_s, float(each["magnitude"]), "k*", ms=7)
        axis.set(title=outcome.given["title"], xlabel="seconds after the first origin", ylabel="magnitude")
        axis.title.set_fontsize(9)
    figure.suptitle("Recorded: magnitudes as stated (lines) and the catalogue's (stars)", fontsize=10)
    figure.savefig(path, dpi=120)


def _time_s(each: Row) -> float:
    return UTCDateTime(each["origin_time_utc"]).timestamp


def _followed_s(updates: list[Row]) -> dict[str, float]:
    """From first to last update of each event."""
    times: dict[str, list[float]] = {}
    for each in updates:
        times.setdefault(each["event_id"], []).append(UTCDateTime(each["now_utc"]).timestamp)
    return {name: max(each) - min(each) for name, each in times.items()}


def _rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _true(path: Path) -> list[Row]:
    return [
        {
            "origin_time_utc": UTCDateTime(each.origin_time_s).isoformat(),
            "magnitude": "" if each.magnitude is None else f"{each.magnitude}",
        }
        for each in read_quakeml(path)
    ]


def _templates(path: Path) -> list[tuple[float, float]]:
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        (UTCDateTime(f"{each[1].replace('/', '-')}T{each[2]}").timestamp, float(each[6]))
        for each in rows
        if each and each[0].isdigit()
    ]


if __name__ == "__main__":
    main()
