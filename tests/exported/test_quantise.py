"""The series network in eight bits: smaller, near the other, and calibrated."""

import logging
from dataclasses import replace

import onnx
import pytest
import torch

from fcn.exported.quantise import INT8, write_int8
from fcn.exported.sessions import OnnxGraph, onnx_network
from fcn.exported.write import export


@pytest.fixture(scope="module")
def windows() -> list[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            1e-6 * torch.randn(5, 3, 200, generator=generator),
            1e-6 * torch.rand(5, 2, 200, generator=generator),
            torch.rand(5, 3, 200, generator=generator) > 0.1,
        )
        for _ in range(3)
    ]


@pytest.fixture(scope="module")
def quantised(exported_migration, windows):
    """The folder with the graph beside the others."""
    _, exported = exported_migration
    logging.disable(logging.WARNING)  # the quantiser's advice
    made = write_int8(exported.root, exported.graphs["series"], windows)
    logging.disable(logging.NOTSET)
    return replace(exported, graphs={**exported.graphs, INT8: made})


def test_convolutions_are_of_eight_bits(quantised):
    model = onnx.load(quantised.path(INT8))
    eight = {each.name for each in model.graph.initializer if each.data_type == onnx.TensorProto.INT8}
    n_convolutions = sum(node.op_type == "Conv" for node in model.graph.node)
    assert len(eight) >= n_convolutions > 3
    assert [each.name for each in model.graph.input] == ["waveforms", "background_mps", "known"]


def test_it_is_near_the_other_and_says_how_near(quantised, windows):
    own, other = (OnnxGraph(quantised.path(n), quantised.graphs[n], 1) for n in ("series", INT8))
    worst = 0.0
    for window in windows:
        for one, two in zip(own(*window), other(*window), strict=True):
            worst = max(worst, float((one - two).abs().max() / one.abs().max().clamp_min(1.0)))
    assert 0 < worst < 0.1
    assert quantised.graphs[INT8].largest_difference == pytest.approx(worst)


def test_a_network_takes_it_where_told(exported_migration, quantised):
    network = exported_migration[0].module.network
    assert onnx_network(network, quantised, threads=1, int8=True).series.graph.graph.file == f"{INT8}.onnx"
    assert onnx_network(network, quantised, threads=1).series.graph.graph.file == "series.onnx"
    with pytest.raises(ValueError, match=f"no graph '{INT8}'"):
        onnx_network(network, exported_migration[1], threads=1, int8=True)


def test_windows_are_needed(exported_migration, tmp_path):
    series = exported_migration[1].graphs["series"]
    with pytest.raises(ValueError, match="calibrated on windows, and dataset= gives none"):
        write_int8(tmp_path, series, [])


def test_a_network_without_a_series_network_is_refused(exported_image, windows, tmp_path):
    with pytest.raises(ValueError, match="calibrates a series network, and this one has image alone"):
        export(exported_image[0], tmp_path / "out", calibration=windows)
    assert not (tmp_path / "out").exists()
