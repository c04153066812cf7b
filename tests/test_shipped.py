"""The shipped checkpoints: what they hold, and that they do what the README says."""

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.cache import cached_store
from fcn.catalogue.event import WindowEstimate
from fcn.checkpoint import WEIGHTS_DIR, Restored, load
from fcn.recombine.faults import SHARES
from fcn.seeding import Purpose

LARGEST_BYTES = 8e6
SHIPPED = sorted(path.stem for path in WEIGHTS_DIR.glob("*.ckpt"))


@pytest.fixture(scope="module")
def generalized() -> Restored:
    return load("generalized")


@pytest.fixture(scope="module")
def windows_of(tmp_path_factory) -> Callable[[int], list[Batch]]:
    """Windows of single events, well seen, of simulated records, as a stream of so many stations has them."""
    cache_dir = tmp_path_factory.mktemp("cache")
    return cache(lambda count: made_windows(count, cache_dir))


@pytest.fixture(scope="module")
def windows(windows_of) -> list[Batch]:
    return windows_of(10)


def made_windows(count: int, cache_dir: Path) -> list[Batch]:
    config = resolved(
        "train",
        "experiment=generalized",
        "store=smoke",
        "store.recipe.n_records=600",
        "store.recipe.n_ruptures=0",
        "store.recipe.n_noise=60",
        "seed=77",
        f"stations.count=[{count},{count}]",
        "stations.scale=[0.6,0.6]",
        "velocity_model=iasp91",
        "data.velocity.count=1",
        "data.table.step_km=2.0",
        "data.events.overlap_share=0",
        "data.events.elapsed_s=[8,10]",
        "data.events.magnitude=[4,5]",
        "data.events.large_share=0",
        "data.swarms.share=0",
        "data.histories=null",
        *(f"data.faults.{name}=0" for name in SHARES),
    )
    store = cached_store(config["store"], cache_dir)
    data = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    made = []
    for index in range(8 if count < 64 else 4):  # large networks take longer
        batch = data.__getitems__([(0, index)])
        made.append(replace(batch, now_s=torch.tensor([1000.0], dtype=torch.float64)))
    return made


def read(restored: Restored, window: Batch, **reading: float) -> list[WindowEstimate]:
    """As the checkpoint's scheme says, but for `reading`."""
    scheme = restored.module.scheme
    scheme = replace(scheme, reading=replace(scheme.reading, **reading))
    return scheme.estimates(restored.module.network, replace(window, targets=None), [])[0]


def best(restored: Restored, window: Batch, **reading: float) -> WindowEstimate:
    return max(read(restored, window, **reading), key=lambda each: each.detection_score)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_checkpoints_are_small_plain_and_of_no_machine(name):
    path = WEIGHTS_DIR / f"{name}.ckpt"
    assert path.stat().st_size < LARGEST_BYTES
    content = torch.load(path, map_location="cpu", weights_only=True)
    assert set(content) == {"state_dict", "fcn"}
    config = content["fcn"]["config"]
    assert config["cache"] is None
    assert config["store"]["path"] is None
    assert not [each for each in content["fcn"]["overrides"] if "/" in each]
    assert content["fcn"]["git"]["modified"] is False
    assert len(content["fcn"]["git"]["commit"]) == 40


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_checkpoints_load_and_read_a_window(name, windows):
    restored = load(name)
    with torch.no_grad():
        said = restored.module.scheme.estimates(
            restored.module.network, replace(windows[0], targets=None), []
        )
    assert len(said) == 1
    assert all(0 <= each.detection_score <= 1 for each in said[0])


def test_the_experiments_of_the_readme_are_shipped():
    assert {"generalized", "compact", "eewnet", "lite"} <= set(SHIPPED)


def test_it_locates_events_of_records_it_never_saw(generalized, windows):
    off_km = []
    for window in windows:
        found, true_km = best(generalized, window), window.targets.source_km[0]
        off_km.append(math.hypot(found.east_km - true_km[0], found.north_km - true_km[1]))
    assert sorted(off_km)[len(off_km) // 2] < 2.0


@pytest.mark.parametrize(("count", "cells"), [(3, 2.5), (10, 1.0), (64, 1.0)])
@pytest.mark.parametrize("quarter_turns", [1, 2])
def test_turning_the_whole_frame_turns_the_estimate(generalized, windows_of, count, cells, quarter_turns):
    """Within cells of the fine volume: the volumes are images, and only training makes them isotropic.

    Horizontal motion is turned with the stations. Three stations rarely give evidence enough for a fine
    volume: here every coarse one is followed by one.
    """
    turn = torch.linalg.matrix_power(torch.tensor([[0.0, -1.0], [1.0, 0.0]]), quarter_turns)
    off_km = []
    for window in windows_of(count):
        station_km = window.station_km.clone()
        station_km[..., :2] = station_km[..., :2] @ turn.T
        turned = {"station_km": station_km}
        for band in ("waveforms", "waveforms_broad"):
            waveforms = getattr(window, band)
            north, east = waveforms[:, :, 1], waveforms[:, :, 2]
            east, north = turn[0, 0] * east + turn[0, 1] * north, turn[1, 0] * east + turn[1, 1] * north
            turned[band] = torch.stack([waveforms[:, :, 0], north, east], dim=2)
        before, after = (
            best(generalized, each, least_evidence=0.0) for each in (window, replace(window, **turned))
        )
        east_km, north_km = (turn @ torch.tensor([before.east_km, before.north_km])).tolist()
        off_km.append(math.hypot(after.east_km - east_km, after.north_km - north_km))
    assert sorted(off_km)[len(off_km) // 2] < cells * generalized.module.scheme.volume.fine_km[0]


def test_more_stations_locate_better(generalized, windows_of):
    """Errors of the hypocentre, medians of like events; beyond those that judge a place, no worse."""

    def median_km(count: int) -> float:
        off_km = []
        for window in windows_of(count):
            found, true_km = best(generalized, window, least_evidence=0.0), window.targets.source_km[0]
            place_km = torch.tensor([found.east_km, found.north_km, found.depth_km])
            off_km.append(float(torch.linalg.vector_norm(place_km - true_km)))
        return sorted(off_km)[len(off_km) // 2]

    assert median_km(10) < median_km(3)
    assert median_km(64) < 1.5 * median_km(10)


def test_three_stations_are_read(generalized, windows_of):
    found = [each for window in windows_of(3) for each in read(generalized, window, least_evidence=0.0)]
    assert len(found) >= len(windows_of(3))
    assert all(0 <= each.detection_score <= 1 for each in found)


def test_the_command_of_the_readme(tmp_path):
    result = subprocess.run(
        [
            sys.executable, "-m", "fcn.test", "ckpt=generalized", "dataset=smoke", "logger=csv",
            "windows.step_s=2.0", "trainer.enable_progress_bar=false", f"hydra.run.dir={tmp_path}",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "epicentre RMSE" in result.stdout
    assert (tmp_path / "catalogue.csv").read_text().count("\n") >= 2
