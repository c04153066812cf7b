"""Two event folders of the Corinth Rift Laboratory become two sets that `table.py` reads.

    python experiments/recorded/corinth.py --folder CORINTH --out REALDATA

CORINTH has a folder of SAC files for each event, and dataless SEED of the networks (`PZ.crl/dataless*`). The
SAC headers of one event name station and location in one field and no network: names are taken from those of
the files, networks, locations and places from the dataless. Files of stations or channels that it does not
describe are left out, and named. Into `REALDATA/corinth_<day>` go waveforms.mseed, stations.xml,
catalogue.csv and model.txt, the layers that the locations were made in.
"""

import argparse
from pathlib import Path

import obspy
from obspy.core.inventory import Inventory
from rich.console import Console

from fcn.publish import new_folder
from fcn.waveform.inventory import read_stations
from fcn.waveform.read import read_one

# Depth of the top (km), Vp (km/s), and Vp / Vs: of the *.prt of hypo71, beside the locations
LAYERS = ((0.0, 4.8), (4.0, 5.2), (7.2, 5.8), (8.2, 6.1), (10.4, 6.3), (15.0, 6.5), (30.0, 8.0))
VP_OVER_VS = 1.8
# Hypocentres of EVENT.phs.h (the first has no magnitude, the second one by the length of its coda), and the
# earliest P of EVENT.phs at a station that is there, of weight 0; its uncertainty is hypo71's residual there
HEAD = (
    "event_id,origin_time_utc,latitude_deg,longitude_deg,depth_km,magnitude,magnitude_type,"
    "first_p_time_utc,first_p_uncertainty_s"
)
EVENTS = {
    "2010.01.18-17.03.51": "2010-01-18T17:04:06.39,38.4135,21.9110,7.63,,,2010-01-18T17:04:08.85,0.07",
    "2010.01.20-08.10.27": "2010-01-20T08:10:41.27,38.4035,21.9708,7.11,2.40,Md,2010-01-20T08:10:43.04,0.12",
}
# Bands in the names of files: EarthWorm's and this network's own, and the dataless's for the same instruments
SAME_CHANNELS = {"SH": ("EH",), "EN": ("HN",)}


def main() -> None:
    """Make both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="with EVENT/ and PZ.crl/")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the sets")
    given = parser.parse_args()
    dataless = sorted((given.folder / "PZ.crl").glob("dataless*"))
    if not dataless:
        raise SystemExit(f"no station list {given.folder / 'PZ.crl' / 'dataless*'}")
    inventory = sum(map(read_stations, dataless), Inventory())
    for name, hypocentre in EVENTS.items():
        if not (given.folder / name).is_dir():
            raise SystemExit(f"no folder {given.folder / name}")
        write_set(given.folder / name, hypocentre, inventory, given.out)


def write_set(event: Path, hypocentre: str, inventory: Inventory, out: Path) -> None:
    """The set of one event, whose folder is `event`; `hypocentre` is its row of the catalogue."""
    stream = obspy.Stream()
    left_out = list[str]()
    for path in sorted(event.glob("*.SAC")):
        (trace,) = read_one(path, str(path))
        if is_described(trace, path.name.removeprefix(f"{event.name}.").split("."), inventory):
            stream.append(trace)
        else:
            left_out.append(path.name.removeprefix(f"{event.name}."))
    stations = {trace.stats.station for trace in stream}
    with new_folder(out / f"corinth_{event.name[8:10]}") as folder:
        stream.write(str(folder / "waveforms.mseed"), format="MSEED")
        there = Inventory()
        for station in sorted(stations):
            there += inventory.select(station=station, time=stream[0].stats.starttime)
        there.write(str(folder / "stations.xml"), format="STATIONXML")
        (folder / "catalogue.csv").write_text(f"{HEAD}\n{event.name},{hypocentre}\n", encoding="utf-8")
        rows = (f"{top} {vp} 0 {vp / VP_OVER_VS:.4f} 0 2.7 0" for top, vp in LAYERS)
        lines = ("# model layers (LAYER depth, Vp_top, Vp_grad, Vs_top, Vs_grad, rho_top, rho_grad)", *rows)
        (folder / "model.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = f"{event.name}: {len(stations)} stations; left out: {', '.join(left_out)}"
    Console().print(told, soft_wrap=True)


def is_described(trace: obspy.Trace, name: list[str], inventory: Inventory) -> bool:
    """Whether the dataless has the channel of a file name, whose codes the trace then gets.

    The first location that has it: files of two stations are of 250 Hz, and of the same gain as its 125 Hz.
    """
    station, code = name[0], name[-2]
    bands = (code[:2], *SAME_CHANNELS.get(code[:2], ()))
    for network in inventory.select(station=station, time=trace.stats.starttime):
        for channel in (channel for site in network for channel in site):
            if channel.code in {f"{band}{code[2]}" for band in bands}:
                trace.stats.update({"network": network.code, "station": station})
                trace.stats.update({"location": channel.location_code, "channel": channel.code})
                return True
    return False


if __name__ == "__main__":
    main()
