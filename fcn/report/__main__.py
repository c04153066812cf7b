"""`python -m fcn.report sweep=FOLDER` or `store=FOLDER`: compare the jobs of a sweep, show a base store."""

from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.config import CONF_DIR
from fcn.report.store_page import write_store_report
from fcn.report.sweep_page import write_sweep_report


def report(config: dict[str, Any]) -> list[Path]:
    """Write the reports asked for; returns their pages. Raises ValueError where none is."""
    wanted = [name for name in ("sweep", "store") if config[name] is not None]
    if not wanted:
        raise ValueError("nothing to report: give sweep=<multirun folder> or store=<base store>")
    if len(wanted) > 1 and config["out"] is not None:
        raise ValueError(
            f"out={config['out']} cannot hold two reports: leave it out, or report one at a time"
        )
    pages = []
    for name in wanted:
        source = Path(config[name]).expanduser()
        folder = source / "report" if config["out"] is None else Path(config["out"]).expanduser()
        if name == "sweep":
            pages.append(write_sweep_report(source, folder))
        else:
            pages.append(write_store_report(source, folder, n_examples=config["examples"]))
    return pages


# Its own folder: in conf/ `sweep` and `store` are groups, where sweep=<folder> would look for a choice.
@hydra.main(version_base="1.3", config_path=str(CONF_DIR / "report"), config_name="report")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    report(configuration.plain(cfg))


if __name__ == "__main__":
    main()
