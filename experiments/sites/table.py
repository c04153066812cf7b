"""Warnings of sites on sequences that were tested: in time, late, missed, over-warned, and how early.

    python -m fcn.test ckpt=generalized dataset=archive dataset.root=SEQUENCE hydra.run.dir=RUN
    python experiments/sites/table.py --run SEQUENCE RUN --run SEQUENCE RUN ... --vs30 600

Every station of a sequence that has acceleration is a site, warned of the events that RUN/updates.csv
declared at the time it did, and by PLUM of what the other stations observed: its own never counts. The
truth is its own real-time intensity. Sources alone, PLUM alone and both are told apart in table.md in the
folder --out.
"""

import argparse
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obspy
import yaml
from rich.console import Console
from rich.progress import track

from fcn.alert.site_warning import SiteWarning
from fcn.catalogue.declared import read_updates_csv
from fcn.catalogue.event import Update
from fcn.config import CONF_DIR, build
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.shaking.observed import Acceleration, station_acceleration
from fcn.shaking.score import ScoreRule, Shaken, SiteScore, score_sites
from fcn.shaking.site import Site, station_sites
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import STATIONS, WAVEFORMS, read_description
from fcn.waveform.inventory import read_stations

REAL_TIME = {"window_s": 60.0, "max_gap_s": 1.0}
STEP_S = 0.25
STALE_S = 2.0  # an intensity that came longer ago is none of now
RULE = ScoreRule(joined_s=30.0, ahead_s=60.0, least_lead_s=0.0, near=0.5)
BASES = {"source": (True, False), "PLUM": (False, True), "both": (True, True)}
HEAD = (
    "| set | basis | intensity | shaken | in time | late | missed | over-warned (within 0.5) | "
    "lead s: 10 %, median, 90 % |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tested:
    """A sequence, what was declared of it, and the intensity at its stations."""

    name: str
    updates: list[Update]
    sites: tuple[Site, ...]
    truth: Mapping[str, Shaken]
    frame: LocalFrame
    table: TravelTimeTable


def main() -> None:
    """Score, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--run", nargs=2, type=Path, action="append", required=True, metavar=("SEQUENCE", "RUN")
    )
    parser.add_argument("--vs30", type=float, required=True, help="m/s, of all stations")
    parser.add_argument("--velocity-model", default="iasp91", help="of sequences that state none")
    parser.add_argument("--latency", type=float, default=0.0, help="s, of intensities and updates alike")
    parser.add_argument("--out", type=Path, default=Path("logs/sites"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    conf = yaml.safe_load((CONF_DIR / "shaking/default.yaml").read_text(encoding="utf-8"))
    levels, lines = conf["rule"]["levels"], [HEAD]
    whole: dict[str, list[SiteScore]] = defaultdict(list)
    for sequence, run in track(arguments.run, description="sequences"):
        tested = load(sequence, run, arguments.vs30, arguments.velocity_model)
        for basis, used in BASES.items():
            told = list(warn(tested, conf, used, arguments.latency))
            scores = score_sites(told, tested.truth, levels, RULE)
            whole[basis] += scores
            lines += [row(tested.name, basis, score) for score in scores if score.n_shaken or score.n_over]
    for basis, scores in whole.items():
        lines += [row("all", basis, together(scores, level)) for level in levels]
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    (arguments.out / "table.md").write_text(text, encoding="utf-8")
    Console().print(text, soft_wrap=True, markup=False)


def load(root: Path, run: Path, vs30_mps: float, velocity_model: str) -> Tested:
    """Intensities of all stations that have acceleration, and travel times that reach them."""
    stated, inventory = read_description(root), read_stations(root / STATIONS)
    updates = read_updates_csv(run / "updates.csv")
    truth = {}
    for station_id, traces in _by_station(read_sds(root / WAVEFORMS, stated.stations)).items():
        try:
            motion = station_acceleration(traces, inventory)
        except ValueError as error:
            log.warning("%s left out: %s", station_id, error)
            continue
        truth[station_id] = _shaken(motion)
    stations = Network(tuple(each for each in Network.from_inventory(inventory) if each.id in truth))
    latitude_deg, longitude_deg = stations.centre()
    frame = LocalFrame(latitude_deg, longitude_deg)
    if stated.velocity_model:
        model = LayeredModel(**stated.velocity_model)
    else:
        path = CONF_DIR / "velocity_model" / f"{velocity_model}.yaml"
        model = build(yaml.safe_load(path.read_text(encoding="utf-8")))
    places = [
        frame.to_local_km(*np.array([[u.event.latitude_deg], [u.event.longitude_deg]])) for u in updates
    ]
    reach_km = np.hypot(*stations.local_km(frame)[:, :2].T).max()
    far_km = max((float(np.hypot(east, north)[0]) for east, north in places), default=0.0)
    table = TravelTimeTable.build(
        model,
        max_depth_km=max([50.0, *(update.event.depth_km + 1.0 for update in updates)]),
        max_distance_km=float(reach_km + far_km + 10.0),
        step_km=1.0,
    )
    return Tested(run.name, updates, station_sites(stations, {}, vs30_mps), truth, frame, table)


def _by_station(stream: obspy.Stream) -> dict[str, list[obspy.Trace]]:
    found: dict[str, list[obspy.Trace]] = defaultdict(list)
    for trace in stream:
        found[f"{trace.stats.network}.{trace.stats.station}"].append(trace)
    return found


def _shaken(motion: Acceleration) -> Shaken:
    return Shaken(motion.start_time_s, 1.0 / motion.sampling_rate_hz, motion.real_time_intensity(**REAL_TIME))


def warn(tested: Tested, conf: dict, used: tuple[bool, bool], latency_s: float) -> Iterator[SiteWarning]:
    """Every site by itself, of the others' intensities, in steps of the clock."""
    by_source, by_plum = used
    start_s = min(shaken.start_time_s for shaken in tested.truth.values())
    end_s = max(each.start_time_s + each.intensity.size * each.step_s for each in tested.truth.values())
    clock_s = np.arange(start_s, end_s + latency_s, STEP_S)
    said = [_last_words(tested.updates, now_s - latency_s) if by_source else [] for now_s in clock_s]
    observed = [_observed(tested.truth, now_s - latency_s) if by_plum else {} for now_s in clock_s]
    for site in tested.sites:
        others = [each for each in tested.sites if each.name != site.name]
        warnings = build(
            {**conf, "plum": conf["plum"] if by_plum else None},
            sites=[site],
            stations=others,
            travel_times=tested.table,
            frame=tested.frame,
        )
        for now_s, events, seen in zip(clock_s.tolist(), said, observed, strict=True):
            nearby = {name: value for name, value in seen.items() if name != site.name}
            yield from warnings.process(now_s, events, nearby)


def _last_words(updates: Sequence[Update], now_s: float) -> list[Update]:
    last = {update.event.event_id: update for update in updates if update.now_s <= now_s}
    return list(last.values())


def _observed(truth: Mapping[str, Shaken], now_s: float) -> dict[str, float]:
    """The newest intensity of each station that is not older than `STALE_S`."""
    found = {}
    for name, shaken in truth.items():
        newest = int((now_s - shaken.start_time_s) / shaken.step_s)
        late = newest - (shaken.intensity.size - 1)
        if newest >= 0 and late * shaken.step_s <= STALE_S:
            found[name] = float(shaken.intensity[min(newest, shaken.intensity.size - 1)])
    return found


def together(scores: Sequence[SiteScore], level: float) -> SiteScore:
    """Of several sequences at one threshold."""
    own = [score for score in scores if score.threshold == level]
    counts = ("n_shaken", "n_in_time", "n_late", "n_missed", "n_over", "n_over_near")
    lead_s = tuple(sorted(lead_s for score in own for lead_s in score.lead_s))
    summed = {name: sum(getattr(score, name) for score in own) for name in counts}
    return SiteScore(threshold=level, **summed, lead_s=lead_s)


def row(name: str, basis: str, score: SiteScore) -> str:
    """A row of the table."""
    figures = score.figures()
    leads = [figures[f"lead_s_{quantile}"] for quantile in ("p10", "median", "p90")]
    told = ", ".join("-" if lead_s is None else f"{lead_s:.1f}" for lead_s in leads)
    return (
        f"| {name} | {basis} | {score.threshold:g} | {score.n_shaken} | {score.n_in_time} | {score.n_late} | "
        f"{score.n_missed} | {score.n_over} ({score.n_over_near}) | {told} |"
    )


if __name__ == "__main__":
    main()
