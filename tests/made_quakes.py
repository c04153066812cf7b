"""Toy recordings of one earthquake: noise, a burst from P on, a stronger horizontal one from S on."""

from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from fcn import config as configuration
from fcn.store.cut import Importer

NOISE_MPS = 1e-7


def importer(source: str = "seisbench", *overrides: str) -> Importer:
    """The importer as configured for a source."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        cfg = configuration.plain(
            compose("build_store", [f"source={source}", f"source.{source}.root=x", "out=x", *overrides])
        )
    return configuration.build(cfg["source"][source]["importer"])


def shaking(
    duration_s: float, p_s: float, s_s: float, rate_hz: float, seed: int = 0, level_mps: float = 1e-5
) -> np.ndarray:
    """Velocity Z, N, E in m/s."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = NOISE_MPS * rng.standard_normal((3, time_s.size))
    for onset_s, size in ((p_s, (1.0, 0.4, 0.4)), (s_s, (1.0, 4.0, 4.0))):
        late_s = np.maximum(time_s - onset_s, 0.0)
        envelope = np.where(time_s >= onset_s, np.exp(-late_s / 4.0), 0.0)
        wave += level_mps * np.array(size)[:, None] * envelope * rng.standard_normal((3, time_s.size))
    return wave


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path
