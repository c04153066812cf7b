"""Medians of simulated ruptures over those of published models, by magnitude and distance: table and picture.

    python experiments/ruptures/medians.py [EVENTS]

EVENTS of each generator and magnitude (default 40), at 16 stations each. Prints the table as Markdown and
writes medians.png beside this script. The store's crust, its median stress drop.
"""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from simulated_records import build  # noqa: E402
from simulated_ruptures import Shaken, shake  # noqa: E402

MAGNITUDES = (6.0, 6.5, 7.0, 7.5, 8.0)
BINS_KM = (5.0, 10.0, 20.0, 40.0, 80.0, 150.0)
MEASURES = (
    "BSSA14 pga",
    "BSSA14 pgv",
    "BSSA14 psa_3s",
    "BSSA14 psa_5s",
    "BSSA14 psa_10s",
    "SM99 pga",
    "SM99 pgv",
    "Melgar pgd",
)


def say(line: str) -> None:
    """A line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def medians(shaken: list[Shaken], measure: str) -> list[float]:
    """Of the ratios, by distance: Joyner-Boore's, for PGD the hypocentral one."""
    ratio = np.concatenate([each.ratios[measure] for each in shaken])
    name = "hypocentral_km" if measure == "Melgar pgd" else "joyner_boore_km"
    distance_km = np.concatenate([getattr(each, name) for each in shaken])
    found = []
    for low, high in pairwise(BINS_KM):
        chosen = ratio[(distance_km >= low) & (distance_km < high)]
        found.append(float(np.median(chosen)) if len(chosen) >= 20 else np.nan)
    return [*found, float(np.median(ratio))]


def main(n_events: int) -> None:
    """Table and picture."""
    torch.set_num_threads(1)
    recipe = build("source.simulated.recipe")
    validation = build("dataset.builder.region.earth.crust.rupture", ["+dataset=validation"])
    laws = {"kinematic": recipe.crust.rupture, "composite": validation}
    model = recipe.family.models[sorted(recipe.family.models)[0]]
    bins = " | ".join(f"{low:.0f}-{high:.0f} km" for low, high in pairwise(BINS_KM))
    say(f"| generator | M | measure | {bins} | all |")
    say("|" + "---|" * (len(BINS_KM) + 3))
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    axes = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    middle = np.sqrt(np.array(BINS_KM[:-1]) * np.array(BINS_KM[1:]))
    for style, (name, law) in zip(("-", "--"), laws.items(), strict=True):
        crust = replace(recipe.crust, rupture=law, stress_drop_sigma=0.0)
        for number, magnitude in enumerate(MAGNITUDES):
            shaken = shake(crust, model, magnitude, n_events, seed=round(10 * magnitude))
            for axis, measure in zip(axes, MEASURES, strict=True):
                row = medians(shaken, measure)
                values = " | ".join(f"{value:.2f}" for value in row)
                say(f"| {name} | {magnitude} | {measure} | {values} |")
                axis.loglog(middle, row[:-1], style, color=f"C{number}", label=f"M {magnitude} {name}")
    for axis, measure in zip(axes, MEASURES, strict=True):
        axis.axhspan(1 / 1.5, 1.5, color="0.9", zorder=0)
        axis.axhline(1.0, color="0.6", lw=0.8)
        axis.set(
            title=measure,
            ylim=(0.2, 5.0),
            yticks=[0.25, 0.5, 1.0, 2.0, 4.0],
            yticklabels=["¼", "½", "1", "2", "4"],
        )
        axis.set(xticks=[5, 10, 20, 50, 100], xticklabels=["5", "10", "20", "50", "100"])
        axis.minorticks_off()
    for axis in axes[4:]:
        axis.set_xlabel("Joyner-Boore distance (km)")
    axes[-1].set_xlabel("hypocentral distance (km)")
    for axis in axes[::4]:
        axis.set_ylabel("simulated / published")
    axes[0].legend(fontsize=6, ncols=2, loc="lower left")
    figure.savefig(Path(__file__).with_name("medians.png"), dpi=110)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
