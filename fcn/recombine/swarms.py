"""Swarms: small events of similar size at one place, one every few seconds, near the noise at most sites."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.recombine.faults import between, log_between
from fcn.recombine.priors import interval
from fcn.recombine.scene import Scene

NEAR = 3  # an event is about as large as its third-nearest station needs
REFERENCE_KM = 10.0
DECAY = 1.5  # magnitudes per decade of that distance, of equal amplitude
JITTER = (0.6, 1.4)  # of the time between two events, as a fraction


@dataclass(frozen=True)
class SwarmPrior:
    """Windows whose events are a swarm, in the place of those that `EventPrior` draws.

    share:       of windows; 0 switches swarms off.
    magnitude:   [low, high] of the first event, uniform, where the third-nearest station is 10 km away;
                 1.5 more for ten times that distance, and none below `least`.
    scatter:     standard deviation of the others' magnitudes about it.
    gap_s:       [low, high] mean time between events of one swarm, uniform.
    spread_km:   [low, high] standard deviation of hypocentres about the first, per axis, log-uniform.
    """

    share: float
    magnitude: Sequence[float]
    least: float
    scatter: float
    gap_s: Sequence[float]
    spread_km: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("magnitude", "gap_s", "spread_km"):
            object.__setattr__(self, name, interval(f"swarms.{name}", getattr(self, name)))
        if not 0 <= self.share <= 1 or self.scatter < 0:
            raise ValueError(
                f"data.swarms.share lies in 0-1 and scatter is >= 0, got {self.share}, {self.scatter}"
            )
        if self.gap_s[0] <= 0 or self.spread_km[0] <= 0:
            raise ValueError(
                f"data.swarms: gap_s and spread_km must be positive, got {self.gap_s}, {self.spread_km}"
            )


def with_swarms(
    scene: Scene, rngs: Sequence[np.random.Generator], prior: SwarmPrior, *, depth_km: Sequence[float]
) -> Scene:
    """The scene with the events of some windows changed for a swarm.

    The first event stays where and when it was; the second comes after it, the others before. An example
    depends on its own generator alone. depth_km: [low, high] of events.
    """
    n_events = scene.exists.shape[1]
    u = torch.from_numpy(np.stack([rng.random(5 + n_events, dtype=np.float32) for rng in rngs]))
    z = torch.from_numpy(np.stack([rng.standard_normal((n_events, 4), dtype=np.float32) for rng in rngs]))
    swarm = (u[:, 0] < prior.share)[:, None]
    exists = torch.arange(n_events) <= (n_events * u[:, 1:2].sqrt()).floor()  # rather many than few

    spread_km = log_between(prior.spread_km, u[:, 2])[:, None, None]
    source_km = scene.source_km[:, :1] + spread_km * z[..., :3]
    source_km[:, 0] = scene.source_km[:, 0]
    source_km[..., 2] = source_km[..., 2].clamp(*depth_km)

    near_km = _third_nearest(scene)
    first = between(prior.magnitude, u[:, 3]) + DECAY * torch.log10(near_km / REFERENCE_KM)
    magnitude = first[:, None] + prior.scatter * z[..., 3]

    gap_s = between(prior.gap_s, u[:, 4])[:, None] * between(JITTER, u[:, 5:])
    order = 1 - torch.arange(n_events)  # of the second event 0: it is put after the first below
    delay_s = torch.where(order == 0, gap_s, order * gap_s)
    delay_s[:, 0] = 0.0
    first_p_s = scene.first_p_s[:, :1] + delay_s
    return replace(
        scene,
        source_km=torch.where(swarm[..., None], source_km, scene.source_km),
        magnitude=torch.where(swarm, magnitude.clamp_min(prior.least), scene.magnitude),
        first_p_s=torch.where(swarm, first_p_s, scene.first_p_s),
        exists=torch.where(swarm, exists, scene.exists),
        locatable=torch.where(swarm, exists & (first_p_s >= 0), scene.locatable),
    )


def _third_nearest(scene: Scene) -> Float[Tensor, " batch"]:
    """Distance of the first event to its third-nearest station, along the straight line."""
    away_km = torch.linalg.vector_norm(scene.station_km - scene.source_km[:, :1], dim=-1)
    ordered = away_km.masked_fill(~scene.mask, torch.inf).sort(dim=1).values
    # a network has three stations or more
    return ordered[:, NEAR - 1].clamp_min(1.0)
