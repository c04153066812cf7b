"""backend= of a test and of a monitor."""

import csv
from datetime import datetime
from pathlib import Path

import pytest
from command_lines import run
from made_networks import make_network
from toy import resolved

from fcn import run_test
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


@pytest.mark.parametrize(
    ("entry", "given"),
    [
        ("test", ("dataset=smoke", "dataset.root=/nowhere")),
        ("monitor", ("source=replay", "source.root=/nowhere")),
    ],
)
def test_a_folder_that_is_not_named_is_told_how_to_be_made(exported_image, tmp_path, entry, given):
    """At once: before a sequence is simulated or read, and before a source is looked for."""
    restored, _ = exported_image
    config = resolved(entry, f"ckpt={restored.path}", "backend=onnx", *given)
    told = r"backend=onnx needs .* backend\.root=DIR: .* python -m fcn\.export ckpt=.*small\.ckpt out=DIR"
    begun = {
        "test": lambda: run_test.test(config, tmp_path / "run", []),
        "monitor": lambda: build_monitor(config, tmp_path / "run", restored),
    }
    with pytest.raises(ValueError, match=told):
        begun[entry]()


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


# what docs/edge.md says of where events end, and how far an update on the way may be off: where a window left
# an event it is looked for again, and so a rounding grows
KEYS = ("latitude_deg", "longitude_deg", "depth_km", "magnitude")
WITHIN, ON_THE_WAY = 1e-4, 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generalized", "compact", "lite"])
def test_a_sequence_has_the_same_declared_events(tmp_path, name):
    """Four simulated minutes: as many events and updates, at the same times, which end alike."""
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
        assert [each["now_utc"] for each in one] == [each["now_utc"] for each in two]
        for index in range(len(one)):
            within = WITHIN if index == len(one) - 1 else ON_THE_WAY
            first, second = numbers(one[index]), numbers(two[index])
            assert first == pytest.approx(second, rel=0, abs=within)


def numbers(update: dict[str, str]) -> dict[str, float]:
    """Place, size and origin time of an update."""
    return {key: float(update[key]) for key in KEYS} | {"origin_s": seconds(update["origin_time_utc"])}


MADE = {
    "now_utc": "2023-11-14T22:14:12.500000+00:00",
    "origin_time_utc": "2023-11-14T22:14:08.463821+00:00",
    "latitude_deg": "38.0",
    "longitude_deg": "22.0",
    "depth_km": "8.0",
    "magnitude": "4.0",
}


@pytest.mark.parametrize(
    ("at", "changed"),
    [
        *((-1, {key: f"{float(MADE[key]) + 2e-4}"}) for key in KEYS),
        *((0, {key: f"{float(MADE[key]) + 0.02}"}) for key in KEYS),
        (-1, {"origin_time_utc": "2023-11-14T22:14:08.464021+00:00"}),
        (0, {"now_utc": "2023-11-14T22:14:13.000000+00:00"}),
    ],
)
def test_events_that_end_elsewhere_are_not_alike(at, changed):
    own = [[MADE, MADE]]
    assert_alike(own, [[dict(MADE), dict(MADE)]])
    other = [dict(MADE), dict(MADE)]
    other[at] |= changed
    with pytest.raises(AssertionError):
        assert_alike(own, [other])


def events(path: Path) -> list[list[dict[str, str]]]:
    """The updates of each event, in the order of alarms."""
    found: dict[str, list[dict[str, str]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["event_id"], []).append(row)
    return list(found.values())


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
