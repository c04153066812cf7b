"""What is found of a sequence as it is read, and were the network told where and when its events are.

    python experiments/generalized/told_where.py generalized dataset=kumamoto
    python experiments/generalized/told_where.py generalized dataset=validation budget.minutes=20

Replays a sequence three times. The second time every catalogued event has a volume about its true place,
anchored by its true first P (the catalogue's pick, else as computed), beside those that the network's own
picks anchor, as long as a pick would anchor one. Evidence, the picks it takes and the rule of the alarm are
as ever: what is missed in both is not for want of looking there. The third time one pick is enough for a new
event: what is missed then has too little evidence where it is. Bounds to understand misses by, no tests.
"""

import argparse
import itertools
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from fcn import config as configuration
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.catalogue.event import Event
from fcn.checkpoint import load
from fcn.data.first_p import with_computed_first_p
from fcn.data.part import some_minutes, some_stations
from fcn.data.sequences import Sequence
from fcn.metrics.visibility import VISIBLE_SNR
from fcn.replay import Replay
from fcn.report.test.outcome import Outcome, judge, local_km
from fcn.scheme.migration.hypotheses import Hypotheses
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.reader import MigrationReader
from fcn.scheme.migration.scheme import MigrationScheme
from fcn.scheme.migration.seen import Seen

SIDES = ("as it is read", "told where", "and one pick enough")


@dataclass
class Pointed(MigrationReader):
    """A reader that is told places, km east, north and down, and the POSIX time of the first P of each."""

    places_km: Float[Tensor, "event 3"]
    first_p_s: Float[np.ndarray, " event"]

    def _anchored(self, seen: Seen, picks: Picks) -> Hypotheses:
        """What picks anchor, and every true place whose first P came as lately as a pick that may."""
        now_s = seen.start_s + self.core.window_s(seen.here)
        rows = np.flatnonzero((self.first_p_s > now_s - self.reading.recent_s) & (self.first_p_s <= now_s))
        found = super()._anchored(seen, picks)
        if len(rows) == 0:
            return found
        places_km = self.places_km[rows]
        p_s = seen.travel_times(places_km)[..., 0].masked_fill(~seen.here.mask[0], torch.inf)
        time_s = torch.tensor(self.first_p_s[rows] - seen.start_s, dtype=torch.float32)
        return found + Hypotheses(places_km, p_s.argmin(dim=1), time_s, (None,) * len(rows))


def true_places(sequence: Sequence) -> tuple[Float[Tensor, "event 3"], Float[np.ndarray, " event"]]:
    """Of the catalogued events whose first P is known: where they are, and when it came."""
    assert sequence.catalogue is not None
    events = [event for event in sequence.catalogue if event.first_p_time_s is not None]
    places_km = torch.as_tensor(local_km(sequence, events), dtype=torch.float32)
    return places_km, np.array([event.first_p_time_s for event in events], dtype=np.float64)


def rows(outcomes: dict[str, Outcome]) -> list[str]:
    """Of the table: one for each side."""
    said = []
    for name, each in outcomes.items():
        pairs = [(each.declared[i], each.catalogue[j]) for i, j in each.matching.pairs]
        after_s = [one.alarm.now_s - (true.first_p_time_s or math.nan) for one, true in pairs]
        reasons = Counter(miss.reason for miss in each.misses)
        said.append(
            f"| {name} | {len(pairs)} of {len(each.catalogue)} | {len(each.matching.unmatched_declared)} "
            f"| {np.nanmedian(after_s):.1f} s, {np.nanquantile(after_s, 0.9):.1f} s "
            f"| {', '.join(f'{n} {reason}' for reason, n in reasons.most_common()) or 'none'} |"
        )
    return said


def by_snr(outcomes: dict[str, Outcome]) -> list[str]:
    """Found, and the median alarm after the first P, by signal to noise of P at the third station."""
    edges = (0.0, 1.5, 2.0, 2.5, 3.0, VISIBLE_SNR, 8.0, 20.0, math.inf)
    lines = []
    for low, high in itertools.pairwise(edges):
        cells, n = [], 0
        for each in outcomes.values():
            chosen = [j for j, event in enumerate(each.catalogue) if low <= _snr(each, event) < high]
            after_s = [
                each.declared[i].alarm.now_s - (each.catalogue[j].first_p_time_s or math.nan)
                for i, j in each.matching.pairs
                if j in chosen
            ]
            median = f", {np.nanmedian(after_s):.1f} s" if after_s else ""
            cells.append(f"{len(after_s)} of {len(chosen)}{median}")
            n += len(chosen)
        if n > 0:
            lines.append(f"| {low:g} to {high:g} | {' | '.join(cells)} |")
    return lines


def _snr(outcome: Outcome, event: Event) -> float:
    return outcome.snr.get(event.event_id, math.nan)


def read(replay: Replay, name: str) -> Replay:
    """All windows of it, with progress."""
    for batch in track(replay, description=name, console=Console(stderr=True)):
        replay.read(batch)
    return replay


@torch.no_grad()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt")
    parser.add_argument("overrides", nargs="*", help="of fcn.test: the sequence")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", [f"ckpt='{given.ckpt}'", *given.overrides]))
    restored = load(given.ckpt)
    scheme = restored.module.scheme
    if not isinstance(scheme, MigrationScheme):
        parser.error(f"{given.ckpt}: told where needs the migration network, not {type(scheme).__name__}")
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    budget, subset = config["budget"], config["subset"]
    sequence = some_minutes(
        Sequence.load(root, restored.preprocess), budget["minutes"], budget["from_minute"]
    )
    sequence = some_stations(sequence, subset["n_stations"], subset["seed"])
    if sequence.catalogue is None:
        parser.error(f"{root} has no catalogue: nobody knows where")
    model = choose_velocity_model(config["velocity_model"], sequence, restored.velocity_models)
    table = {**restored.config["data"]["table"], **config["windows"]["table"]}
    times = TimesTo(model, table, sequence.frame)
    sequence = with_computed_first_p(
        sequence, times(torch.as_tensor(sequence.station_km, dtype=torch.float32))
    )
    true, snr = true_places(sequence), scheme.visible_snr
    readers = (
        MigrationReader(scheme.core, scheme.reading, snr),
        Pointed(scheme.core, scheme.reading, snr, *true),
        Pointed(scheme.core, replace(scheme.reading, least_picks=1), snr, *true),
    )
    outcomes = {}
    for name, reader in zip(SIDES, readers, strict=True):
        replay = read(
            build_replay(
                sequence,
                restored.module.network.eval(),
                reader,
                partial=scheme.partial,
                preprocess=restored.preprocess,
                travel_times=times,
                declare=restored.declare,
                matching=config["matching"],
                window_s=restored.window_s,
                step_s=config["windows"]["step_s"],
            ),
            name,
        )
        score = replay.score()
        outcomes[name] = judge(sequence, replay.declared, score, replay.estimates, replay.tolerance)
    kind = "simulated" if sequence.simulated else "recorded"
    out = [
        f"{sequence.name} ({kind}), {given.ckpt}",
        "",
        "| | found | match nothing | alarm after the first P: median, 90 % | missed |",
        "|---|---:|---:|---:|---|",
        *rows(outcomes),
    ]
    if any(map(math.isfinite, outcomes[SIDES[0]].snr.values())):
        sides = f"| signal to noise of P at the third station | {' | '.join(SIDES)} |"
        out += ["", sides, "|---|" + len(SIDES) * "---:|", *by_snr(outcomes)]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
