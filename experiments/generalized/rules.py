"""Alarm rules of a checkpoint compared on the first minutes of validation sequences, and its uncertainties.

    python experiments/generalized/rules.py logs/<run>/checkpoints/best.ckpt
    python experiments/generalized/rules.py generalized --rules "sum 3.5 above 0.7" --minutes 60
    python experiments/generalized/rules.py lite
    python experiments/generalized/rules.py generalized --reading least_probability=0.1

Prints one row per rule: what was found, what was false, how soon, how well placed; and the factors on the
stated uncertainties (`scheme.reading.uncertainty_factor`) with which half, and nine in ten, of the located
events lie within their 50 % and 90 % range. Then, of each rule, what withdrawing events whose evidence has
gone would do (`declare.retract`): which false ones would go, and which true ones with them. Rules and
factors are chosen here, never on a test sequence.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.progress import track

from fcn import config as configuration
from fcn.alarm.following import Retraction
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.batch import Batch
from fcn.cache import sequence_root
from fcn.catalogue.event import DeclaredEvent, Event, Known, WindowEstimate
from fcn.checkpoint import Restored, load
from fcn.data.part import some_stations
from fcn.data.sequences import Sequence
from fcn.metrics.matching import epicentral_distance_km
from fcn.metrics.score import compare
from fcn.replay import Replay
from fcn.scheme.image.scheme import ImageScheme
from fcn.stream.reader import Reader

SEQUENCES = [
    *(("validation_dense", i) for i in range(3)),
    *(("validation_rough", i) for i in range(3)),
    *(("validation", i) for i in range(6)),
]
COUNT = {"_target_": "fcn.alarm.rules.Evidence", "min_detection_score": 0.7, "min_location_score": 0.15}
SUM = {
    "_target_": "fcn.alarm.rules.SummedEvidence",
    "min_location_score": 0.15,
    "every_s": 0.5,
    "within_s": 2.5,
}
FELT = {
    "_target_": "fcn.alarm.rules.Felt",
    "least_magnitude": 5.0,
    "least_support": 100.0,
    "min_detection_score": 0.5,
    "min_location_score": 0.0,
    "agree_s": 1.0,
}
SHAKEN = {**FELT, "least_magnitude": 6.0, "least_support": 300.0, "min_detection_score": 0.3, "agree_s": 2.0}
PAPER = {"_target_": "fcn.alarm.rules.Evidence", "min_detection_score": 0.7, "within_s": 4.0}
MIGRATION: dict[str, dict[str, Any]] = {
    "1 s of 2.5 s": {**COUNT, "agree_s": 1.0, "within_s": 2.5},
    "0.5 s of 1.5 s": {**COUNT, "agree_s": 0.5, "within_s": 1.5},
    **{
        f"sum {total:g} above {least:g}": {**SUM, "min_detection_score": least, "least_log_odds": total}
        for least in (0.6, 0.7)
        for total in (2.5, 3.5, 4.5, 5.5)
    },
    **{
        f"sum {total:g} above 0.7, or felt": {
            **SUM,
            "min_detection_score": 0.7,
            "least_log_odds": total,
            "felt": FELT,
            "shaken": SHAKEN,
        }
        for total in (3.5, 4.5, 5.5, 7.5, 9.5)
    },
}
# of the paper, and for networks whose volumes are more blurred than the paper's
EEWNET: dict[str, dict[str, Any]] = {
    f"{agree_s:g} s of 4 s, location {least:g}": {**PAPER, "agree_s": agree_s, "min_location_score": least}
    for agree_s in (1.0, 2.0)
    for least in (0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
}
RULES = MIGRATION | EEWNET
WITHDRAW = [
    Retraction(max_detection_score=score, for_s=for_s, within_s=30.0, max_magnitude=5.0)
    for score in (0.3, 0.5, 0.6, 0.7)
    for for_s in (2.0, 4.0)
]


@dataclass
class Tally:
    """What one rule did on all sequences together."""

    n_catalogued: int = 0
    n_false: int = 0
    hours: float = 0.0
    pairs: list[tuple[DeclaredEvent, Event]] = field(default_factory=list)
    false: list[DeclaredEvent] = field(default_factory=list)

    def add(self, replay: Replay, hours: float) -> None:
        """One replayed sequence."""
        assert replay.catalogue is not None
        counted, matching = compare(replay.declared, replay.catalogue, replay.watched, replay.tolerance)
        self.n_catalogued += len(counted)
        self.n_false += len(matching.unmatched_declared)
        self.hours += hours
        self.false += [replay.declared[i] for i in matching.unmatched_declared]
        self.pairs += [(replay.declared[i], counted[j]) for i, j in matching.pairs]

    def row(self, name: str) -> str:
        """Of the table."""
        if not self.pairs:
            return f"| {name} | 0 of {self.n_catalogued} | {self.n_false} in {self.hours:.1f} h | | | | | |"
        after_s = np.array(
            [said.alarm.now_s - (true.first_p_time_s or math.nan) for said, true in self.pairs]
        )
        alarm_km, final_km = (
            np.array([epicentral_distance_km([said.event], [true])[0, 0] for said, true in each])
            for each in (
                [(said.alarm, true) for said, true in self.pairs],
                [(said.final, true) for said, true in self.pairs],
            )
        )
        return (
            f"| {name} | {len(self.pairs)} of {self.n_catalogued} | {self.n_false} in {self.hours:.1f} h "
            f"| {np.nanmedian(after_s):.1f} s, {np.nanquantile(after_s, 0.9):.1f} s "
            f"| {_rms(alarm_km):.1f} km ({np.median(alarm_km):.1f}) | {_rms(final_km):.1f} km "
            f"({np.median(final_km):.1f}) | {self._factors(final_km)} |"
        )

    def _factors(self, final_km: np.ndarray) -> str:
        """Horizontal and depth, at 50 % and at 90 %: of a circular Gaussian and of a Gaussian."""
        across, down = [], []
        for off_km, (said, true) in zip(final_km, self.pairs, strict=True):
            event = said.final.event
            if event.horizontal_uncertainty_km and event.depth_uncertainty_km:
                across.append(off_km / event.horizontal_uncertainty_km)
                down.append(abs(event.depth_km - true.depth_km) / event.depth_uncertainty_km)
        if not across:
            return "| "
        normal = NormalDist()
        half_across, most_across = (
            np.quantile(across, level) / math.sqrt(-math.log1p(-level)) for level in (0.5, 0.9)
        )
        half_down, most_down = (
            np.quantile(down, level) / normal.inv_cdf((1 + level) / 2) for level in (0.5, 0.9)
        )
        return f"{half_across:.2f}, {most_across:.2f} | {half_down:.2f}, {most_down:.2f}"

    def withdrawn(self, name: str, retract: Retraction) -> str:
        """Of the table of withdrawals, from updates that were said while nothing was withdrawn."""
        stood_s = [_withdrawn_after_s(event, retract) for event in self.false]
        gone_s = [each for each in stood_s if each is not None]
        lost = [
            f"{true.magnitude:.1f}"
            for said, true in self.pairs
            if _withdrawn_after_s(said, retract) is not None and true.magnitude is not None
        ]
        return (
            f"| {name} | {retract.max_detection_score:g} for {retract.for_s:g} s | {len(gone_s)} of "
            f"{len(self.false)} | {np.median(gone_s) if gone_s else math.nan:.1f} s | {len(lost)} of "
            f"{len(self.pairs)} | {', '.join(sorted(lost)[-5:])} |"
        )


def _withdrawn_after_s(event: DeclaredEvent, retract: Retraction) -> float | None:
    """How long after its alarm an event would have been withdrawn by its updates; None: never."""
    alarm_s, weak_since_s = event.alarm.now_s, None
    sizes: list[float] = []
    for update in event.updates:
        if update.event.magnitude is not None:
            sizes.append(update.event.magnitude)
        if update.detection_score >= (retract.max_detection_score or 0.0):
            weak_since_s = None
            continue
        weak_since_s = update.now_s if weak_since_s is None else weak_since_s
        if retract.withdraws(update.now_s - weak_since_s, update.now_s - alarm_s, max(sizes, default=None)):
            return update.now_s - alarm_s
    return None


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


class Once:
    """A reader that takes no notice of what is declared: it reads a window once for all rules."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._last: tuple[Batch, list[list[WindowEstimate]]] | None = None

    def estimates(
        self, network: torch.nn.Module, batch: Batch, known: Items[Known]
    ) -> list[list[WindowEstimate]]:
        """See `Reader`."""
        if self._last is None or self._last[0] is not batch:
            self._last = batch, self._reader.estimates(network, batch, ())
        return self._last[1]

    def state(self) -> dict[str, Any]:
        """See `Reader`."""
        return self._reader.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Reader`."""
        self._reader.restore(state)

    def forget(self, station_km: Any) -> None:
        """See `Reader`."""
        self._reader.forget(station_km)


@torch.no_grad()
def replayed(
    dataset: str,
    index: int,
    restored: Restored,
    rules: Mapping[str, Mapping[str, Any]],
    *,
    minutes: float,
    stations: int | None = None,
) -> tuple[dict[str, Replay], float]:
    """The first minutes of a validation sequence through each rule, and how many hours they are.

    It is simulated on first use, and read in its own velocity model. rules: what of the checkpoint's own
    `declare` each changes. stations: no more of them, drawn at random.
    """
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(
            compose("test", overrides=["ckpt=none", f"dataset={dataset}", f"dataset.index={index}"])
        )
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = Sequence.load(root, restored.preprocess)
    if stations is not None:
        sequence = some_stations(sequence, min(stations, len(sequence.network)), seed=index)
    model = choose_velocity_model(None, sequence, restored.velocity_models)
    times = TimesTo(model, restored.config["data"]["table"], sequence.frame)
    scheme, step_s = restored.module.scheme, config["windows"]["step_s"]
    # an image network reads a window alike whatever is declared; others keep what they learn of a stream
    once = Once(scheme) if isinstance(scheme, ImageScheme) else None
    replays = {
        name: build_replay(
            sequence,
            restored.module.network,
            once or replace(scheme),
            partial=scheme.partial,
            preprocess=restored.preprocess,
            travel_times=times,
            declare={**restored.config["declare"], **rule},
            matching=config["matching"],
            window_s=restored.window_s,
            step_s=step_s,
        )
        for name, rule in rules.items()
    }
    n_read, now_s = 0, -math.inf
    for batch in itertools.islice(next(iter(replays.values())), math.ceil(60 * minutes / step_s)):
        for replay in replays.values():  # windows of one are windows of all
            replay.read(batch)
        n_read, now_s = n_read + 1, float(batch.now_s[0])
    for replay in replays.values():
        replay.watched = replay.watched.until(now_s)
    return replays, n_read * step_s / 3600


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument(
        "--sequences",
        type=int,
        nargs="+",
        default=list(range(len(SEQUENCES))),
        help="of the twelve; default: all",
    )
    parser.add_argument("--rules", nargs="+", choices=list(RULES), help="default: all of the network's kind")
    parser.add_argument("--reading", nargs="+", default=[], help="other values of scheme.reading, KEY=VALUE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    reading = OmegaConf.to_container(OmegaConf.from_dotlist(arguments.reading))
    restored = load(arguments.ckpt, reading=reading)
    of_kind = EEWNET if isinstance(restored.module.scheme, ImageScheme) else MIGRATION
    tallies = {name: Tally() for name in arguments.rules or of_kind}
    chosen = [SEQUENCES[number] for number in arguments.sequences]
    for dataset, index in track(chosen, description="validation sequences"):
        # what would be withdrawn is told from what is said while nothing is
        rules = {name: {"evidence": RULES[name], "retract": None} for name in tallies}
        replays, hours = replayed(dataset, index, restored, rules, minutes=arguments.minutes)
        for name, replay in replays.items():
            tallies[name].add(replay, hours)
    out = [
        "| rule | found | false | alarm median, 90 % | epicentre RMSE at the alarm (median) "
        "| final (median) | factor, horizontal: 50 %, 90 % | depth |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(tally.row(name) for name, tally in tallies.items()),
        "",
        "| rule | withdrawn below | false that go | after (median) | true that go | magnitudes, largest |",
        "|---|---:|---:|---:|---:|---|",
        *(tally.withdrawn(name, each) for name, tally in tallies.items() for each in WITHDRAW),
    ]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
