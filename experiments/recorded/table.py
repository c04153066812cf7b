"""Recorded earthquakes through the project's own commands, beside a peer: one table, three pictures.

    python experiments/recorded/table.py --root REALDATA
    python experiments/recorded/table.py --root REALDATA --ckpt logs/<run>/checkpoints/best.ckpt --only salton
    python experiments/recorded/table.py --root REALDATA --peers peers/bin/python model_PhaseNet_JMA.pth

sets.yaml says which folders of REALDATA there are, get.md where each comes from. A sequence is built where
it is missing, tested as a user would, in the folder --out, and told in table.md, headline.md (the same in
short), declared.csv, map.png, magnitudes.png and stories.png. What JMA-PhaseNet + PyOcto finds depends on no
checkpoint: peers.csv, beside this script, has it; --peers makes it anew for the sets that are there. A set
that is not there, or fails, has its reason in the table, and the others go on.
"""

import argparse
import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from known import BOTH, LARGE_LISTED, PEER, Known, Side, of_fcn, of_peers, rows
from pictures import draw_magnitudes, draw_maps, draw_stories, write
from rich.console import Console
from rich.progress import track

from fcn import config as configuration
from fcn.catalogue.io import iso
from fcn.metrics.matching import MatchTolerance, epicentre_offset_km, match_events

HERE = Path(__file__).resolve().parent
HEAD = (
    "| recorded | by | found | besides | alarm after first P | epicentre off | depth off "
    "| magnitude off (MAE) | followed |"
)
HEADLINE = (
    "| recorded | `fcn` found | peer found | `fcn` alarm | peer's picks | `fcn` off | peer off "
    "| magnitude off 4, 10, 20 s after first P, final |"
)
N_COLUMNS = HEAD.count("|") - 1
PEER_COLUMNS = (
    "set", "event_id", "origin_time_utc", "latitude_deg", "longitude_deg", "depth_km", "first_p_time_utc",
    "enough_picks_utc", "n_p", "n_s", "note",
)  # fmt: skip
DECIMALS = {"latitude_deg": 4, "longitude_deg": 4, "depth_km": 2}  # metres, where cells are 1.5 km
# Where a set names no other: as `python -m fcn.build_sequence` and data centres lay them out
FILES = {"waveforms": "waveforms/*/*/*/*/*", "station_file": "stations.xml", "catalogue": "catalogue.xml"}
NOTES = (
    "Found: of the set's own catalogue, within 4 s and 25 km. Besides: what else was declared, and whether "
    "it is in another list (origins within 1.5 s where nothing else is said) or the other side's too (2 s, "
    "10 km). Alarm: median after the first P by hand, or as computed from the velocity model; where there is "
    "no catalogue, after the first P that each side states. The peer works offline, gives no magnitude and "
    "does not warn: in its rows stands when the last pick came that it needs (10 picks, 3 P, 3 S, 3 "
    "stations with both). Epicentre: median; depth: mean; without a catalogue the median distance of its "
    "epicentres from fcn's."
)


@dataclass(frozen=True)
class Run:
    """What is the same for every set: where things are and how they are made."""

    root: Path
    out: Path
    ckpt: str
    kept: bool
    peers: tuple[str, str] | None  # its interpreter and weights
    peers_table: Path
    tolerance: MatchTolerance
    names: tuple[str, ...]  # of all sets, in order


@dataclass(frozen=True)
class Outcome:
    """A set, and each side that could be had of it; `reasons` by name of those that could not."""

    name: str
    given: dict[str, Any]
    known: Known
    sides: dict[str, Side]
    reasons: dict[str, str]


def main() -> None:
    """Run, and write table and pictures."""
    given = arguments()
    sets = yaml.safe_load(given.sets.read_text(encoding="utf-8"))
    if unknown := set(given.only or ()) - set(sets):
        sys.exit(f"{given.sets} has no {', '.join(sorted(unknown))}, but {', '.join(sets)}")
    matching = yaml.safe_load((configuration.CONF_DIR / "matching" / "default.yaml").read_text("utf-8"))
    run = Run(
        **{key: getattr(given, key) for key in ("root", "out", "ckpt", "kept", "peers", "peers_table")},
        tolerance=configuration.build(matching),
        names=tuple(sets),
    )
    outcomes, lines = list[Outcome](), [HEAD, "|---|---|" + "---:|" * (N_COLUMNS - 2)]
    for name in track(given.only or list(sets), description="recorded sets"):
        try:
            known = prepare(name, sets[name], run)
        except (RuntimeError, OSError, ValueError) as error:
            lines.append(not_run(sets[name]["title"], "", f"{error}"))
            continue
        outcomes.append(both_sides(name, sets[name], known, run))
        lines += set_lines(outcomes[-1], run.tolerance)
    given.out.mkdir(parents=True, exist_ok=True)
    table = "\n".join(lines) + "\n"
    (given.out / "table.md").write_text(f"{table}\n{NOTES}\n", encoding="utf-8")
    short = [HEADLINE, "|---|" + "---:|" * (HEADLINE.count("|") - 2)]
    short += [headline(each, run.tolerance) for each in outcomes]
    (given.out / "headline.md").write_text("\n".join(short) + "\n", encoding="utf-8")
    Console().print(table, soft_wrap=True, markup=False)
    write_declared(outcomes, given.out / "declared.csv")
    if outcomes:
        shown = [(each.given["title"], each.known, each.sides) for each in outcomes]
        write(draw_maps(shown), given.out / "map.png")
        write(draw_magnitudes(shown), given.out / "magnitudes.png")
        write(draw_stories(shown, run.tolerance), given.out / "stories.png")


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the folder with the sets")
    parser.add_argument("--ckpt", default="generalized")
    parser.add_argument("--only", nargs="+", help="names in sets.yaml")
    parser.add_argument("--out", type=Path, default=Path("logs/recorded"))
    parser.add_argument("--kept", action="store_true", help="tests that --out has are taken as they are")
    parser.add_argument(
        "--peers",
        nargs=2,
        metavar=("PYTHON", "WEIGHTS"),
        help="make the peer's part anew, with the Python of an environment with the extra [peers]",
    )
    parser.add_argument("--sets", type=Path, default=HERE / "sets.yaml")
    parser.add_argument("--peers-table", type=Path, default=HERE / "peers.csv")
    return parser.parse_args()


# ------------------------------------------------------------------ what is run


def prepare(name: str, given: dict[str, Any], run: Run) -> Known:
    """The sequence of a set, built where it is missing. Raises RuntimeError with the reason."""
    source, sequence = run.root / name, run.out / "sequences" / name
    if not source.is_dir():
        raise RuntimeError(f"no folder {source}")
    if not sequence.exists():
        named = {**FILES, **{key: given[key] for key in (*FILES, "velocity_model_file") if key in given}}
        overrides = [f"{key}='{source / value}'" for key, value in named.items() if value is not None]
        if "sensitivity_counts_per_mps" in given:
            overrides.append(f"sensitivity_counts_per_mps={given['sensitivity_counts_per_mps']}")
        command(sys.executable, "-m", "fcn.build_sequence", *overrides, f"out='{sequence}'")
    return Known.read(sequence, source, given, HERE / "first_p.csv")


def both_sides(name: str, given: dict[str, Any], known: Known, run: Run) -> Outcome:
    """Test, and read what the peer found."""
    sides, reasons = dict[str, Side](), dict[str, str]()
    for side, had in (
        ("fcn", lambda: tested(name, given, run)),
        (PEER, lambda: found_by_peer(name, given, known, run)),
    ):
        try:
            sides[side] = had()
        except (RuntimeError, OSError, ValueError) as error:
            reasons[side] = f"{error}"
    return Outcome(name, given, known, sides, reasons)


def tested(name: str, given: dict[str, Any], run: Run) -> Side:
    """fcn.test of a sequence. Raises RuntimeError with the last line of a command that failed."""
    folder = run.out / "runs" / f"{name}-{Path(run.ckpt).stem}"
    if not (run.kept and (folder / "metrics.json").is_file()):
        chosen = [f"velocity_model={given['velocity_model']}"] if "velocity_model" in given else []
        if given.get("first_p"):
            chosen.append(f"dataset.first_p='{HERE / 'first_p.csv'}'")
        command(
            sys.executable,
            "-m",
            "fcn.test",
            f"ckpt='{run.ckpt}'",
            "dataset=archive",
            f"dataset.root='{run.out / 'sequences' / name}'",
            *chosen,
            "logger=csv",
            f"hydra.run.dir='{folder}'",
        )
    if not (folder / "metrics.json").is_file():
        raise RuntimeError(f"fcn.test ended early: {folder / 'test.log'}")
    return of_fcn(folder, json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


def found_by_peer(name: str, given: dict[str, Any], known: Known, run: Run) -> Side:
    """What peers.csv has of a set, made anew where that is asked for.

    Raises RuntimeError, with the reason, and leaves peers.csv as it is.
    """
    told = rows(run.peers_table) if run.peers_table.is_file() else []
    if run.peers:
        told = [row for row in told if row["set"] != name] + peers_anew(name, given, run)
        with run.peers_table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, PEER_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(told, key=lambda row: [*run.names, row["set"]].index(row["set"])))
    own = [row for row in told if row["set"] == name]
    if not own:
        raise RuntimeError(f"{run.peers_table.name} has nothing of it; --peers makes it")
    return of_peers([row for row in own if row["event_id"]], known, run.tolerance)


def peers_anew(name: str, given: dict[str, Any], run: Run) -> list[dict[str, str]]:
    """Rows of peers.csv, one without an event where none is found; RuntimeError with the reason for none."""
    assert run.peers is not None
    python, weights = run.peers
    folder = run.out / "peers" / name
    if not folder.exists():
        options = (("--velocity-model", "velocity_model"), ("--max-depth-km", "max_depth_km"))
        chosen = [part for flag, key in options if key in given for part in (flag, f"{given[key]}")]
        sequence = run.out / "sequences" / name
        command(python, f"{HERE / 'peers.py'}", f"{sequence}", weights, f"{folder}", *chosen)
    found = [{"set": name, **each} for each in rows(folder / "catalogue.csv")]
    return [_short(row) for row in found] or [dict.fromkeys(PEER_COLUMNS, "") | {"set": name}]


def _short(row: dict[str, str]) -> dict[str, str]:
    kept = {key: row[key] for key in PEER_COLUMNS}
    return kept | {key: f"{float(kept[key]):.{n}f}" for key, n in DECIMALS.items()}


def command(*words: str) -> None:
    """Run to the end; RuntimeError with what it says where it fails."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error: " in line] or done.stderr.splitlines()
        raise RuntimeError(lines[-1][:300] if lines else f"{words[0]} returned {done.returncode}")


# ------------------------------------------------------------------ table


def not_run(title: str, side: str, reason: str) -> str:
    """A row that says why there is none."""
    clean = " ".join(reason.replace("|", "/").split())
    return f"| {title} | {side} | not run: {clean} |" + " |" * (N_COLUMNS - 3)


def set_lines(outcome: Outcome, tolerance: MatchTolerance) -> list[str]:
    """The rows of a set: fcn's and the peer's."""
    lines = []
    for name, other in (("fcn", PEER), (PEER, "fcn")):
        title = outcome.given["title"]
        if name in outcome.sides:
            side = outcome.sides[name]
            lines.append(side_line(title, outcome.known, side, outcome.sides.get(other), tolerance))
        else:
            lines.append(not_run(title, name, outcome.reasons[name]))
    return lines


def side_line(title: str, known: Known, side: Side, other: Side | None, tolerance: MatchTolerance) -> str:
    """Of the table."""
    m = side.metrics
    is_known = bool(m.get("n_catalogued"))

    def told(name: str, form: str, unit: str = "") -> str:
        return "-" if m.get(name) is None else format(m[name], form) + unit

    epicentre = told("epicentre_p50_km", ".1f", " km")
    if not is_known and side.name == PEER and other is not None:
        pairs = match_events(side.events, other.events, BOTH).pairs
        offsets_km = epicentre_offset_km(
            [side.events[i] for i, _ in pairs], [other.events[j] for _, j in pairs]
        )
        if len(offsets_km):
            epicentre = f"{np.median(np.hypot(*offsets_km.T)):.1f} km from fcn's"
    magnitude = told("magnitude_bias", "+.2f")
    if magnitude != "-":
        magnitude += f" ({told('magnitude_mae', '.2f')})"
    cells = (
        title,
        side.name,
        found(known, side),
        besides(known, side, other, tolerance),
        ("enough picks: " if side.name == PEER and side.events else "") + alarm(side, is_known),
        epicentre,
        told("depth_bias_km", "+.1f", " km"),
        magnitude,
        f"{np.median(side.followed_s):.0f} s" if side.followed_s else "-",
    )
    return f"| {' | '.join(cells)} |"


def headline(outcome: Outcome, tolerance: MatchTolerance) -> str:
    """A set's row of the short table: both sides, what one of them has beside the catalogue in brackets."""
    sides = [outcome.sides.get(name) for name in ("fcn", PEER)]
    counts, alarms, places = list[str](), list[str](), list[str]()
    for side, other in zip(sides, sides[::-1], strict=True):
        if side is None:
            counts, alarms, places = [*counts, "not run"], [*alarms, "-"], [*places, "-"]
            continue
        m = side.metrics
        is_known = bool(m.get("n_catalogued"))
        kind = what_it_is(outcome.known, side, other)
        kinds = [kind[event.event_id] for event in side.unmatched(outcome.known, tolerance)]
        known = f"{len(kinds) - kinds.count('alone')} of them known"
        counts.append(f"{m['n_matched']} of {m['n_catalogued']}" if is_known else f"{len(kinds)}")
        if kinds:
            counts[-1] += f" + {len(kinds)} ({known})" if is_known else f" ({known})"
        alarms.append(alarm(side, is_known))
        places.append(f"{m['epicentre_p50_km']:.1f} km" if m["epicentre_p50_km"] is not None else "-")
    moments = [f"magnitude_bias{at}" for at in ("_at_4s", "_at_10s", "_at_20s", "")]
    biases = [None if sides[0] is None else sides[0].metrics.get(name) for name in moments]
    magnitudes = ", ".join("-" if bias is None else f"{bias:+.2f}" for bias in biases)
    magnitude = magnitudes if any(bias is not None for bias in biases) else "-"
    return f"| {' | '.join([outcome.given['title'], *counts, *alarms, *places, magnitude])} |"


def found(known: Known, side: Side) -> str:
    """How many of the catalogue, and of the other list there is."""
    m = side.metrics
    text = f"{m['n_matched']} of {m['n_catalogued']}" if m.get("n_catalogued") else "no catalogue"
    if known.listed:
        large = [j for j, (_, magnitude) in enumerate(known.listed) if not magnitude < LARGE_LISTED]
        of = known.listed_by + (f" of M ≥ {LARGE_LISTED:g}" if len(large) < len(known.listed) else "")
        text += f"; {len({*large} & {*known.in_list(side.events).values()})} of {len(large)} in {of}"
    return text


def besides(known: Known, side: Side, other: Side | None, tolerance: MatchTolerance) -> str:
    """How many events are not in the set's own catalogue, and what they are."""
    kind = what_it_is(known, side, other)
    kinds = [kind[event.event_id] for event in side.unmatched(known, tolerance)]
    text = f"{len(kinds)}"
    if kinds and (known.listed or other is not None):
        listed, shared = kinds.count("listed"), kinds.count("shared")
        parts = [f"{listed} in {known.listed_by}"] * bool(known.listed)
        parts += [f"{shared} {'fcn' if side.name == PEER else 'the peer'}'s too"] * (other is not None)
        text += f": {', '.join(parts)}, {kinds.count('alone')} {'neither' if len(parts) > 1 else 'not'}"
    if withdrawn := side.metrics["n_retracted"]:
        text += f"; {withdrawn} more withdrawn"
    return text


def what_it_is(known: Known, side: Side, other: Side | None) -> dict[str, str]:
    """By event_id: "listed" in the other list, else "shared" with the other side, else "alone"."""
    kinds = dict.fromkeys((event.event_id for event in side.events), "alone")
    if other is not None:
        for i, _ in match_events(side.events, other.events, BOTH).pairs:
            kinds[side.events[i].event_id] = "shared"
    return kinds | {side.events[i].event_id: "listed" for i in known.in_list(side.events)}


def alarm(side: Side, is_known: bool) -> str:
    """The median, and what it is counted from."""
    if is_known:
        p50_s = side.metrics["alarm_latency_s_p50"]
        after = " (computed)" if side.metrics.get("n_first_p_computed") else ""
    else:
        p50_s = float(np.median(side.alarm_after_own_p_s)) if side.alarm_after_own_p_s else None
        after = " (own P)"
    if p50_s is None:
        return "-"
    return f"{p50_s:.1f} s{after}"


def write_declared(outcomes: list[Outcome], path: Path) -> None:
    """Every event of either side, with `what_it_is`."""
    names = ("latitude_deg", "longitude_deg", "depth_km", "magnitude")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "by", "origin_time_utc", *names, "is"])
        for outcome in outcomes:
            for name, side in outcome.sides.items():
                other = outcome.sides.get(PEER if name == "fcn" else "fcn")
                kinds = what_it_is(outcome.known, side, other)
                for each in side.events:
                    values = [getattr(each, key) for key in names]
                    cells = ["" if value is None else value for value in values]
                    writer.writerow(
                        [outcome.name, name, iso(each.origin_time_s), *cells, kinds[each.event_id]]
                    )


if __name__ == "__main__":
    main()
