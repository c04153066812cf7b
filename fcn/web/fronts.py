"""Where P and S of an event are: when they come to each station, and how far they have gone between."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from fcn.web.snapshot import Snapshot

N_DISTANCES = 33
BEYOND = 1.5  # fronts are followed so much farther than the farthest station


@dataclass(frozen=True, eq=False)
class Fronts:
    """Seconds after the origin, P and S: at each station, and at epicentral distances."""

    station_s: Float[np.ndarray, "station 2"]
    distance_km: Float[np.ndarray, " distance"]
    time_s: Float[np.ndarray, "distance 2"]


def fronts_of(snapshot: Snapshot, source_km: tuple[float, float, float]) -> Fronts | None:
    """Fronts of a source, east, north, depth; None where it lies beyond the travel times, or there are none.

    Between stations the slowness along the straight path is interpolated by its length, so that any model of
    travel times will do, one that knows stations alone as well; beyond them the last one holds.
    """
    if snapshot.travel_times is None or snapshot.sensor_km is None:
        return None
    source = torch.tensor(source_km, dtype=torch.float32)
    try:
        times_s = snapshot.travel_times.between(source[None, None], snapshot.sensor_km[None])[0, :, 0].numpy()
    except (ValueError, NotImplementedError):
        return None
    offset_km = snapshot.sensor_km.numpy() - source.numpy()
    epicentral_km = np.hypot(offset_km[:, 0], offset_km[:, 1])
    path_km = np.linalg.norm(offset_km, axis=1)
    order = np.argsort(path_km)
    slowness = times_s / np.maximum(path_km, 1e-3)[:, None]
    if not np.isfinite(slowness).all():
        return None
    distance_km = np.linspace(0.0, BEYOND * max(float(epicentral_km.max()), 10.0), N_DISTANCES)
    length_km = np.hypot(distance_km, source_km[2])
    along = [np.interp(length_km, path_km[order], slowness[order, phase]) for phase in range(2)]
    times = np.stack(along, axis=-1) * length_km[:, None]
    return Fronts(times_s.astype(np.float64), distance_km, np.maximum.accumulate(times, axis=0))
