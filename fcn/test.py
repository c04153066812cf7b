"""`python -m fcn.test`: replay a sequence through a checkpoint; catalogue, metrics, report."""

import contextlib
import functools
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fcn import config as configuration
from fcn.run_folder import noted

# What takes seconds to import is imported when a replay begins: `--help` and completion need none of it.


def test(config: dict[str, Any], folder: Path, overrides: list[str]) -> dict[str, Any]:
    """One replay into `folder`: see `fcn.run_test`."""
    from fcn import run_test

    return run_test.test(config, folder, overrides)


def job(config: dict[str, Any], folder: Path, overrides: list[str]) -> None:
    """A job of a sweep: see `fcn.sweep_job`."""
    from fcn.engine import check_swept
    from fcn.sweep_job import run_once

    with noted(folder):
        check_swept(config["trainer"])
    work = functools.partial(test, config, folder, overrides)
    run_once(config, folder, overrides, work, resume=bool(config["resume"]))


@configuration.entry_point("test")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    import wandb

    try:
        folder, is_of_sweep = configuration.run_dir(), configuration.is_of_sweep()
        with noted(folder) if is_of_sweep else contextlib.nullcontext():
            configuration.check_choices()
            config = configuration.plain(cfg)
        run = job if is_of_sweep else test
        run(config, folder, configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()
