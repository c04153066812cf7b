"""What a network runs on: `backend=` of a test and of a monitor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from fcn import checked
from fcn.checkpoint import Restored
from fcn.exported.folder import Exported
from fcn.exported.sessions import onnx_network
from fcn.exported.write import digest

KINDS = ("torch", "onnx")
MOST_THREADS = 1024


def network_of(restored: Restored, backend: Mapping[str, Any]) -> nn.Module:
    """The network of a checkpoint, or its graphs; backend: of `conf/backend`.

    Raises ValueError for another kind, for a root that is not named, for graphs of another checkpoint, no
    thread, and where onnxruntime is missing; FileNotFoundError where there are none.
    """
    kind = backend.get("kind")
    if kind not in KINDS:
        raise ValueError(f"backend= is one of {', '.join(KINDS)}, got {checked.shown(backend)}")
    if kind == "torch":
        return restored.module.network
    if backend["root"] is None:
        raise ValueError(
            f"backend={kind} needs the folder of graphs, backend.root=DIR: write it with "
            f"python -m fcn.export ckpt={restored.path} out=DIR"
        )
    exported = Exported.read(Path(backend["root"]).expanduser())
    if exported.checkpoint != digest(restored.path):
        raise ValueError(
            f"backend.root={backend['root']} is of another checkpoint ({exported.checkpoint}) than "
            f"{restored.path} ({digest(restored.path)}): python -m fcn.export ckpt={restored.path} out=..."
        )
    threads = checked.whole("backend.threads", backend["threads"], 1, MOST_THREADS)
    return onnx_network(restored.module.network, exported, threads=threads, int8=backend["int8"])
