"""What fcn.export writes, and that it refuses graphs that say something else."""

import dataclasses
import json

import onnx
import pytest
import torch
from torch import nn

from fcn.exported.folder import NETWORK, Port
from fcn.exported.graphs import Graph, graphs_of
from fcn.exported.write import LARGEST_DIFFERENCE, OPSET, _difference, digest, export


def test_a_folder_says_what_it_holds(exported_migration):
    restored, exported = exported_migration
    content = json.loads((exported.root / NETWORK).read_text())
    assert (content["format"], content["kind"]) == (1, "migration")
    assert content["checkpoint"] == exported.checkpoint == digest(restored.path)
    assert (content["sampling_rate_hz"], content["window_s"]) == (20.0, restored.window_s)
    assert content["declare"] == restored.declare
    assert set(exported.graphs) == {"series", "volume", "magnitude"}
    assert content["velocity_models"]["name"] == "iasp91"


@pytest.mark.parametrize("which", ["exported_migration", "exported_image"])
def test_graphs_are_valid_named_and_near_torch(which, request):
    _, exported = request.getfixturevalue(which)
    for name, graph in exported.graphs.items():
        model = onnx.load(exported.path(name))
        onnx.checker.check_model(model)
        assert [each.version for each in model.opset_import if not each.domain] == [OPSET]
        for ports, values in ((graph.inputs, model.graph.input), (graph.outputs, model.graph.output)):
            assert [port.name for port in ports] == [value.name for value in values]
        for port, value in zip(graph.inputs, model.graph.input, strict=True):
            free = [bool(dim.dim_param) for dim in value.type.tensor_type.shape.dim]
            assert free == [isinstance(each, str) for each in port.shape]
        assert 0 <= graph.largest_difference < LARGEST_DIFFERENCE


def test_an_existing_folder_is_left_alone(exported_image):
    restored, exported = exported_image
    before = (exported.root / NETWORK).read_bytes()
    with pytest.raises(FileExistsError, match="remove it"):
        export(restored, exported.root)
    assert (exported.root / NETWORK).read_bytes() == before


class Doubled(nn.Module):
    def forward(self, x):
        return (2 * x,)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (lambda x: [2 * x + 0.01], r"graph doubled: y of onnxruntime differs from torch's by 0\.0"),
        (lambda x: [2 * x[:1]], r"shapes \(1, 3\) and \(4, 3\)"),
        (lambda x: [x * torch.nan], r"differs from torch's by nan"),
    ],
)
def test_a_graph_that_says_something_else_is_refused(said, told):
    graph = Graph("doubled", Doubled(), (Port("x", ("row", 3), "m"),), (Port("y", ("row", 3), "m"),))
    (inputs, *_) = graph.examples()
    assert _difference(graph, lambda x: [2 * x], inputs) == 0.0
    with pytest.raises(ValueError, match=told):
        _difference(graph, said, inputs)


def test_free_axes_are_tried_at_several_lengths(exported_migration):
    restored, _ = exported_migration
    (series, *_) = graphs_of(restored.module.network, 600, (8, 8))
    sizes = {tuple(each.shape[0::2]) for each, *_ in series.examples()}
    assert len(sizes) >= 3
    assert any(time % 2 for _, time in sizes)  # the series network has a stride of two


def test_unknown_networks_are_named():
    with pytest.raises(ValueError, match="Doubled cannot be exported: only MigrationNet, EEWNet"):
        graphs_of(Doubled(), 600, None)


def test_missing_packages_are_named(monkeypatch, exported_image, tmp_path):
    restored, _ = exported_image
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ValueError, match=r"need onnxscript: pip install 'fcn\[onnx\]'"):
        export(dataclasses.replace(restored), tmp_path / "out")
    assert not (tmp_path / "out").exists()
