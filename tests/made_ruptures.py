"""A toy store with large ruptures, each recorded by an array."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from toy import RATE_HZ, toy_noise, toy_record

from fcn.constants import RELEASED
from fcn.store.schema import RUPTURES
from fcn.store.writer import StoreWriter

N_STATIONS, N_RUPTURES, LONG_S = 32, 24, 150


def write_store(path: Path) -> Path:
    """Ordinary records, and ruptures whose records ring from P to their end, in noise."""
    rng = np.random.default_rng(0)
    time_s = np.arange(LONG_S * RATE_HZ) / RATE_HZ
    with StoreWriter(path, RATE_HZ, {"train": 0.7, "dev": 0.2, "test": 0.1}, seed=0) as writer:
        for index in range(120):
            depth_km, magnitude = 3.0 + index // 4 % 20, 2.2 + index // 4 % 20 * 0.2
            record = toy_record(rng, index, float(rng.uniform(1, 110)), depth_km)
            writer.add(replace(record, source_magnitude=magnitude))
        for rupture in range(N_RUPTURES):
            magnitude, depth_km = 5.8 + 2.4 * rupture / N_RUPTURES, float(rng.uniform(3, 25))
            release_s = tuple((rupture + 1.0) * share for share in RELEASED)
            for station in range(N_STATIONS):
                template = toy_record(rng, station, 2.0 * 1.15**station, depth_km)
                azimuth_deg = (11.25 * station * 7) % 360.0
                waveform = 1e-4 * rng.standard_normal((3, len(time_s))) * (time_s >= 5.0)
                writer.add(
                    replace(
                        template,
                        waveform_mps=waveform.astype(np.float32),
                        source_id=f"rupture-{rupture}",
                        station_code=f"XX.R{rupture:02d}{station:02d}",
                        source_magnitude=magnitude,
                        path_azimuth_deg=azimuth_deg,
                        origin=RUPTURES,
                        source_release_s=release_s,
                    )
                )
        for index in range(20):
            writer.add(toy_noise(rng, index))
    return path
