"""`python docs/simulation.py STORE`: peak velocities of a simulated base store over published medians.

Each cell: median of PGV over BSSA14, the same over Si & Midorikawa (1999) from M 5.5 on, and the number of
records. All of it is simulated.
"""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fcn.shaking.ground_motion import bssa14_pgv_mps, si_midorikawa99_pgv_mps
from fcn.store.reader import BaseStore

DISTANCES_KM = ((7.0, 14.0), (20.0, 40.0), (45.0, 75.0), (80.0, 120.0))
MAGNITUDES = ((2.7, 3.3), (3.7, 4.3), (4.7, 5.3), (5.7, 6.3), (6.3, 6.8), (6.8, 7.3))
DEPTHS_KM = (4.0, 16.0)
VS30_MPS = 620.0  # of generic rock, the store's median site
CHUNK = 512


def main(path: Path) -> None:
    """Print the table."""
    store = BaseStore.open(path)
    index = store.select(category="earthquake")
    magnitude, depth_km, distance_km = (
        column[index] for column in (store.magnitude, store.depth_km, store.distance_km)
    )
    peaks = np.concatenate(
        [np.abs(store.waveforms(index[i : i + CHUNK])[:, 1:]).max(-1) for i in range(0, len(index), CHUNK)]
    ).astype(np.float64)
    # Epicentral distances less a quarter of the rupture: what its random place leaves, on average.
    length_km = np.where(magnitude > 5.5, 10 ** (-2.44 + 0.59 * magnitude), 0.0)
    surface_km = np.maximum(distance_km - 0.25 * length_km, 1.0)
    bssa = np.sqrt(peaks.prod(1)) / bssa14_pgv_mps(magnitude, surface_km, VS30_MPS)
    fault_km = np.hypot(surface_km, depth_km)
    si = peaks.max(1) / si_midorikawa99_pgv_mps(magnitude, fault_km, depth_km)
    table = Table(
        "M", *(f"{low:.0f}-{high:.0f} km" for low, high in DISTANCES_KM), title="simulated / published PGV"
    )
    crustal = (depth_km > DEPTHS_KM[0]) & (depth_km < DEPTHS_KM[1])
    for smallest, largest in MAGNITUDES:
        cells = []
        for low, high in DISTANCES_KM:
            chosen = crustal & (magnitude > smallest) & (magnitude < largest)
            chosen &= (distance_km > low) & (distance_km < high)
            ratios = [bssa, si] if smallest > 5.5 else [bssa]
            text = " ".join(f"{np.median(ratio[chosen]):.2f}" for ratio in ratios) if chosen.any() else "-"
            cells.append(f"{text} ({int(chosen.sum())})")
        table.add_row(f"{smallest}-{largest}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
