"""`python -m fcn.build_grid`: a layered model with plausible lateral variation, on a grid in a file."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fcn import checked
from fcn import config as configuration
from fcn.config import build
from fcn.earth.grid3d import VelocityGrid, grid_of_layers
from fcn.earth.lateral import roughened, with_basin
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_rng

log = logging.getLogger(__name__)


MOST_NODES = 10**7  # 1.3 GB while the random medium is drawn
SMALLEST_KM = 0.001


def make_grid(config: dict[str, Any]) -> VelocityGrid:
    """The grid a configuration describes.

    Raises ValueError where its velocity model is not a layered one, or naming the key of a value that makes
    no grid.
    """
    model = build(config["velocity_model"])
    if not isinstance(model, LayeredModel):
        raise ValueError("velocity_model must be one layered model (iasp91, jma2001, ...) to make a grid of")
    minimum_km = checked.numbers("grid.minimum_km", config["grid"]["minimum_km"], 3)
    spacing_km = checked.numbers("grid.spacing_km", config["grid"]["spacing_km"], 3, least=SMALLEST_KM)
    shape = checked.listed("grid.shape", config["grid"]["shape"], 3)
    east, north, depth = (checked.whole("grid.shape", count, 2, MOST_NODES) for count in shape)
    if east * north * depth > MOST_NODES:
        raise ValueError(f"grid.shape={shape} has {east * north * depth:.2g} nodes, {MOST_NODES:.0e} at most")
    checked.whole("seed", config["seed"], 0)
    layers = grid_of_layers(model, _three(minimum_km), _three(spacing_km), (east, north, depth))
    rng = derive_rng(config["seed"], Purpose.VELOCITY)
    grid = roughened(layers, rng, build(config["medium"]))
    return grid if config["basin"] is None else with_basin(grid, build(config["basin"]))


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    east, north, depth = values
    return east, north, depth


@configuration.entry_point("build_grid")
def main(cfg: DictConfig) -> None:
    """Entry point. Raises FileExistsError where there is a file already."""
    config = configuration.plain(cfg)
    out = Path(config["out"]).expanduser()
    if out.exists():
        raise FileExistsError(f"{out} exists; remove it or give another out=")
    grid = make_grid(config)
    out.parent.mkdir(parents=True, exist_ok=True)
    grid.write(out)
    for name, velocity in (("vp", grid.vp_kmps), ("vs", grid.vs_kmps)):
        log.info("%s: %.2f to %.2f km/s on %s nodes", name, velocity.min(), velocity.max(), velocity.shape)
    log.info("the grid is in %s: velocity_model=grid3d velocity_model.path=%s", out, out)


if __name__ == "__main__":
    main()
