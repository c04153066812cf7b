"""Inputs to time graphs with, the clock, and the memory of a process; no runtime is imported."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fcn.exported.folder import GraphFile

WARM = 5  # runs before those that count
SIZES = {"row": 12, "time": 600, "volume": 8, "event": 2, "station": 12}  # of axes that are free
MB = 1e6


def made_inputs(file: GraphFile) -> dict[str, np.ndarray]:
    """Inputs of a graph by name, as large as those of twelve stations: numbers of noise, all flags set."""
    rng, inputs = np.random.default_rng(0), {}
    for port in file.inputs:
        drawn = 1e-6 * rng.standard_normal([SIZES[n] if isinstance(n, str) else n for n in port.shape])
        inputs[port.name] = np.isfinite(drawn) if port.type == "bool" else drawn.astype(port.type)
    return inputs


def timed(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Median and 99 % of the CPU time of a call, ms, after some that do not count.

    With one thread that is what it takes on an idle core, also where others use this one.
    """
    took_ms = []
    for _ in range(WARM + repeats):
        began_s = time.process_time()
        call()
        took_ms.append(1000 * (time.process_time() - began_s))
    counted = took_ms[WARM:]
    return {f"p{share}_ms": round(float(np.percentile(counted, share)), 3) for share in (50, 99)}


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
