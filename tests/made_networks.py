"""Made stations and streams for the tests of sensors, archives and sequences."""

import numpy as np
import obspy

from fcn.geometry.network import Station
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

START_S = 1_460_636_790.0  # 2016-04-14 12:26:30 UTC
COUNTS_PER_MPS = 4e8


def make_trace(
    seed_id: str, data: np.ndarray, rate_hz: float = 100.0, start_s: float = START_S
) -> obspy.Trace:
    trace = obspy.Trace(np.asarray(data))
    network, station, location, channel = seed_id.split(".")
    trace.stats.update(
        {
            "network": network,
            "station": station,
            "location": location,
            "channel": channel,
            "sampling_rate": rate_hz,
            "starttime": obspy.UTCDateTime(start_s),
        }
    )
    return trace


def make_site(
    code: str, latitude_deg: float = 32.8, longitude_deg: float = 130.8, elevation_m: float = 100.0
) -> Station:
    return Station("XX", code, "", latitude_deg, longitude_deg, elevation_m)


def make_network(n_stations: int = 3, seconds: float = 60.0, rate_hz: float = 100.0, kind: str = "velocity"):
    """(stations, stream of counts, inventory): white noise of 1e-6 m/s (or m/s2) about an offset."""
    rng = np.random.default_rng(0)
    sites = [
        make_site(f"S{i:02d}", 32.7 + 0.1 * i, 130.7 + 0.05 * (i % 2), 50.0 * i) for i in range(n_stations)
    ]
    n = round(seconds * rate_hz)
    stream = obspy.Stream()
    for site in sites:
        for component in "ZNE":
            counts = np.round(COUNTS_PER_MPS * 1e-6 * rng.standard_normal(n) + 1000.0).astype(np.int32)
            stream.append(make_trace(f"{site.id}..HH{component}", counts, rate_hz))
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, kind) for trace in stream}
    return sites, stream, make_inventory(sites, stream, stated)
