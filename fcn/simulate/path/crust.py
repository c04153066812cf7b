"""All that shapes simulated earthquakes in one region: sources, paths, scattering, sites."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from fcn.simulate.path.rays import PathLaw
from fcn.simulate.path.scattering import ScatteringLaw
from fcn.simulate.path.site import SiteLaw
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import RuptureGenerator, Sources, draw_sources

STRESS_DROP_PA = (1e5, 5e7)  # what is observed at all: Allmann & Shearer (2009)


@dataclass(frozen=True)
class Crust:
    """Laws of a region.

    stress_drop_mpa: median Brune stress drop; stress_drop_sigma: standard deviation of its logarithm.
    """

    rupture: RuptureGenerator
    path: PathLaw
    scattering: ScatteringLaw
    site: SiteLaw
    stress_drop_mpa: float
    stress_drop_sigma: float

    def __post_init__(self) -> None:
        if not (self.stress_drop_mpa > 0.0 and self.stress_drop_sigma >= 0.0):
            raise ValueError(
                f"stress_drop_mpa must be positive and stress_drop_sigma not negative, got "
                f"{self.stress_drop_mpa} and {self.stress_drop_sigma}"
            )

    def draw_sources(
        self,
        magnitude: Float[Tensor, " event"],
        depth_km: Float[Tensor, " event"],
        mechanism: DoubleCouple,
        generator: Generator,
    ) -> Sources:
        """Sources of these magnitudes with random stress drop and rupture."""
        factor = torch.exp(self.stress_drop_sigma * torch.randn(len(magnitude), generator=generator))
        stress_drop_pa = (1e6 * self.stress_drop_mpa * factor).clamp(*STRESS_DROP_PA)
        return draw_sources(
            self.rupture, magnitude, stress_drop_pa, depth_km, mechanism, self.path.vs_kmps, generator
        )

    def perturbed(self, fraction: float, generator: Generator) -> "Crust":
        """A neighbouring region: Q, scattering and coherence times log-normal factors."""
        q, coda_q, coherence, coefficient, packet = (
            math.exp(fraction * float(draw)) for draw in torch.randn(5, generator=generator)
        )
        path = replace(self.path, q=self.path.q * q)
        scattering = replace(
            self.scattering,
            coda_q=self.scattering.coda_q * coda_q,
            coherence_km=self.scattering.coherence_km * coherence,
            scattering_per_km=self.scattering.scattering_per_km * coefficient,
            packet_s_per_km=self.scattering.packet_s_per_km * packet,
        )
        return replace(self, path=path, scattering=scattering)
