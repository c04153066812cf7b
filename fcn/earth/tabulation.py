"""What the nodes of a travel-time table hold: both branches of P and S from every depth to every distance."""

import numpy as np
from jaxtyping import Float

from fcn.earth.rays import Branch, direct_wave, head_wave, layers_of
from fcn.earth.velocity import LayeredModel, flattened_depth_km

PHASES = ("P", "S")


def tabulate(
    model: LayeredModel,
    depth_km: Float[np.ndarray, " depth"],
    distance_km: Float[np.ndarray, " distance"],
    level_km: float,
    earth_flattening: bool,
) -> Float[np.ndarray, "depth distance 12"]:
    """Node values of one table, P then S, for receivers at the depth of a level."""
    layers = model.flattened() if earth_flattening else model
    ray_depth_km, ray_level_km = depth_km, level_km
    if earth_flattening:
        *ray_depths_km, ray_level_km = flattened_depth_km(np.append(depth_km, level_km)).tolist()
        ray_depth_km = np.array(ray_depths_km)
    tops = np.array(layers.top_depth_km)
    below_km = ray_depth_km[:, None] - tops[1:]
    just_below = ((below_km > 0) & (below_km <= np.ptp(ray_depth_km[:2]))).any(1)
    path_km = np.hypot(depth_km[:, None] - level_km, distance_km)
    columns = []
    for phase in PHASES:
        velocity = layers.velocity_kmps(phase)
        direct = direct_wave(tops, velocity, ray_depth_km, distance_km, ray_level_km)
        head = head_wave(tops, velocity, ray_depth_km, distance_km, ray_level_km)
        # Between nodes above and below an interface the head wave turns into the direct one.
        no_head = np.isinf(head.time_s) | (just_below[:, None] & (direct.time_s < head.time_s))
        second = Branch(*(np.where(no_head, *pair) for pair in zip(direct, head, strict=True)))
        at_source = 1 / velocity[layers_of(tops, ray_level_km)]
        for branch in (direct, second):
            slowness = np.full_like(path_km, at_source)  # the limit there
            np.divide(branch.time_s, path_km, out=slowness, where=path_km > 0)
            columns += [slowness, branch.time_s * branch.vertical_slowness_spkm, branch.moveout_s2pkm2]
    return np.stack(columns, axis=-1)
