"""First arrivals in flat layers, of the direct and the head wave."""

import numpy as np

from fcn.earth.rays import direct_wave, head_wave


def first_arrival_s(top_depth_km, velocity_kmps, depth_km, distance_km):
    """Times of one phase at sea level from every depth to every distance."""
    layers = (top_depth_km, velocity_kmps, depth_km, distance_km)
    return np.minimum(direct_wave(*layers).time_s, head_wave(*layers).time_s)
