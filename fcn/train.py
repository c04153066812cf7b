"""`python -m fcn.train`: train a network on recombined earthquakes."""

import contextlib
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fcn import config as configuration
from fcn.run_folder import noted

# What takes seconds to import is imported when a training begins: `--help` and completion need none of it.


def train(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """One training run in `folder`: see `fcn.run_training`."""
    from fcn import run_training

    return run_training.train(config, folder, overrides)


def job(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """A job of a sweep, trained at the cost of `budget` and scored: see `fcn.sweep_job`."""
    from fcn.engine import check_swept
    from fcn.sweep_job import run_once, train_and_score
    from fcn.training_cost import at_equal_cost

    resume = bool(config["resume"])
    with noted(folder):
        check_swept(config["trainer"])
        config = at_equal_cost(config, folder, resume=resume)
    value: float = run_once(
        config,
        folder,
        overrides,
        lambda: train_and_score(config, folder, overrides, resume=resume),
        resume=resume,
    )
    return value


@configuration.entry_point("train")
def main(cfg: DictConfig) -> float:
    """Entry point; the value returned is what a Hydra sweeper optimises."""
    import wandb

    try:
        folder, is_of_sweep = configuration.run_dir(), configuration.is_of_sweep()
        with noted(folder) if is_of_sweep else contextlib.nullcontext():
            configuration.check_choices()
            config = configuration.plain(cfg)
        run = job if is_of_sweep else train
        return run(config, folder, configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()
