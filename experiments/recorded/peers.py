"""The catalogue a user would make today: JMA-PhaseNet picks, associated and located by PyOcto, offline.

    python experiments/recorded/peers.py SEQUENCE WEIGHTS OUT [--velocity-model jma2001] [--max-depth-km 20]

SEQUENCE is a folder made by `python -m fcn.build_sequence`, WEIGHTS the file of Naoi et al. (2024), OUT a
new folder for catalogue.csv (the columns of fcn.test, n_p and n_s, the numbers of picks, enough_picks_utc)
and picks.csv (every pick, with the event it went to). Needs the environment of the extra [peers].

Picks: SeisBench's PhaseNet as it comes, on what was recorded (velocity or acceleration, counts) resampled to
100 Hz, whole record at once, P and S thresholds 0.3 (SeisBench's default).
Association: PyOcto's defaults (10 picks, 3 P, 3 S, 3 stations with both) in the sequence's own 1-D model or
the one named, with elevations. What has no default follows from the network: the box is fcn's (10 km beyond
the outermost stations, 0 to 40 km deep where nothing else is said), time_before is S across it. Nothing was
tuned on the events found.

enough_picks_utc is when the last of the picks came that PyOcto needs for the event. The peer does not warn: a
stream of it could say nothing earlier, and what PhaseNet waits for after a pick would come on top.
"""

import argparse
import csv
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
import pyocto
import seisbench.models
import torch
from known import NEEDED, PEER, enough_s, read_model

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import iso, write_csv
from fcn.data.sequences import BOX_MARGIN_KM
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import STATIONS, WAVEFORMS
from fcn.waveform.inventory import read_stations

THRESHOLD = 0.3  # of both phases: SeisBench's default for PhaseNet
MAX_DEPTH_KM = 40.0  # as deep as the migration network searches
TOLERANCE_S = 1.0  # error of the travel times while associating; PyOcto has no default
TABLE_STEP_KM = 0.05  # of PyOcto's table of travel times,
MOST_STEPS = 2500  # and coarser where it would have more of them
UP = {"Z": "U", "N": "N", "E": "E"}  # the letters the weights were trained with, by those of the streams


def read_picker(weights: Path) -> Any:
    """SeisBench's PhaseNet with the weights of Naoi et al. (2024): input U, N, E; output P, S, noise."""
    picker = seisbench.models.PhaseNet(phases="PSN", component_order="UNE", sampling_rate=100)
    picker.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return picker.eval()


def pick(picker: Any, stream: obspy.Stream) -> pd.DataFrame:
    """Picks of every station, POSIX seconds; ValueError for a component that is neither Z, N nor E."""
    renamed = stream.copy()
    for trace in renamed:
        letter = trace.stats.channel[-1]
        if letter not in UP:
            raise ValueError(f"{trace.id}: the weights read U, N, E; rotate component {letter} first")
        trace.stats.channel = trace.stats.channel[:-1] + UP[letter]
    found = picker.classify(renamed, P_threshold=THRESHOLD, S_threshold=THRESHOLD).picks
    columns = ("station", "phase", "time", "probability")
    rows = [
        (".".join(each.trace_id.split(".")[:2]), each.phase, each.peak_time.timestamp, each.peak_value)
        for each in found
    ]
    return pd.DataFrame(rows, columns=columns).sort_values("time", ignore_index=True)


def write_travel_times(model: LayeredModel, reach_km: float, max_depth_km: float, path: Path) -> None:
    """PyOcto's table of a layered model: it interpolates between rows, so each layer gets two."""
    step_km = max(TABLE_STEP_KM, reach_km / MOST_STEPS)
    bottoms_km = [*model.top_depth_km[1:], max(2 * max_depth_km, model.top_depth_km[-1] + 1)]
    layers = zip(model.top_depth_km, bottoms_km, model.vp_kmps, model.vs_kmps, strict=True)
    rows = [
        {"depth": depth_km, "vp": vp, "vs": vs}
        for top_km, bottom_km, vp, vs in layers
        for depth_km in (top_km, bottom_km - 1e-3 * step_km)
    ]
    pyocto.VelocityModel1D.create_model(pd.DataFrame(rows), step_km, reach_km, max_depth_km + 1.0, str(path))


def associate(
    picks: pd.DataFrame, network: Network, frame: LocalFrame, model: LayeredModel, max_depth_km: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """PyOcto's events (x, y, z in km of the frame) and the picks that went to each, by event_id."""
    station_km = network.local_km(frame)
    east_km, north_km = np.abs(station_km[:, :2]).max(axis=0) + BOX_MARGIN_KM
    reach_km = 2 * math.hypot(east_km, north_km, max_depth_km)
    stations = pd.DataFrame(station_km, columns=["x", "y", "z"]).assign(id=[each.id for each in network])
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "travel_times"
        write_travel_times(model, reach_km, max_depth_km, table)
        velocity = pyocto.VelocityModel1D(
            table,
            tolerance=TOLERANCE_S,
            surface_p_velocity=model.vp_kmps[0],
            surface_s_velocity=model.vs_kmps[0],
        )
        associator = pyocto.OctoAssociator(
            xlim=(-east_km, east_km),
            ylim=(-north_km, north_km),
            zlim=(0.0, max_depth_km),
            velocity_model=velocity,
            time_before=reach_km / 2 / model.vs_kmps[0],
            n_threads=1,
            **NEEDED,
        )
        events, assigned = associator.associate(picks, stations)
    if events.empty:
        return events, assigned.assign(event_id="")
    events = events.sort_values("time", ignore_index=True)
    events["event_id"] = [f"peer{row + 1:02d}" for row in events.index]
    return events, assigned.assign(event_id=assigned["event_idx"].map(events.set_index("idx")["event_id"]))


def to_catalogue(events: pd.DataFrame, assigned: pd.DataFrame, frame: LocalFrame) -> Catalogue:
    """PyOcto's events as ours; the note tells the residual of their picks."""
    if events.empty:
        return Catalogue(PEER, ())
    latitude_deg, longitude_deg = frame.to_geographic(events["x"].to_numpy(), events["y"].to_numpy())
    found = []
    for row, (_, event) in enumerate(events.iterrows()):
        own = assigned[assigned["event_id"] == event["event_id"]]
        found.append(
            Event(
                event_id=event["event_id"],
                origin_time_s=float(event["time"]),
                latitude_deg=float(latitude_deg[row]),
                longitude_deg=float(longitude_deg[row]),
                depth_km=float(event["z"]),
                magnitude=None,
                magnitude_type=None,
                first_p_time_s=float(own.loc[own["phase"] == "P", "time"].min()),
                note=f"residual {float(np.sqrt((own['residual'] ** 2).mean())):.2f} s",
            )
        )
    return Catalogue(PEER, tuple(found))


def write_results(out: Path, catalogue: Catalogue, assigned: pd.DataFrame, picks: pd.DataFrame) -> None:
    """catalogue.csv and picks.csv."""
    out.mkdir(parents=True)
    write_csv(catalogue, out / "catalogue.csv")
    table = pd.read_csv(out / "catalogue.csv").set_index("event_id")
    for phase in "PS":
        counts = assigned.loc[assigned["phase"] == phase, "event_id"].value_counts()
        table[f"n_{phase.lower()}"] = counts.reindex(table.index, fill_value=0)
    by_event = {name: own[["time", "station", "phase"]] for name, own in assigned.groupby("event_id")}
    table["enough_picks_utc"] = [
        iso(enough_s(by_event[name].itertuples(index=False, name=None))) for name in table.index
    ]
    table.to_csv(out / "catalogue.csv")
    event_of_pick = dict(zip(assigned["pick_idx"], assigned["event_id"], strict=True))
    with (out / "picks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("station", "phase", "time_utc", "probability", "event_id"))
        for number, row in enumerate(picks.itertuples()):
            event_id = event_of_pick.get(number, "")
            writer.writerow((row.station, row.phase, iso(row.time), f"{row.probability:.3f}", event_id))


def main() -> None:
    """Pick, associate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("sequence", "weights", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--velocity-model", help="a name of conf/velocity_model; without: the sequence's own")
    parser.add_argument("--max-depth-km", type=float, default=MAX_DEPTH_KM)
    given = parser.parse_args()
    model = read_model(given.sequence, given.velocity_model)
    network = Network.from_inventory(read_stations(given.sequence / STATIONS))
    frame = LocalFrame(*network.centre())
    torch.set_num_threads(1)
    picks = pick(read_picker(given.weights), read_sds(given.sequence / WAVEFORMS))
    events, assigned = associate(picks, network, frame, model, given.max_depth_km)
    catalogue = to_catalogue(events, assigned, frame)
    write_results(given.out, catalogue, assigned, picks)
    n_p = int((picks["phase"] == "P").sum())
    sys.stdout.write(
        f"{n_p} P and {len(picks) - n_p} S picks at {picks['station'].nunique()} of {len(network)} stations; "
        f"{len(assigned)} of them in {len(catalogue)} events: {given.out / 'catalogue.csv'}\n"
    )


if __name__ == "__main__":
    main()
