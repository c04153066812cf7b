"""backend= of a test and of a monitor."""

import csv
from pathlib import Path

import pytest
import torch
from command_lines import run
from made_networks import make_network
from toy import resolved

from fcn.checkpoint import load
from fcn.exported.backend import network_of
from fcn.exported.sessions import OnnxImage, OnnxSeries
from fcn.exported.write import export
from fcn.run_monitor import build_monitor
from fcn.waveform.folder import write_sequence_folder

ONNX = {"kind": "onnx", "threads": 1, "int8": False}


def test_the_network_itself_unless_told_otherwise(exported_image):
    restored, _ = exported_image
    assert network_of(restored, {"kind": "torch"}) is restored.module.network


def test_its_graphs_where_told(exported_image, exported_migration):
    restored, exported = exported_image
    assert isinstance(network_of(restored, {**ONNX, "root": str(exported.root)}), OnnxImage)
    restored, exported = exported_migration
    assert isinstance(network_of(restored, {**ONNX, "root": str(exported.root)}).series, OnnxSeries)


def test_graphs_of_another_checkpoint_are_refused(exported_image, exported_migration):
    (restored, _), (_, exported) = exported_image, exported_migration
    with pytest.raises(ValueError, match=r"is of another checkpoint .* python -m fcn.export ckpt="):
        network_of(restored, {**ONNX, "root": str(exported.root)})


@pytest.mark.parametrize("backend", [{}, {"kind": "jax"}])
def test_other_backends_are_refused(exported_image, backend):
    with pytest.raises(ValueError, match="backend= is one of torch, onnx, got"):
        network_of(exported_image[0], backend)


def test_a_session_has_a_thread(exported_image):
    restored, exported = exported_image
    with pytest.raises(ValueError, match=r"backend\.threads .* 0"):
        network_of(restored, {**ONNX, "root": str(exported.root), "threads": 0})


def test_a_monitor_reads_with_the_graphs(exported_image, tmp_path):
    restored, exported = exported_image
    _, stream, inventory = make_network(3, seconds=2.0)
    write_sequence_folder(tmp_path / "sequence", stream, inventory)
    config = resolved(
        "monitor",
        f"ckpt={restored.path}",
        "source=replay",
        f"source.root={tmp_path / 'sequence'}",
        "backend=onnx",
        f"backend.root={exported.root}",
    )
    assert isinstance(build_monitor(config, tmp_path / "run", restored).engine.network, OnnxImage)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generalized", "lite"])
def test_a_sequence_has_the_same_declared_events(tmp_path, name):
    """Four simulated minutes. What follows an alarm hangs on where the last window left an event, and so on
    rounding: the alarms are compared, which are a window apart at the most."""
    export(load(name), tmp_path / "exported")
    alarms = {}
    for backend in (("backend=torch",), ("backend=onnx", f"backend.root={tmp_path / 'exported'}")):
        folder = tmp_path / backend[0]
        given = (f"ckpt={name}", "dataset=smoke", "logger=csv", "trainer.precision=32-true")
        run("fcn.test", *given, *backend, f"hydra.run.dir='{folder}'", cwd=tmp_path, timeout_s=1200.0)
        alarms[backend[0]] = first_updates(folder / "updates.csv")
    own, other = alarms.values()
    assert 0 < len(own) == len(other)
    for one, two in zip(own, other, strict=True):
        assert abs(one["time_s"] - two["time_s"]) <= 0.5
        assert abs(one["magnitude"] - two["magnitude"]) < 0.1
        assert one["place_deg"] == pytest.approx(two["place_deg"], abs=0.02)


def first_updates(path: Path) -> list[dict]:
    """Time, magnitude and place of each alarm."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "new"]
    return [
        {
            "time_s": torch.tensor([float(each) for each in row["now_utc"][11:26].split(":")])
            .double()
            .dot(torch.tensor([3600.0, 60.0, 1.0]).double())
            .item(),
            "magnitude": float(row["magnitude"]),
            "place_deg": [float(row["latitude_deg"]), float(row["longitude_deg"])],
        }
        for row in rows
    ]
