"""`python -m fcn.train`: train a network on recombined earthquakes."""

from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.config import CONF_DIR

# What takes seconds to import is imported when a training begins: `--help` and completion need none of it.


def train(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """One training run in `folder`: see `fcn.run_training`."""
    from fcn import run_training

    return run_training.train(config, folder, overrides)


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def main(cfg: DictConfig) -> float:
    """Entry point; the value returned is what a Hydra sweeper optimises."""
    configuration.check_choices()
    import wandb

    try:
        return train(configuration.plain(cfg), configuration.run_dir(), configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()
