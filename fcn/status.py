"""`python -m fcn.status folder=FOLDER`: what a running monitor last said of itself."""

import time
from pathlib import Path

from omegaconf import DictConfig

from fcn import config as configuration


@configuration.entry_point("status")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    config = configuration.plain(cfg)
    from fcn.operations.show import show_status
    from fcn.operations.status import read_status

    show_status(read_status(Path(config["folder"]).expanduser()), time.time())


if __name__ == "__main__":
    main()
