"""Reading a window of networks of 12, 65 and 300 stations: what it costs beside the smallest.

Run: OMP_NUM_THREADS=1 pytest benchmarks/bench_network_size.py -o addopts= --benchmark-columns=median,ops -s
The ratios are printed at the end. Every window has the same unexplained picks and one declared event.
"""

import sys
from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir

from fcn import config as configuration
from fcn.assemble import build_module, travel_times, velocity_models
from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.module import FcnModule
from fcn.scheme.migration import reader
from fcn.scheme.migration.picks import Picks
from fcn.waveform.amplitude import AMPLITUDES

STATIONS = (12, 65, 300)
SPACING_KM = 15.0  # of every network
N_SAMPLES, PAST = 600, 800
NOW_S = 1000.0
PICKS = ((0, 22.0), (1, 22.8), (2, 23.1), (3, 24.0), (4, 24.6))  # station, seconds into the window
MEDIANS: dict[int, float] = {}  # seconds per window


@pytest.fixture(scope="module")
def module() -> FcnModule:
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        overrides = ["experiment=generalized", "velocity_model=iasp91"]
        config = configuration.plain(compose("train", overrides=overrides))
    built = build_module(config, trainable=False).eval()
    reading = replace(built.scheme.reading, least_evidence=0.0, least_picks=0)
    built.scheme = replace(built.scheme, reading=reading)
    return built


def window(n: int) -> Batch:
    """Noise at n stations on a jittered grid."""
    generator = torch.Generator().manual_seed(0)
    side = int(n**0.5) + 1
    place = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), -1).view(-1, 2)
    nearest = (place - side / 2).norm(dim=1).argsort()[:n]  # the same middle, whatever n
    horizontal_km = SPACING_KM * (place[nearest] - side / 2 + 0.3 * torch.rand(n, 2, generator=generator))
    waveforms = 1e-6 * torch.randn(1, n, 3, N_SAMPLES, generator=generator)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("train", overrides=["velocity_model=iasp91"]))
    (model,) = velocity_models(config).values()
    table = travel_times(model, {**config["data"]["table"], "max_distance_km": 700.0})
    return Batch(
        waveforms=waveforms,
        waveforms_broad=waveforms,
        station_km=torch.cat([horizontal_km, torch.zeros(n, 1)], dim=1)[None],
        mask=torch.ones(1, n, dtype=torch.bool),
        known=torch.ones(1, n, 3, N_SAMPLES, dtype=torch.bool),
        background_mps=torch.full((1, n, 2, N_SAMPLES), 1e-6),
        peaks=1e-6 * torch.rand(1, n, len(AMPLITUDES), PAST, generator=generator),
        travel_time=TravelTimeTable.stack([table]),
        now_s=torch.tensor([NOW_S], dtype=torch.float64),
    )


def declared() -> Known:
    """An event that is read again."""
    estimate = WindowEstimate(
        now_s=NOW_S - 2.0,
        detection_score=1.0,
        first_p_time_s=NOW_S - 23.0,
        location_score=1.0,
        east_km=0.0,
        north_km=0.0,
        depth_km=10.0,
        origin_time_s=NOW_S - 25.0,  # its P and S are over: they explain none of the picks
        magnitude=5.0,
    )
    return Known("one", estimate, is_open=True)


@pytest.mark.parametrize("n", STATIONS)
def test_a_window(benchmark, module, monkeypatch, n):
    """Encoding of all stations, five coarse volumes, a declared event followed, and their fine volumes."""
    station, time_s = zip(*PICKS, strict=True)
    picks = Picks(torch.tensor(station), torch.tensor(time_s), torch.full((len(PICKS),), 0.9))
    monkeypatch.setattr(reader, "find_picks", lambda *_, **__: picks)
    given, known = window(n), [declared()]
    benchmark.pedantic(
        module.scheme.estimates, args=(module.network, given, known), rounds=20, warmup_rounds=3
    )
    MEDIANS[n] = benchmark.stats.stats.median


def test_ratios_are_printed():
    """Not a benchmark: compares the medians of this run."""
    least = MEDIANS[STATIONS[0]]
    for n in STATIONS:
        sys.stdout.write(
            f"\n{n} stations: {1000 * MEDIANS[n]:.0f} ms a window, {MEDIANS[n] / least:.1f} times\n"
        )
