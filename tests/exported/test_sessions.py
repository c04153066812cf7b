"""A network whose parts are graphs says what the network says."""

import copy
from dataclasses import replace

import pytest
import torch
from small_migration import configured, single

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.exported.sessions import OnnxGraph, onnx_network
from fcn.scheme.image.predict import predict
from fcn.seeding import Purpose

WITHIN = 1e-4


def near(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.shape == second.shape and torch.allclose(first, second, rtol=WITHIN, atol=WITHIN)


@pytest.fixture(scope="module")
def windows(toy_store) -> list[Batch]:
    """Of five stations, as a stream's."""
    config = configured(toy_store, "stations.count=[5,5]", "data.events.elapsed_s=[8,12]")
    batch = (
        build_datamodule(config, toy_store)
        .recombined(Purpose.TRAIN, "train")
        .__getitems__([(0, i) for i in range(3)])
    )
    return [single(batch, row) for row in range(len(batch))]


def test_the_migration_network_is_read_alike(exported_migration, windows):
    """Features, and through coarse and fine volumes to magnitudes all that is said of each window."""
    restored, exported = exported_migration
    network, scheme = restored.module.network, restored.module.scheme
    graphs = onnx_network(network, exported, threads=1)
    n_found = 0
    for window in windows:
        with torch.no_grad():
            given = window.waveforms, window.background_mps, window.known, window.mask
            own, other = network.encode(*given), graphs.encode(*given)
        assert near(own.station_p, other.station_p)
        assert near(own.table, other.table)
        (expected,) = copy.deepcopy(scheme).estimates(network, window, [])
        (found,) = copy.deepcopy(scheme).estimates(graphs, window, [])
        assert len(found) == len(expected)
        n_found += len(found)
        for one, two in zip(found, expected, strict=True):
            numbers = [(one.plain[key], two.plain[key]) for key in ("east_km", "depth_km", "magnitude")]
            numbers.append((one.detection_score, two.detection_score))
            assert numbers == [pytest.approx(both, abs=0.01) for both in numbers]
            assert one.detection_score == pytest.approx(two.detection_score, abs=WITHIN)
            assert one.magnitude == pytest.approx(two.magnitude, abs=0.01)
    assert n_found > 0


def test_the_network_itself_is_left_as_it_was(exported_migration):
    restored, exported = exported_migration
    before = dict(restored.module.network.named_children())
    graphs = onnx_network(restored.module.network, exported, threads=1)
    assert dict(restored.module.network.named_children()) == before
    assert not any(one is two for one, two in zip(before.values(), graphs.children(), strict=True))


def test_the_image_network_predicts_alike(exported_image, windows):
    """With fewer stations than rows, one of them silent."""
    restored, exported = exported_image
    network, graphs = restored.module.network, onnx_network(restored.module.network, exported, threads=1)
    for window in windows:
        silent = replace(window, mask=window.mask & (torch.arange(window.mask.shape[1]) != 2))
        with torch.no_grad():
            own, other = predict(network, silent), predict(graphs, silent)
        for name in ("station_p", "first_p", "location", "magnitude"):
            one, two = getattr(own, name), getattr(other, name)
            if name == "station_p":  # of a silent station it means nothing
                one, two = one[silent.mask], two[silent.mask]
            assert near(one, two), name


def test_more_stations_than_rows_are_refused(exported_image, windows):
    restored, exported = exported_image
    graphs = onnx_network(restored.module.network, exported, threads=1)
    (window, *_) = windows
    many = [
        torch.cat([getattr(window, name)] * 3, dim=1)
        for name in ("waveforms", "waveforms_broad", "station_km", "mask")
    ]
    with pytest.raises(ValueError, match=r"15 stations, and the graph has rows for 12: .* backend=torch"):
        graphs(*many, window.travel_time)


def test_graphs_of_another_kind_of_network_are_refused(exported_migration, exported_image):
    network, (_, exported) = exported_image[0].module.network, exported_migration
    with pytest.raises(ValueError, match="holds graphs of a MigrationNet, the checkpoint is a EEWNet"):
        onnx_network(network, exported, threads=1)


def test_a_file_that_is_no_graph_is_named(exported_image, tmp_path):
    (tmp_path / "image.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"image\.onnx is no graph that onnxruntime can run"):
        OnnxGraph(tmp_path / "image.onnx", exported_image[1].graphs["image"], threads=1)


def test_the_stated_threads_are_used(exported_image):
    _, exported = exported_image
    for threads in (1, 2):
        session = OnnxGraph(exported.path("image"), exported.graphs["image"], threads)._session
        assert session.get_session_options().intra_op_num_threads == threads
