"""Earthquake sources: moment, corner frequency, omega-square pulses, double couples."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Generator, Tensor

BRUNE_CORNER = 0.4906  # fc = 0.4906 beta (stress / M0)^(1/3) in SI units; Brune (1970, 1971)
P_CORNER_RATIO = 1.3  # P over S corner; Sato & Hirasawa (1973) and Madariaga (1976) span 1.0 to 1.5


@dataclass(frozen=True)
class DoubleCouple:
    """Fault planes of a batch, radians, convention of Aki & Richards (2002), section 4.5."""

    strike_rad: Float[Tensor, " batch"]
    dip_rad: Float[Tensor, " batch"]
    rake_rad: Float[Tensor, " batch"]

    @classmethod
    def random(cls, n: int, generator: Generator) -> "DoubleCouple":
        """Uniform in orientation: strike and rake uniform, dip with density sin(dip)."""
        draw = torch.rand(3, n, generator=generator)
        strike, rake = 2.0 * math.pi * draw[0], math.pi * (2.0 * draw[2] - 1.0)
        return cls(strike, torch.acos(draw[1]), rake)

    def moment_tensor(self) -> Float[Tensor, "batch 6"]:
        """Unit moment tensor xx, yy, zz, xy, xz, yz; x north, y east, z down (A&R, box 4.4)."""
        strike, dip, rake = self.strike_rad, self.dip_rad, self.rake_rad
        sin_d, cos_d, sin_2d, cos_2d = dip.sin(), dip.cos(), (2 * dip).sin(), (2 * dip).cos()
        sin_r, cos_r = rake.sin(), rake.cos()
        sin_s, cos_s, sin_2s, cos_2s = strike.sin(), strike.cos(), (2 * strike).sin(), (2 * strike).cos()
        xx = -(sin_d * cos_r * sin_2s + sin_2d * sin_r * sin_s**2)
        yy = sin_d * cos_r * sin_2s - sin_2d * sin_r * cos_s**2
        zz = sin_2d * sin_r
        xy = sin_d * cos_r * cos_2s + 0.5 * sin_2d * sin_r * sin_2s
        xz = -(cos_d * cos_r * cos_s + cos_2d * sin_r * sin_s)
        yz = -(cos_d * cos_r * sin_s - cos_2d * sin_r * cos_s)
        return torch.stack([xx, yy, zz, xy, xz, yz], -1)

    def radiation(
        self, azimuth_rad: Float[Tensor, " batch"], takeoff_rad: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3"]:
        """Far-field patterns of P, SV, SH (Aki & Richards 2002, eqs 4.89-4.91).

        takeoff_rad: from straight down. SV is positive along increasing take-off angle, SH clockwise
        from above.
        """
        relative, ray = azimuth_rad - self.strike_rad, takeoff_rad
        dip, rake = self.dip_rad, self.rake_rad
        sin_d, cos_d, sin_2d, cos_2d = dip.sin(), dip.cos(), (2 * dip).sin(), (2 * dip).cos()
        sin_r, cos_r = rake.sin(), rake.cos()
        sin_a, cos_a, sin_2a, cos_2a = (
            relative.sin(),
            relative.cos(),
            (2 * relative).sin(),
            (2 * relative).cos(),
        )
        sin_i, cos_i, sin_2i, cos_2i = ray.sin(), ray.cos(), (2 * ray).sin(), (2 * ray).cos()
        p = (
            cos_r * sin_d * sin_i**2 * sin_2a
            - cos_r * cos_d * sin_2i * cos_a
            + sin_r * sin_2d * (cos_i**2 - sin_i**2 * sin_a**2)
            + sin_r * cos_2d * sin_2i * sin_a
        )
        sv = (
            sin_r * cos_2d * cos_2i * sin_a
            - cos_r * cos_d * cos_2i * cos_a
            + 0.5 * cos_r * sin_d * sin_2i * sin_2a
            - 0.5 * sin_r * sin_2d * sin_2i * (1.0 + sin_a**2)
        )
        sh = (
            cos_r * cos_d * cos_i * sin_a
            + cos_r * sin_d * sin_i * cos_2a
            + sin_r * cos_2d * cos_i * cos_a
            - 0.5 * sin_r * sin_2d * sin_i * sin_2a
        )
        return torch.stack([p, sv, sh], -1)


def seismic_moment_nm(magnitude: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Seismic moment in N m of a moment magnitude (Hanks & Kanamori 1979; IASPEI 2005 form)."""
    return 10.0 ** (1.5 * magnitude + 9.1)


def corner_frequency_hz(
    moment_nm: Float[Tensor, "*batch"], stress_drop_pa: Float[Tensor, "*batch"], vs_mps: float
) -> Float[Tensor, "*batch"]:
    """S corner frequency of a circular crack (Brune 1970, corrected 1971)."""
    return BRUNE_CORNER * vs_mps * (stress_drop_pa / moment_nm) ** (1.0 / 3.0)


def moment_rate(
    frequency_hz: Float[Tensor, " frequency"], corner_hz: Float[Tensor, "*batch"]
) -> Complex[Tensor, "*batch frequency"]:
    """Unit omega-square pulse 1 / (1 + i f / fc)^2: the causal one with Brune's amplitude."""
    ratio = frequency_hz / corner_hz[..., None]
    return 1.0 / torch.complex(torch.ones_like(ratio), ratio) ** 2
