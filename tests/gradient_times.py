"""First arrivals between nodes of linear velocity by ray parameter: the reference of layers made from them.

In a gradient g rays are arcs: x = (u1 - u2) / (p g), t = ln(v2 (1 + u1) / (v1 (1 + u2))) / g, with p the ray
parameter and u = sqrt(1 - p^2 v^2), 0 where a ray turns (Aki & Richards 2002, sec. 9.3).
"""

from itertools import pairwise

import numpy as np


def through(p, depth_km, velocity_kmps, upper_km, lower_km):
    """Distance and time of rays from one depth down to another, or to where they turn."""
    inside = (depth_km > upper_km) & (depth_km < lower_km)
    cuts = [upper_km, *depth_km[inside], lower_km]
    x, t = np.zeros_like(p), np.zeros_like(p)
    for above_km, below_km in pairwise(cuts):
        v1, v2 = np.interp([above_km, below_km], depth_km, velocity_kmps)
        gradient = (v2 - v1) / (below_km - above_km)
        u1, u2 = (np.sqrt(np.maximum(1 - (p * v) ** 2, 0)) for v in (v1, v2))
        x += (u1 - u2) / (p * gradient)
        deepest = np.maximum(np.minimum(v2, 1 / p), v1)
        t += np.log(deepest * (1 + u1) / (v1 * (1 + u2))) / gradient * (p * v1 < 1)
    return x, t


def first_s(depth_km, velocity_kmps, source_km, receiver_km, distance_km):
    """First arrivals at distances; velocity grows down to the last node."""
    upper_km, lower_km = sorted((source_km, receiver_km))
    steep = np.sin(np.linspace(1e-6, np.pi / 2 - 1e-9, 4001)) / np.interp(lower_km, depth_km, velocity_kmps)
    turning_km = lower_km + (depth_km[-1] - lower_km) * np.linspace(1e-4, 1, 5001) ** 2
    flat = 1 / np.interp(turning_km, depth_km, velocity_kmps)
    down = np.array(through(flat, depth_km, velocity_kmps, lower_km, depth_km[-1]))
    up = np.array(through(flat, depth_km, velocity_kmps, upper_km, lower_km))
    first = np.full(len(distance_km), np.inf)
    for x, t in (through(steep, depth_km, velocity_kmps, upper_km, lower_km), up + 2 * down):
        for i, distance in enumerate(distance_km):
            k = np.flatnonzero((x[:-1] - distance) * (x[1:] - distance) <= 0)  # rays on both sides of it
            share = (distance - x[k]) / (x[k + 1] - x[k])
            first[i] = min([first[i], *(t[k] + share * (t[k + 1] - t[k]))])
    return first
