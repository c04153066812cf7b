"""`python -m fcn.ship ckpt=<trained> out=fcn/weights/<name>.ckpt`: what a package carries of a checkpoint."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from fcn import config as configuration

log = logging.getLogger(__name__)


@configuration.entry_point("ship")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    from fcn.checkpoint import ship  # imports Lightning: `--help` needs none of it

    configuration.check_choices()
    config = configuration.plain(cfg)
    out = Path(config["out"]).expanduser()
    ship(
        Path(config["ckpt"]).expanduser(),
        out,
        declare=config["declare"],
        reading=config["reading"] or {},
        half_precision=config["half_precision"],
    )
    log.info("%s: %.1f MB", out, out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
