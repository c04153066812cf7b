"""How long each graph of a folder takes, and how much memory all of them."""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from fcn_edge.graphs import Graph, open_folder

WARM = 5  # runs before those that count
SIZES = {"row": 12, "time": 600, "volume": 8, "event": 2, "station": 12}  # of axes that are free
MB = 1e6


def bench(root: Path, *, threads: int, repeats: int) -> dict[str, Any]:
    """Median and 99 % of the milliseconds of each graph, and resident memory before and after, in MB."""
    before = memory_mb()
    exported = open_folder(root)
    graphs = {}
    for name in exported.graphs:
        graph, rng = Graph(exported, name, threads), np.random.default_rng(0)
        inputs = {}
        for port in graph.file.inputs:
            shape = [SIZES[each] if isinstance(each, str) else each for each in port.shape]
            drawn = 1e-6 * rng.standard_normal(shape)
            inputs[port.name] = drawn > -1e-6 if port.type == "bool" else drawn.astype(port.type)
        took_ms = []
        for _ in range(WARM + repeats):
            began_s = time.perf_counter()
            graph(**inputs)
            took_ms.append(1000 * (time.perf_counter() - began_s))
        counted = np.array(took_ms[WARM:])
        graphs[name] = {
            "p50_ms": round(float(np.median(counted)), 3),
            "p99_ms": round(float(np.quantile(counted, 0.99)), 3),
            "file_mb": round(exported.path(name).stat().st_size / MB, 3),
        }
    return {
        "threads": threads,
        "graphs": graphs,
        "resident_before_mb": before,
        "resident_most_mb": memory_mb(),
        "torch_imported": "torch" in sys.modules,
    }


def memory_mb() -> float:
    """The most that this process has had resident so far.

    From /proc where there is one: what getrusage says on Linux includes the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
        return round(int(line.split()[1]) * 1024 / MB, 1)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * (1 if sys.platform == "darwin" else 1024) / MB, 1)
