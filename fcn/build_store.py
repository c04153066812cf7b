"""`python -m fcn.build_store`: records, simulated or imported, become a base store."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from fcn import config as configuration
from fcn.config import build

log = logging.getLogger(__name__)


@configuration.entry_point("build_store")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    from fcn.cache import cached_store, simulated_recipe  # imports obspy and torch: `--help` needs none of it
    from fcn.store.build import build_store, print_summary

    config = configuration.plain(cfg)
    if not config.get("source"):
        raise ValueError("source=[] names none: take one or more of those that --help shows, or your own")
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
