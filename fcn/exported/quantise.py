"""The series network in eight bits: its convolutions calibrated on windows of a sequence."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import Restored
from fcn.data.sequences import Sequence as Recorded
from fcn.exported.folder import GraphFile
from fcn.exported.sessions import OnnxGraph, needs

INT8 = "series-int8"
STEP_S, EVERY = 0.5, 10  # between windows; one in so many calibrates

Inputs = tuple[Tensor, ...]


def calibration_windows(
    restored: Restored, dataset: Mapping[str, Any], cache: Path, matching: Mapping[str, Any]
) -> list[Inputs]:
    """What the series network is given in a replay, one window in `EVERY`. dataset: of conf/dataset."""
    sequence = Recorded.load(sequence_root(dataset, cache), restored.preprocess)
    table = restored.config["data"]["table"]
    model = choose_velocity_model(None, sequence, restored.velocity_models)
    replay = build_replay(
        sequence,
        restored.module.network,
        restored.module.scheme,
        partial=False,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, table, sequence.frame),
        declare=restored.declare,
        matching=matching,
        window_s=restored.window_s,
        step_s=STEP_S,
    )
    return [
        (batch.waveforms[batch.mask], batch.background_mps[batch.mask], batch.known[batch.mask])
        for batch in itertools.islice(replay, 0, None, EVERY)
        if batch.mask.any()
    ]


def write_int8(folder: Path, series: GraphFile, windows: Sequence[Inputs]) -> GraphFile:
    """Quantise the series graph of a folder beside it.

    Weights are signed, by channel, activations unsigned: what the integer instructions of CPUs multiply,
    twice as fast as other signs on one with AVX-512 VNNI. Ranges are the largest that the windows give. It is
    not held to the difference of other graphs: what it costs is measured on sequences (docs/edge.md).
    Raises ValueError without windows.
    """
    if not windows:
        raise ValueError("int8 is calibrated on windows, and dataset= gives none: take another sequence")
    needs("onnxruntime")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = [port.name for port in series.inputs]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[Inputs] = iter(windows)

        def get_next(self) -> dict[str, np.ndarray] | None:
            given = next(self._left, None)
            return None if given is None else {n: t.numpy() for n, t in zip(names, given, strict=True)}

    made = replace(series, file=f"{INT8}.onnx")
    with tempfile.TemporaryDirectory() as room:
        prepared = Path(room) / "prepared.onnx"
        quant_pre_process(str(folder / series.file), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(folder / made.file),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
    return replace(made, largest_difference=_difference(folder, series, made, windows))


def _difference(folder: Path, series: GraphFile, made: GraphFile, windows: Sequence[Inputs]) -> float:
    """Largest of any output, of its largest value, on the calibration windows."""
    own, other = (OnnxGraph(folder / each.file, each, threads=1) for each in (series, made))
    differences = [
        float((one - two).abs().max() / one.abs().max().clamp_min(1.0))
        for window in windows
        for one, two in zip(own(*window), other(*window), strict=True)
    ]
    return float(torch.tensor(differences).max())
