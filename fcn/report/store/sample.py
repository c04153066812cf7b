"""A sample of a base store: what its figures and tables are drawn from."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from rich.progress import track

from fcn.store.reader import BaseStore
from fcn.store.schema import REFUSED_FILE

MOST_RECORDS = 3000  # read for figures: enough for medians, seconds to read
_RECORDS_AT_A_TIME = 100
_NOISE_GUARD_S = 1.0  # before P, kept out of the noise before an earthquake
Waveforms = Float32[np.ndarray, "record 3 time"]


@dataclass(frozen=True)
class StoreSample:
    """Every record of a small store, or MOST_RECORDS evenly spaced ones of a large one.

    Columns are those of BaseStore for these records; waveforms Z, R, T in m/s; pgv_mps: the peak of the
    larger horizontal component.
    """

    store: BaseStore
    indices: Int[np.ndarray, " record"]
    waveforms: Waveforms
    magnitude: Float64[np.ndarray, " record"]
    depth_km: Float64[np.ndarray, " record"]
    distance_km: Float64[np.ndarray, " record"]
    p_sample: Float64[np.ndarray, " record"]
    s_sample: Float64[np.ndarray, " record"]
    is_earthquake: Bool[np.ndarray, " record"]
    pgv_mps: Float64[np.ndarray, " record"]

    @property
    def name(self) -> str:
        """The folder's, saying so where records in it are simulated."""
        origins = sorted(set(self.store.origin.tolist()))
        return f"{self.store.path.name} ({', '.join(origins)})"

    @property
    def hypocentral_km(self) -> Float64[np.ndarray, " record"]:
        """Straight line from the source to the station at sea level."""
        return np.hypot(self.distance_km, self.depth_km)


def draw_sample(path: Path) -> StoreSample:
    """Open a store and read a sample of it; raises what `BaseStore.open` raises."""
    store = BaseStore.open(path)
    every = max(1, -(-len(store) // MOST_RECORDS))
    indices = np.arange(0, len(store), every)
    parts = [
        store.waveforms(indices[start : start + _RECORDS_AT_A_TIME])
        for start in track(
            range(0, len(indices), _RECORDS_AT_A_TIME), description="reading records", transient=True
        )
    ]
    waveforms = np.concatenate(parts)
    return StoreSample(
        store=store,
        indices=indices,
        waveforms=waveforms,
        magnitude=store.magnitude[indices],
        depth_km=store.depth_km[indices],
        distance_km=store.distance_km[indices],
        p_sample=store.p_sample[indices],
        s_sample=store.s_sample[indices],
        is_earthquake=store.category[indices] == "earthquake",
        pgv_mps=np.abs(waveforms[:, 1:]).max(axis=(1, 2)).astype(np.float64),
    )


def noise_pieces(sample: StoreSample, length: int) -> list[Float32[np.ndarray, "3 piece"]]:
    """`length` samples of noise each: of noise records, and of what precedes P by a second in the others."""
    guard = round(_NOISE_GUARD_S * sample.store.sampling_rate_hz)
    npts = sample.store.npts[sample.indices]
    ends = np.where(sample.is_earthquake, np.nan_to_num(sample.p_sample) - guard, npts).astype(int)
    return [
        waveform[:, end - length : end]
        for waveform, end in zip(sample.waveforms, ends, strict=True)
        if end >= length
    ]


def refusals(path: Path) -> dict[str, int]:
    """How many records were refused for each reason when the store was built, most first."""
    file = path / REFUSED_FILE
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        reasons = [row["reason"] for row in csv.DictReader(stream)]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons), key=reasons.count, reverse=True)}
