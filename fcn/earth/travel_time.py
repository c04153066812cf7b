"""Travel-time tables: first P and S against source depth and epicentral distance, looked up in bulk."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from fcn import checked
from fcn.constants import EARTH_RADIUS_KM
from fcn.devices import sent
from fcn.earth.levels import Levels
from fcn.earth.tabulation import tabulate
from fcn.earth.velocity import DEEPEST_TOP_KM, LayeredModel

LOOKUPS_PER_CHUNK = 1 << 16  # intermediate values stay in the cache
PAIRS_PER_CHUNK = 8  # the same, of columns
HIGHEST_KM = 100.0  # above sea level: no source is there, and nothing to trace through
MOST_NODES = 4e6  # of a table, 12 numbers each: 0.4 GB while it is made
KEPT_ON_DEVICES = 8  # tables, the last used: of a training and of its validation sequences
HIGHEST_SOURCE_KM = -4.0  # shallowest depth of a table unless told otherwise: inside the highest mountains


@dataclass(frozen=True, eq=False)
class TravelTimeTable:
    """First arrivals of P and S for one model, or for a batch of them, on a regular grid.

    values: per node, phase (P, S) and branch (direct; head wave, or direct again where there is none) the
        mean slowness time/path in s/km, path the straight one, and the coefficients of 2 e and e^2 in the
        squared time at elevation e above the level (`fcn.earth.rays.Branch`). These are smooth at the source,
        where time has a kink; the branches are kept apart because their minimum has one too.
    levels: the depths the receivers are at.
    model: which model each leading batch element reads, shape () or (B,).
    digest: of values and levels; tables made, or sent by another process, with the same ones are equal.
    origin: values and levels on the device that these were moved from.
    """

    values: Float[Tensor, "level depth distance 12"]
    levels: Levels
    model: Int[Tensor, "*batch"]
    min_depth_km: float
    step_km: float
    digest: str = ""
    origin: tuple[Tensor, Levels] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.digest:
            content = hashlib.blake2b()
            for part in (self.values, self.levels.first, self.levels.edge_km, self.levels.depth_km):
                content.update(part.detach().cpu().contiguous().numpy().tobytes())
            object.__setattr__(self, "digest", content.hexdigest())

    def __eq__(self, other: object) -> bool:
        """The same times for the same windows, wherever the tables are."""
        return isinstance(other, TravelTimeTable) and (
            (self.digest, self._layout) == (other.digest, other._layout)
            and (self.model is other.model or torch.equal(self.model.cpu(), other.model.cpu()))
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    @classmethod
    def build(
        cls,
        model: LayeredModel,
        *,
        max_depth_km: float,
        max_distance_km: float,
        step_km: float,
        min_depth_km: float = HIGHEST_SOURCE_KM,
        earth_flattening: bool = False,
    ) -> "TravelTimeTable":
        """Tabulate `model` for source depths min to max and distances 0 to max, each rounded out to the step.

        A negative `min_depth_km` admits sources above sea level. Layers above sea level make a table each, of
        receivers in them (`fcn.earth.levels`). `earth_flattening` treats the layers as spherical shells
        (depths stay true depths), unless the model was derived for a flat Earth. Raises ValueError for an
        empty range, or one of too many nodes.
        """
        ranges = {"step_km": step_km, "min_depth_km": min_depth_km}
        ranges |= {"max_depth_km": max_depth_km, "max_distance_km": max_distance_km}
        check_table("travel-time table", ranges)
        step_km = float(step_km)
        if not (max_depth_km > max(min_depth_km, 0) and max_distance_km > 0 and min_depth_km <= 0):
            raise ValueError(
                f"no travel-time table from {min_depth_km} to {max_depth_km} km depth and 0 to "
                f"{max_distance_km} km distance: depths must span sea level (0), distances be positive"
            )
        first = math.floor(min_depth_km / step_km + 1e-9)  # sea level stays on a node
        depth_km = np.arange(first, math.ceil(max_depth_km / step_km - 1e-9) + 1) * step_km
        distance_km = np.arange(math.ceil(max_distance_km / step_km - 1e-9) + 1) * step_km
        levels = Levels.of(model.top_depth_km)
        flatten = earth_flattening and not model.flat_earth
        values = [
            torch.from_numpy(tabulate(model, depth_km, distance_km, level_km, flatten)).float()
            for level_km in levels.depth_km.double().tolist()
        ]
        return cls(torch.stack(values), levels, torch.tensor(0), float(first * step_km), float(step_km))

    @classmethod
    def stack(cls, tables: Sequence["TravelTimeTable"]) -> "TravelTimeTable":
        """One batch of single tables with equal ranges and steps; raises ValueError where they differ."""
        if not tables:
            raise ValueError("no travel-time tables to stack")
        for table in tables:
            if table.model.ndim or table._layout != tables[0]._layout:
                raise ValueError(
                    f"travel-time tables differ: {table._layout} beside {tables[0]._layout} (nodes, first "
                    "depth, step); build them with the same ranges, and stack single ones"
                )
        alone = [table.levels.alone(int(table.model)) for table in tables]
        values = torch.cat([table.values[rows] for table, (_, rows) in zip(tables, alone, strict=True)])
        levels = Levels.stack([levels for levels, _ in alone])
        model = torch.arange(len(tables))
        return replace(tables[0], values=values, levels=levels, model=model, digest="", origin=None)

    @property
    def _layout(self) -> tuple[tuple[int, ...], float, float]:
        return tuple(self.values.shape[1:3]), self.min_depth_km, self.step_km

    @property
    def max_depth_km(self) -> float:
        """Deepest tabulated source."""
        return self.min_depth_km + (self.values.shape[1] - 1) * self.step_km

    @property
    def max_distance_km(self) -> float:
        """Largest tabulated epicentral distance."""
        return (self.values.shape[2] - 1) * self.step_km

    def __getitem__(self, index: Int[Tensor, "*batch"]) -> "TravelTimeTable":
        """Batch whose element b reads table index[b]; shares the values."""
        return replace(self, model=self.model[index])

    def to(self, device: torch.device | str) -> "TravelTimeTable":
        """The same tables on another device; themselves where they are there already.

        Tens of MB that come with every batch are moved once: the last `KEPT_ON_DEVICES` stay there.
        """
        if self.values.device == torch.device(device) == self.model.device:
            return self
        model = sent(self.model, device)
        if self.origin is not None and self.origin[0].device == torch.device(device):
            return replace(self, values=self.origin[0], levels=self.origin[1], model=model, origin=None)
        key = (self.digest, tuple(self.values.shape), str(torch.device(device)))
        there = _ON_DEVICES.pop(key, None) or (self.values.to(device), self.levels.to(device))
        _ON_DEVICES[key] = there
        while len(_ON_DEVICES) > KEPT_ON_DEVICES:
            _ON_DEVICES.pop(next(iter(_ON_DEVICES)))
        values, levels = there
        return replace(self, values=values, levels=levels, model=model, origin=(self.values, self.levels))

    def between(
        self, source_km: Float[Tensor, "*batch source 3"], station_km: Float[Tensor, "*batch station 3"]
    ) -> Float[Tensor, "*batch station source 2"]:
        """First P and S times in s from sources to stations (east, north, depth in km; depth down).

        Bilinear in source depth and distance; a station's elevation moves the end of the ray through the
        layer it is in (second order, `fcn.earth.rays.Branch`). A batch of tables needs positions with the
        same leading shape. Raises ValueError where a source lies outside the table.
        """
        offset_km = station_km[..., :, None, :2] - source_km[..., None, :, :2]
        distance_km = torch.linalg.vector_norm(offset_km, dim=-1)
        depth_km = source_km[..., None, :, 2].expand_as(distance_km)
        rise_km = -station_km[..., :, None, 2].expand_as(distance_km)
        self._check_ranges(depth_km, distance_km)
        level = self.model.int()[(...,) + (None,) * (distance_km.ndim - self.model.ndim)]
        if not self.levels.at_sea_level:
            station_depth_km = station_km[..., :, None, 2]
            level = self.levels.serving(level.expand_as(station_depth_km), station_depth_km)
        pairs = (level.expand_as(distance_km), depth_km, distance_km, rise_km)
        flat = [values.flatten() for values in pairs]
        if distance_km.numel() <= LOOKUPS_PER_CHUNK:
            return self._times_s(*flat).view(*distance_km.shape, 2)
        chunks = zip(*(values.split(LOOKUPS_PER_CHUNK) for values in flat), strict=True)
        return torch.cat([self._times_s(*chunk) for chunk in chunks]).view(*distance_km.shape, 2)

    def from_columns(
        self,
        east_north_km: Float[Tensor, "volume column 2"],
        depth_km: Float[Tensor, "volume depth"],
        volume: Int[Tensor, " pair"],
        station_km: Float[Tensor, "pair 3"],
    ) -> Float[Tensor, "pair 2 column depth"]:
        """As `between`, from all depths of a volume's columns to a station: pairs of a volume and a station.

        Each volume reads its model; one model serves all. The table is cut through once at the depths of each
        volume, and a column reads them all at its two nearest distances: the same times to a rounding.
        """
        model = self.model.reshape(-1).expand(len(depth_km))
        offset_km = station_km[:, None, :2] - east_north_km[volume]
        distance_km = torch.linalg.vector_norm(offset_km, dim=-1)
        if len(volume) == 0:
            return distance_km.new_zeros(0, 2, distance_km.shape[1], depth_km.shape[1])
        farthest_km = self._check_ranges(depth_km, distance_km)
        n_distances = min(int(farthest_km / self.step_km) + 2, self.values.shape[2])
        # at all levels of each model: a device would be waited for those that have stations
        first, n_steps = self.levels.first[model.long()].long(), self.levels.edge_km.shape[1] + 1
        cut = (first[:, None] + torch.arange(n_steps, device=first.device)).flatten()
        cut = cut.clamp_max(len(self.values) - 1)  # after the last of a model with fewer: the next one's
        slices = self._slices(cut, depth_km.repeat_interleave(n_steps, dim=0), n_distances)
        level = self.levels.serving(model[volume], station_km[:, 2])
        which = volume * n_steps + level - first[volume]
        level_km = self.levels.depth_km[level.long()]
        pairs = (which, distance_km, depth_km[volume] - level_km[:, None], level_km - station_km[:, 2])
        parts = zip(*(each.split(PAIRS_PER_CHUNK) for each in pairs), strict=True)
        times_s = distance_km.new_empty(len(volume), 2, distance_km.shape[1], depth_km.shape[1])
        for made, part in zip(times_s.split(PAIRS_PER_CHUNK), parts, strict=True):
            made.copy_(self._column_times_s(slices, *part))
        return times_s

    def _slices(
        self, level: Int[Tensor, " slice"], depth_km: Float[Tensor, "slice depth"], n_distances: int
    ) -> Float[Tensor, "slice distance value"]:
        """The table cut through at depths: slowness, lift and moveout, each of (phase, branch, depth)."""
        values = self.values[:, :, :n_distances]
        row = (depth_km - self.min_depth_km) / self.step_km
        upper = row.int().clamp_(0, self.values.shape[1] - 2).long()
        down = (row - upper)[..., None, None]
        cut = torch.lerp(values[level[:, None], upper], values[level[:, None], upper + 1], down)
        n_slices, n_depths = depth_km.shape
        split = cut.view(n_slices, n_depths, n_distances, 2, 2, 3)  # phase, branch, what
        return split.permute(0, 2, 5, 3, 4, 1).reshape(n_slices, n_distances, 12 * n_depths)

    def _column_times_s(
        self,
        slices: Float[Tensor, "slice distance value"],
        which: Int[Tensor, " pair"],
        distance_km: Float[Tensor, "pair column"],
        depth_km: Float[Tensor, "pair depth"],
        rise_km: Float[Tensor, " pair"],
    ) -> Float[Tensor, "pair 2 column depth"]:
        """Depths and rises are against the level of the slice."""
        n_distances = slices.shape[1]
        place = distance_km / self.step_km
        left = place.int().clamp_max_(n_distances - 2)
        right = (place - left).flatten()
        first = (which[:, None] * n_distances + left).flatten().int()
        terms = F.embedding_bag(
            torch.stack((first, first + 1), -1),
            slices.view(-1, slices.shape[-1]),
            mode="sum",
            per_sample_weights=torch.stack((1 - right, right), -1).to(slices.dtype),
        )
        n_pairs, n_columns = distance_km.shape
        slowness, lift, moveout = terms.view(n_pairs, n_columns, 3, 2, 2, -1).unbind(2)
        path_km = (distance_km[..., None] ** 2 + depth_km[:, None] ** 2).sqrt()
        rise_km = rise_km[:, None, None, None, None]
        squared = (slowness * path_km[:, :, None, None]) ** 2 + rise_km * (2 * lift + rise_km * moveout)
        direct, other = squared.unbind(3)
        return torch.minimum(direct, other).clamp_min_(0).sqrt_().transpose(1, 2)

    def _times_s(
        self,
        level: Int[Tensor, " pair"],
        depth_km: Float[Tensor, " pair"],
        distance_km: Float[Tensor, " pair"],
        rise_km: Float[Tensor, " pair"],
    ) -> Float[Tensor, "pair 2"]:
        """First P and S of each pair: the four nodes around it in one weighted gather, then the elevation."""
        _, n_depths, n_distances, n_values = self.values.shape
        row = (depth_km - self.min_depth_km) / self.step_km
        column = distance_km / self.step_km
        upper = row.int().clamp_(0, n_depths - 2)
        left = column.int().clamp_max_(n_distances - 2)
        down, right = row - upper, column - left
        corner = (level * n_depths + upper) * n_distances + left
        corners = torch.stack((corner, corner + 1, corner + n_distances, corner + n_distances + 1), -1)
        up_left, up_right = (1 - down) * (1 - right), (1 - down) * right
        weights = torch.stack((up_left, up_right, down * (1 - right), down * right), -1)
        terms = F.embedding_bag(
            corners,
            self.values.view(-1, n_values),
            mode="sum",
            per_sample_weights=weights.to(self.values.dtype),
        )
        slowness, lift, moveout = terms.view(-1, 2, 2, 3).unbind(-1)  # (pair, phase, branch)
        if not self.levels.at_sea_level:
            level_km = self.levels.depth_km[level]
            depth_km, rise_km = depth_km - level_km, rise_km + level_km
        time_s = slowness * torch.hypot(distance_km, depth_km)[:, None, None]
        rise_km = rise_km[:, None, None]
        squared = time_s**2 + rise_km * (2 * lift + rise_km * moveout)
        return squared.amin(-1).clamp_min(0).sqrt()

    def _check_ranges(self, depth_km: Tensor, distance_km: Tensor) -> float:
        """The largest distance. Raises ValueError where a source lies outside; waits for a device once."""
        if distance_km.numel() == 0 or torch.compiler.is_exporting():  # graphs raise nothing (fcn.exported)
            return 0.0
        found = [*torch.aminmax(depth_km), *torch.aminmax(distance_km)]
        shallow_km, deep_km, near_km, far_km = torch.stack([each.double() for each in found]).tolist()
        self._check_range("source depth", shallow_km, deep_km, self.min_depth_km, self.max_depth_km)
        self._check_range("epicentral distance", near_km, far_km, 0.0, self.max_distance_km)
        return float(far_km)

    @staticmethod
    def _check_range(name: str, smallest: float, largest: float, low_km: float, high_km: float) -> None:
        slack_km = 1e-3  # single precision of positions hundreds of km away
        if not (low_km - slack_km <= smallest and largest <= high_km + slack_km):  # catches NaN too
            raise ValueError(
                f"{name} of {smallest:.3f} to {largest:.3f} km is outside the travel-time table "
                f"({low_km:g} to {high_km:g} km); build it with a larger range "
                "(min_depth_km, max_depth_km, max_distance_km)"
            )


RANGES = {
    "step_km": (0.01, 1000.0),
    "max_depth_km": (-HIGHEST_KM, DEEPEST_TOP_KM),
    "max_distance_km": (0.0, math.pi * EARTH_RADIUS_KM),
    "min_depth_km": (-HIGHEST_KM, DEEPEST_TOP_KM),
}


def check_table(place: str, table: object) -> None:
    """Raise ValueError naming the first of the options of `TravelTimeTable.build` that no table can have.

    place: what to call them. table: all of them or some.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"{place} must be a mapping with {', '.join(RANGES)}, got {table!r}")
    for key, value in table.items():
        if key in RANGES:
            checked.number(f"{place}.{key}", value, *RANGES[key])
        elif key != "earth_flattening":
            raise ValueError(
                f"{place}.{key} is unknown: a table has {', '.join(RANGES)} and earth_flattening"
            )
        elif not isinstance(value, bool):
            raise ValueError(f"{place}.{key} must be true or false, got {value!r}")
    whole = {"min_depth_km": HIGHEST_SOURCE_KM, **table}
    if set(RANGES) <= set(whole):
        step_km, deepest_km, farthest_km, highest_km = (checked.number(key, whole[key]) for key in RANGES)
        n_nodes = (2 + (deepest_km - highest_km) / step_km) * (2 + farthest_km / step_km)
        if n_nodes > MOST_NODES:
            raise ValueError(
                f"{place} to {deepest_km:g} km depth and {farthest_km:g} km in steps of {step_km:g} km has "
                f"{n_nodes:.2g} nodes, {MOST_NODES:.0e} at most: take a larger step_km"
            )


_ON_DEVICES: dict[
    tuple[str, tuple[int, ...], str], tuple[Tensor, Levels]
] = {}  # the one used last at the end
