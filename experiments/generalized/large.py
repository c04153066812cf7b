"""Large earthquakes: how a checkpoint sizes and follows the main shocks of dataset=validation_large.

    python experiments/generalized/large.py generalized
    python experiments/generalized/large.py logs/<run>/checkpoints/best.ckpt --sequences 6 --out FOLDER

Replays each sequence as if it were live, in the velocity model an operator would have, and prints what was
found, split and how well sized by class of magnitude, and errors against seconds after the first P;
with --out also events.csv, magnitude_by_class.csv and a picture. Rules are chosen here, not on tests.
"""

import argparse
import csv
import sys
from collections import Counter
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from rich.progress import track
from rules import replayed

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.catalogue.released import BOUND_MARGIN, BOUND_SHARE
from fcn.checkpoint import load
from fcn.metrics.matching import Matching, MatchTolerance, epicentral_distance_km
from fcn.metrics.moments import MOMENTS, elapsed_s, update_at
from fcn.metrics.score import compare
from fcn.metrics.size_classes import SizeClass, by_size, write_sizes
from fcn.metrics.watched import Watched

TIMED = tuple(moment for moment in MOMENTS if moment.startswith("_at_") and moment.endswith("s"))
MINUTES = 60.0  # more than a sequence has


class Told(NamedTuple):
    """What is kept of a replay: not its records, nor its engine."""

    declared: list[DeclaredEvent]
    catalogue: Catalogue | None
    watched: Watched
    tolerance: MatchTolerance


def together(replays: list[Told]) -> tuple[list[DeclaredEvent], Catalogue, Watched]:
    """Sequences days apart as one."""
    declared = [event for replay in replays for event in replay.declared]
    catalogues = [replay.catalogue for replay in replays if replay.catalogue is not None]
    released = {name: each for catalogue in catalogues for name, each in catalogue.released.items()}
    events = tuple(event for catalogue in catalogues for event in catalogue)
    spans = sorted(span for replay in replays for span in replay.watched.spans_s)
    return declared, Catalogue("validation_large", events, released), Watched(tuple(spans))


def of_mains(catalogue: Catalogue, matching: Matching, mains: set[str]) -> tuple[Catalogue, Matching]:
    """Main shocks alone: aftershocks of the largest are large themselves, and not what is asked for."""
    kept = [j for j, event in enumerate(catalogue) if event.event_id in mains]
    number = {j: new for new, j in enumerate(kept)}
    return (
        Catalogue(catalogue.name, tuple(catalogue[j] for j in kept), catalogue.released),
        Matching(
            tuple((i, number[j]) for i, j in matching.pairs if j in number),
            matching.unmatched_declared,
            tuple(number[j] for j in matching.unmatched_catalogued if j in number),
        ),
    )


def row(each: SizeClass) -> str:
    """Of the table."""
    figures = each.figures

    def told(name: str) -> str:
        value = figures.get(name)
        return "-" if value is None else f"{value:.2f}"

    timed = " | ".join(f"{told('magnitude_bias' + m)} ({told('magnitude_mae' + m)})" for m in TIMED)
    return (
        f"| {each.label} | {each.n_matched} of {each.n_catalogued} | {each.n_split} | {timed} "
        f"| {told('magnitude_bias')} ({told('magnitude_mae')}) | {told('magnitude_right_s_p50')} "
        f"| {told('magnitude_released_mae_at_10s')} "
        f"| {told('lower_bound_right_share_at_10s')} |"
    )


def warned(pairs: list[tuple[DeclaredEvent, Event]], n: int) -> str:
    """How soon, and how far off at first and at last."""
    late_s = [said.alarm.now_s - (true.first_p_time_s or np.nan) for said, true in pairs]
    first_km, last_km = (
        [float(epicentral_distance_km([told(said).event], [true])[0, 0]) for said, true in pairs]
        for told in (attrgetter("alarm"), attrgetter("final"))
    )

    def spread(values: list[float]) -> str:
        return f"{np.nanmedian(values):.1f} ({np.nanquantile(values, 0.9):.1f})"

    return (
        f"{len(pairs)} of {n} found; median (90 %) of them: alarm {spread(late_s)} s after the first P, "
        f"epicentre {spread(first_km)} km off then, {spread(last_km)} km at last"
    )


def bounds(pairs: list[tuple[DeclaredEvent, Event]], catalogue: Catalogue) -> list[str]:
    """When the flag of a lower bound was right, and which way it was wrong: a row for each moment.

    The last column takes for a bound what has not released its moment, however small it is said to be.
    """
    rows = ["| after the first P | called a bound, and is one | is none | not called, is one | is none "]
    rows[0] += "| right by what was released alone |"
    rows.append("|---|" + 5 * "---:|")
    for moment in TIMED:
        seen: Counter[tuple[bool, bool]] = Counter()
        right = 0
        for said, true in pairs:
            update, course = update_at(moment, said, true), catalogue.released.get(true.event_id)
            if update is None or course is None or None in (update.event.magnitude, true.magnitude):
                continue
            short = (true.magnitude or 0.0) - (update.event.magnitude or 0.0) > BOUND_MARGIN
            grows = course.share_at(elapsed_s(moment)) < BOUND_SHARE
            seen[update.is_lower_bound, short or grows] += 1
            right += update.is_lower_bound == grows
        cells = (str(seen[called, is_one]) for called in (True, False) for is_one in (True, False))
        rows.append(f"| {elapsed_s(moment):g} s | {' | '.join(cells)} | {right} of {seen.total()} |")
    return rows


def write_events(pairs: list[tuple[DeclaredEvent, Event]], path: Path) -> None:
    """One line per main shock that was found."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "event_id",
                "magnitude",
                *(f"said{m}" for m in TIMED),
                "said_final",
                "alarm_s",
                "followed_s",
                "off_km",
            ]
        )
        for said, true in pairs:
            updates = [update_at(moment, said, true) for moment in TIMED]
            sizes = [
                "" if u is None or u.event.magnitude is None else f"{u.event.magnitude:.2f}" for u in updates
            ]
            off_km = float(epicentral_distance_km([said.final.event], [true])[0, 0])
            after_s = said.alarm.now_s - (true.first_p_time_s or np.nan)
            followed_s = said.final.now_s - said.alarm.now_s
            final = said.final.event.magnitude
            row = [true.event_id, f"{true.magnitude:.2f}", *sizes, "" if final is None else f"{final:.2f}"]
            writer.writerow([*row, f"{after_s:.1f}", f"{followed_s:.0f}", f"{off_km:.1f}"])


def picture(pairs: list[tuple[DeclaredEvent, Event]], path: Path) -> None:
    """Stated minus true magnitude against seconds after the first P, and final against true."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for said, true in pairs:
        if true.first_p_time_s is None or true.magnitude is None:
            continue
        sized = [u for u in said.updates if u.event.magnitude is not None]
        after_s = [u.now_s - true.first_p_time_s for u in sized]
        left.plot(after_s, [(u.event.magnitude or 0) - true.magnitude for u in sized], lw=0.8, alpha=0.6)
        final = said.final.event.magnitude
        if final is not None:
            right.plot(true.magnitude, final, "o", color="C0", ms=4)
    left.set(xscale="log", xlabel="seconds after the first P", ylabel="stated minus true magnitude")
    left.axhline(0, color="0.5", lw=0.8)
    right.plot([6, 8], [6, 8], color="0.5", lw=0.8)
    right.set(xlabel="true magnitude (simulated)", ylabel="final magnitude", aspect="equal")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt")
    parser.add_argument("--sequences", type=int, default=60)
    parser.add_argument("--stations", type=int, help="no more of each network, drawn at random; default: all")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    restored = load(arguments.ckpt)
    replays = []
    for index in track(range(arguments.sequences), description="main shocks"):
        (each,) = replayed(
            "validation_large", index, restored, {"own": {}}, minutes=MINUTES, stations=arguments.stations
        )[0].values()
        replays.append(Told(each.declared, each.catalogue, each.watched, each.tolerance))
    declared, catalogue, watched = together(replays)
    counted, matching = compare(declared, catalogue, watched, replays[0].tolerance)
    largest = {
        max(replay.catalogue, key=lambda event: event.magnitude or 0.0).event_id
        for replay in replays
        if replay.catalogue is not None
    }
    mains, own = of_mains(counted, matching, largest)
    classes = by_size(declared, mains, own)
    pairs = [(declared[i], mains[j]) for i, j in own.pairs]
    out = [
        f"{len(matching.unmatched_declared)} of {len(declared)} declared match nothing; of "
        f"{len(counted) - len(mains)} aftershocks {len(matching.pairs) - len(pairs)} are found; main shocks:",
        "| class | found | split | "
        + " | ".join(f"{elapsed_s(m):g} s: bias (MAE)" for m in TIMED)
        + " | final: bias (MAE) | within 0.5 for good, s | MAE of released at 10 s | bound right at 10 s |",
        "|---|" + "---:|" * (len(TIMED) + 6),
        *(row(each) for each in classes),
        warned(pairs, len(mains)),
        "",
        *bounds(pairs, mains),
    ]
    sys.stdout.write("\n".join(out) + "\n")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_sizes(classes, arguments.out / "magnitude_by_class.csv")
        write_events(pairs, arguments.out / "events.csv")
        picture(pairs, arguments.out / "large.png")


if __name__ == "__main__":
    main()
