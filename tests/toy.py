"""A toy base store, and the pieces of a small configuration, for tests that need no physics."""

import functools
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from fcn import config as configuration
from fcn.store.schema import StoreRecord
from fcn.store.writer import StoreWriter

RATE_HZ = 20.0
PRE_P_S = 5.0


def toy_record(
    rng: np.random.Generator, index: int, distance_km: float, depth_km: float, noise_mps: float = 0.0
) -> StoreRecord:
    """Decaying noise from P on, three times larger from S on; before P `noise_mps` of its own."""
    magnitude = float(rng.uniform(2.0, 6.5))
    path_km = float(np.hypot(distance_km, depth_km))
    s_minus_p_s = path_km / 8.2
    time_s = np.arange(round(60 * RATE_HZ)) / RATE_HZ
    p_s, s_s = PRE_P_S, PRE_P_S + s_minus_p_s
    envelope = np.where(time_s >= p_s, np.exp(-(time_s - p_s) / 4), 0.0)
    envelope = envelope + 3 * np.where(time_s >= s_s, np.exp(-(time_s - s_s) / 6), 0.0)
    level_mps = 10 ** (magnitude - 7.0) / path_km
    waveform = (level_mps * envelope + noise_mps) * rng.standard_normal((3, len(time_s)))
    return StoreRecord(
        waveform_mps=waveform.astype(np.float32),
        category="earthquake",
        source_id=f"toy-{index // 4}",
        station_code=f"XX.T{index % 50:03d}",
        source_magnitude=magnitude,
        source_magnitude_type="Mw",
        source_depth_km=depth_km,
        path_ep_distance_km=distance_km,
        path_azimuth_deg=float(rng.uniform(0, 360)),
        p_arrival_sample=p_s * RATE_HZ,
        s_arrival_sample=s_s * RATE_HZ,
        origin="toy",
    )


def toy_noise(rng: np.random.Generator, index: int) -> StoreRecord:
    """White noise of 1e-7 m/s."""
    waveform_mps = (1e-7 * rng.standard_normal((3, 800))).astype(np.float32)
    return StoreRecord.noise(waveform_mps, f"noise-{index}", f"XX.T{index % 50:03d}", "toy")


def write_toy_store(
    path: Path, n_records: int = 400, n_noise: int = 60, *, radial: bool = False, noise_mps: float = 0.0
) -> Path:
    """A store of toy records over all distances and depths; `radial` leaves only their R components."""
    rng = np.random.default_rng(0)
    splits = {"train": 0.7, "dev": 0.2, "test": 0.1}
    with StoreWriter(path, RATE_HZ, splits, seed=0) as writer:
        for index in range(n_records):
            distance_km, depth_km = float(rng.uniform(1, 110)), float(rng.uniform(1, 25))
            record = toy_record(rng, index, distance_km, depth_km, noise_mps)
            if radial:
                record.waveform_mps[[0, 2]] = 0.0
            writer.add(record)
        for index in range(n_noise):
            writer.add(toy_noise(rng, index))
    return path


@functools.cache
def composed(entry: str, *overrides: str) -> DictConfig:
    """The configuration of a command line, to be changed in copies: composing takes a while."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        cfg = compose(entry, overrides=list(overrides))
    OmegaConf.set_struct(cfg, False)
    return cfg


def changed(cfg: DictConfig, *changes: str) -> dict:
    """The plain configuration with `key=value` changes, values as YAML writes them."""
    return configuration.plain(OmegaConf.merge(cfg, OmegaConf.from_dotlist(list(changes))))


def resolved(entry: str, *overrides: str) -> dict:
    """The plain configuration of an entry point's command line."""
    return configuration.plain(composed(entry, *overrides))


def small_training(store: Path, *overrides: str) -> dict:
    """The smoke experiment on the toy store, smaller still."""
    return resolved(
        "train",
        "experiment=smoke",
        f"store.path={store}",
        "logger=csv",
        "trainer.log_every_n_steps=1",
        "data.batch_size=4",
        "data.examples_per_epoch=8",
        "data.validation_examples=8",
        "data.velocity.count=2",
        "data.workers=0",
        "validation.minutes=0.6",  # of its sequence: replaying all of it takes longer than a small training
        "arch.location_channels=[4,4,8,8,8]",
        "arch.detection_channels=[4,4,4,4]",
        "arch.magnitude_channels=[4,4,4,4]",
        "~callbacks.pictures",  # drawing takes longer than training; tests/entry/test_commands.py has them
        *overrides,
    )
