"""`python -m fcn.build_store`: records, simulated or imported, become a base store."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.config import CONF_DIR, build, digest
from fcn.simulate import VERSION
from fcn.store.build import build_store, print_summary
from fcn.store.reader import BaseStore

log = logging.getLogger(__name__)


def cached_store(config: Mapping[str, Any], cache: Path) -> Path:
    """The store a training configuration names, built on first use into the cache.

    config: `path` of an existing store, else `recipe`, the simulated source it is made by, and `splits`.
    Raises what `BaseStore.open` raises for a store that is not there or broken.
    """
    if config["path"] is not None:
        path = Path(config["path"]).expanduser()
        BaseStore.open(path)
        return path
    recipe, splits = config["recipe"], config["splits"]
    path = cache / "stores" / digest({"recipe": recipe, "splits": splits, "simulation": VERSION})
    if not path.is_dir():
        log.info("building the store %s", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        rate_hz = recipe["recipe"]["preprocess"]["sampling_rate_hz"]
        print_summary(build_store({"simulated": build(recipe)}, path, sampling_rate_hz=rate_hz, **splits))
    return path


def simulated_recipe(source: Mapping[str, Any]) -> Any:
    """The one simulated source whose store the cache keeps; ValueError for any other choice of sources."""
    if list(source) != ["simulated"]:
        raise ValueError(
            f"only a simulated store has a place in the cache, not {', '.join(source)}: give out="
        )
    return source["simulated"]


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="build_store")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    config = configuration.plain(cfg)
    if config["out"] is None:
        recipe = simulated_recipe(config["source"])
        store = {"path": None, "recipe": recipe, "splits": config["splits"]}
        log.info("the store is at %s", cached_store(store, Path(config["cache"]).expanduser()))
        return
    sources = {name: build(source) for name, source in config["source"].items()}
    writer = build_store(
        sources,
        Path(config["out"]).expanduser(),
        sampling_rate_hz=config["preprocess"]["sampling_rate_hz"],
        **config["splits"],
    )
    print_summary(writer)


if __name__ == "__main__":
    main()
