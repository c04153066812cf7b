"""What `python -m fcn.monitor` does, from a resolved configuration."""

import dataclasses
import functools
import hashlib
import json
import logging
import math
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn import arguments, checked
from fcn.alert.alert import Producer
from fcn.assemble import TimesTo, build_engine, build_observing, choose_velocity_model
from fcn.checkpoint import Restored, load
from fcn.config import build
from fcn.earth.eikonal import GridModel
from fcn.earth.velocity import LayeredModel
from fcn.exported.backend import network_of
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.operations.prometheus import installed, write_metrics
from fcn.operations.status import Status
from fcn.rotated import RotatedFile
from fcn.saying import build_sinks, log_to, make_folder, owned
from fcn.shaking.site import Sites, station_sites
from fcn.shaking.site_warnings import SiteWarnings
from fcn.stream.attendants import Attendant, StatusKeeper, Systemd, Told
from fcn.stream.engine import Timing
from fcn.stream.keeping import read_stream
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.observing import ObservedNetwork
from fcn.stream.sites import SITES, Unbatched, WarnedSites
from fcn.stream.sources import Source
from fcn.stream.sources.directory import DirectorySource
from fcn.stream.sources.replay import ReplaySource
from fcn.stream.sources.seedlink import SeedLinkSource
from fcn.stream.station_list import Seen, StationList, seen_now
from fcn.terminal import say, terminal
from fcn.types import TravelTimes
from fcn.waveform.folder import FARTHEST_CENTRE_KM
from fcn.waveform.preprocess import PreprocessSpec

if TYPE_CHECKING:
    from fcn.web.server import Page

log = logging.getLogger(__name__)

KINDS = ("replay", "directory", "seedlink")
MODEL = "velocity_model"  # of a live source: where neither command, stream nor training tells one


def monitor(config: Mapping[str, Any], run_dir: Path) -> None:
    """Until the source is over, or SIGTERM or SIGINT comes; the state is written then, too."""
    torch.set_num_threads(checked.whole("threads", config["threads"], 1, 1024))
    make_folder(state_folder(config, run_dir))
    lock = owned(state_folder(config, run_dir))
    restored = load(config["ckpt"], trust=config["trust"], reading=config["reading"])
    log_to(config["log"], state_folder(config, run_dir))
    running = build_monitor(config, run_dir, restored)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: running.stop())
    signal.signal(signal.SIGHUP, lambda *_: _ask_for_stations(running))
    watched = ", ".join(running.engine.live)
    say(
        f"listening to {len(running.engine.live)} stations ({watched}); alerts in {running.folder}",
        terminal(),
    )
    for page in (each for each in running.attendants if isinstance(each, Told)):
        say(str(page), terminal())
    running.run()
    lock.release()


def build_monitor(config: Mapping[str, Any], run_dir: Path, restored: Restored) -> Monitor:
    """The monitor of a configuration, going on from the state in its folder where there is one.

    Raises ValueError and FileNotFoundError naming the key.
    """
    folder = state_folder(config, run_dir)
    network = network_of(restored, config["backend"])  # before a source is connected to
    seen = None if config["station_file"] is None else seen_now(Path(config["station_file"]).expanduser())
    watched, source = listen(config, restored.preprocess)
    watched = in_frame_of(folder, watched)
    model = velocity_model(config, watched, restored.velocity_models)
    log.info("travel times of %s", model.path if isinstance(model, GridModel) else model.name)
    table = {**restored.config["data"]["table"], **config["windows"]["table"]}
    scheme = restored.module.scheme
    timing = Timing(
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
        partial=scheme.partial,
        patience_s=min(config["patience_s"], restored.window_s),
        skip_s=math.inf if config["skip_s"] is None else config["skip_s"],
    )
    engine = build_engine(
        watched,
        network,
        scheme,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, table, watched.frame),
        declare=config["declare"] or restored.declare,
        timing=timing,
    )
    engine.crust = crust_digest(model)
    producer = Producer(
        monitor=config["name"],
        checkpoint_digest=_digest(restored.path.read_bytes()),
        config_digest=_digest(json.dumps({**config, "folder": None}, sort_keys=True).encode()),
        is_simulated=config["source"]["kind"] == "replay",
    )
    identity = {
        "checkpoint": producer.checkpoint_digest,
        "source": {key: value for key, value in config["source"].items() if key not in ("pace", MODEL)},
        "step_s": timing.step_s,
    }
    habits = Habits(**config["habits"])
    of_stations = functools.partial(build_sites, config, watched.frame, TimesTo(model, table, watched.frame))
    sites = of_stations(watched.stations) if config["sites"] else None
    told = RotatedFile(folder / SITES, **config["operations"]["sites_file"], flushes=False)
    observed = build_observed(config, watched)
    warned = None if sites is None else WarnedSites(sites, told, producer, observed, of_stations)
    return Monitor(
        engine,
        source,
        folder,
        habits,
        identity,
        build_sinks(config, folder),
        producer,
        warned,
        attendants=build_attendants(config, folder, build_page(config, watched, producer, sites), seen),
    )


def state_folder(config: Mapping[str, Any], run_dir: Path) -> Path:
    """Where state, alerts and log lie."""
    return run_dir if config["folder"] is None else Path(config["folder"]).expanduser()


def build_attendants(
    config: Mapping[str, Any], folder: Path, page: "Page | None", seen: Seen | None = None
) -> list[Attendant]:
    """What goes along with the monitor's steps; seen: see `StationList`.

    Raises ImportError where metrics cannot be written.
    """
    operations = config["operations"]
    attendants: list[Attendant] = [Systemd()]
    stations = None
    if config["source"]["kind"] != "replay":
        path = Path(config["station_file"]).expanduser()
        read = functools.partial(WatchedNetwork.of_file, path, config["station_ids"])
        stations = StationList(path, read, operations["stations_s"], seen)
        attendants.append(stations)
    write: list[Callable[[Status], None]] = [] if page is None else [page.hear]
    if operations["metrics"] is not None:
        installed()
        path = folder / Path(operations["metrics"]).expanduser()
        write.append(functools.partial(write_metrics, path))
    keeper = StatusKeeper(operations["status_s"], tuple(write))
    if stations is not None:
        keeper.station_list = stations.status
    return [*attendants, keeper, *([] if page is None else [page])]


def _ask_for_stations(running: Monitor) -> None:
    for each in running.attendants:
        if isinstance(each, StationList):
            each.ask()


def in_frame_of(folder: Path, watched: WatchedNetwork) -> WatchedNetwork:
    """The network in the frame of the state in a folder, where there is one: events of it are in its km.

    Raises ValueError for a network of another region, whose events would be far out on that map.
    """
    state = read_stream(folder)
    if state is None or "frame" not in state:
        return watched
    frame, own = LocalFrame(*state["frame"]), watched.frame
    # of centres: the stations of a large network may lie as far from its own
    away_km = math.hypot(*frame.to_local_km(np.array(own.latitude_deg), np.array(own.longitude_deg)))
    if away_km > FARTHEST_CENTRE_KM:
        raise ValueError(
            f"{folder} holds the state of a monitor about latitude {frame.latitude_deg:.2f}, longitude "
            f"{frame.longitude_deg:.2f} deg, and the centre of these stations lies {away_km:.0f} km from "
            f"there, {FARTHEST_CENTRE_KM:g} at most: give another folder=, or remove events.json and "
            "stream.pt from it"
        )
    return dataclasses.replace(watched, frame=frame)


def build_sites(
    config: Mapping[str, Any],
    frame: LocalFrame,
    times_to: Callable[[Float[Tensor, "station 3"]], TravelTimes],
    stations: Network,
) -> SiteWarnings:
    """Sites that are to be warned, by sources and stations. times_to: to places, km in the frame.

    Raises ValueError for ground of stations that a replay has not. A list may change: of others that is
    logged.
    """
    shaking, ground = config["shaking"], config["observe"]["ground"]
    vs30_mps, ids = dict(ground["vs30_mps"]), {each.id for each in stations}
    if config["source"]["kind"] != "replay" and (others := sorted(set(vs30_mps) - ids)):
        log.warning("observe.ground: %s are not in the station list", ", ".join(others))
        vs30_mps = {name: value for name, value in vs30_mps.items() if name in ids}
    sites = [build(node) for node in config["sites"].values()]
    both_km = np.concatenate([stations.local_km(frame), Sites.of(sites, frame).position_km])
    times = Unbatched(times_to(torch.as_tensor(both_km, dtype=torch.float32)))
    made: SiteWarnings = build(
        shaking,
        sites=sites,
        stations=station_sites(stations, vs30_mps, ground["otherwise_mps"]),
        travel_times=times,
        frame=frame,
    )
    return made


def build_page(
    config: Mapping[str, Any], watched: WatchedNetwork, producer: Producer, sites: SiteWarnings | None
) -> "Page | None":
    """The page, where it has a port. Raises ValueError for one that it cannot listen at."""
    if config["web"]["port"] is None:
        return None
    try:
        from fcn.web.server import Page
    except ImportError as error:
        raise ValueError("web.port: the page needs starlette and uvicorn: pip install 'fcn[web]'") from error
    from fcn.web.snapshot import Watched

    is_replay = config["source"]["kind"] == "replay"
    network = watched.stations
    station_km = network.local_km(watched.frame).astype(np.float32)
    seen = Watched(
        producer,
        watched.frame,
        network,
        station_km,
        None if sites is None else sites.sites,
        config["source"]["pace"] if is_replay else 1.0,
    )
    _check_arguments(Page, config["web"], "web")
    return Page(seen, build(config["limits"]), **config["web"])


def build_observed(config: Mapping[str, Any], watched: WatchedNetwork) -> ObservedNetwork | None:
    """Intensity of the stations; None where no site listens to it. Raises ValueError naming the key."""
    if not config["sites"] or config["shaking"]["plum"] is None:
        return None
    ids = [each.id for each in watched.stations]
    return ObservedNetwork(ids, watched.inventory, build_observing(config["observe"]))


def listen(config: Mapping[str, Any], preprocess: PreprocessSpec) -> tuple[WatchedNetwork, Source]:
    """Which stations, and where their packets come from."""
    stated = config["source"]
    kind = stated.get("kind") if isinstance(stated, Mapping) else None
    if kind not in KINDS:
        raise ValueError(f"source= of a monitor is one of {', '.join(KINDS)}, got {checked.shown(stated)}")
    if kind == "replay":
        _check_arguments(ReplaySource, {"pace": stated["pace"]}, "source")
        if config["station_file"] is not None:
            raise ValueError(
                f"station_file={config['station_file']} is for live sources: a replay has its own list, "
                f"stations.xml in {stated['root']}; leave it out"
            )
        watched, stream = WatchedNetwork.of_folder(stated["root"], preprocess, config["station_ids"])
        return watched, ReplaySource(stream, build(stated["link"]), stated["pace"])
    if config["station_file"] is None:
        raise ValueError(f"source={kind} needs a station list: station_file=<StationXML>")
    options = {key: value for key, value in stated.items() if key not in ("kind", MODEL)}
    _check_arguments(SeedLinkSource if kind == "seedlink" else DirectorySource, options, "source")
    watched = WatchedNetwork.of_file(config["station_file"], config["station_ids"])
    if kind == "seedlink":
        return watched, SeedLinkSource(station_ids=[each.id for each in watched.stations], **options)
    return watched, DirectorySource(**options)


def velocity_model(
    config: Mapping[str, Any], watched: WatchedNetwork, trained: Mapping[str, LayeredModel]
) -> LayeredModel | GridModel:
    """As `choose_velocity_model` has it, and where nobody tells which, that of a live source."""
    stated = config[MODEL]
    if stated is None and watched.velocity_model is None and len(trained) > 1:
        stated = config["source"].get(MODEL)
    return choose_velocity_model(stated, watched, trained)


def crust_digest(model: LayeredModel | GridModel) -> str:
    """Of the numbers that travel times are made of: a name or a source makes no other crust."""
    if isinstance(model, GridModel):
        return _digest(Path(model.path).expanduser().read_bytes())
    numbers = {key: value for key, value in vars(model).items() if key not in ("name", "source")}
    return _digest(json.dumps(numbers, sort_keys=True).encode())


def _check_arguments(of: type, options: Mapping[str, Any], place: str) -> None:
    """Raise ValueError naming the first key whose value is none that its class takes."""
    arguments.check({"_target_": f"{of.__module__}.{of.__qualname__}", **options}, place)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
