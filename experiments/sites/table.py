"""Warnings of sites on sequences that were tested: in time, late, missed, over-warned, and how early.

    python -m fcn.test ckpt=generalized dataset=archive dataset.root=SEQUENCE hydra.run.dir=RUN
    python experiments/sites/table.py --run SEQUENCE RUN --run SEQUENCE RUN ... --vs30 600

Every station of a sequence that has acceleration is a site, warned of the events that RUN/updates.csv
declared at the time it did, and by PLUM of what the other stations observed: its own never counts. The
truth is its own real-time intensity, unless its seismometer clipped. Sources alone, PLUM alone and both
are told apart in table.md in the folder --out.
"""

import argparse
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
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
from fcn.shaking.apart import Heard, warn_apart
from fcn.shaking.recorded import recorded_intensity
from fcn.shaking.score import Shaken, SiteOutcome, SiteScore, judge_sites
from fcn.shaking.site import Site, station_sites
from fcn.shaking.site_warnings import SiteWarnings
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import STATIONS, WAVEFORMS, read_description
from fcn.waveform.inventory import read_stations

STEP_S = 0.25
STALE_S = 2.0  # an intensity that came longer ago is none of now
BASES = {"source": (True, False), "PLUM": (False, True), "both": (True, True)}
HEAD = (
    "| set | basis | intensity | shaken | in time | late | missed | over-warned (within 0.5) | "
    "lead s: 10 %, median, 90 % |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass(frozen=True)
class Tested:
    """A sequence, what was declared of it, and the intensity at its stations."""

    name: str
    updates: list[Update]
    sites: tuple[Site, ...]
    recorded: Mapping[str, Shaken]
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
    conf, rule = configuration("shaking/default"), build(configuration("site_scores/stations")["rule"])
    levels, lines = conf["rule"]["levels"], [HEAD]
    whole: dict[str, list[SiteOutcome]] = defaultdict(list)
    for sequence, run in track(arguments.run, description="sequences"):
        tested = load(sequence, run, arguments.vs30, arguments.velocity_model)
        for basis, used in BASES.items():
            told = list(warn(tested, conf, used, arguments.latency))
            truth = {name: each for name, each in tested.recorded.items() if not each.is_clipped}
            judged = judge_sites(told, truth, levels, rule)
            whole[basis] += judged
            scores = [SiteScore.of(judged, level, rule) for level in levels]
            lines += [row(tested.name, basis, score) for score in scores if score.n_shaken or score.n_over]
    for basis, judged in whole.items():
        lines += [row("all", basis, SiteScore.of(judged, level, rule)) for level in levels]
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    (arguments.out / "table.md").write_text(text, encoding="utf-8")
    Console().print(text, soft_wrap=True, markup=False)


def configuration(name: str) -> dict:
    """A file of conf/."""
    return yaml.safe_load((CONF_DIR / f"{name}.yaml").read_text(encoding="utf-8"))


def load(root: Path, run: Path, vs30_mps: float, velocity_model: str) -> Tested:
    """Intensities of all stations that have acceleration, and travel times that reach them."""
    stated, inventory = read_description(root), read_stations(root / STATIONS)
    updates = read_updates_csv(run / "updates.csv")
    observe = configuration("observe/default")
    real_time = {name: observe[name] for name in ("window_s", "max_gap_s")}
    recorded = recorded_intensity(read_sds(root / WAVEFORMS, stated.stations), inventory, **real_time)
    stations = Network(tuple(each for each in Network.from_inventory(inventory) if each.id in recorded))
    latitude_deg, longitude_deg = stations.centre()
    frame = LocalFrame(latitude_deg, longitude_deg)
    if stated.velocity_model:
        model = LayeredModel(**stated.velocity_model)
    else:
        model = build(configuration(f"velocity_model/{velocity_model}"))
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
    return Tested(run.name, updates, station_sites(stations, {}, vs30_mps), recorded, frame, table)


def warn(tested: Tested, conf: dict, used: tuple[bool, bool], latency_s: float) -> Iterator[SiteWarning]:
    """Every site by itself, of the others' intensities, in steps of the clock."""
    by_source, by_plum = used
    start_s = min(shaken.start_time_s for shaken in tested.recorded.values())
    end_s = max(each.start_time_s + each.intensity.size * each.step_s for each in tested.recorded.values())
    clock_s = np.arange(start_s, end_s + latency_s, STEP_S)
    observed = np.array([_observed(tested.recorded, now_s - latency_s) for now_s in clock_s])
    said = [replace(each, now_s=each.now_s + latency_s) for each in tested.updates] if by_source else []

    def of_site(site: Site, others: list[Site]) -> SiteWarnings:
        return build(
            {**conf, "plum": conf["plum"] if by_plum else None},
            sites=[site],
            stations=others,
            travel_times=tested.table,
            frame=tested.frame,
        )

    heard = Heard(tuple(tested.recorded), clock_s, observed)
    return warn_apart(tested.sites, tested.sites, of_site, said, heard)


def _observed(recorded: Mapping[str, Shaken], now_s: float) -> list[float]:
    """The newest intensity of each station, NaN of one that is older than `STALE_S`."""
    found = []
    for shaken in recorded.values():
        newest = int((now_s - shaken.start_time_s) / shaken.step_s)
        late = newest - (shaken.intensity.size - 1)
        is_there = newest >= 0 and late * shaken.step_s <= STALE_S
        found.append(float(shaken.intensity[min(newest, shaken.intensity.size - 1)]) if is_there else np.nan)
    return found


def row(name: str, basis: str, score: SiteScore) -> str:
    """A row of the table."""
    figures = score.figures()
    leads = [figures[f"lead_s_{quantile}"] for quantile in ("p10", "p50", "p90")]
    told = ", ".join("-" if lead_s is None else f"{lead_s:.1f}" for lead_s in leads)
    return (
        f"| {name} | {basis} | {score.threshold:g} | {score.n_shaken} | {score.n_in_time} | {score.n_late} | "
        f"{score.n_missed} | {score.n_over} ({score.n_over_near}) | {told} |"
    )


if __name__ == "__main__":
    main()
