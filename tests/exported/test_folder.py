"""Reading what fcn.export has written, and refusing what it has not."""

import json
from pathlib import Path

import pytest

from fcn.exported.folder import NETWORK, Exported, GraphFile, Port


def made(root: Path) -> Exported:
    graph = GraphFile("a.onnx", (Port("x", ("row", 3), "m/s"),), (Port("y", ("row",), "logit"),), 1e-6)
    return Exported(root, "image", "sha256:0", {"a": graph}, {"window_s": 30.0})


def test_what_is_written_is_read(tmp_path):
    made(tmp_path).write()
    assert Exported.read(tmp_path) == made(tmp_path)


def test_graphs_are_found_by_name(tmp_path):
    assert made(tmp_path).path("a") == tmp_path / "a.onnx"
    with pytest.raises(ValueError, match="no graph 'series-int8', only \\['a'\\]"):
        made(tmp_path).path("series-int8")


def test_a_folder_without_one_says_how_to_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m fcn.export ckpt=... out="):
        Exported.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "format 2, this version reads 1"),
        ({"kind": "text"}, "kind 'text' is none of migration, image"),
        ({"graphs": {"a": {}}}, "'inputs'"),
        ({"graphs": []}, "no attribute 'items'"),
    ],
)
def test_other_content_is_refused(tmp_path, change, told):
    made(tmp_path).write()
    content = json.loads((tmp_path / NETWORK).read_text())
    (tmp_path / NETWORK).write_text(json.dumps(content | change))
    with pytest.raises(ValueError, match=told):
        Exported.read(tmp_path)
    (tmp_path / NETWORK).write_text("{")
    with pytest.raises(ValueError, match=r"network\.json is not of this fcn\.export"):
        Exported.read(tmp_path)
