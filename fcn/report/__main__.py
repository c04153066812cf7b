"""`python -m fcn.report sweep=|run=|store=FOLDER, examples ... or recombination ...`: pages to look at."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from rich.progress import track

from fcn import config as configuration
from fcn.assemble import build_datamodule
from fcn.audit.direct import DirectSimulation
from fcn.audit.event_features import StationTable, measure
from fcn.audit.two_sample import check_installed
from fcn.build_store import cached_store
from fcn.config import CONF_DIR, build
from fcn.recombine.noise import NoiseBank
from fcn.report.examples_page import write_examples_report
from fcn.report.recombination_page import DIRECT, RECOMBINED, Comparison, write_recombination_report
from fcn.report.run_page import write_run_report
from fcn.report.store_page import write_store_report
from fcn.report.sweep_page import write_sweep_report
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore


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
            pages.append(write_sweep_report(source, folder))
        elif name == "run":
            pages.append(write_run_report(source, folder))
        else:
            pages.append(write_store_report(source, folder, n_examples=config["examples"]))
    return pages


def examples(config: dict[str, Any], folder: Path) -> Path:
    """Draw the first examples a training of this configuration would see; returns the page."""
    count = config["count"]
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be a whole number of at least 1, got {count!r}")
    path = cached_store(config["store"], Path(config["cache"]).expanduser())
    store = BaseStore.open(path)
    made = build_datamodule(config, path).recombined(Purpose.TRAIN, "train")
    return write_examples_report(
        (made[0, example] for example in range(count)),
        folder,
        n_examples=count,
        sampling_rate_hz=store.sampling_rate_hz,
        source=f"seed {config['seed']}, examples 0 to {count - 1} of the first epoch; store {path.name}, "
        f"digest {store.digest[:12]}",
        simulated=bool(store.is_simulated.any()),
    )


def recombination(config: dict[str, Any], folder: Path) -> Path:
    """Compare recombined events with the same ones simulated as a whole; returns the page."""
    scenes, batch_size = config["scenes"], config["data"]["batch_size"]
    if not isinstance(scenes, int) or scenes < 1:
        raise ValueError(f"scenes must be a whole number of at least 1, got {scenes!r}")
    check_installed()
    torch.set_num_threads(config["trainer"]["threads"])
    path = cached_store(config["store"], Path(config["cache"]).expanduser())
    store = BaseStore.open(path)
    made = build_datamodule(config, path).recombined(Purpose.TRAIN, "train")
    simulation = DirectSimulation(
        build(config["store"]["recipe"]["recipe"]),
        NoiseBank(store, "train"),
        lead_s=config["data"]["lead_s"],
        seed=config["seed"],
    )
    tables: dict[str, list[StationTable]] = {DIRECT: [], RECOMBINED: []}
    for first in track(range(0, scenes, batch_size), description="simulating pairs", transient=True):
        batch = made.__getitems__([(0, i) for i in range(first, min(first + batch_size, scenes))])
        tables[RECOMBINED].append(measure(batch, store.sampling_rate_hz))
        tables[DIRECT].append(measure(simulation.like(batch, first), store.sampling_rate_hz))
    return write_recombination_report(
        Comparison.of(*(StationTable.join(tables[name]) for name in (DIRECT, RECOMBINED))),
        folder,
        source=f"seed {config['seed']}, {scenes} scenes; store {path.name}, digest {store.digest[:12]}",
        seed=config["seed"],
    )


# Its own folder: in conf/ `sweep` and `store` are groups, where sweep=<folder> would look for a choice.
@hydra.main(version_base="1.3", config_path=str(CONF_DIR / "report"), config_name="report")
def pages_main(cfg: DictConfig) -> None:
    """Pages about folders."""
    report(configuration.plain(cfg))


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="examples")
def examples_main(cfg: DictConfig) -> None:
    """A page about a training's examples."""
    examples(configuration.plain(cfg), configuration.run_dir())


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="recombination")
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
