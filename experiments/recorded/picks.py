"""Picks of P and S beside those that an analyst made by hand, of recorded earthquakes.

    python experiments/recorded/picks.py --folder CORINTH --sequences logs/recorded/sequences

CORINTH: see `corinth.py`; its EVENT.phs are phase cards of hypo71 (Lee & Lahr 1975). --sequences: where
`table.py` has built its sequences of them (--out). Each pick by hand is compared with the most probable
moment within 0.9 s of it, as far as a stream looks for S: how far off is what the network hears, were an
arrival due when the analyst has it?
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from obspy import UTCDateTime

from fcn import config as configuration
from fcn.arch.migration import MigrationNet
from fcn.assemble import TimesTo, build_replay
from fcn.batch import Batch
from fcn.checkpoint import Restored, load
from fcn.data.sequences import Sequence
from fcn.scheme.migration.arrivals import PHASES
from fcn.scheme.migration.hearing import Due, Listener

SETS = {"corinth_18": "2010.01.18-17.03.51", "corinth_20": "2010.01.20-08.10.27"}
WITHIN_S = 0.9
AFTER_S = 15.0  # from the median of P by hand to the end of the window that is asked
LEAST = (0.3, 0.5, 0.7)
FAR_S = 0.4
UNUSED = "4"  # of the weights 0 to 4


@dataclass(frozen=True)
class Compared:
    """One pick by hand. off_s: of the most probable moment near it, less it; probability: there."""

    phase: str
    off_s: float
    probability: float


def by_hand(path: Path) -> dict[str, dict[str, float]]:
    """POSIX times of P and of S, at stations by the first four letters of their codes, as cards have them.

    Those of weight 4 are left out: hypo71 does not use them, whoever picked them was not sure.
    """
    times: dict[str, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        station, minute, p_s = line[:4].strip(), line[9:19].strip(), line[19:24].strip()
        if not station or len(minute) != 10:
            continue
        year, month, day, hour, at = (int(minute[i : i + 2]) for i in range(0, 10, 2))
        start = UTCDateTime(2000 + year, month, day, hour, at)
        for phase, seconds, weight in (("P", p_s, line[7:8]), ("S", line[31:36].strip(), line[39:40])):
            if seconds and weight != UNUSED:
                times.setdefault(station, {}).setdefault(phase, (start + float(seconds)).timestamp)
    return times


def window(sequence: Sequence, restored: Restored, until_s: float) -> Batch:
    """The first one that ends at a moment or later; raises SystemExit where the recording ends before."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", ["ckpt=none", "dataset=smoke", "velocity_model=iasp91"]))
    model = configuration.build(config["velocity_model"])  # picks ask for none
    replay = build_replay(
        sequence,
        restored.module.network,
        replace(restored.module.scheme),  # type: ignore[type-var]
        partial=restored.module.scheme.partial,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, restored.config["data"]["table"], sequence.frame),
        declare=restored.declare,
        matching=config["matching"],
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
    )
    for batch in replay:
        if float(batch.now_s[0]) >= until_s:
            return batch
    raise SystemExit(f"{sequence.name} ends before {UTCDateTime(until_s)}")


@torch.no_grad()
def compared(batch: Batch, restored: Restored, times: dict[str, dict[str, float]]) -> list[Compared]:
    """Of one window. Raises SystemExit for a network that times no arrivals."""
    network, rate_hz = restored.module.network, restored.preprocess.sampling_rate_hz
    if not isinstance(network, MigrationNet) or network.ear is None:
        raise SystemExit(
            f"{restored.path} times no arrivals: take ckpt generalized, or one trained since it does"
        )
    start_s, names = float(batch.now_s[0]) - restored.window_s, batch.station_ids or ()
    by_hand_s = torch.full((1, len(names), len(PHASES)), torch.inf)
    for row, name in enumerate(names):
        for phase, time_s in times.get(name.split(".")[-1][:4], {}).items():
            by_hand_s[0, row, PHASES.index(phase)] = time_s - start_s
    due = Due.of(Listener(network.ear, batch, rate_hz), batch.heard[0], batch.mask, by_hand_s)
    said = due.picks(1, len(names), (WITHIN_S, WITHIN_S))
    return [
        Compared(PHASES[phase], float(said[phase].late_s[0, row]), float(said[phase].probability[0, row]))
        for row, phase in zip(due.station.tolist(), due.phase.tolist(), strict=True)
    ]


def row(phase: str, least: float, n: int, off_s: Float[np.ndarray, " pick"]) -> str:
    """Of the table; the spread is by medians, too (1.48 median absolute deviations), as outliers are told."""
    middle_s = float(np.median(off_s)) if len(off_s) else np.nan
    spread_s = 1.4826 * float(np.median(np.abs(off_s - middle_s))) if len(off_s) else np.nan
    far = int((np.abs(off_s) > FAR_S).sum())
    return f"| {phase} | {least:g} | {len(off_s)} of {n} | {middle_s:+.2f} s | {spread_s:.2f} s | {far} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="with EVENT.phs")
    parser.add_argument(
        "--sequences", type=Path, required=True, help="the folder `sequences` of table.py's --out"
    )
    parser.add_argument("--ckpt", default="generalized")
    given = parser.parse_args()
    torch.set_num_threads(1)
    restored, found = load(given.ckpt), list[Compared]()
    for name, event in SETS.items():
        times = by_hand(given.folder / f"{event}.phs")
        until_s = float(np.median([each["P"] for each in times.values() if "P" in each])) + AFTER_S
        sequence = Sequence.load(given.sequences / name, restored.preprocess)
        found += compared(window(sequence, restored, until_s), restored, times)
    lines = [
        "| phase | as probable as | picks | off in the median | spread about it | off by more than 0.4 s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for phase in ("P", "S"):
        of_phase = [each for each in found if each.phase == phase]
        for least in LEAST:
            off_s = np.array([each.off_s for each in of_phase if each.probability >= least])
            lines.append(row(phase, least, len(of_phase), off_s))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
