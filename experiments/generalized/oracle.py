"""What perfect picks would give: catalogued events of a sequence located from true arrival times.

    python experiments/generalized/oracle.py dataset=kumamoto

For every catalogued event, the true P and S times in its QuakeML that lie before some moment are located by
least squares over a grid in the sequence's own velocity model. The errors are those of the velocity model and
the geometry alone: no network that reads the same streams in the same model can expect to do better. With
perfect picks there is neither noise nor overlap; a second table says what picks give that are off by so much
at every station, by everything that arrives within 20 s. The share of events whose P stands above the noise
at the third station (`fcn.metrics.visibility`) bounds what can be found at all.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import obspy
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from rich.progress import track
from torch import Tensor

from fcn import config as configuration
from fcn.assemble import travel_times
from fcn.cache import sequence_root
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.visibility import VISIBLE_SNR
from fcn.report.test.outcome import judge

PASSES = ((4.0, 2.0), (1.0, 0.5), (0.25, 0.25))  # spacing of successive grids, horizontal and depth, km
HALF_CELLS = (14, 14, 10)
MOMENTS_S = (2.0, 3.0, 4.0, 6.0, 10.0, 20.0)  # after the first P
PICK_ERRORS_S = (0.05, 0.1, 0.15, 0.2, 0.3)  # standard deviations, of P
S_OVER_P = 1.5  # of those of S
SEED = 1
MAX_DEPTH_KM = 40.0
FEWEST = 4  # arrivals that place an event

Off = Float[np.ndarray, " 3"]  # less the true hypocentre, km


def true_times(root: Path, sequence: Sequence) -> dict[str, Float[np.ndarray, "station 2"]]:
    """P and S of every event at every station, POSIX seconds, NaN where the catalogue has none."""
    row = {station.id: i for i, station in enumerate(sequence.network)}
    times: dict[str, Float[np.ndarray, "station 2"]] = defaultdict(lambda: np.full((len(row), 2), np.nan))
    for event in obspy.read_events(str(root / "catalogue.xml")):
        name = str(event.resource_id).rsplit("/", 1)[-1]
        for pick in event.picks:
            station = f"{pick.waveform_id.network_code}.{pick.waveform_id.station_code}"
            times[name][row[station], "PS".index(pick.phase_hint)] = pick.time.timestamp
    return times


def locate(
    arrival_s: Float[Tensor, "station 2"],
    station_km: Float[Tensor, "station 3"],
    table: TravelTimeTable,
) -> Float[Tensor, " 3"]:
    """The cell with the smallest squared residuals about the best origin time; NaN arrivals do not count."""
    known = torch.isfinite(arrival_s)
    weight = known.float()
    centre = torch.tensor([0.0, 0.0, 12.0])
    for step_h, step_z in PASSES:
        step = torch.tensor([step_h, step_h, step_z])
        axes = [centre[i] + step[i] * torch.arange(-HALF_CELLS[i], HALF_CELLS[i] + 1.0) for i in range(3)]
        cells = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, 3)
        cells[:, 2] = cells[:, 2].clamp(0.0, MAX_DEPTH_KM)
        travel_s = table.between(cells[None], station_km[None])[0].transpose(0, 1)
        origin_s = torch.where(known, arrival_s, 0.0) - travel_s
        mean_s = (origin_s * weight).sum(dim=(1, 2), keepdim=True) / weight.sum()
        misfit = ((origin_s - mean_s) ** 2 * weight).sum(dim=(1, 2))
        centre = cells[misfit.argmin()]
    return centre


def off_by(
    pick_s: float, arrival_s: Float[np.ndarray, "station 2"], rng: np.random.Generator
) -> Float[np.ndarray, "station 2"]:
    """Times of P and S with errors of so much, and of `S_OVER_P` as much."""
    return arrival_s + rng.normal(0.0, [pick_s, S_OVER_P * pick_s], arrival_s.shape)


def row(seconds: float, off_km: Float[np.ndarray, "event 3"]) -> str:
    """Of the tables: errors east, north and down; the shift is their median, what all have in common."""
    across_km = np.hypot(off_km[:, 0], off_km[:, 1])
    shift_km = np.median(off_km[:, :2], axis=0)
    about_km = np.linalg.norm(off_km[:, :2] - shift_km, axis=1)
    return (
        f"| {seconds:g} s | {len(off_km)} | {_rms(across_km):.2f} km ({np.median(across_km):.2f}) "
        f"| {np.hypot(*shift_km):.2f} km | {_rms(about_km):.2f} km | {_rms(off_km[:, 2]):.2f} km |"
    )


def _rms(values: Float[np.ndarray, " n"]) -> float:
    return float(np.sqrt((values**2).mean()))


def main() -> None:
    """Print the bounds of one sequence."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", overrides=["ckpt=none", *sys.argv[1:]]))
        train = configuration.plain(compose("train", overrides=["experiment=generalized"]))
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = Sequence.load(root, configuration.build(train["preprocess"]))
    if sequence.velocity_model is None or sequence.catalogue is None:
        raise ValueError(f"{root} states no velocity model or no catalogue: nothing to compare with")
    table = TravelTimeTable.stack([travel_times(sequence.velocity_model, train["data"]["table"])])
    station_km = torch.as_tensor(sequence.station_km, dtype=torch.float32)
    times = true_times(root, sequence)
    errors: dict[float, list[Off]] = {moment: [] for moment in MOMENTS_S}
    picked: dict[float, list[Off]] = {pick_s: [] for pick_s in PICK_ERRORS_S}
    rng = np.random.default_rng(SEED)
    for event in track(sequence.catalogue, description=sequence.name, transient=True):
        arrivals = times[event.event_id]
        first_s = np.nanmin(arrivals)
        here = sequence.frame.to_local_km(np.array([event.latitude_deg]), np.array([event.longitude_deg]))
        place_km = np.array([here[0][0], here[1][0], event.depth_km])
        for moment, each in errors.items():
            seen = np.where(arrivals <= first_s + moment, arrivals - first_s, np.nan)
            if np.isfinite(seen).sum() >= FEWEST:
                found = locate(torch.as_tensor(seen, dtype=torch.float32), station_km, table)
                each.append(found.numpy() - place_km)
        for pick_s, each in picked.items() if np.isfinite(seen).sum() >= FEWEST else ():
            off_s = off_by(pick_s, seen, rng)
            found = locate(torch.as_tensor(off_s, dtype=torch.float32), station_km, table)
            each.append(found.numpy() - place_km)
    name = sequence.name + (" (simulated)" if sequence.simulated else "")
    out = [f"{name}: perfect picks in {sequence.velocity_model.name}, four at least", ""]
    columns = "events | epicentre RMSE (median) | shift | scatter about it | depth RMSE |"
    out += [f"| after first P | {columns}", "|---" * 6 + "|"]
    out += [row(moment, np.array(each)) for moment, each in errors.items() if each]
    out += ["", f"| P picks off by, S by {S_OVER_P:g} times that | {columns}", "|---" * 6 + "|"]
    out += [row(pick_s, np.array(each)) for pick_s, each in picked.items() if each]
    tolerance = MatchTolerance(**{k: v for k, v in config["matching"].items() if not k.startswith("_")})
    snr = np.array(list(judge(sequence, [], {}, [], tolerance).snr.values()))
    visible = int((snr >= VISIBLE_SNR).sum())
    p_s = np.sort([times[event.event_id][:, 0] for event in sequence.catalogue], axis=1)  # NaN last
    apart_s = np.nanmedian(p_s - p_s[:, :1], axis=0)[1:5]
    out.append(
        f"\nP after the first P, at the next stations, median: {', '.join(f'{s:.1f} s' for s in apart_s)}"
    )
    out.append(f"P above noise (SNR {VISIBLE_SNR:g}) at the third station: {visible} of {len(snr)}")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
