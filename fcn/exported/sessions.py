"""Graphs run by onnxruntime, as modules that take the place of a network's own."""

import copy
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from fcn.arch.eewnet import EEWNet
from fcn.arch.migration import MigrationNet, Sized
from fcn.arch.prediction import Prediction
from fcn.arch.series import SeriesNet
from fcn.exported.folder import Exported, GraphFile
from fcn.types import TravelTimes


def needs(package: str) -> Any:
    """A package of the extra `onnx`. Raises ValueError saying how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ValueError(f"ONNX graphs need {package}: pip install 'fcn[onnx]' ({error})") from error


class OnnxGraph:
    """One graph: tensors in, tensors out on the same device; it runs on the CPU, on so many threads."""

    def __init__(self, path: Path, graph: GraphFile, threads: int) -> None:
        runtime = needs("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # windows come twice a second
        options.log_severity_level = 3  # constants that the exporter has left over are no news
        self.graph = graph
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, one class for each status
            raise ValueError(f"{path} is no graph that onnxruntime can run: {error}") from error

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """The outputs in order; inputs of another precision are converted."""
        given = {
            port.name: np.ascontiguousarray(tensor.detach().cpu().to(getattr(torch, port.type)).numpy())
            for port, tensor in zip(self.graph.inputs, inputs, strict=True)
        }
        device = inputs[0].device
        return [torch.from_numpy(each).to(device) for each in self._session.run(None, given)]


class OnnxSeries(nn.Module):
    """In the place of `fcn.arch.series.SeriesNet`."""

    def __init__(self, graph: OnnxGraph, series: SeriesNet) -> None:
        super().__init__()
        self.graph, self.n_features, self.reach = graph, series.n_features, series.reach

    def forward(
        self,
        waveforms: Float[Tensor, "row 3 time"],
        background_mps: Float[Tensor, "row 2 time"],
        known: Bool[Tensor, "row 3 time"],
    ) -> tuple[Float[Tensor, "row time"], Float[Tensor, "row 2 time channel"]]:
        """P logits and features."""
        station_p, features = self.graph(waveforms, background_mps, known)
        return station_p, features


class OnnxVolumes(nn.Module):
    """In the place of `fcn.arch.migration.VolumeNet`."""

    def __init__(self, graph: OnnxGraph) -> None:
        super().__init__()
        self.graph = graph

    def forward(
        self, migrated: Float[Tensor, "volume x y channel"], condition: Float[Tensor, "volume condition"]
    ) -> tuple[Float[Tensor, "volume x y depth"], Float[Tensor, " volume"]]:
        """Logits of the cells and of the evidence."""
        logits, evidence = self.graph(migrated, condition)
        return logits, evidence


class OnnxMagnitude(nn.Module):
    """In the place of `fcn.arch.migration.MagnitudeNet`."""

    def __init__(self, graph: OnnxGraph) -> None:
        super().__init__()
        self.graph = graph

    def forward(
        self,
        first_guess: Float[Tensor, "event station"],
        inputs: Float[Tensor, "event station input"],
        use: Bool[Tensor, "event station"],
    ) -> Sized:
        """What is said of each event."""
        return Sized(*self.graph(first_guess, inputs, use))


class OnnxImage(nn.Module):
    """In the place of `fcn.arch.eewnet.EEWNet`, for as many stations as its image has rows."""

    def __init__(self, graph: OnnxGraph) -> None:
        super().__init__()
        self.graph = graph
        self.n_rows = int(graph.graph.inputs[0].shape[1])

    def forward(
        self,
        waveforms: Float[Tensor, "batch station 3 time"],
        waveforms_broad: Float[Tensor, "batch station 3 time"],
        station_km: Float[Tensor, "batch station 3"],
        mask: Bool[Tensor, "batch station"],
        travel_time: TravelTimes,
        source_km: None = None,
    ) -> Prediction:
        """Logits of the branches, window by window. Raises ValueError for more stations than rows."""
        n_stations = waveforms.shape[1]
        if n_stations > self.n_rows:
            raise ValueError(
                f"{n_stations} stations, and the graph has rows for {self.n_rows}: choose as many, or run "
                "the network itself, backend=torch"
            )
        rows = self.n_rows - n_stations
        wave, place = (0, 0, 0, 0, 0, rows), (0, 0, 0, rows)
        given = (
            functional.pad(waveforms, wave),
            functional.pad(waveforms_broad, wave),
            functional.pad(station_km, place),
            functional.pad(mask, (0, rows)),
        )
        windows = [self.graph(*(each[i : i + 1] for each in given)) for i in range(len(waveforms))]
        station_p, first_p, location, magnitude = (torch.cat(each) for each in zip(*windows, strict=True))
        return Prediction(station_p[:, :n_stations], first_p, location, magnitude)


def onnx_network(network: nn.Module, exported: Exported, *, threads: int, int8: bool = False) -> nn.Module:
    """A copy of a network whose parts are graphs; what lies between them stays as it is.

    int8: the series network's quantised graph. Raises ValueError where the folder holds those of another kind
    of network, and where it has no such graph.
    """

    def graph(name: str) -> OnnxGraph:
        path = exported.path(name)
        return OnnxGraph(path, exported.graphs[name], threads)

    wanted = {"migration": MigrationNet, "image": EEWNet}[exported.kind]
    if not isinstance(network, wanted):
        raise ValueError(
            f"{exported.root} holds graphs of a {wanted.__name__}, the checkpoint is a "
            f"{type(network).__name__}: export it"
        )
    if not isinstance(network, MigrationNet):
        return OnnxImage(graph("image")).eval()
    made = copy.deepcopy(network)
    series = OnnxSeries(graph("series-int8" if int8 else "series"), network.series)
    made.series, made.volumes = series, OnnxVolumes(graph("volume"))  # type: ignore[assignment]
    made.magnitude = OnnxMagnitude(graph("magnitude"))  # type: ignore[assignment]
    return made.eval()
