"""`python -m fcn.merge`: one event of those that several monitors say."""

import hydra
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.config import CONF_DIR


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="merge")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    configuration.check_choices()
    config = configuration.plain(cfg)
    from fcn.run_merge import merge

    merge(config, configuration.run_dir())


if __name__ == "__main__":
    main()
