"""P and S of what a test declared, beside the true ones, or those picked by hand.

    python -m fcn.test ckpt=generalized dataset=kumamoto hydra.run.dir=logs/twin
    python experiments/generalized/picked.py logs/twin

Of events that were found, and stations whose picks the sequence's catalogue has: how far off are the arrivals
of `catalogue.xml`, by the weight that they have there?
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from obspy import read_events
from terms import tested

from fcn.cache import sequence_root
from fcn.catalogue.ids import of_uri
from fcn.catalogue.io import read_picks
from fcn.catalogue.phase import p_or_s

WEIGHTS = (0.0, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98, 1.0)
FAR_S = 0.4
OF_NORMAL = 1.4826  # standard deviation over the median of absolute deviations, of a normal variable

Key = tuple[str, str, str]  # network, station, P or S


@dataclass(frozen=True)
class Picked:
    """One arrival of a catalogue: how probable it was, and how much later than the true one."""

    phase: str
    weight: float
    off_s: float


def compared(folder: Path) -> Iterator[Picked]:
    """Every arrival of a found event whose true time is known."""
    config = json.loads((folder / "manifest.json").read_text())["config"]
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    true = {name: of_stations(picks) for name, picks in read_picks(root / "catalogue.xml").items()}
    pairs, _, _ = tested(folder)
    names = {said.event_id: event.event_id for said, event in pairs}
    for event in read_events(str(folder / "catalogue.xml")):
        known_s = true.get(names.get(of_uri(str(event.resource_id.id)), ""), {})
        picks = {str(pick.resource_id): pick for pick in event.picks}
        for arrival in event.preferred_origin().arrivals:
            pick = picks[str(arrival.pick_id)]
            at = pick.waveform_id
            time_s = known_s.get((at.network_code or "", at.station_code, arrival.phase))
            if time_s is not None and arrival.time_weight is not None:  # one without is XX.FIRST
                yield Picked(arrival.phase, arrival.time_weight, pick.time.timestamp - time_s)


def of_stations(picks: list) -> dict[Key, float]:
    """POSIX times of an event's P and S; the first of several at a station."""
    times: dict[Key, float] = {}
    for pick in sorted(picks, key=lambda pick: pick.time_s):
        if (phase := p_or_s(pick.phase)) is not None:
            times.setdefault((pick.network, pick.station, phase), pick.time_s)
    return times


def row(phase: str, least: float, most: float, picked: list[Picked]) -> str:
    """One line of the table."""
    off_s = np.array([each.off_s for each in picked if each.phase == phase and least < each.weight <= most])
    said = f"| {phase} | {least:g} to {most:g} | {len(off_s)} |"
    if len(off_s) == 0:
        return f"{said} - | - | - |"
    median_s = float(np.median(off_s))
    spread_s = OF_NORMAL * float(np.median(np.abs(off_s - median_s)))
    return f"{said} {median_s:+.2f} s | {spread_s:.2f} s | {100 * np.mean(np.abs(off_s) > FAR_S):.0f} % |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "runs", type=Path, nargs="+", help="of fcn.test, of sequences whose catalogues have picks"
    )
    picked = [each for run in parser.parse_args().runs for each in compared(run)]
    rows = [row(phase, *weights, picked) for phase in ("P", "S") for weights in itertools.pairwise(WEIGHTS)]
    header = f"| phase | weight | arrivals | median off | spread | off by more than {FAR_S:g} s |"
    sys.stdout.write("\n".join([header, "|---|---|---:|---:|---:|---:|", *rows]) + "\n")


if __name__ == "__main__":
    main()
