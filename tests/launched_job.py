"""A job that says that it ran: python tests/launched_job.py -m hydra/launcher=NAME number=2,3

It has a data worker, as trainings do. Its sweep goes to where those of fcn.train go.
"""

import json

import hydra
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from fcn import config as configuration
from fcn.data.datamodule import start_method


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(cfg: DictConfig) -> float:
    assert configuration.is_of_sweep()
    loader = DataLoader(range(2), batch_size=None, num_workers=1, multiprocessing_context=start_method())
    said = {"number": cfg.number, "overrides": configuration.overrides(), "loaded": list(loader)}
    folder = configuration.run_dir()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "said.json").write_text(json.dumps(said))
    if cfg.number == 2:
        raise ValueError("number 2 fails")
    return float(cfg.number)


if __name__ == "__main__":
    main()
