"""Exported graphs as functions of NumPy arrays."""

from pathlib import Path

import numpy as np
import onnxruntime

from fcn.exported.folder import Exported


class Graph:
    """One graph of a folder, on the CPU and so many threads; arrays in and out by name."""

    def __init__(self, exported: Exported, name: str, threads: int = 1) -> None:
        self.file = exported.graphs[name]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = str(exported.path(name))
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name; what the graph does not take is left out of the inputs."""
        given = {port.name: inputs[port.name].astype(port.type, copy=False) for port in self.file.inputs}
        names = [port.name for port in self.file.outputs]
        return dict(zip(names, self._session.run(names, given), strict=True))


def open_folder(root: Path) -> Exported:
    """What `fcn.export` has written. Raises FileNotFoundError and ValueError as it says."""
    return Exported.read(root)
