"""A simulated network of any size as a stream of packets, read by the shipped network."""

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import obspy
from made_networks import COUNTS_PER_MPS, START_S, make_trace
from torch import Tensor
from toy import resolved

from fcn.arch.migration import Features, MigrationNet
from fcn.assemble import TimesTo, build_engine, choose_velocity_model
from fcn.checkpoint import Restored
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.watched import Watched
from fcn.replay import Replay
from fcn.scheme.migration import reader
from fcn.scheme.migration.reader import MigrationReader
from fcn.scheme.migration.scheme import MigrationScheme
from fcn.stream.engine import Engine, Reader, Timing
from fcn.stream.network import WatchedNetwork
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

RATE_HZ, STEP_S, PACKET_S = 100.0, 0.5, 1.0
SPACING_KM, DEPTH_KM = 15.0, 10.0
NOISE_MPS, PEAK_MPS = 1e-7, 2e-4  # of the ground; of P at 10 km
KM_PER_DEG = 111.19
# Whose time is a share of a window's, by file and function; nested ones count in each.
SHARES = {
    "preprocessing": (("stream/engine.py", "push"), ("stream/engine.py", "batch")),
    "encoding": (("scheme/migration/reader.py", "_see"),),
    "coarse volumes": (("scheme/migration/reader.py", "_coarse_peaks"),),
    "fine volumes": (("scheme/migration/reader.py", "_fine_pass"),),
    "travel times of fine volumes": (("scheme/migration/volume.py", "travel_times"),),
    "sizing": (("scheme/migration/reader.py", "_said"),),
}


def places_km(n: int) -> np.ndarray:
    """East and north of n stations on a jittered grid, nearest to the middle first."""
    rng = np.random.default_rng(0)
    side = int(n**0.5) + 2
    axis = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return SPACING_KM * (grid[np.linalg.norm(grid, axis=1).argsort()[:n]] + 0.3 * rng.random((n, 2)))


def network_of(n: int, seconds: float) -> tuple[WatchedNetwork, obspy.Stream]:
    """Noise at n stations, with an earthquake in their midst every twenty seconds."""
    rng, n_samples = np.random.default_rng(1), round(seconds * RATE_HZ)
    frame = LocalFrame(38.0, 22.0)
    sites, stream = [], obspy.Stream()
    time_s = np.arange(n_samples) / RATE_HZ
    for index, (east_km, north_km) in enumerate(places_km(n)):
        longitude_deg = 22.0 + east_km / (KM_PER_DEG * np.cos(np.radians(38.0)))
        site = Station("XX", f"S{index:03d}", "", 38.0 + north_km / KM_PER_DEG, longitude_deg, 0.0)
        sites.append(site)
        motion = NOISE_MPS * rng.standard_normal((3, n_samples))
        for origin_s in np.arange(8.0, seconds, 20.0):
            distance_km = np.hypot(np.hypot(east_km - 3.0, north_km - 2.0), DEPTH_KM)
            peak_mps = PEAK_MPS * (10.0 / distance_km) ** 1.5
            for speed_kmps, gain in ((6.0, np.array([1.0, 0.4, 0.4])), (3.5, np.array([1.0, 3.0, 3.0]))):
                since_s = time_s - origin_s - distance_km / speed_kmps
                envelope = np.where(since_s > 0, np.exp(-np.clip(since_s, 0, None) / 2.5), 0.0)
                motion += peak_mps * gain[:, None] * envelope * rng.standard_normal((3, n_samples))
        counts = np.round(COUNTS_PER_MPS * motion).astype(np.int32)
        stream += obspy.Stream(
            [
                make_trace(f"{site.id}..HH{component}", row, RATE_HZ)
                for component, row in zip("ZNE", counts, strict=True)
            ]
        )
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    return WatchedNetwork("made", Network(tuple(sites)), make_inventory(sites, stream, stated), frame), stream


class Anew:
    """A reader that encodes every window as a whole, as commit a4aefc9 did.

    It keeps what is learnt of stations and where coarse volumes lie, and nothing of the window before.
    """

    def __init__(self, kept: MigrationReader) -> None:
        self._kept = kept

    def estimates(self, network, batch, known):
        """See `Reader`."""
        anew = MigrationReader(self._kept.core, self._kept.reading, self._kept.visible_snr)
        anew.volumes = self._kept.volumes
        anew.volumes._fine.clear()  # travel times of fine volumes
        anew.learnt, anew.picks = self._kept.learnt, self._kept.picks
        return anew.estimates(network, batch, known)

    def state(self):
        """See `Reader`."""
        return self._kept.state()

    def restore(self, state):
        """See `Reader`."""
        self._kept.restore(state)


@dataclass
class Passed:
    """What a pass took. window_ms: network and reader alone, of the windows after the first."""

    seconds: float
    took_s: float
    window_ms: list[float] = field(repr=False)
    n_declared: int

    @property
    def real_time(self) -> float:
        """How many times as fast as data come, packets to updates."""
        return self.seconds / self.took_s

    @property
    def median_ms(self) -> float:
        """Of the windows."""
        return statistics.median(self.window_ms)

    @property
    def p99_ms(self) -> float:
        """Of the windows."""
        return float(np.quantile(self.window_ms, 0.99))


def reader_of(restored: Restored, kind: str) -> Reader:
    """A new reader: `as it is`, or `anew`."""
    scheme = restored.module.scheme
    assert isinstance(scheme, MigrationScheme)
    made = MigrationReader(scheme.core, scheme.reading, scheme.visible_snr)
    return Anew(made) if kind == "anew" else made


def replay_of(
    restored: Restored, made: tuple[WatchedNetwork, obspy.Stream], kind: str = "as it is"
) -> Replay:
    """A stream in packets of a second, through the engine of a monitor."""
    watched, stream = made
    velocity_model = resolved("train", "velocity_model=iasp91")["velocity_model"]
    model = choose_velocity_model(velocity_model, watched, restored.velocity_models)
    times = TimesTo(model, restored.config["data"]["table"], watched.frame)
    timing = Timing(window_s=restored.window_s, step_s=STEP_S, partial=True)

    def begin() -> Engine:
        return build_engine(
            watched,
            restored.module.network,
            reader_of(restored, kind),
            preprocess=restored.preprocess,
            travel_times=times,
            declare=restored.declare,
            timing=timing,
        )

    end_s = max(trace.stats.endtime.timestamp for trace in stream)
    return Replay(
        name="made",
        begin=begin,
        observe=lambda: None,
        stream=stream,
        packet_s=PACKET_S,
        latency_s=None,
        catalogue=None,
        watched=Watched(((START_S, end_s),)),
        simulated=True,
        tolerance=MatchTolerance(origin_time_s=4.0, epicentre_km=25.0, magnitude_scale=1.0),
    )


def passed(replay: Replay, seconds: float, clock: Callable[[], float] = time.perf_counter) -> Passed:
    """A pass, timed by a clock of seconds."""
    began_s, window_ms = clock(), []
    for batch in replay:
        start_s = clock()
        replay.read(batch)
        window_ms.append(1000 * (clock() - start_s))
    took_s = clock() - began_s
    n_whole = max(len(window_ms) - round(min(30.0, seconds / 2) / STEP_S), 1)
    return Passed(seconds, took_s, window_ms[-n_whole:], len(replay.declared))


def shares(replay: Replay) -> dict[str, float | None]:
    """Of the time of a pass, what each part of `SHARES` took; None of one that is no longer there."""
    profile = cProfile.Profile()
    profile.enable()
    for batch in replay:
        replay.read(batch)
    profile.disable()
    stats: Any = pstats.Stats(profile)
    took = {(file, name): row[3] for (file, _, name), row in stats.stats.items()}
    found: dict[str, float | None] = {}
    for what, wanted in SHARES.items():
        seconds = [
            s for (file, name), s in took.items() if any(file.endswith(f) and name == n for f, n in wanted)
        ]
        found[what] = sum(seconds) / stats.total_tt if seconds else None
    return found


def settled_volumes(replay: Replay, network: MigrationNet) -> tuple[int, int]:
    """Of the coarse volumes of a pass, how many read nothing that the next data change; how many there are.

    What is nearer to a window's end than the series network sees changes; how long ago an anchor was, which
    the volume is told as well, is not counted.
    """
    seen: list[bool] = []
    is_coarse, whole, answer = False, network.volume, reader.told

    def volume(features: Features, pairs: Tensor, arrival_sample: Tensor, condition: Tensor) -> Any:
        if is_coarse:
            n_samples = features.station_p.shape[-1]
            is_old = (arrival_sample.flatten(1) < n_samples - network.series.reach).all(dim=1)
            seen.extend(bool(is_old[pairs[:, 1] == row].all()) for row in range(condition.shape[1]))
        return whole(features, pairs, arrival_sample, condition)

    def told(*given: Any) -> Any:
        nonlocal is_coarse
        is_coarse = given[-1] == "coarse"
        return answer(*given)

    with mock.patch.object(network, "volume", volume), mock.patch.object(reader, "told", told):
        for batch in replay:
            replay.read(batch)
    return sum(seen), len(seen)
