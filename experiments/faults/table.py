"""What faults of links, disks and sensors cost: events found in a damaged sequence and in the good one.

    python experiments/faults/table.py [ckpt=generalized] [minutes=9] [root=SEQUENCE velocity_model=jma2001]
    python experiments/faults/table.py only=none,verticals     # faults whose names hold one of these

The first minutes of dataset=validation_dense index 0 (simulated), and each sequence folder given by root=,
replayed once for each fault of damage.py; the station struck is the one nearest to the network's centre. The
velocity model is that of sequences which state none.
Prints one table; a sequence without a catalogue counts what it declares.
"""

import math
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from damage import faults
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.progress import track

from fcn import config as configuration
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import Restored, load
from fcn.data.sequences import Sequence
from fcn.geometry.network import Network
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import WAVEFORMS
from fcn.waveform.inventory import read_stations

SEED = 20160414
HEAD = (
    "| sequence | fault | found | declared | false | epicentre RMSE (km) | alarm (s) | replay (s) "
    "| magnitude: bias, MAE |"
)


def replayed(root: Path, restored: Restored, config: dict[str, Any]) -> dict[str, Any]:
    """The figures of a sequence folder."""
    sequence = Sequence.load(root, restored.preprocess)
    stated = None if sequence.velocity_model is not None else config["velocity_model"]
    model = choose_velocity_model(stated, sequence, restored.velocity_models)
    table = {**restored.config["data"]["table"], **config["windows"]["table"]}
    replay = build_replay(
        sequence,
        restored.module.network,
        restored.module.scheme,
        partial=restored.module.scheme.partial,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, table, sequence.frame),
        declare=restored.declare,
        matching=config["matching"],
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
        packet_s=config["packet_s"],
    )
    console = Console(stderr=True)
    for batch in track(replay, str(root.name), total=len(replay), console=console, transient=True):
        replay.read(batch)
    return dict(replay.score())


def central_station(root: Path) -> str:
    """Of the stations that deliver, the nearest to the centre of all."""
    held = {f"{trace.stats.network}.{trace.stats.station}" for trace in read_sds(root / WAVEFORMS)}
    network = Network(
        tuple(s for s in Network.from_inventory(read_stations(root / "stations.xml")) if s.id in held)
    )
    latitude_deg, longitude_deg = network.centre()
    return min(
        network,
        key=lambda s: np.hypot(
            s.latitude_deg - latitude_deg,
            (s.longitude_deg - longitude_deg) * np.cos(np.radians(latitude_deg)),
        ),
    ).id


def rows(
    root: Path, restored: Restored, config: dict[str, Any], minutes: float, only: list[str]
) -> list[str]:
    """Of the table. only: parts of the names of faults; none: all."""
    stream, lines = read_sds(root / WAVEFORMS), []
    start = min(trace.stats.starttime for trace in stream)
    if math.isfinite(minutes):
        stream.trim(start, start + 60.0 * minutes)
    for name, damage in faults(central_station(root)).items():
        if only and not any(part in name for part in only):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / root.name
            shutil.copytree(root, folder, ignore=shutil.ignore_patterns(WAVEFORMS))
            damage(stream, np.random.default_rng(SEED), folder / WAVEFORMS)
            begun_s = time.perf_counter()
            score = replayed(folder, restored, config)
            took_s = time.perf_counter() - begun_s
        lines.append(row(root.name, name, score, took_s))
        Console(stderr=True).print(lines[-1], markup=False, soft_wrap=True)
    return lines


def row(sequence: str, fault: str, score: dict[str, Any], took_s: float) -> str:
    """One replay."""

    def told(key: str, form: str) -> str:
        return "" if score.get(key) is None else format(score[key], form)

    kind = "simulated" if score["simulated"] else "recorded"
    cells = [
        f"{sequence} ({kind})",
        fault,
        f"{told('n_matched', 'd')} of {told('n_catalogued', 'd')}",
        told("n_declared", "d"),
        told("n_false", "d") if score["simulated"] else "",  # a recorded catalogue is not complete
        told("epicentre_rmse_km", ".2f"),
        told("alarm_latency_s_p50", ".1f"),
        f"{took_s:.0f}",
        f"{told('magnitude_bias', '+.2f')}, {told('magnitude_mae', '.2f')}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    given = [each.partition("=") for each in sys.argv[1:]]
    roots = [Path(value).expanduser() for key, _, value in given if key == "root"]
    minutes = float(next((value for key, _, value in given if key == "minutes"), 9.0))
    only = [part for key, _, value in given if key == "only" for part in value.split(",")]
    overrides = [f"{key}={value}" for key, _, value in given if key not in ("root", "minutes", "only")]
    overrides = [*([] if any(o.startswith("ckpt=") for o in overrides) else ["ckpt=generalized"]), *overrides]
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", ["dataset=validation_dense", *overrides]))
    torch.set_num_threads(config["trainer"]["threads"])
    restored = load(config["ckpt"])
    restored.module.eval()
    simulated = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    lines = rows(simulated, restored, config, minutes, only)
    lines += [line for root in roots for line in rows(root, restored, config, math.inf, only)]
    sys.stdout.write("\n".join([HEAD, "|---" * 9 + "|", *lines]) + "\n")


if __name__ == "__main__":
    main()
