"""Whole streams through the shipped `compact`: stations out of reach, and networks of few and of many."""

import math
from collections.abc import Sequence

import numpy as np
import obspy
import pytest
from made_networks import COUNTS_PER_MPS, START_S, make_trace
from shipped_models import load as velocity_model

from fcn.assemble import TimesTo, build_engine
from fcn.catalogue.event import Update
from fcn.checkpoint import Restored, load
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.watched import Watched
from fcn.replay import Replay
from fcn.scheme.migration.reader import MigrationReader
from fcn.stream.engine import Engine, Timing
from fcn.stream.network import WatchedNetwork
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

FRAME, KM_PER_DEG = LocalFrame(38.0, 22.0), 111.19
RATE_HZ, NOISE_MPS, QUIET_MPS = 100.0, 1e-7, 5e-9
NEAR, DISTANT = 8, 100
ORIGIN_S, SOURCE_KM = 8.0, (3.0, 2.0, 10.0)


@pytest.fixture(scope="module")
def compact() -> Restored:
    return load("compact")


def grid_km(n: int, spacing_km: float = 15.0) -> np.ndarray:
    """East and north of n stations on a jittered grid, nearest to the middle first."""
    side = math.ceil(n**0.5) + 1
    axis = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    jitter = 0.3 * np.random.default_rng(0).random((n, 2))
    return spacing_km * (grid[np.linalg.norm(grid, axis=1).argsort(kind="stable")[:n]] + jitter)


def distant_km(n: int) -> np.ndarray:
    """East and north of n stations 300 to 900 km away, in all directions."""
    rng = np.random.default_rng(1)
    azimuth, away_km = rng.uniform(0.0, 2 * np.pi, n), rng.uniform(300.0, 900.0, n)
    return away_km[:, None] * np.stack([np.sin(azimuth), np.cos(azimuth)], axis=-1)


def motion_mps(place_km: Sequence[float], time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise with P and S of one earthquake."""
    motion = NOISE_MPS * rng.standard_normal((3, len(time_s)))
    distance_km = math.dist((*place_km, 0.0), SOURCE_KM)
    for speed_kmps, gain in ((6.0, (1.0, 0.4, 0.4)), (3.5, (1.0, 3.0, 3.0))):
        since_s = time_s - ORIGIN_S - distance_km / speed_kmps
        envelope = np.where(since_s > 0, np.exp(-np.clip(since_s, 0, None) / 2.5), 0.0)
        peak_mps = 2e-4 * (10.0 / distance_km) ** 1.5
        motion += peak_mps * np.array(gain)[:, None] * envelope * rng.standard_normal((3, len(time_s)))
    return motion


def made(n_near: int, n_distant: int, seconds: float) -> tuple[WatchedNetwork, obspy.Stream]:
    """Stations about an earthquake, the same whatever is further away, where all is quiet."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sites, stream = [], obspy.Stream()
    places_km = np.concatenate([grid_km(n_near), distant_km(n_distant)])
    geographic = np.stack(FRAME.to_geographic(places_km[:, 0], places_km[:, 1]), axis=-1).tolist()
    for index, (place_km, place) in enumerate(zip(places_km, geographic, strict=True)):
        rng = np.random.default_rng([2, index])
        quiet = QUIET_MPS * rng.standard_normal((3, len(time_s)))
        motion = motion_mps(place_km, time_s, rng) if index < n_near else quiet
        sites.append(Station("XX", f"S{index:03d}", "", *place, 0.0))
        counts = np.round(COUNTS_PER_MPS * motion).astype(np.int32)
        stream += obspy.Stream(
            [
                make_trace(f"{sites[-1].id}..HH{component}", row, RATE_HZ)
                for component, row in zip("ZNE", counts, strict=True)
            ]
        )
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    return WatchedNetwork("made", Network(tuple(sites)), make_inventory(sites, stream, stated), FRAME), stream


def read(restored: Restored, made: tuple[WatchedNetwork, obspy.Stream], step_s: float = 1.0) -> list[Update]:
    """What is said of declared events, window by window; a network's answer that is no number would raise."""
    watched, stream = made
    scheme = restored.module.scheme
    times = TimesTo(velocity_model("iasp91"), restored.config["data"]["table"], watched.frame)

    def begin() -> Engine:
        return build_engine(
            watched,
            restored.module.network,
            MigrationReader(scheme.core, scheme.reading, scheme.visible_snr),
            preprocess=restored.preprocess,
            travel_times=times,
            declare=restored.declare,
            timing=Timing(window_s=restored.window_s, step_s=step_s, partial=scheme.partial),
        )

    end_s = max(trace.stats.endtime.timestamp for trace in stream)
    replay = Replay(
        name="made",
        begin=begin,
        observe=lambda: None,
        stream=stream,
        packet_s=None,  # windows are the same, and whole traces the cheapest
        latency_s=None,
        catalogue=None,
        watched=Watched(((START_S, end_s),)),
        simulated=True,
        tolerance=MatchTolerance(origin_time_s=4.0, epicentre_km=25.0, magnitude_scale=1.0),
    )
    return [update for batch in replay for update in replay.read(batch)]


def numbers(update: Update) -> list[float]:
    """When, and all that is said of where, when and how large."""
    event = update.event
    return [
        *(update.now_s - START_S, event.origin_time_s - START_S, event.latitude_deg, event.longitude_deg),
        *(event.depth_km, event.magnitude, event.horizontal_uncertainty_km, event.depth_uncertainty_km),
    ]


def assert_silent_stations_change_nothing(restored: Restored, seconds: float, step_s: float) -> None:
    """Neither which events are declared, nor when, nor what is said of them in any window."""
    alone, among = (read(restored, made(NEAR, n, seconds), step_s) for n in (0, DISTANT))
    assert {each.event.event_id for each in alone}
    assert alone[0].event.latitude_deg == pytest.approx(38.0, abs=0.1)
    assert alone[0].event.longitude_deg == pytest.approx(22.0, abs=0.1)
    assert [(each.now_s, each.event.event_id, each.status) for each in among] == [
        (each.now_s, each.event.event_id, each.status) for each in alone
    ]
    for one, two in zip(alone, among, strict=True):
        assert numbers(two) == pytest.approx(numbers(one), rel=0, abs=1e-3)


def test_silent_distant_stations_change_no_alarm(compact):
    """A hundred of them; windows until the event has been said a few times."""
    assert_silent_stations_change_nothing(compact, seconds=18.0, step_s=1.0)


@pytest.mark.slow
def test_silent_distant_stations_change_no_event_to_its_end(compact):
    """Every half a second, until it is final, and after its P has come to the distant ones."""
    assert_silent_stations_change_nothing(compact, seconds=90.0, step_s=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 300])
def test_small_and_large_networks_are_read(compact, n):
    """What is said of the one earthquake is near it, and all numbers."""
    said = read(compact, made(n, 0, 30.0))
    assert said
    for each in said:
        assert all(map(math.isfinite, numbers(each)))
        assert abs(each.event.latitude_deg - 38.0) < 0.5
        assert abs(each.event.longitude_deg - 22.0) < 0.5
