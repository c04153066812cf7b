"""Layered velocity models: checked, perturbed, flattened, read from tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fcn.constants import EARTH_RADIUS_KM

MINIMUM_VPVS = 2 / np.sqrt(3)  # below it the bulk modulus rho (vp^2 - 4/3 vs^2) is negative
PERTURBATION_CORRELATION_KM = 5.0  # depth over which a perturbed model forgets; von Karman fits give 1-10 km
FLATTENED_HALF_SPACE_KM = 60.0  # thickness of the half-space that flattening turns into a gradient

Column = Float[np.ndarray, " layer"]
Numbers = Sequence[float]


@dataclass(frozen=True)
class LayeredModel:
    """Constant layers over a half-space, flat, depth positive down from sea level.

    The first top is 0 and the first layer extends upward to any station or source above sea level; the
    last one is the half-space. Velocities in km/s, density in g/cm3, Q dimensionless; `source` cites the
    origin of the numbers. Raises ValueError where the numbers make no Earth.
    """

    name: str
    source: str
    top_depth_km: Numbers
    vp_kmps: Numbers
    vs_kmps: Numbers
    density_gpcm3: Numbers
    qp: Numbers
    qs: Numbers
    flat_earth: bool = False  # derived for a flat Earth: Earth flattening must not come on top

    def __post_init__(self) -> None:
        for field in ("top_depth_km", *PROPERTIES):
            column = tuple(float(value) for value in getattr(self, field))  # Hydra hands lists
            object.__setattr__(self, field, column)
            if len(column) != len(self.top_depth_km):
                raise ValueError(
                    f"velocity model {self.name}: {field} has {len(column)} values for "
                    f"{len(self.top_depth_km)} layer tops; give one per layer"
                )
            if not np.isfinite(column).all():
                raise ValueError(f"velocity model {self.name}: {field} is not finite: {column}")
            if field != "top_depth_km" and min(column, default=1.0) <= 0:
                raise ValueError(f"velocity model {self.name}: {field} must be positive: {column}")
        self._check_layers()

    def _check_layers(self) -> None:
        tops = self.top_depth_km
        if not tops or tops[0] != 0:
            raise ValueError(f"velocity model {self.name}: the first layer top must be 0 km, got {tops[:1]}")
        if any(lower <= upper for upper, lower in pairwise(tops)):
            raise ValueError(f"velocity model {self.name}: layer tops must increase downward: {tops}")
        for top, vp, vs in zip(tops, self.vp_kmps, self.vs_kmps, strict=True):
            if vp <= MINIMUM_VPVS * vs:
                raise ValueError(
                    f"velocity model {self.name}: vp {vp} and vs {vs} km/s at {top} km give vp/vs "
                    f"{vp / vs:.3f}; it must exceed {MINIMUM_VPVS:.3f} (positive bulk modulus)"
                )

    @classmethod
    def from_velocities(
        cls,
        name: str,
        source: str,
        top_depth_km: Numbers,
        vp_kmps: Numbers,
        vs_kmps: Numbers,
    ) -> "LayeredModel":
        """Model of a source without density and Q: `brocher_density_gpcm3`, `rule_of_thumb_q` fill in."""
        vp, vs = np.asarray(vp_kmps, float), np.asarray(vs_kmps, float)
        qp, qs = rule_of_thumb_q(vs)
        density = brocher_density_gpcm3(vp)
        return cls(name, source, top_depth_km, tuple(vp), tuple(vs), tuple(density), tuple(qp), tuple(qs))

    @classmethod
    def from_gradient_nodes(
        cls,
        name: str,
        source: str,
        depth_km: Numbers,
        vp_kmps: Numbers,
        vs_kmps: Numbers,
        max_layer_km: float,
        flat_earth: bool = False,
    ) -> "LayeredModel":
        """Thin layers, none thicker than `max_layer_km`, for velocities linear between nodes.

        Each thin layer has the velocity at its middle; the last node starts the half-space. A depth given
        twice is a discontinuity. Density and Q as in `from_velocities`.
        """
        if not max_layer_km > 0:
            raise ValueError(f"velocity model {name}: max_layer_km must be positive, got {max_layer_km}")
        nodes = np.asarray(depth_km, float)
        if not len(nodes) == len(vp_kmps) == len(vs_kmps):
            raise ValueError(
                f"velocity model {name}: {len(nodes)} node depths, {len(vp_kmps)} vp, {len(vs_kmps)} vs"
            )
        tops: list[float] = []
        columns: tuple[list[float], list[float]] = ([], [])
        for i, (upper, lower) in enumerate(pairwise(nodes)):
            edges = np.linspace(upper, lower, max(1, int(np.ceil((lower - upper) / max_layer_km - 1e-9))) + 1)
            if upper == lower:
                continue
            tops.extend(edges[:-1])
            for column, values in zip(columns, (vp_kmps, vs_kmps), strict=True):
                middles = (edges[:-1] + edges[1:]) / 2
                column.extend(np.interp(middles, (upper, lower), (values[i], values[i + 1])))
        model = cls.from_velocities(
            name, source, (*tops, nodes[-1]), (*columns[0], vp_kmps[-1]), (*columns[1], vs_kmps[-1])
        )
        return replace(model, flat_earth=flat_earth)

    def velocity_kmps(self, phase: str) -> Column:
        """Layer velocities of phase "P" or "S"."""
        return np.array({"P": self.vp_kmps, "S": self.vs_kmps}[phase])

    def subdivided(self, max_layer_km: float, bottom_km: float) -> "LayeredModel":
        """The same Earth in layers no thicker than `max_layer_km`, half-space cut down to `bottom_km`."""
        bottoms = (*self.top_depth_km[1:], max(bottom_km, self.top_depth_km[-1]))
        edges = [
            np.linspace(top, bottom, int(np.ceil((bottom - top) / max_layer_km)) + 1)[:-1]
            for top, bottom in zip(self.top_depth_km, bottoms, strict=True)
        ]
        edges[-1] = np.append(edges[-1], bottoms[-1])  # the half-space proper
        layer = np.repeat(np.arange(len(edges)), [len(part) for part in edges])
        columns: dict[str, Any] = {name: tuple(np.array(getattr(self, name))[layer]) for name in PROPERTIES}
        return replace(self, top_depth_km=tuple(np.concatenate(edges)), **columns)

    def above(self, depth_km: float) -> "LayeredModel":
        """The layers whose tops lie above a depth, the last of them as the half-space."""
        n = int(np.searchsorted(self.top_depth_km, depth_km, "left"))
        columns: dict[str, Any] = {name: getattr(self, name)[:n] for name in ("top_depth_km", *PROPERTIES)}
        return replace(self, **columns)

    def flattened(self, max_layer_km: float = 2.0) -> "LayeredModel":
        """Flat model with the travel times of this one wrapped on a sphere; depths become flattened depths.

        z' = R ln(R/(R-z)), v' = v R/(R-z) (Aki & Richards 2002, box 9.2; Mueller 1971), in sub-layers no
        thicker than `max_layer_km` since each layer becomes a gradient. Density and Q are kept: within 1 %
        to 60 km. Use `flattened_depth_km` for source depths in it.
        """
        fine = self.subdivided(max_layer_km, self.top_depth_km[-1] + FLATTENED_HALF_SPACE_KM)
        tops = np.array(fine.top_depth_km)
        flat_tops = flattened_depth_km(tops)
        # Thickness over thickness keeps the vertical time of each sub-layer exact.
        stretch = np.append(
            np.diff(flat_tops) / np.diff(tops), EARTH_RADIUS_KM / (EARTH_RADIUS_KM - tops[-1])
        )
        return replace(
            fine,
            name=f"{self.name}-flattened",
            top_depth_km=tuple(flat_tops),
            vp_kmps=tuple(np.array(fine.vp_kmps) * stretch),
            vs_kmps=tuple(np.array(fine.vs_kmps) * stretch),
        )

    def perturbed(
        self,
        rng: np.random.Generator,
        *,
        velocity_fraction: float,
        vpvs_fraction: float,
        thickness_fraction: float,
    ) -> "LayeredModel":
        """A neighbour of this model; the fractions are standard deviations of the logarithm of a factor.

        Velocity and thickness factors vary with depth, half of the variance common to the column and half
        correlated over `PERTURBATION_CORRELATION_KM`, so that thin layers of a gradient stay a gradient; one
        vp/vs factor for the whole column, kept above the physical bound.
        """
        tops = np.array(self.top_depth_km)
        velocity = np.exp(velocity_fraction * _correlated_normal(rng, tops))
        thickness = np.exp(thickness_fraction * _correlated_normal(rng, tops))[:-1] * np.diff(tops)
        vp = np.array(self.vp_kmps) * velocity
        vpvs = np.array(self.vp_kmps) / np.array(self.vs_kmps) * np.exp(vpvs_fraction * rng.standard_normal())
        return replace(
            self,
            name=f"{self.name}-perturbed",
            top_depth_km=(0.0, *np.cumsum(thickness)),
            vp_kmps=tuple(vp),
            vs_kmps=tuple(vp / np.maximum(vpvs, 1.01 * MINIMUM_VPVS)),
        )


PROPERTIES = ("vp_kmps", "vs_kmps", "density_gpcm3", "qp", "qs")


def _correlated_normal(rng: np.random.Generator, depth_km: Column) -> Column:
    """Standard normal per depth: half of the variance common, half exponentially correlated."""
    lag = np.abs(depth_km[:, None] - depth_km[None, :]) / PERTURBATION_CORRELATION_KM
    covariance = 0.5 + 0.5 * np.exp(-lag)
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(len(depth_km))) @ rng.standard_normal(len(depth_km))


def brocher_density_gpcm3(vp_kmps: Column) -> Column:
    """Density from vp, the Nafe-Drake curve (Brocher 2005, BSSA 95, eq. 1; vp 1.5-8.5 km/s)."""
    return vp_kmps * (
        1.6612 + vp_kmps * (-0.4721 + vp_kmps * (0.0671 + vp_kmps * (-0.0043 + vp_kmps * 0.000106)))
    )


def rule_of_thumb_q(vs_kmps: Column) -> tuple[Column, Column]:
    """(Qp, Qs): Qs = vs/10, vs in m/s (rock; Olsen et al. 2003, BSSA 93, 627-638), and Qp = 2 Qs."""
    qs = 100 * vs_kmps
    return 2 * qs, qs


def flattened_depth_km(depth_km: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Depth in the flattened Earth, R ln(R/(R-z)) (Aki & Richards 2002, box 9.2)."""
    return -EARTH_RADIUS_KM * np.log1p(-np.asarray(depth_km) / EARTH_RADIUS_KM)


def read_velocity_model(path: str | Path) -> LayeredModel:
    """Velocity model from a text table, `#` starts a comment.

    Rows are either `depth_top_km vp vs [density qp qs]` (3, 4 or 6 columns, spaces or commas, with or without
    a header line) or NonLinLoc's `LAYER depth_top vp vp_gradient vs vs_gradient density density_gradient`
    (keyword optional). What is missing follows `LayeredModel.from_velocities`. Layers wholly above sea level
    are refused: they cannot be told from a wrong sign. Raises ValueError naming file and line.
    """
    path = Path(path)
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split("#")[0].replace(",", " ").split()
        if words and words[0].upper() == "LAYER":
            words = words[1:]
        try:
            values = [float(word) for word in words]
        except ValueError:
            if not rows:  # a header line
                continue
            raise ValueError(f"{path}, line {number}: not numbers: {line.strip()!r}") from None
        if values:
            rows.append(values)
        if values and (len(values) not in (3, 4, 6, 7) or len(values) != len(rows[0])):
            raise ValueError(f"{path}, line {number}: {len(values)} columns; expected 3, 4, 6, or 7 (LAYER)")
    if not rows:
        raise ValueError(f"{path}: no layers found; rows are `depth_top_km vp vs [density qp qs]`")
    table = np.array(rows)
    if table[0, 0] > 0 or (len(table) > 1 and table[1, 0] <= 0):
        raise ValueError(
            f"{path}: layer tops {table[:2, 0].tolist()} km: the first must be at or above sea level "
            "(depth 0), all others below"
        )
    if table.shape[1] == 7:
        return _from_nonlinloc_layers(path, table)
    table[0, 0] = 0.0  # the top layer reaches up to any station
    velocities = (tuple(column) for column in table[:, :3].T)
    model = LayeredModel.from_velocities(path.stem, f"file {path.name}", *velocities)
    given = zip(("density_gpcm3", "qp", "qs"), (tuple(column) for column in table[:, 3:].T), strict=False)
    extra: dict[str, Any] = dict(given)
    return replace(model, **extra)


def _from_nonlinloc_layers(path: Path, table: Float[np.ndarray, "layer 7"]) -> LayeredModel:
    """LAYER rows; a gradient (per km of depth) becomes layers no thicker than 1 km."""
    tops, vp, vp_gradient, vs, vs_gradient, density, density_gradient = table.T
    sea_level_tops = np.maximum(tops, 0)
    source = f"NonLinLoc layers, file {path.name}"
    model = LayeredModel.from_velocities(path.stem, source, tuple(sea_level_tops), tuple(vp), tuple(vs))
    if vp_gradient[:-1].any() or vs_gradient[:-1].any():
        model = model.subdivided(1.0, tops[-1])
    fine_tops = np.array(model.top_depth_km)
    layer = np.searchsorted(sea_level_tops, fine_tops, "right") - 1
    below_top_km = np.append((fine_tops[:-1] + fine_tops[1:]) / 2, fine_tops[-1]) - tops[layer]
    vp, vs, density = (
        tuple(value[layer] + gradient[layer] * below_top_km)
        for value, gradient in ((vp, vp_gradient), (vs, vs_gradient), (density, density_gradient))
    )
    fine = LayeredModel.from_velocities(model.name, model.source, model.top_depth_km, vp, vs)
    return replace(fine, density_gpcm3=density)
