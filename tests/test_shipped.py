"""The shipped checkpoints: what they hold, and that they do what the README says."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.build_store import cached_store
from fcn.catalogue.event import WindowEstimate
from fcn.checkpoint import WEIGHTS_DIR, Restored, load
from fcn.recombine.batch import Batch
from fcn.seeding import Purpose

LARGEST_BYTES = 8e6
SHIPPED = sorted(path.stem for path in WEIGHTS_DIR.glob("*.ckpt"))


@pytest.fixture(scope="module")
def generalized() -> Restored:
    return load("generalized")


@pytest.fixture(scope="module")
def windows(generalized, tmp_path_factory) -> list[Batch]:
    """Windows of single events, well seen, of simulated records, as a stream has them."""
    config = resolved(
        "train",
        "experiment=generalized",
        "store=smoke",
        "store.recipe.n_records=600",
        "store.recipe.n_noise=60",
        "seed=77",
        "stations.count=[10,10]",
        "stations.scale=[0.6,0.6]",
        "velocity_model=iasp91",
        "data.velocity.count=1",
        "data.table.step_km=2.0",
        "data.events.overlap_share=0",
        "data.events.elapsed_s=[8,10]",
        "data.events.magnitude=[4,5]",
        *(f"data.faults.{name}=0" for name in ("gap", "dead", "spike", "step", "clip", "swap", "reverse")),
        "data.faults.clock=0",
    )
    store = cached_store(config["store"], tmp_path_factory.mktemp("cache"))
    data = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    made = []
    for index in range(8):
        batch = data.__getitems__([(0, index)])
        made.append(replace(batch, now_s=torch.tensor([1000.0], dtype=torch.float64)))
    return made


def read(restored: Restored, window: Batch) -> list[WindowEstimate]:
    scheme = restored.module.scheme
    scheme._coarse = None
    return scheme.estimates(restored.module.network, replace(window, targets=None), [])[0]


def best(restored: Restored, window: Batch) -> WindowEstimate:
    return max(read(restored, window), key=lambda each: each.detection_score)


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


def test_generalized_is_shipped():
    assert "generalized" in SHIPPED


def test_it_locates_events_of_records_it_never_saw(generalized, windows):
    off_km = []
    for window in windows:
        found, true_km = best(generalized, window), window.targets.source_km[0]
        off_km.append(math.hypot(found.east_km - true_km[0], found.north_km - true_km[1]))
    assert sorted(off_km)[len(off_km) // 2] < 2.0


@pytest.mark.parametrize("quarter_turns", [1, 2])
def test_turning_the_whole_frame_turns_the_estimate(generalized, windows, quarter_turns):
    """Within a cell of the fine volume: the volumes are images, and only training makes them isotropic."""
    turn = torch.linalg.matrix_power(torch.tensor([[0.0, -1.0], [1.0, 0.0]]), quarter_turns)
    off_km = []
    for window in windows:
        station_km = window.station_km.clone()
        station_km[..., :2] = station_km[..., :2] @ turn.T
        turned = {"station_km": station_km}
        for band in ("waveforms", "waveforms_broad"):
            waveforms = getattr(window, band)
            north, east = waveforms[:, :, 1], waveforms[:, :, 2]
            east, north = turn[0, 0] * east + turn[0, 1] * north, turn[1, 0] * east + turn[1, 1] * north
            turned[band] = torch.stack([waveforms[:, :, 0], north, east], dim=2)
        before, after = best(generalized, window), best(generalized, replace(window, **turned))
        east_km, north_km = (turn @ torch.tensor([before.east_km, before.north_km])).tolist()
        off_km.append(math.hypot(after.east_km - east_km, after.north_km - north_km))
    assert sorted(off_km)[len(off_km) // 2] < generalized.module.scheme.volume.fine_km[0]


def test_any_number_of_stations(generalized, windows):
    window = windows[0]
    for count in (3, 64):
        rows = torch.arange(count) % window.mask.shape[1]
        jitter_km = torch.zeros(1, count, 3)
        many = replace(
            window,
            waveforms=window.waveforms[:, rows],
            waveforms_broad=window.waveforms_broad[:, rows],
            station_km=window.station_km[:, rows] + jitter_km,
            mask=torch.ones(1, count, dtype=torch.bool),
        )
        assert all(0 <= each.detection_score <= 1 for each in read(generalized, many))


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
