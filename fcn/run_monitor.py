"""What `python -m fcn.monitor` does, from a resolved configuration."""

import hashlib
import logging
import math
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import obspy
import torch
from torch import nn

from fcn import checked
from fcn.assemble import choose_velocity_model, times_between
from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.checkpoint import Restored, load
from fcn.config import build
from fcn.engine import precision
from fcn.stream.engine import Engine, Reader, Timing
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.sources import Source
from fcn.stream.sources.directory import DirectorySource
from fcn.stream.sources.replay import ReplaySource
from fcn.stream.sources.seedlink import SeedLinkSource
from fcn.terminal import say, terminal
from fcn.waveform.preprocess import PreprocessSpec

log = logging.getLogger(__name__)

KINDS = ("replay", "directory", "seedlink")


def monitor(config: Mapping[str, Any], run_dir: Path) -> None:
    """Until the source is over, or SIGTERM or SIGINT comes; the state is written then, too."""
    torch.set_num_threads(config["threads"])
    restored = load(config["ckpt"], trust=config["trust"])
    console = terminal()
    running = build_monitor(config, run_dir, restored)
    running.show = lambda alert: say(line(alert), console)
    running.beat = lambda text: say(text, console)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: running.stop())
    watched = ", ".join(running.engine.live)
    say(
        f"listening to {len(running.engine.live)} stations ({watched}); alerts in {running.said.path}",
        console,
    )
    running.run()


def build_monitor(config: Mapping[str, Any], run_dir: Path, restored: Restored) -> Monitor:
    """The monitor of a configuration, going on from the state in its folder where there is one.

    Raises ValueError and FileNotFoundError naming the key.
    """
    watched, source = listen(config, restored.preprocess)
    model = choose_velocity_model(config["velocity_model"], watched, restored.velocity_models)
    table = {**restored.config["data"]["table"], **config["windows"]["table"]}
    scheme = restored.module.scheme
    timing = Timing(
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
        partial=scheme.partial,
        patience_s=min(config["patience_s"], restored.window_s),
        skip_s=math.inf if config["skip_s"] is None else config["skip_s"],
    )
    engine = Engine(
        network=restored.module.network,
        reader=_reader(scheme, config["precision"]),
        declarer=build(config["declare"] or restored.declare, frame=watched.frame),
        preprocess=restored.preprocess,
        stations=watched.stations,
        inventory=watched.inventory,
        frame=watched.frame,
        travel_times=lambda station_km: times_between(model, table, watched.frame, station_km),
        timing=timing,
    )
    identity = {
        "checkpoint": hashlib.sha256(restored.path.read_bytes()).hexdigest()[:12],
        "source": {key: value for key, value in config["source"].items() if key != "pace"},
        "step_s": timing.step_s,
    }
    folder = run_dir if config["folder"] is None else Path(config["folder"]).expanduser()
    habits = Habits(**config["habits"])
    return Monitor(engine, source, folder, habits, identity, show=lambda _: None, beat=lambda _: None)


def listen(config: Mapping[str, Any], preprocess: PreprocessSpec) -> tuple[WatchedNetwork, Source]:
    """Which stations, and where their packets come from."""
    stated = config["source"]
    kind = stated.get("kind") if isinstance(stated, Mapping) else None
    if kind not in KINDS:
        raise ValueError(f"source= of a monitor is one of {', '.join(KINDS)}, got {checked.shown(stated)}")
    if kind == "replay":
        watched, stream = WatchedNetwork.of_folder(stated["root"], preprocess)
        return watched, ReplaySource(stream, build(stated["link"]), stated["pace"])
    if config["stations"] is None:
        raise ValueError(f"source={kind} needs a station list: stations=<StationXML>")
    watched = WatchedNetwork.of_file(config["stations"], config["station_ids"])
    options = {key: value for key, value in stated.items() if key != "kind"}
    if kind == "seedlink":
        return watched, SeedLinkSource(station_ids=[each.id for each in watched.stations], **options)
    return watched, DirectorySource(**options)


def line(alert: Mapping[str, Any]) -> str:
    """An alert as the console has it."""
    size = "M -" if alert["magnitude"] is None else f"M {alert['magnitude']:.1f}"
    bound = "+" if alert["is_lower_bound"] else ""
    origin = obspy.UTCDateTime(alert["origin_time_s"]).strftime("%H:%M:%S.%f")[:-5]
    after_p_s = alert["latency_s"]["after_first_p"]
    late = "" if after_p_s is None else f", {after_p_s:.1f} s after first P"
    return (
        f"{obspy.UTCDateTime(alert['now_s']).strftime('%Y-%m-%dT%H:%M:%S.%f')[:-4]} {alert['id']} "
        f"v{alert['version']} {alert['status']}: {size}{bound} at {alert['latitude_deg']:.3f}, "
        f"{alert['longitude_deg']:.3f}, {alert['depth_km']:.0f} km, origin {origin}{late}"
    )


def _reader(reader: Reader, wanted: str) -> Reader:
    """The reader at a precision of `fcn.engine.precision`: what a test is made with."""
    chosen = precision(wanted)
    if chosen not in ("bf16-mixed", "32-true"):
        raise ValueError(f"precision must be auto, bf16-mixed or 32-true, got {checked.shown(wanted)}")
    return _Mixed(reader) if chosen == "bf16-mixed" else reader


class _Mixed:
    """A reader whose network computes in bfloat16 where that is fast, as fcn.test does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """See `Reader`."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self._reader.estimates(network, batch, known)
