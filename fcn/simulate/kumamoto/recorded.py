"""The twin beside what KiK-net really recorded at KMMH14: peaks and durations.

Observed figures: geometric means of the two surface horizontals, 0.2-30 Hz, of records of NIED's KiK-net
(doi 10.17598/NIED.0004) at KMMH14, measured once; the records themselves are not part of the project.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.progress import track
from scipy import signal

from fcn.seeding import Purpose, derive_rng
from fcn.simulate.kumamoto.catalogue import TABLES, moment_magnitude
from fcn.simulate.kumamoto.earth import TwinGround
from fcn.simulate.kumamoto.twin import KumamotoTwin
from fcn.simulate.path.ground import Shock

OBSERVED = TABLES / "observed.csv"
STATION = "KMH14"
BAND_HZ = (0.2, 30.0)
TRIALS = 9  # first key of a sequence's random streams
TYPICAL_MECHANISM = (
    (212.0, 15.0),
    (80.0, 8.0),
    (-165.0, 20.0),
)  # strike, dip, rake: mean, standard deviation


@dataclass(frozen=True)
class ObservedRecord:
    """One record at KMMH14 and its earthquake; hypocentre and magnitude None where not known.

    sigma_km: uncertainty of the epicentre, in each direction.
    """

    record_jst: str
    place_deg: tuple[float, float] | None
    sigma_km: float
    depth_km: float
    magnitude_mj: float | None
    where: str
    peaks: tuple[float, float, float]


@dataclass(frozen=True)
class Comparison:
    """An observed record and simulations of its earthquake: columns PGA m/s2, PGV cm/s, duration s."""

    record: ObservedRecord
    trials: Float[np.ndarray, "trial 3"]

    @property
    def ratio(self) -> Float[np.ndarray, "3"]:
        """Median simulated over observed."""
        return np.asarray(np.median(self.trials, axis=0) / np.array(self.record.peaks))

    @property
    def percentile(self) -> Float[np.ndarray, "3"]:
        """Share of the simulations below the observed value, %."""
        return np.asarray(100.0 * (self.trials < np.array(self.record.peaks)).mean(axis=0))


def read_observed(path: Path = OBSERVED) -> tuple[ObservedRecord, ...]:
    """The records of the table."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(_record(row) for row in csv.DictReader(file))


def _record(row: dict[str, str]) -> ObservedRecord:
    peaks = float(row["pga_mps2"]), float(row["pgv_cmps"]), float(row["duration_s"])
    if not row["magnitude_mj"]:
        return ObservedRecord(row["record_jst"], None, 0.0, math.nan, None, row["where"], peaks)
    place = float(row["latitude_deg"]), float(row["longitude_deg"])
    return ObservedRecord(
        row["record_jst"],
        place,
        float(row["sigma_km"]),
        float(row["depth_km"]),
        float(row["magnitude_mj"]),
        row["where"],
        peaks,
    )


def compare(twin: KumamotoTwin, n_trials: int) -> list[Comparison]:
    """Simulate each observed earthquake that has a hypocentre, again and again, at the twin's KMMH14.

    Site, column and Earth are the twin's; stress drop, rupture, mechanism, scattering and, within its
    uncertainty, the place are drawn anew. Sensors play no part: the real ones do not clip.
    """
    ground = twin.ground().only([station.code for station in twin.network].index(STATION))
    known = [record for record in read_observed() if record.magnitude_mj is not None]
    return [
        Comparison(record, np.array([_trial(twin, ground, record, i, trial) for trial in range(n_trials)]))
        for i, record in enumerate(track(known, description="simulating records at KMMH14"))
    ]


def _trial(
    twin: KumamotoTwin, ground: TwinGround, record: ObservedRecord, number: int, trial: int
) -> tuple[float, float, float]:
    rng = derive_rng(twin.seed, Purpose.SEQUENCE, TRIALS, number, trial)
    if record.place_deg is None or record.magnitude_mj is None:
        raise ValueError(f"record {record.record_jst} has no hypocentre to simulate")
    east_km, north_km = twin.frame.to_local_km(*(np.array([value]) for value in record.place_deg))
    offset_km = record.sigma_km * rng.standard_normal(2)
    angles = [mean + sigma * float(rng.standard_normal()) for mean, sigma in TYPICAL_MECHANISM]
    position_km = (float(east_km[0] + offset_km[0]), float(north_km[0] + offset_km[1]), record.depth_km)
    mechanism = (angles[0], min(angles[1], 90.0), angles[2])
    key = 1_000_000 * (number + 1) + trial  # no number of a catalogued event
    shock = Shock(key, 0.0, position_km, moment_magnitude(record.magnitude_mj), mechanism)
    velocity_mps = ground.motion(shock).velocity_mps[0, 1:].astype(np.float64)
    return peaks_and_duration(velocity_mps, ground.sampling_rate_hz)


def peaks_and_duration(
    velocity_mps: Float[np.ndarray, "2 time"], sampling_rate_hz: float
) -> tuple[float, float, float]:
    """PGA m/s2, PGV cm/s and 5-95 % significant duration s of two horizontals, as geometric means."""
    sos = signal.butter(4, BAND_HZ, "bandpass", fs=sampling_rate_hz, output="sos")
    velocity = signal.sosfiltfilt(sos, velocity_mps, axis=-1)
    acceleration = np.gradient(velocity, 1.0 / sampling_rate_hz, axis=-1)
    energy = (acceleration**2).cumsum(-1)
    share = energy / energy[:, -1:]
    duration_s = ((share >= 0.05) & (share <= 0.95)).sum(-1) / sampling_rate_hz
    pga, pgv = np.abs(acceleration).max(-1), 100.0 * np.abs(velocity).max(-1)
    means = (float(np.sqrt(pair.prod())) for pair in (pga, pgv, duration_s))
    return next(means), next(means), next(means)
