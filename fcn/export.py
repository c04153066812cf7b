"""`python -m fcn.export ckpt=<path or shipped name> out=FOLDER`: its networks as ONNX graphs."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from fcn import config as configuration

log = logging.getLogger(__name__)


@configuration.entry_point("export")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    configuration.check_choices()
    config = configuration.plain(cfg)
    from fcn.checkpoint import load  # imports Lightning: `--help` needs none of it
    from fcn.exported.quantise import calibration_windows
    from fcn.exported.write import export, site_of

    out = Path(config["out"]).expanduser()
    restored, site = load(config["ckpt"], trust=config["trust"]), None
    if config["station_file"] is not None:
        keys = ("station_file", "station_ids", "centre", "velocity_model")
        site = site_of(restored, **{key: config[key] for key in keys})
    calibration = None
    if config["dataset"] is not None:
        cache = Path(config["cache"]).expanduser()
        calibration = calibration_windows(restored, config["dataset"], cache, config["matching"])
    made = export(restored, out, site, calibration)
    for name, graph in made.graphs.items():
        size_mb = made.path(name).stat().st_size / 1e6
        log.info("%s: %.2f MB, within %.1g of torch", name, size_mb, graph.largest_difference)


if __name__ == "__main__":
    main()
