"""Depths at which travel-time tables have their receivers: sea level, or one in each layer above it.

A station is looked up at the level of its layer; the way from there to its own elevation is a correction of
second order (`fcn.earth.rays.Branch`), which holds inside a layer only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

SHARED_KM = 0.3  # layers thinner than this, as of a gradient, share a level
THICKEST_KM = 1.0  # of what one level serves


@dataclass(frozen=True, eq=False)
class Levels:
    """Receiver levels of one model or of several, one after the other, each from its lowest upwards.

    first: level that each model begins with. edge_km: depths above which its next level serves, -inf where
    there is none. depth_km: of each level. at_sea_level: whether no model has a layer above it; level and
    model are then the same number.
    """

    first: Int[Tensor, " model"]
    edge_km: Float[Tensor, "model edge"]
    depth_km: Float[Tensor, " level"]
    at_sea_level: bool

    @classmethod
    def of(cls, top_depth_km: Sequence[float]) -> "Levels":
        """Those of a model with these layer tops: sea level alone where no layer begins above it."""
        edges_km = _edges_km(top_depth_km)
        depths_km = [(lower + upper) / 2 for lower, upper in pairwise(edges_km)]
        return cls(
            torch.zeros(1, dtype=torch.int32),
            torch.tensor([edges_km[1:-1]], dtype=torch.float32),
            torch.tensor(depths_km or [0.0], dtype=torch.float32),
            at_sea_level=not depths_km,
        )

    @classmethod
    def stack(cls, each: Sequence["Levels"]) -> "Levels":
        """Those of several models, each given alone."""
        counts = torch.tensor([len(levels.depth_km) for levels in each], dtype=torch.int32)
        edge_km = torch.full((len(each), int(counts.max()) - 1), -torch.inf)
        for row, levels in zip(edge_km, each, strict=True):
            row[: levels.edge_km.shape[1]] = levels.edge_km[0]
        depth_km = torch.cat([levels.depth_km for levels in each])
        at_sea_level = all(levels.at_sea_level for levels in each)
        return cls((counts.cumsum(0) - counts).int(), edge_km, depth_km, at_sea_level)

    def alone(self, model: int) -> tuple["Levels", slice]:
        """Those of one of the models, and where they are among all."""
        edge_km = self.edge_km[model : model + 1]
        edge_km = edge_km[:, torch.isfinite(edge_km[0])]
        rows = slice(int(self.first[model]), int(self.first[model]) + edge_km.shape[1] + 1)
        depth_km = self.depth_km[rows]
        at_sea_level = not bool(depth_km.any())
        return Levels(torch.zeros_like(self.first[:1]), edge_km, depth_km, at_sea_level), rows

    def serving(
        self, model: Int[Tensor, "*batch"], depth_km: Float[Tensor, "*batch"]
    ) -> Int[Tensor, "*batch"]:
        """The level that serves receivers at these depths in each its own model."""
        return self.first[model.long()] + (depth_km[..., None] < self.edge_km[model.long()]).sum(-1).int()

    def to(self, device: torch.device | str) -> "Levels":
        """The same on another device."""
        first, edge_km, depth_km = (values.to(device) for values in (self.first, self.edge_km, self.depth_km))
        return Levels(first, edge_km, depth_km, self.at_sea_level)


def _edges_km(top_depth_km: Sequence[float]) -> list[float]:
    """From sea level up to the model's top, where one level ends and the next begins: at interfaces."""
    above_km = sorted((top for top in top_depth_km if top < 0), reverse=True)
    edges_km = [0.0]
    for top_km, next_km in pairwise([*above_km, -math.inf]):
        lower_km = edges_km[-1]
        if lower_km - next_km > SHARED_KM:
            count = math.ceil((lower_km - top_km) / THICKEST_KM - 1e-9)
            edges_km += [lower_km + (top_km - lower_km) * part / count for part in range(1, count + 1)]
    return edges_km
