"""A job that says that it ran: python tests/launched_job.py -m hydra/launcher=NAME number=1,2,3

Its sweep goes to where those of fcn.train go.
"""

import json

import hydra
from omegaconf import DictConfig

from fcn import config as configuration


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(cfg: DictConfig) -> float:
    assert configuration.is_of_sweep()
    said = {"number": cfg.number, "overrides": configuration.overrides()}
    folder = configuration.run_dir()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "said.json").write_text(json.dumps(said))
    if cfg.number == 2:
        raise ValueError("number 2 fails")
    return float(cfg.number)


if __name__ == "__main__":
    main()
