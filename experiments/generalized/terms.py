"""What station terms do: the same minutes of validation sequences with and without them.

    python experiments/generalized/terms.py generalized
    python experiments/generalized/terms.py generalized --sequences 0 1 2 --minutes 20
    python experiments/generalized/terms.py generalized --judges 4 8 1000 --sequences 0 1 --minutes 12
    python experiments/generalized/terms.py generalized --law epicentre_kmps 0 10 --sequences 3 4 5
    python experiments/generalized/terms.py --runs logs/with logs/without    # folders of fcn.test

Prints, for every law of terms, how many events are found and how their final solutions differ from the
truth: the shift they have in common, the scatter about it, and how many lie within their 90 % ranges. A shift
that all events of a place share is the velocity model's; terms learnt from one's own locations cannot see it.
`--judges` compares how late P may reach a station that judges a fine volume (`judges_within_s` of
`scheme.reading`, s after the first; 1000: all judge), with terms as configured; the last column tells how
locations age. `--law` compares values of `scheme.reading.terms`, as of `epicentre_kmps`, what the misfit of
picks adds to epicentres' ranges: right ones hold nine in ten and have the least negative log-likelihood, that
of a circular Gaussian, every sequence counting alike. Readings are chosen here, never on a test sequence.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence as Items
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from rich.progress import track
from rules import SEQUENCES, replayed

from fcn import config as configuration
from fcn.cache import sequence_root
from fcn.catalogue.declared import read_updates_csv
from fcn.catalogue.event import DeclaredEvent, Event
from fcn.checkpoint import load
from fcn.data.sequences import Sequence
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import epicentral_distance_km
from fcn.metrics.score import compare
from fcn.metrics.visibility import VISIBLE_SNR
from fcn.report.test.outcome import judge

Pair = tuple[DeclaredEvent, Event]
ACROSS_90 = math.sqrt(-2 * math.log(0.1) / 2)  # of a circular Gaussian, in root-mean-square radii
DOWN_90 = NormalDist().inv_cdf(0.95)
MOMENTS_S = (4.0, 10.0, 20.0)  # after the first P


def configured() -> dict[str, Any]:
    """`scheme.reading` of the experiment `generalized`."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("train", overrides=["experiment=generalized"]))
    reading: dict[str, Any] = config["scheme"]["reading"]
    return reading


def judged(within_s: Items[float]) -> dict[str, dict[str, Any]]:
    """What is compared of `judges_within_s`, all else as configured."""
    law = configured()["terms"]
    return {f"judges within {each:g} s": {"terms": law, "judges_within_s": each} for each in within_s}


def of_law(key: str, *values: str) -> dict[str, dict[str, Any]]:
    """What is compared of a number of the law of terms, all else as the checkpoint has it.

    Raises SystemExit for a number that the law does not have, and without values.
    """
    numbers = [name for name, value in configured()["terms"].items() if isinstance(value, float)]
    if key not in numbers or not values:
        raise SystemExit(f"--law takes one of {', '.join(numbers)}, and values of it; got {[key, *values]}")
    return {f"{key} {each}": {"terms": {key: float(each)}} for each in values}


def readings() -> dict[str, dict[str, Any]]:
    """What is compared: no terms, those of conf/scheme/migration.yaml, and others about them."""
    reading = configured()
    law, within_s = reading["terms"], {"judges_within_s": reading["judges_within_s"]}
    return {
        "none": {"terms": None, "judges_within_s": 1000.0},
        "as configured": {"terms": law, **within_s},
        "terms alone": {"terms": law, "judges_within_s": 1000.0},
        "near ones alone": {"terms": None, "judges_within_s": 6.0},
        "prior 0.05 s": {"terms": {**law, "prior_s": 0.05}, **within_s},
        "prior 0.2 s": {"terms": {**law, "prior_s": 0.2}, **within_s},
        "S over P 2.5": {"terms": {**law, "s_over_p": 2.5}, **within_s},
        "delays alone": {"terms": {**law, "prior_magnitude": 1e-6}, **within_s},
    }


def tested(folder: Path) -> tuple[list[Pair], list[Pair], int]:
    """What a test of a sequence declared, beside the truth; of these, those whose P stands above the noise at
    the third station; and how many match nothing."""
    manifest = json.loads((folder / "manifest.json").read_text())
    config = manifest["config"]
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = Sequence.load(root, configuration.build(manifest["checkpoint"]["config"]["preprocess"]))
    assert sequence.catalogue is not None
    by_id: dict[str, DeclaredEvent] = {}
    for update in read_updates_csv(folder / "updates.csv"):
        name = update.event.event_id
        by_id.setdefault(name, DeclaredEvent(name)).updates.append(update)
    declared = list(by_id.values())
    tolerance = configuration.build(config["matching"])
    counted, matched = compare(declared, sequence.catalogue, sequence.watched, tolerance)
    pairs = [(declared[i], counted[j]) for i, j in matched.pairs]
    snr = judge(sequence, [], {}, [], tolerance).snr
    visible = [pair for pair in pairs if snr.get(pair[1].event_id, math.nan) >= VISIBLE_SNR]
    return pairs, visible, len(matched.unmatched_declared)


def off(pairs: list[Pair]) -> Float[np.ndarray, "event 4"]:
    """Declared less true: east, north and down in km, magnitude."""
    rows = []
    for said, true in pairs:
        event = said.final.event
        frame = LocalFrame(true.latitude_deg, true.longitude_deg)
        east_km, north_km = frame.to_local_km(event.latitude_deg, event.longitude_deg)
        size = math.nan if None in (event.magnitude, true.magnitude) else event.magnitude - true.magnitude
        rows.append((float(east_km), float(north_km), event.depth_km - true.depth_km, size))
    return np.array(rows).reshape(-1, 4)


def off_at_km(pairs: list[Pair], after_s: float) -> Float[np.ndarray, " event"]:
    """How far off epicentres were so long after the first P: of the events that were declared by then."""
    offs_km = []
    for said, true in pairs:
        if true.first_p_time_s is None:
            continue
        by_then = [update for update in said.updates if update.now_s <= true.first_p_time_s + after_s]
        if by_then:
            last = max(by_then, key=lambda update: update.now_s)
            offs_km.append(epicentral_distance_km([last.event], [true])[0, 0])
    return np.array(offs_km)


def row(name: str, sequences: list[list[Pair]], n_false: int) -> str:
    """Of the table. The shift is each sequence's own: their stations and velocity models differ."""
    each = [off(pairs) for pairs in sequences if pairs]
    if not each:
        return f"| {name} | 0 | {n_false} |" + " |" * 9
    together = np.concatenate(each)
    shift_km = [np.median(values[:, :3], axis=0) for values in each]
    about = np.concatenate([values[:, :3] - shift for values, shift in zip(each, shift_km, strict=True)])
    said = [pair[0].final.event for pairs in sequences for pair in pairs]
    across_km = np.hypot(together[:, 0], together[:, 1])
    radius_km = np.array([e.horizontal_uncertainty_km or math.nan for e in said])
    within = across_km <= ACROSS_90 * radius_km
    surprise = 2 * np.log(radius_km) + (across_km / radius_km) ** 2 + math.log(math.pi)
    ends = np.cumsum([len(values) for values in each])[:-1]
    surprise_of = [part.mean() for part in np.split(surprise, ends)]
    deep = np.abs(together[:, 2]) <= DOWN_90 * np.array([e.depth_uncertainty_km or math.nan for e in said])
    scatter_km = np.hypot(about[:, 0], about[:, 1])
    pairs = [pair for pairs in sequences for pair in pairs]
    aging = [off_at_km(pairs, after_s) for after_s in MOMENTS_S]
    return (
        f"| {name} | {len(together)} | {n_false} | {_rms(across_km):.2f} ({np.median(across_km):.2f}) km "
        f"| {', '.join(f'{np.hypot(*shift[:2]):.2f}' for shift in shift_km)} km "
        f"| {_rms(scatter_km):.2f} ({np.median(scatter_km):.2f}) km "
        f"| {_rms(together[:, 2]):.2f} km, {np.median(together[:, 2]):+.2f} "
        f"| {np.nanmean(np.abs(together[:, 3])):.3f} "
        f"| {within.mean():.0%}, {deep.mean():.0%} "
        f"| {_shares(np.split(within, ends))}; {_shares(np.split(deep, ends))} | {np.mean(surprise_of):.2f} "
        f"| {', '.join(f'{np.median(each):.2f}' if len(each) else '-' for each in aging)} km |"
    )


def _shares(of_sequences: Items[Float[np.ndarray, " event"]]) -> str:
    return ", ".join(f"{100 * values.mean():.0f}" for values in of_sequences)


def _rms(values: Float[np.ndarray, " n"]) -> float:
    return float(np.sqrt((values**2).mean()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt", nargs="?")
    parser.add_argument("--runs", type=Path, nargs="+", default=[], help="of fcn.test, instead of ckpt")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sequences", type=int, nargs="+", default=[0, 1, 2], help="of those of rules.py")
    parser.add_argument("--readings", nargs="+", choices=list(readings()), help="default: all")
    parser.add_argument("--judges", type=float, nargs="+", metavar="S", help="these, instead of readings")
    parser.add_argument("--law", nargs="+", metavar=("KEY", "VALUE"), help="these, instead of readings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [SEQUENCES[number] for number in arguments.sequences]
    rows = []
    for folder in arguments.runs:
        pairs, visible, n_false = tested(folder)
        rows.append(row(folder.name, [pairs], n_false))
        if visible:
            rows.append(row(f"{folder.name}, P above the noise at the third station", [visible], 0))
    if arguments.judges:
        compared = judged(arguments.judges)
    else:
        compared = of_law(*arguments.law) if arguments.law else readings()
    for name, reading in compared.items() if arguments.ckpt else ():
        if arguments.readings and name not in arguments.readings:
            continue
        restored = load(arguments.ckpt, reading=reading)
        sequences, n_false = [], 0
        for dataset, index in track(chosen, description=name, transient=True):
            replays, _ = replayed(dataset, index, restored, {name: {}}, minutes=arguments.minutes)
            (replay,) = replays.values()
            assert replay.catalogue is not None
            counted, matched = compare(replay.declared, replay.catalogue, replay.watched, replay.tolerance)
            sequences.append([(replay.declared[i], counted[j]) for i, j in matched.pairs])
            n_false += len(matched.unmatched_declared)
        rows.append(row(name, sequences, n_false))
    out = [
        "| reading | found | false | epicentre RMSE (median) | shift of each sequence "
        "| scatter about it (median) | depth RMSE, bias | magnitude MAE | within 90 %: epicentre, depth "
        "| in each sequence, % | epicentre, nat | epicentre 4, 10, 20 s after first P, median |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
    ]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
