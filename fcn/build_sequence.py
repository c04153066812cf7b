"""`python -m fcn.build_sequence`: raw waveform files and a station list become a sequence folder."""

import glob
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import obspy
from omegaconf import DictConfig
from rich.progress import track

from fcn import config as configuration
from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_csv, read_quakeml
from fcn.config import CONF_DIR
from fcn.earth.velocity import read_velocity_model
from fcn.geometry.network import Network
from fcn.terminal import show
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.inventory import make_inventory, read_stations
from fcn.waveform.read import read_waveforms
from fcn.waveform.response import Sensitivity
from fcn.waveform.sensor import Sensor, resolve_sensors

log = logging.getLogger(__name__)


def read_all(patterns: str | list[str]) -> obspy.Stream:
    """Waveforms of the files that glob patterns match; FileNotFoundError where one matches none."""
    paths: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207 - may be absolute
        if not found:
            raise FileNotFoundError(f"no file matches waveforms={pattern}")
        paths += found
    stream = obspy.Stream()
    for path in track(paths, description="reading", transient=True):
        stream += read_waveforms([path])
    return stream


def stated_sensitivity(per_mps: float | None, per_mps2: float | None) -> Sensitivity | None:
    """The sensitivity a user states; ValueError where both are given."""
    if per_mps is not None and per_mps2 is not None:
        raise ValueError("give sensitivity_counts_per_mps or sensitivity_counts_per_mps2, not both")
    if per_mps is not None:
        return Sensitivity(float(per_mps), "velocity")
    return None if per_mps2 is None else Sensitivity(float(per_mps2), "acceleration")


def describe_stations(path: Path, stream: obspy.Stream, sensitivity: Sensitivity | None) -> obspy.Inventory:
    """StationXML as it is, or made from a CSV list and the sensitivity stated for all channels.

    Raises ValueError for a sensitivity beside StationXML, which has its own.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no station list {path}")
    if path.suffix.lower() != ".csv":
        if sensitivity is not None:
            raise ValueError(
                f"{path} is StationXML and states the sensitivity of each channel: leave out "
                "sensitivity_counts_per_mps, or give the stations as CSV"
            )
        return read_stations(path)
    stated = {} if sensitivity is None else {trace.id: sensitivity for trace in stream}
    recorded = {f"{trace.stats.network}.{trace.stats.station}" for trace in stream}
    network = Network.from_csv(path)
    missing = sorted(recorded - {station.id for station in network})
    if missing:
        raise ValueError(f"no coordinates for {', '.join(missing)}: add them to {path}")
    return make_inventory((s for s in network if s.id in recorded), stream, stated)


def read_catalogue(path: Path) -> Catalogue:
    """CSV or QuakeML, by its suffix."""
    return read_csv(path) if path.suffix.lower() == ".csv" else read_quakeml(path)


def build_sequence(config: dict[str, Any]) -> dict[str, Sensor]:
    """Make the folder `out`; returns the sensor used of each station. Refuses before it writes."""
    stream = read_all(config["waveforms"])
    sensitivity = stated_sensitivity(
        config["sensitivity_counts_per_mps"], config["sensitivity_counts_per_mps2"]
    )
    inventory = describe_stations(Path(config["station_file"]), stream, sensitivity)
    sensors = resolve_sensors(stream, inventory, config["preprocess"]["sampling_rate_hz"])
    model_file, catalogue = config["velocity_model_file"], config["catalogue"]
    write_sequence_folder(
        config["out"],
        stream,
        inventory,
        read_catalogue(Path(catalogue)) if catalogue else None,
        name=config["name"] or Path(config["out"]).name,
        simulated=False,
        half_width_km=config["half_width_km"],
        span=config["span"],
        velocity_model=asdict(read_velocity_model(model_file)) if model_file else None,
    )
    return sensors


def print_summary(sensors: dict[str, Sensor], out: str) -> None:
    """Which channels each station takes part with."""
    header = ("station", "channels", "rate, Hz", "measures", "counts per unit")
    rows = []
    for station_id, sensor in sensors.items():
        codes = " ".join(seed_id.split(".")[-1] for seed_id in sensor.seed_ids)
        values = " ".join(f"{value:.4g}" for value in sorted(set(sensor.sensitivity.tolist())))
        rows.append((station_id, codes, f"{sensor.sampling_rate_hz:g}", sensor.measurement, values))
    show(f"{len(sensors)} stations in {out}", header, rows, left=(0, 1, 3))


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="build_sequence")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    config = configuration.plain(cfg)
    print_summary(build_sequence(config), config["out"])


if __name__ == "__main__":
    main()
