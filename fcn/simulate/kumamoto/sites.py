"""The stations of the Kumamoto twin and the shallow columns of rock and soil under each of them."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Complex, Float
from scipy.optimize import brentq
from torch import Tensor

from fcn.earth.velocity import LayeredModel, brocher_density_gpcm3
from fcn.geometry.network import Network
from fcn.seeding import Purpose, derive_rng
from fcn.simulate.kumamoto.catalogue import TABLES

STATIONS = TABLES / "stations.csv"
COLUMN = 6  # first key of a sequence's random streams
DEPTH30_KM = 0.03
LAYER_TOPS_KM = (0.0, 0.004, 0.009, 0.018, 0.03, 0.05, 0.08, 0.13, 0.2, 0.3, 0.45, 0.65, 0.9)
POWER_ONSET_KM = 0.008  # velocity grows as (1 + depth / onset)^n


@dataclass(frozen=True)
class ColumnLaw:
    """What is drawn of a site's column; its mean S velocity down to 30 m is a fact of the site.

    base_km: range of the depth at which it meets the crust. roughness: standard deviation of the log velocity
        of its layers about a power law in depth. q_per_kmps: Qs over S velocity (km/s); Qp is twice Qs.
    """

    base_km: Sequence[float]
    roughness: float
    q_per_kmps: float

    def __post_init__(self) -> None:
        low, high = map(float, self.base_km)
        if not DEPTH30_KM < low <= high <= LAYER_TOPS_KM[-1]:
            raise ValueError(
                f"base_km must lie in {DEPTH30_KM}..{LAYER_TOPS_KM[-1]}, low to high, got {low} to {high}"
            )
        object.__setattr__(self, "base_km", (low, high))


@dataclass(frozen=True, eq=False)
class SiteColumn:
    """Layers under one station, over the crust; pairs are P, S.

    delay_s: vertical time beyond that through the same depth of the crust.
    """

    thickness_km: Float[np.ndarray, " layer"]
    velocity_kmps: Float[np.ndarray, "2 layer"]
    quality: Float[np.ndarray, "2 layer"]
    density_gpcm3: Float[np.ndarray, " layer"]
    base_kmps: tuple[float, float]
    base_density_gpcm3: float
    delay_s: tuple[float, float]

    def amplification(
        self,
        frequency_hz: Float[Tensor, " frequency"],
        source_kmps: tuple[float, float],
        density_gpcm3: float,
    ) -> Float[Tensor, "2 frequency"]:
        """Vertical (P) and horizontal (S): surface over what a half-space like the source's crust would show.

        Vertical incidence (Haskell 1960) times the contrast of impedance between source and base of column.
        """
        rows = []
        for phase in (0, 1):
            contrast = density_gpcm3 * source_kmps[phase] / (self.base_density_gpcm3 * self.base_kmps[phase])
            rows.append(np.abs(self._transfer(phase, frequency_hz.double().numpy())) * math.sqrt(contrast))
        return torch.from_numpy(np.stack(rows)).float()

    def _transfer(
        self, phase: int, frequency_hz: Float[np.ndarray, " frequency"]
    ) -> Complex[np.ndarray, " frequency"]:
        """Motion of the surface over that of the bare base: up-going and down-going waves, layer by layer."""
        velocity = self.velocity_kmps[phase] * (1.0 + 0.5j / self.quality[phase])
        impedance = np.append(self.density_gpcm3 * velocity, self.base_density_gpcm3 * self.base_kmps[phase])
        up = down = np.ones(len(frequency_hz), complex)
        for layer, thickness_km in enumerate(self.thickness_km):
            turn = np.exp(2j * np.pi * frequency_hz * thickness_km / velocity[layer])
            ratio = impedance[layer] / impedance[layer + 1]
            risen, fallen = up * turn, down / turn
            up = 0.5 * ((1.0 + ratio) * risen + (1.0 - ratio) * fallen)
            down = 0.5 * ((1.0 - ratio) * risen + (1.0 + ratio) * fallen)
        return 1.0 / up


def read_sites(path: Path = STATIONS) -> tuple[Network, tuple[float, ...]]:
    """Stations, and the mean S velocity of the upper 30 m under each, m/s.

    From the amplification of peak velocity against ground of 400 m/s that JMA's early warning uses (arv400),
    by the law log ARV = 2.367 - 0.852 log AVS30, after Fujimoto & Midorikawa (2006), not verified.
    """
    with path.open(newline="", encoding="utf-8") as file:
        factors = [float(row["arv400"]) for row in csv.DictReader(file)]
    return Network.from_csv(path), tuple(400.0 * factor ** (-1.0 / 0.852) for factor in factors)


def draw_column(law: ColumnLaw, crust: LayeredModel, vs30_mps: float, seed: int, station: int) -> SiteColumn:
    """Layers that take 30 m / Vs30 through the upper 30 m and meet the crust's S velocity at their base.

    P velocity: 1.29 + 1.11 Vs km/s, after Kitsunezaki et al. (1990), not verified; density: Brocher (2005).
    """
    rng, crust = derive_rng(seed, Purpose.SEQUENCE, COLUMN, station), crust.below_sea_level()
    base_km = float(rng.uniform(law.base_km[0], law.base_km[1]))
    tops = np.array([top for top in LAYER_TOPS_KM if top < base_km - 1e-3])
    thickness_km = np.diff(np.append(tops, base_km))
    below = int(np.searchsorted(crust.top_depth_km, base_km, "right")) - 1
    base_kmps = crust.vp_kmps[below], crust.vs_kmps[below]
    rough = np.exp(law.roughness * rng.standard_normal(len(tops)))
    vs = np.minimum(
        _power_law(tops + 0.5 * thickness_km, vs30_mps, base_km, base_kmps[1]) * rough, base_kmps[1]
    )
    vs[:4] *= vs30_mps / 1e3 * float((thickness_km[:4] / vs[:4]).sum()) / DEPTH30_KM
    vp = np.minimum(1.29 + 1.11 * vs, base_kmps[0])
    velocity = np.stack([vp, vs])
    base_density, density = brocher_density_gpcm3(np.array([base_kmps[0]])), brocher_density_gpcm3(vp)
    through_km = np.diff(np.minimum(np.append(crust.top_depth_km, np.inf), base_km))  # the crust it replaces
    delay_s = tuple(
        float((thickness_km / own).sum() - (through_km / np.array(other)).sum())
        for own, other in zip(velocity, (crust.vp_kmps, crust.vs_kmps), strict=True)
    )
    quality = law.q_per_kmps * vs * np.array([[2.0], [1.0]])
    return SiteColumn(
        thickness_km, velocity, quality, density, base_kmps, float(base_density[0]), (delay_s[0], delay_s[1])
    )


def _power_law(
    depth_km: Float[np.ndarray, " layer"], vs30_mps: float, base_km: float, base_kmps: float
) -> Float[np.ndarray, " layer"]:
    """S velocity growing as a power of depth to the crust's, with this mean over the upper 30 m."""
    fine_km = (np.arange(60) + 0.5) * DEPTH30_KM / 60

    def velocity(exponent: float, at_km: Float[np.ndarray, " depth"]) -> Float[np.ndarray, " depth"]:
        return base_kmps * ((1.0 + at_km / POWER_ONSET_KM) / (1.0 + base_km / POWER_ONSET_KM)) ** exponent

    def excess(exponent: float) -> float:
        return float(1.0 / (1.0 / velocity(exponent, fine_km)).mean()) - vs30_mps / 1e3

    return velocity(float(brentq(excess, 0.0, 3.0)), depth_km)
