"""What `fcn.export` leaves in a folder, read without torch: `network.json` and the graphs it names."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
NETWORK = "network.json"
KINDS = ("migration", "image")  # three graphs about picks, or one over a fixed grid and one that reads it


@dataclass(frozen=True)
class Port:
    """One input or output of a graph.

    shape: lengths of axes, or the names of those that are free. type: as NumPy calls it. unit: SI, km or, of
    numbers without one, what they are.
    """

    name: str
    shape: tuple[int | str, ...]
    unit: str
    type: str = "float32"


@dataclass(frozen=True)
class GraphFile:
    """A graph in a folder. largest_difference: from torch when it was written, of any output."""

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    largest_difference: float

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "GraphFile":
        """What `asdict` was, and JSON kept."""
        ports = {
            side: tuple(Port(**{**each, "shape": tuple(each["shape"])}) for each in plain[side])
            for side in ("inputs", "outputs")
        }
        return cls(plain["file"], **ports, largest_difference=plain["largest_difference"])


@dataclass(frozen=True)
class Exported:
    """A folder and what stands in it.

    kind: one of `KINDS`. checkpoint: sha256 of the file that it was made from. graphs: by name.
    settings: plain data for whoever reads the network: `sampling_rate_hz`, `window_s`, the configurations of
    `preprocess`, `scheme`, `declare` and `arch`, the velocity models it was trained in by name, and
    `fcn` and `opset`, the versions it was written with.
    """

    root: Path
    kind: str
    checkpoint: str
    graphs: Mapping[str, GraphFile]
    settings: Mapping[str, Any]

    def path(self, graph: str) -> Path:
        """File of a graph. Raises ValueError naming those there are."""
        if graph not in self.graphs:
            raise ValueError(
                f"{self.root / NETWORK} names no graph {graph!r}, only {sorted(self.graphs)}: write it anew "
                "with python -m fcn.export, with dataset= for an int8 graph, with station_file= for fcn-edge"
            )
        return self.root / self.graphs[graph].file

    def write(self) -> None:
        """Write `network.json`; the graphs are there already."""
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "checkpoint": self.checkpoint,
            **self.settings,
            "graphs": {name: asdict(graph) for name, graph in self.graphs.items()},
        }
        (self.root / NETWORK).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, root: Path) -> "Exported":
        """What a folder holds.

        Raises FileNotFoundError where there is nothing, ValueError for what `fcn.export` did not write.
        """
        path = root / NETWORK
        if not path.is_file():
            raise FileNotFoundError(f"no {path}: write it with python -m fcn.export ckpt=... out={root}")
        try:
            content = dict(json.loads(path.read_text(encoding="utf-8")))
            written, kind = content.pop("format"), content.pop("kind")
            if written != FORMAT:
                raise ValueError(f"format {written}, this version reads {FORMAT}")
            if kind not in KINDS:
                raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
            checkpoint = content.pop("checkpoint")
            graphs = {name: GraphFile.of_plain(each) for name, each in content.pop("graphs").items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not of this fcn.export ({error}): write it again") from error
        return cls(root, kind, checkpoint, graphs, content)
