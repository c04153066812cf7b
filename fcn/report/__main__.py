"""`python -m fcn.report sweep=|run=|store=FOLDER, examples ... or recombination ...`: pages to look at.

Each imports what it is made with when it is asked for: `--help` needs none of it.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from fcn import config as configuration
from fcn.config import CONF_DIR


def _extend_train_schema(name: str, *keys: str) -> None:
    """A schema of the training's keys and further ones, for a configuration that starts from train.yaml."""
    train: Any = OmegaConf.get_type(ConfigStore.instance().load("train_schema.yaml").node)
    # what is MISSING does not overwrite what train.yaml has said
    kept: list[Any] = [(f.name, Any, dataclasses.field(default=MISSING)) for f in dataclasses.fields(train)]
    added: list[Any] = [(key, Any, dataclasses.field(default=None)) for key in keys]
    schema = dataclasses.make_dataclass(f"{name.capitalize()}Schema", kept + added, bases=(train,))
    ConfigStore.instance().store(name=f"{name}_schema", node=schema)


_extend_train_schema("examples", "count")
_extend_train_schema("recombination", "scenes")


def report(config: dict[str, Any]) -> list[Path]:
    """Write the reports asked for; returns their pages. Raises ValueError where none is."""
    wanted = [name for name in ("sweep", "run", "store") if config[name] is not None]
    if not wanted:
        raise ValueError(
            "nothing to report: give sweep=<multirun folder>, run=<run folder> or store=<base store>, "
            "or: python -m fcn.report examples experiment=<name>"
        )
    if len(wanted) > 1 and config["out"] is not None:
        raise ValueError(
            f"out={config['out']} cannot hold several reports: leave it out, or report one at a time"
        )
    pages = []
    for name in wanted:
        source = Path(config[name]).expanduser()
        folder = source / "report" if config["out"] is None else Path(config["out"]).expanduser()
        if name == "sweep":
            from fcn.report.sweep.page import write_sweep_report

            pages.append(write_sweep_report(source, folder))
        elif name == "run":
            from fcn.report.training.page import write_run_report

            pages.append(write_run_report(source, folder))
        else:
            from fcn.report.store.page import write_store_report

            pages.append(write_store_report(source, folder, n_examples=config["examples"]))
    return pages


def examples(config: dict[str, Any], folder: Path) -> Path:
    """Draw the first examples a training of this configuration would see; returns the page."""
    from fcn.report.examples.page import draw_examples

    return draw_examples(config, _store(config, "count"), folder)


def recombination(config: dict[str, Any], folder: Path) -> Path:
    """Compare recombined events with the same ones simulated as a whole; returns the page."""
    from fcn.audit.two_sample import check_installed
    from fcn.report.examples.recombination import compare

    check_installed()
    return compare(config, _store(config, "scenes"), folder)


def _store(config: dict[str, Any], counted: str) -> Path:
    """The configuration's store, once it is known that anything is to be drawn from it."""
    count = config[counted]
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"{counted} must be a whole number of at least 1, got {count!r}")
    from fcn.cache import cached_store

    return cached_store(config["store"], Path(config["cache"]).expanduser())


# Its own folder: in conf/ `sweep` and `store` are groups, where sweep=<folder> would look for a choice.
@configuration.entry_point("report", CONF_DIR / "report")
def pages_main(cfg: DictConfig) -> None:
    """Pages about folders."""
    report(configuration.plain(cfg))


@configuration.entry_point("examples")
def examples_main(cfg: DictConfig) -> None:
    """A page about a training's examples."""
    examples(configuration.plain(cfg), configuration.run_dir())


@configuration.entry_point("recombination")
def recombination_main(cfg: DictConfig) -> None:
    """A page about the sampler."""
    recombination(configuration.plain(cfg), configuration.run_dir())


COMMANDS = {"examples": examples_main, "recombination": recombination_main}


def main() -> None:
    """Entry point: a command's name comes first, and Hydra sees the rest."""
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        COMMANDS[sys.argv.pop(1)]()
    else:
        pages_main()


if __name__ == "__main__":
    main()
