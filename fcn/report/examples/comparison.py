"""Recombined events and the same ones simulated as a whole: figures of both populations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from rich.progress import track

from fcn.assemble import build_datamodule
from fcn.audit.direct import DirectSimulation
from fcn.audit.event_features import (
    MEASURES,
    Regression,
    StationTable,
    event_features,
    feature_names,
    measure,
)
from fcn.config import build
from fcn.recombine.noise import NoiseBank
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore

DIRECT, RECOMBINED = "direct", "recombined"
N_BOOTSTRAP = 200


@dataclass(frozen=True)
class Comparison:
    """Two populations of the same events: row i of both tables is the same source and network.

    Only events with enough stations in both are in it.
    """

    direct: StationTable
    recombined: StationTable

    @classmethod
    def of(cls, direct: StationTable, recombined: StationTable) -> "Comparison":
        """Keep the events that both have. Raises ValueError where there is none."""
        regression = Regression.fit(direct)
        both = event_features(direct, regression)[1] & event_features(recombined, regression)[1]
        if not both.any():
            raise ValueError("no event has enough stations with clear P and S in both populations: draw more")
        rows = np.flatnonzero(both)
        return cls(take(direct, rows), take(recombined, rows))

    def __len__(self) -> int:
        return len(self.direct.magnitude)

    @property
    def populations(self) -> dict[str, StationTable]:
        """Both, by name."""
        return {DIRECT: self.direct, RECOMBINED: self.recombined}

    def features(self) -> dict[str, Float[np.ndarray, "event feature"]]:
        """Features of both, as residuals of the direct events' regression: what differs stays in them."""
        regression = Regression.fit(self.direct)
        return {name: event_features(table, regression)[0] for name, table in self.populations.items()}


def take(table: StationTable, rows: Int[np.ndarray, " event"]) -> StationTable:
    """The events these indices point to."""
    return replace(table, **{item.name: getattr(table, item.name)[rows] for item in fields(table)})


def simulate(config: Mapping[str, Any], store: Path) -> Comparison:
    """The first `scenes` events that a training of this configuration would see, and the same ones whole.

    config: of conf/recombination.yaml. store: the base store it names.
    """
    base, scenes, batch_size = BaseStore.open(store), config["scenes"], config["data"]["batch_size"]
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    simulation = DirectSimulation(
        build(config["store"]["recipe"]["recipe"]),
        NoiseBank(base, "train", made.recipe.noise_texture),
        lead_s=config["data"]["lead_s"],
        seed=config["seed"],
    )
    tables: dict[str, list[StationTable]] = {DIRECT: [], RECOMBINED: []}
    for first in track(range(0, scenes, batch_size), description="simulating pairs", transient=True):
        batch = made.__getitems__([(0, i) for i in range(first, min(first + batch_size, scenes))])
        tables[RECOMBINED].append(measure(batch, base.sampling_rate_hz))
        tables[DIRECT].append(measure(simulation.like(batch, first), base.sampling_rate_hz))
    return Comparison.of(*(StationTable.join(tables[name]) for name in (DIRECT, RECOMBINED)))


def figures_of(table: StationTable) -> dict[str, float]:
    """Figures of a population.

    Amplitudes are log10 of the peak 2-8 Hz velocity; residuals are of the population's own regression.
    """
    used = table.used
    residual = Regression.fit(table).residuals(table)
    features = event_features(table, Regression.fit(table))[0]
    named = dict(zip(feature_names(), features.T, strict=True))
    peak = residual[..., MEASURES.index("log_peak")]
    count = used.sum(axis=1)
    mean = np.where(used, peak, 0.0).sum(axis=1) / count
    within = np.sqrt((np.where(used, peak - mean[:, None], 0.0) ** 2).sum() / (count - 1).sum())
    between = np.sqrt(max(mean.var() - within**2 * (1 / count).mean(), 0.0))
    medians = {name: float(np.median(table.values[used][:, i])) for i, name in enumerate(MEASURES)}
    return {
        "amplitude decay (log10 per log10 R)": decay(table),
        "scatter of amplitudes": float(peak[used].std()),
        "within-event deviation": float(within),
        "between-event deviation": float(between),
        "P over S, median of log10": medians["log_p_over_s"],
        "P over S, deviation": float(residual[used][:, MEASURES.index("log_p_over_s")].std()),
        "S minus P over distance (s/km), median": float(
            np.median(table.s_minus_p_s[used] / table.distance_km[used])
        ),
        "spectral centroid (Hz), median": 10 ** medians["log_centroid"],
        "spectral centroid, deviation of log10": float(
            residual[used][:, MEASURES.index("log_centroid")].std()
        ),
        "duration of 75 % of the energy (s), median": 10 ** medians["log_duration"],
        "horizontals over vertical, median": 10 ** medians["log_h_over_v"],
        "correlation of P and S residuals": float(named["P and S correlate"].mean()),
        "agreement of polarities": float(named["polarities agree"].mean()),
        "correlation of S envelopes": float(named["S envelopes alike"].mean()),
    }


def decay(table: StationTable) -> float:
    """Slope of the log peak with log distance, magnitude and depth held."""
    r_km = np.maximum(table.distance_km, 1.0)
    m, depth_km = (np.broadcast_to(x[:, None], r_km.shape) for x in (table.magnitude, table.depth_km))
    terms = np.stack([np.log10(r_km), np.ones_like(r_km), m, m**2, depth_km / 100], axis=-1)[table.used]
    peak = table.values[..., MEASURES.index("log_peak")][table.used]
    return float(np.linalg.lstsq(terms, peak, rcond=None)[0][0])


def bootstrapped(
    comparison: Comparison, figures: Callable[[StationTable], dict[str, float]], *, seed: int
) -> dict[str, float]:
    """Standard error of each figure's difference, recombined minus direct, by bootstrap over pairs."""
    rng = np.random.default_rng(seed)
    drawn: list[list[float]] = []
    for _ in range(N_BOOTSTRAP):
        rows = rng.integers(len(comparison), size=len(comparison))
        first, second = (figures(take(table, rows)) for table in comparison.populations.values())
        drawn.append([second[name] - first[name] for name in first])
    return dict(zip(figures(comparison.direct), np.std(drawn, axis=0).tolist(), strict=True))
