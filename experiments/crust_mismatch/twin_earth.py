"""The Earth of the Kumamoto twin as a file for `velocity_model=grid3d`: what nobody can know of a real one.

    python experiments/crust_mismatch/twin_earth.py --out twin_earth.h5
    python -m fcn.test ckpt=generalized dataset=kumamoto velocity_model=grid3d \
        velocity_model.path=twin_earth.h5

Layers and lateral variation, as waveforms of the twin were simulated in; not the columns under its stations.
A test in it is told the truth: a bound, and no result. Simulated.
"""

import argparse
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.progress import track

from fcn import config as configuration
from fcn.config import build
from fcn.earth.grid3d import VelocityGrid, grid_of_layers
from fcn.simulate.kumamoto.twin import KumamotoTwin
from fcn.simulate.path.lateral import LateralField

# as wide as coarse volumes about stations at the edge; nodes a fifth of what the field is correlated over
MINIMUM_KM, SPACING_KM, SHAPE = (-160.0, -160.0, -2.0), (2.0, 2.0, 1.0), (161, 161, 47)


def twin() -> KumamotoTwin:
    """As `dataset=kumamoto` has it."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", ["ckpt=none", "dataset=kumamoto"]))
    made: KumamotoTwin = build(config["dataset"]["builder"])
    return made


def earth_of(made: KumamotoTwin) -> VelocityGrid:
    """Its layers, each node as much slower as its field is there."""
    layers = grid_of_layers(made.earth.velocity_model, MINIMUM_KM, SPACING_KM, SHAPE)
    field = LateralField(made.earth.lateral, made.seed)
    axes = [
        low + step * np.arange(count) for low, step, count in zip(MINIMUM_KM, SPACING_KM, SHAPE, strict=True)
    ]
    slower = np.stack(
        [
            field.slowness(np.stack(np.meshgrid(each, *axes[1:], indexing="ij"), -1).reshape(-1, 3))
            for each in track(axes[0], description="field", transient=True)
        ]
    ).reshape(*SHAPE, 2)
    return VelocityGrid(
        name="twin_earth",
        source="simulated: the Earth of dataset=kumamoto, without the columns under its stations",
        minimum_km=MINIMUM_KM,
        spacing_km=SPACING_KM,
        vp_kmps=layers.vp_kmps / (1.0 + slower[..., 0]),
        vs_kmps=layers.vs_kmps / (1.0 + slower[..., 1]),
    )


def main() -> None:
    """Entry point. Raises FileExistsError where there is a file already."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    if out.exists():
        raise FileExistsError(f"{out} exists; remove it or give another --out")
    earth_of(twin()).write(out)
    Console().print(f"velocity_model=grid3d velocity_model.path={out}")


if __name__ == "__main__":
    main()
