"""How long each graph of a folder takes, and how much memory all of them."""

import functools
import sys
from pathlib import Path
from typing import Any

from fcn_edge.graphs import Graph, open_folder
from fcn_edge.timing import MB, made_inputs, memory_mb, timed


def bench(root: Path, *, threads: int, repeats: int) -> dict[str, Any]:
    """Median and 99 % of the milliseconds of CPU of each graph, and resident memory before and after, MB."""
    before = memory_mb()
    exported = open_folder(root)
    graphs = {}
    for name in exported.graphs:
        graph = Graph(exported, name, threads)
        inputs = made_inputs(graph.file)
        graphs[name] = {
            **timed(functools.partial(graph, **inputs), repeats),
            "file_mb": round(exported.path(name).stat().st_size / MB, 3),
        }
    return {
        "threads": threads,
        "graphs": graphs,
        "resident_before_mb": before,
        "resident_most_mb": memory_mb(),
        "torch_imported": "torch" in sys.modules,
    }
