"""Configurations and made-up measures for the tests that compare recombined with whole events."""

from pathlib import Path

import numpy as np
from toy import resolved

import fcn.report.__main__  # noqa: F401  # declares the schema of conf/recombination.yaml
from fcn.audit.event_features import MEASURES, StationTable

RATE_HZ = 20.0


def configuration(store: Path, *overrides: str) -> dict:
    small = ("store=smoke", "data.velocity.count=2", f"store.path={store}")
    return resolved("recombination", *small, *overrides)


def made_table(rng: np.random.Generator, within: float, between: float, decay_: float = -1.5) -> StationTable:
    """150 events at 10 stations whose log amplitudes have these scatters; all measures are one."""
    shape = (150, 10)
    distance_km, magnitude = rng.uniform(10, 90, shape), rng.uniform(3.5, 6, 150)
    log_peak = magnitude[:, None] + decay_ * np.log10(distance_km) + between * rng.standard_normal((150, 1))
    log_peak = log_peak + within * rng.standard_normal(shape)
    return StationTable(
        values=np.repeat(log_peak[..., None], len(MEASURES), axis=2),
        used=np.ones(shape, bool),
        distance_km=distance_km,
        azimuth_rad=rng.uniform(-3, 3, shape),
        station_km=rng.uniform(-50, 50, (*shape, 3)),
        polarity=rng.choice([-1.0, 1.0], shape),
        s_minus_p_s=distance_km / 8,
        envelope=rng.standard_normal((*shape, 120)),
        magnitude=magnitude,
        depth_km=rng.uniform(2, 20, 150),
    )
