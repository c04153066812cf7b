"""Layered velocity models: checked, perturbed, flattened."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from fcn import checked
from fcn.constants import EARTH_RADIUS_KM

MINIMUM_VPVS = 2 / np.sqrt(3)  # below it the bulk modulus rho (vp^2 - 4/3 vs^2) is negative
# What no ground has, with room for perturbed and flattened models: P reaches 13.7 km/s above the core (PREM);
# vp/vs exceeds 10 in soft marine mud alone (Hamilton 1979, JASA 66, 1093-1101) and stays near 2 in rock.
VP_KMPS = (0.1, 15.0)
SLOWEST_VS_KMPS = 0.02
ROCK_KMPS, HARD_KMPS = 3.0, 6.0  # P in consolidated rock, and in what holds little water
HIGHEST_VPVS = {"soft": 20.0, "rock": 3.5, "hard": 2.5}  # serpentinite and partial melts reach 2.3
DENSITY_GPCM3 = (0.1, 10.0)
Q = (1.0, 1e6)
HIGHEST_TOP_KM = -10.0  # no mountain is higher
DEEPEST_TOP_KM = 1000.0  # earthquakes end at 700 km; flattening adds a tenth
MANTLE_KM, MANTLE_KMPS = 100.0, 5.0  # P is faster than this below that depth, everywhere
MOST_LAYERS = 2000
PERTURBATION_CORRELATION_KM = 5.0  # depth over which a perturbed model forgets; von Karman fits give 1-10 km
FLATTENED_HALF_SPACE_KM = 60.0  # thickness of the half-space that flattening turns into a gradient

Column = Float[np.ndarray, " layer"]
Numbers = Sequence[float]


@dataclass(frozen=True)
class LayeredModel:
    """Constant layers over a half-space, flat, depth in km positive down from sea level.

    The first top is at sea level (0) or above it (negative), and the first layer extends upward from there to
    any station or source; the last one is the half-space. Velocities in km/s, density in g/cm3, Q
    dimensionless; `source` cites the origin of the numbers. Raises ValueError where they make no Earth.
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
        where = f"velocity model {self.name}"
        checked.text(f"{where}: name", self.name)
        checked.text(f"{where}: source", self.source)
        if not isinstance(self.flat_earth, bool):
            raise ValueError(f"{where}: flat_earth must be true or false, got {self.flat_earth!r}")
        for field in ("top_depth_km", *PROPERTIES):  # Hydra hands lists
            positive = field not in ("top_depth_km", "vs_kmps")  # of S `velocity_fault` has more to say
            column = _column(f"{where}: {field}", getattr(self, field), positive=positive)
            object.__setattr__(self, field, column)
            if len(column) != len(self.top_depth_km):
                raise ValueError(
                    f"{where}: {field} has {len(column)} values for the {len(self.top_depth_km)} of "
                    "top_depth_km; give one per layer"
                )
        self._check_layers(where)

    def _check_layers(self, where: str) -> None:
        tops = self.top_depth_km
        if not tops or not HIGHEST_TOP_KM <= tops[0] <= 0:
            raise ValueError(
                f"{where}: the first layer top must be at sea level or above it ({HIGHEST_TOP_KM:g} to 0 km, "
                f"depth positive down), got {tops[:1]}: if depths are in m, divide by 1000"
            )
        if any(lower <= upper for upper, lower in pairwise(tops)):
            raise ValueError(f"{where}: layer tops must increase downward: {tops}")
        if tops[-1] > DEEPEST_TOP_KM:
            raise ValueError(
                f"{where}: a layer begins at {tops[-1]:g} km, deeper than any earthquake "
                f"({DEEPEST_TOP_KM:g}): if depths are in m, divide by 1000; if not, leave it out"
            )
        vp, vs = np.array(self.vp_kmps), np.array(self.vs_kmps)
        if (fault := velocity_fault(vp, vs)) is not None:
            raise ValueError(f"{where}: at {tops[fault[0]]:g} km, {fault[1]}")
        slow = np.flatnonzero((np.array(tops) > MANTLE_KM) & (vp < MANTLE_KMPS))
        if slow.size:
            raise ValueError(
                f"{where}: vp {vp[slow[0]]:g} km/s at {tops[slow[0]]:g} km, where no rock is as slow: if "
                "depths are in m, divide by 1000"
            )
        for field, (low, high), remedy in (
            ("density_gpcm3", DENSITY_GPCM3, "if it is in kg/m3, divide by 1000"),
            ("qp", Q, "no waves come through, or none is lost"),
            ("qs", Q, "no waves come through, or none is lost"),
        ):
            odd = [value for value in getattr(self, field) if not low <= value <= high]
            if odd:
                raise ValueError(f"{where}: {field} {odd[0]:g} is not within {low:g} to {high:g}: {remedy}")

    @classmethod
    def from_mapping(cls, plain: object, where: str) -> "LayeredModel":
        """The model whose fields a file states; ValueError naming `where` and what is missing or wrong."""
        known = {field.name: field for field in fields(cls)}
        if not isinstance(plain, Mapping):
            raise ValueError(f"{where} needs the fields {', '.join(known)}, got {plain!r}")
        missing = [n for n, field in known.items() if field.default is MISSING and n not in plain]
        unknown = [str(name) for name in plain if name not in known]
        if missing or unknown:
            what = [f"lacks {', '.join(missing)}"] * bool(missing)
            what += [f"has unknown {', '.join(unknown)}"] * bool(unknown)
            raise ValueError(f"{where} {' and '.join(what)}; its fields are {', '.join(known)}")
        for name, values in plain.items():
            if isinstance(values, list):
                checked.numbers(f"{where}: {name}", values)
        try:
            return cls(**plain)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error

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
        where = f"velocity model {name}"
        vp, vs = (
            np.array(_column(f"{where}: {field}", values, positive=field == "vp_kmps"))
            for field, values in (("vp_kmps", vp_kmps), ("vs_kmps", vs_kmps))
        )
        if len(vp) == len(vs) == len(top_depth_km) and (fault := velocity_fault(vp, vs)) is not None:
            raise ValueError(f"{where}: at {top_depth_km[fault[0]]:g} km, {fault[1]}")  # water has no Q
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
        where = f"velocity model {name}"
        checked.positive(f"{where}: max_layer_km", max_layer_km)
        nodes = _column(f"{where}: depth_km", depth_km)
        if not len(nodes) == len(vp_kmps) == len(vs_kmps) > 0:
            raise ValueError(
                f"{where}: {len(nodes)} nodes of depth_km, {len(vp_kmps)} of vp_kmps, "
                f"{len(vs_kmps)} of vs_kmps; give one per node"
            )
        if np.ptp(nodes) > max_layer_km * MOST_LAYERS:
            raise ValueError(
                f"{where}: nodes {min(nodes):g} to {max(nodes):g} km in layers of {max_layer_km:g} km "
                f"(max_layer_km) are more than {MOST_LAYERS} layers: if depths are in m, divide by 1000"
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

    def below_sea_level(self) -> "LayeredModel":
        """The layers below sea level, for what is simulated with its surface there."""
        if self.top_depth_km[0] == 0:
            return self
        first = int(np.searchsorted(self.top_depth_km, 0.0, "right")) - 1
        columns: dict[str, Any] = {name: getattr(self, name)[first:] for name in PROPERTIES}
        return replace(self, top_depth_km=(0.0, *self.top_depth_km[first + 1 :]), **columns)

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
        vp/vs factor for the whole column, kept above the physical bound. The first top stays.
        """
        tops = np.array(self.top_depth_km)
        velocity = np.exp(velocity_fraction * _correlated_normal(rng, tops))
        thickness = np.exp(thickness_fraction * _correlated_normal(rng, tops))[:-1] * np.diff(tops)
        vp = np.array(self.vp_kmps) * velocity
        vpvs = np.array(self.vp_kmps) / np.array(self.vs_kmps) * np.exp(vpvs_fraction * rng.standard_normal())
        return replace(
            self,
            name=f"{self.name}-perturbed",
            top_depth_km=(tops[0], *(tops[0] + np.cumsum(thickness))),
            vp_kmps=tuple(vp),
            vs_kmps=tuple(vp / np.maximum(vpvs, 1.01 * MINIMUM_VPVS)),
        )


PROPERTIES = ("vp_kmps", "vs_kmps", "density_gpcm3", "qp", "qs")


def velocity_fault(
    vp_kmps: Float[np.ndarray, "*shape"],
    vs_kmps: Float[np.ndarray, "*shape"],
    hard: float = HIGHEST_VPVS["hard"],
) -> tuple[int, str] | None:
    """Flat index of the first (vp, vs) that no ground has, and what is wrong with it; None if all may be.

    hard: the highest vp/vs of fast rock.
    """
    vp, vs = vp_kmps.ravel(), vs_kmps.ravel()
    with np.errstate(divide="ignore"):  # of water
        vpvs = vp / vs
    rock = np.interp(vp, (ROCK_KMPS, HARD_KMPS), (HIGHEST_VPVS["rock"], hard))
    highest = np.where(vp > ROCK_KMPS, rock, HIGHEST_VPVS["soft"])
    checks = (
        (vp > VP_KMPS[1], f"it is at most {VP_KMPS[1]:g} km/s: if velocities are in m/s, divide by 1000"),
        (vp < VP_KMPS[0], f"it is at least {VP_KMPS[0]:g} km/s"),
        (vs < SLOWEST_VS_KMPS, f"S needs rock, {SLOWEST_VS_KMPS:g} km/s or more, also instead of water"),
        (vpvs <= MINIMUM_VPVS, f"vp/vs must exceed {MINIMUM_VPVS:.3f} (positive bulk modulus)"),
        (vpvs > highest, "vp/vs is near 1.75 in rock, and at most 20 in mud: is that column vs, in km/s?"),
    )
    for wrong, why in checks:
        if wrong.any():
            i = int(np.argmax(wrong))
            return i, f"vp {vp[i]:.4g} and vs {vs[i]:.4g} km/s (vp/vs {vpvs[i]:.3f}): {why}"
    return None


def _column(name: str, values: object, *, positive: bool = False) -> tuple[float, ...]:
    """The numbers of one property, a layer each."""
    column = checked.listed(name, values)
    if len(column) > MOST_LAYERS:
        raise ValueError(f"{name} has {len(column)} values; a model has {MOST_LAYERS} layers at most")
    return tuple((checked.positive if positive else checked.number)(name, value) for value in column)


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
