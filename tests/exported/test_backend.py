"""backend= of a test and of a monitor."""

import csv
from datetime import datetime
from pathlib import Path

import pytest
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
@pytest.mark.parametrize("name", ["generalized", "compact", "lite"])
def test_a_sequence_has_the_same_declared_events(tmp_path, name):
    """Four simulated minutes: as many events, declared a window apart at the most, which end alike.

    Where the last window left an event it is looked for again, and so a rounding grows (docs/edge.md).
    """
    export(load(name), tmp_path / "exported")
    said = []
    for backend in (("backend=torch",), ("backend=onnx", f"backend.root={tmp_path / 'exported'}")):
        folder = tmp_path / backend[0].replace("=", "-")
        given = (f"ckpt={name}", "dataset=smoke", "logger=csv", "trainer.precision=32-true")
        run("fcn.test", *given, *backend, f"hydra.run.dir={folder}", cwd=tmp_path, timeout_s=1200.0)
        said.append(events(folder / "updates.csv"))
    assert len(said[0]) > 0
    assert_alike(*said)


def assert_alike(own: list[list[dict[str, str]]], other: list[list[dict[str, str]]]) -> None:
    assert len(own) == len(other)
    for one, two in zip(own, other, strict=True):
        assert abs(seconds(one[0]["now_utc"]) - seconds(two[0]["now_utc"])) <= 0.5
        for key, within in (("latitude_deg", 0.02), ("longitude_deg", 0.02), ("magnitude", 0.1)):
            assert float(one[-1][key]) == pytest.approx(float(two[-1][key]), abs=within), key


def events(path: Path) -> list[list[dict[str, str]]]:
    """The updates of each event, in the order of alarms."""
    found: dict[str, list[dict[str, str]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["event_id"], []).append(row)
    return list(found.values())


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
