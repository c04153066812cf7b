"""Graphs written by torch's exporter and compared with what they were made from."""

import contextlib
import hashlib
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fcn
from fcn.assemble import choose_velocity_model, stated_layers, times_between
from fcn.checkpoint import Restored
from fcn.earth.travel_time import TravelTimeTable
from fcn.exported.folder import KINDS, Exported, GraphFile
from fcn.exported.graphs import Graph, graphs_of
from fcn.exported.quantise import INT8, Inputs, write_int8
from fcn.exported.reading import reading_graph
from fcn.exported.sessions import OnnxGraph, needs
from fcn.exported.site import Site
from fcn.geometry.projection import LocalFrame
from fcn.publish import new_folder
from fcn.scheme.image.scheme import ImageScheme
from fcn.stream.network import WatchedNetwork
from fcn.targets.window import WindowDecoder

OPSET = 20  # torch's own; onnxruntime has run it since 1.17
LARGEST_DIFFERENCE = 1e-4  # of an output, where it is larger than 1 of its largest value
# warns of torchvision, which nothing here needs; says which constants it has found twice
_LOUD = {
    "torch.onnx._internal.exporter._registration": logging.ERROR,
    "onnx_ir": logging.ERROR,
    "onnxscript": logging.WARNING,
}


def export(
    restored: Restored, out: Path, site: Site | None = None, calibration: Sequence[Inputs] | None = None
) -> Exported:
    """Write the networks of a checkpoint to a new folder; each is run by onnxruntime and compared.

    site: of stations that `fcn_edge` is to watch with a network over a fixed grid; None: the graphs alone.
    calibration: windows for an int8 series network beside the other; None: without.
    Raises FileExistsError where the folder exists, ValueError where packages are missing, the network is none
    that is known here or has no series network to quantise, or onnxruntime says something else than torch.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        needs(package)
    config, network = restored.config, restored.module.network
    rate_hz = restored.preprocess.sampling_rate_hz
    cells = config["scheme"]["volume"]["shape"][:2] if "volume" in config["scheme"] else None
    graphs = graphs_of(network, round(restored.window_s * rate_hz), cells and (cells[0], cells[1]))
    if site is not None:
        graphs.append(reading_graph(graphs[0], _decoder(restored), site.times))
    with new_folder(out) as folder:
        files = {each.name: write_graph(each, folder) for each in graphs}
        if calibration is not None:
            files[INT8] = write_int8(folder, _series(files), calibration)
        made = Exported(
            root=folder,
            kind=KINDS[0] if cells else KINDS[1],
            checkpoint=digest(restored.path),
            graphs=files,
            settings={
                "fcn": fcn.__version__,
                "opset": OPSET,
                "sampling_rate_hz": rate_hz,
                "window_s": restored.window_s,
                "preprocess": asdict(restored.preprocess),
                "scheme": config["scheme"],
                "declare": dict(restored.declare),
                "arch": config["arch"],
                "velocity_models": stated_layers(config["velocity_model"]),
            },
        )
        made.write()
        if site is not None:
            site.write(folder, restored.preprocess)
    return Exported.read(out)


def _series(files: Mapping[str, GraphFile]) -> GraphFile:
    if "series" not in files:
        raise ValueError(f"dataset= calibrates a series network, and this one has {', '.join(files)} alone")
    return files["series"]


def site_of(
    restored: Restored,
    station_file: str | Path,
    *,
    station_ids: Collection[str] | None,
    centre: Mapping[str, float] | None,
    velocity_model: Mapping[str, Any] | None,
) -> Site:
    """Stations of a StationXML file; centre: of the frame and its grid, None: of the stations.

    Raises ValueError for a network that reads volumes about picks, for a 3-D velocity model, and as `Site`
    and `choose_velocity_model` do.
    """
    _decoder(restored)
    watched = WatchedNetwork.of_file(station_file, station_ids)
    if centre is not None:
        watched = replace(watched, frame=LocalFrame(**centre))
    model = choose_velocity_model(velocity_model, watched, restored.velocity_models)
    station_km = torch.as_tensor(watched.stations.local_km(watched.frame), dtype=torch.float32)
    times = times_between(model, restored.config["data"]["table"], watched.frame, station_km)
    if not isinstance(times, TravelTimeTable):
        raise ValueError("velocity_model= of an edge device is one of layers: a 3-D grid is too large for it")
    return Site(watched, times, restored.module.network.n_rows)  # type: ignore[arg-type]


def _decoder(restored: Restored) -> WindowDecoder:
    scheme = restored.module.scheme
    if not isinstance(scheme, ImageScheme):
        raise ValueError(
            f"{restored.path} is read by {type(scheme).__name__}, which fcn_edge cannot do: leave "
            "station_file= out, or take a network over a fixed grid (ckpt=lite)"
        )
    return scheme.decoder


def digest(path: Path) -> str:
    """Of a checkpoint's file, as `network.json` has it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def write_graph(graph: Graph, folder: Path) -> GraphFile:
    """Export one graph and compare it with its module, on inputs of several sizes.

    Raises ValueError where an output differs by more than `LARGEST_DIFFERENCE`.
    """
    file = f"{graph.name}.onnx"
    first, *_ = examples = graph.examples()
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph.module.eval(),
            first,
            dynamo=True,
            input_names=[port.name for port in graph.inputs],
            output_names=[port.name for port in graph.outputs],
            dynamic_shapes=[
                {
                    axis: torch.export.Dim.DYNAMIC
                    for axis, each in enumerate(port.shape)
                    if isinstance(each, str)
                }
                for port in graph.inputs
            ],
            opset_version=OPSET,
            custom_translation_table=_translations(),
            verbose=False,
        )
        assert program is not None
        program.save(folder / file)
    written = GraphFile(file, graph.inputs, graph.outputs, 0.0)
    session = OnnxGraph(folder / file, written, threads=1)
    largest = max(_difference(graph, session, inputs) for inputs in examples)
    return GraphFile(file, graph.inputs, graph.outputs, largest)


def _difference(
    graph: Graph, session: Callable[..., list[torch.Tensor]], inputs: tuple[torch.Tensor, ...]
) -> float:
    """Largest of any output, of its largest value where that is above 1."""
    with torch.no_grad():
        expected = graph.module(*inputs)
    largest = 0.0
    for port, wanted, given in zip(graph.outputs, expected, session(*inputs), strict=True):
        same_shape = wanted.shape == given.shape
        scale = max(float(wanted.abs().max()), 1.0)
        difference = float((wanted - given).abs().max()) / scale if same_shape else float("nan")
        if not difference <= LARGEST_DIFFERENCE:
            raise ValueError(
                f"graph {graph.name}: {port.name} of onnxruntime differs from torch's by {difference:.2g} of "
                f"{scale:.3g} (shapes {tuple(given.shape)} and {tuple(wanted.shape)}), more than "
                f"{LARGEST_DIFFERENCE:g} for inputs {[tuple(each.shape) for each in inputs]}: try other "
                "versions of torch, onnxscript and onnxruntime; nothing was written"
            )
        largest = max(largest, difference)
    return float(np.float32(largest))


def _translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What onnxscript has no translation for."""
    from onnxscript import opset20 as op

    def sort_stable(self, stable: bool = False, dim: int = -1, descending: bool = False):  # type: ignore[no-untyped-def]
        # TopK has equals in the order they came
        length = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
        return op.TopK(self, length, axis=dim, largest=int(descending), sorted=1)

    def hypot(self, other):  # type: ignore[no-untyped-def]
        return op.Sqrt(op.Add(op.Mul(self, self), op.Mul(other, other)))

    return {torch.ops.aten.sort.stable: sort_stable, torch.ops.aten.hypot.default: hypot}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of other packages and of its own future."""
    before = {name: logging.getLogger(name).level for name in _LOUD}
    try:
        for name, level in _LOUD.items():
            logging.getLogger(name).setLevel(level)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
