"""First arrivals in flat constant layers, in closed form: the direct wave and the head waves.

Horizontally layered media: Aki & Richards (2002), section 9.3; Lay & Wallace (1995), section 3.2. The top
layer reaches up without end. A source or receiver on an interface belongs to the layer above it: its ray
along the interface is then the head wave of the layer below with no downgoing leg, so that neither the
grazing ray nor continuity is lost.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

NEWTON_TOLERANCE = 1e-10  # of distance, relative; what is left is corrected to first order in time
NEWTON_MAX_ITERATIONS = 60
NEVER_KM = 1e12  # critical distance per km of a layer that is no slower than the refractor

Layers = Float[np.ndarray, " layer"]
Depths = Float[np.ndarray, " depth"]
Distances = Float[np.ndarray, " distance"]
Nodes = Float[np.ndarray, "depth distance"]


class Branch(NamedTuple):
    """Arrivals of one kind at a receiver, and how they move with its elevation e (km) above where it is.

    time(e)^2 = time_s^2 + 2 e time_s vertical_slowness_spkm + e^2 moveout_s2pkm2 is right to second order in
    e, and exact for sources in the receiver's layer and for head waves, as long as the receiver stays in it.
    Time is infinite where there is no arrival.
    """

    time_s: Nodes
    vertical_slowness_spkm: Nodes  # d time / d elevation, positive for waves from below
    moveout_s2pkm2: Nodes  # half the second derivative of time squared


def direct_wave(
    top_depth_km: Layers,
    velocity_kmps: Layers,
    depth_km: Depths,
    distance_km: Distances,
    receiver_depth_km: float = 0.0,
) -> Branch:
    """The ray that goes straight up, or down from a source above the receiver, bent at interfaces only."""
    direct = Branch(*(np.empty((len(depth_km), len(distance_km))) for _ in range(3)))
    own, layer_of_source = layers_of(top_depth_km, receiver_depth_km), layers_of(top_depth_km, depth_km)
    for layer in np.unique(layer_of_source):
        here = layer_of_source == layer
        if layer == own:
            part = _straight(velocity_kmps[own], depth_km[here] - receiver_depth_km, distance_km)
        else:
            # the layers in between, from the receiver's to the source's
            layers = np.arange(own, layer + 1) if layer > own else np.arange(own, layer - 1, -1)
            upper_km = np.minimum(depth_km[here], receiver_depth_km)[:, None]
            lower_km = np.maximum(depth_km[here], receiver_depth_km)[:, None]
            part = _refracted(
                _between(top_depth_km, upper_km, lower_km)[:, layers],
                velocity_kmps[layers],
                distance_km,
            )
            if layer < own:
                part = part._replace(vertical_slowness_spkm=-part.vertical_slowness_spkm)
        for target, values in zip(direct, part, strict=True):
            target[here] = values
    return direct


def layers_of(top_depth_km: Layers, depth_km: float | Depths) -> Any:
    """Index of the layer each depth is in: an integer for a number, else an array."""
    return np.maximum(np.searchsorted(top_depth_km, depth_km, "left") - 1, 0)


def _between(
    top_depth_km: Layers, upper_km: Float[np.ndarray, "depth 1"], lower_km: Float[np.ndarray, "#depth 1"]
) -> Float[np.ndarray, "depth layer"]:
    """What of each layer lies between two depths; the first one reaches up, the last one down without end."""
    tops = np.concatenate([[-np.inf], top_depth_km[1:], [np.inf]])
    return np.maximum(np.minimum(tops[1:], lower_km) - np.maximum(tops[:-1], upper_km), 0.0)


def _straight(velocity_kmps: float, depth_km: Depths, distance_km: Distances) -> Branch:
    """Direct wave inside the receiver's layer, from sources this far below it."""
    path_km = np.hypot(depth_km[:, None], distance_km)
    cosine = np.ones_like(path_km)  # at the source itself: any direction
    np.divide(depth_km[:, None], path_km, out=cosine, where=path_km > 0)
    moveout = np.full_like(path_km, 1 / velocity_kmps**2)
    return Branch(path_km / velocity_kmps, cosine / velocity_kmps, moveout)


def _refracted(
    thickness_km: Float[np.ndarray, "depth layer"], velocity_kmps: Layers, distance_km: Distances
) -> Branch:
    """Direct wave through layers, by Newton's method on q, the tangent of the ray in the fastest layer.

    With r = v / v_fastest, distance is X(q) = sum h r q / sqrt(1 + (1 - r^2) q^2): increasing and concave, so
    Newton from the left (q = x / sum h r) climbs to the root without ever passing it.
    """
    fastest = velocity_kmps.max()
    ratio = velocity_kmps / fastest
    bend = (1 - ratio**2)[:, None]
    reach = (thickness_km * ratio)[:, None, :]  # (depth, 1, layer)
    q = distance_km[None, None, :] / reach.sum(2, keepdims=True)  # (depth, 1, distance)
    for _ in range(NEWTON_MAX_ITERATIONS):
        shrink = 1 / np.sqrt(1 + bend * (q * q))  # (depth, layer, distance)
        shortfall_km = distance_km - q * (reach @ shrink)
        slope = reach @ (shrink * shrink * shrink)
        if (shortfall_km <= NEWTON_TOLERANCE * (1 + distance_km)).all():
            break
        q = q + np.maximum(shortfall_km, 0) / slope
    secant = np.sqrt(1 + q * q)
    slowness = q / (fastest * secant)
    time_s = secant * ((thickness_km / velocity_kmps)[:, None, :] @ shrink) + slowness * shortfall_km
    vertical = 1 / (velocity_kmps[0] * secant * shrink[:, :1])
    # d2t/de2 = (p / vertical)^2 dp/dx: the ray moves to smaller p as the receiver rises.
    curvature = (slowness / vertical) ** 2 / (slope * fastest * secant**3)
    return Branch(time_s[:, 0], vertical[:, 0], (vertical**2 + time_s * curvature)[:, 0])


def head_wave(
    top_depth_km: Layers,
    velocity_kmps: Layers,
    depth_km: Depths,
    distance_km: Distances,
    receiver_depth_km: float = 0.0,
) -> Branch:
    """The earliest of the waves along the tops of layers, below the receiver, faster than all above."""
    head = Branch(
        np.full((len(depth_km), len(distance_km)), np.inf), *np.zeros((2, len(depth_km), len(distance_km)))
    )
    own = layers_of(top_depth_km, receiver_depth_km)
    for refractor in range(own + 1, len(top_depth_km)):
        velocity, fast = velocity_kmps[:refractor], velocity_kmps[refractor]
        if fast <= velocity[own:].max():
            continue
        cosine = np.sqrt(1 - np.minimum(velocity / fast, 1.0) ** 2)
        delay = cosine / velocity  # s per km of thickness
        offset = np.full_like(velocity, NEVER_KM)  # km per km of thickness; faster layers above the receiver
        np.divide(velocity / fast, cosine, out=offset, where=cosine > 0)
        above = np.flatnonzero(depth_km <= top_depth_km[refractor])
        base_km = np.array([[top_depth_km[refractor]]])
        legs_km = _between(top_depth_km, depth_km[above, None], base_km)
        legs_km = (legs_km + _between(top_depth_km, np.array([[receiver_depth_km]]), base_km))[:, :refractor]
        time_s = (legs_km @ delay)[:, None] + distance_km / fast
        critical_km = legs_km @ offset
        row, column = np.nonzero((distance_km >= critical_km[:, None]) & (time_s < head.time_s[above]))
        head.time_s[above[row], column] = time_s[row, column]
        head.vertical_slowness_spkm[above[row], column] = delay[own]
        head.moveout_s2pkm2[above[row], column] = delay[own] ** 2
    return head
