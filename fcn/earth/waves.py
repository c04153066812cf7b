"""Plane P and S waves in layers with Q: reflection and transmission at interfaces and at the free surface.

Kennett (1983, 2009) with two simplifications. Wave vectors of each layer carry unit energy flux,
so that the reflection matrices are symmetric and the upward transmission is the transpose of the downward one
(Kennett 2009, sec. 5.2). And up- and downgoing waves share one half of each stress-displacement vector and
differ in the sign of the other, (u_x, t_zz) = A (d + u), (u_z, t_xz) = B (d - u): all matrices are 2 x 2.

Conventions: exp(-i w t) with w = 2 pi f + i damping, depth z down, wavenumber k horizontal, vertical
wavenumber nu = sqrt(w^2/v^2 - k^2) with Im nu > 0; units km, s, g/cm3. Arrays are (frequency, wavenumber),
and what depends on frequency alone (frequency, 1).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from fcn.earth.velocity import LayeredModel

Block = Complex[Tensor, "frequency wavenumber"]
Column = Complex[Tensor, "frequency 1"]
Wavenumbers = Float[Tensor, " wavenumber"]


class Matrix(NamedTuple):
    """2 x 2 matrix of blocks, rows first: P-P, P-S, S-P, S-S."""

    pp: Tensor
    ps: Tensor
    sp: Tensor
    ss: Tensor

    def __matmul__(self, other: "Matrix") -> "Matrix":
        a, b, c, d = self
        e, f, g, h = other
        return Matrix(_dot(a, e, b, g), _dot(a, f, b, h), _dot(c, e, d, g), _dot(c, f, d, h))

    def times_into_symmetric(self, other: "Matrix") -> "Matrix":
        """The product where it is known to be symmetric."""
        a, b, c, d = self
        e, f, g, h = other
        off = _dot(a, f, b, h)
        return Matrix(_dot(a, e, b, g), off, off, _dot(c, f, d, h))

    def plus(self, other: "Matrix") -> "Matrix":
        """Sum of two symmetric matrices."""
        off = self.ps + other.ps
        return Matrix(self.pp + other.pp, off, off, self.ss + other.ss)

    def minus_identity(self) -> "Matrix":
        """The matrix less 1."""
        return Matrix(self.pp - 1, self.ps, self.sp, self.ss - 1)

    def plus_identity(self) -> "Matrix":
        """The matrix plus 1."""
        return Matrix(self.pp + 1, self.ps, self.sp, self.ss + 1)

    def transposed(self) -> "Matrix":
        """Rows for columns."""
        return Matrix(self.pp, self.sp, self.ps, self.ss)

    def inverse_from_identity(self) -> "Matrix":
        """(1 - self)^-1: the sum of all reverberations."""
        a, b, c, d = 1 - self.pp, self.ps, self.sp, 1 - self.ss
        scale = 1 / (a * d).addcmul_(b, c, value=-1)
        return Matrix(d * scale, b * scale, c * scale, a * scale)

    def apply(self, p: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """The vector self (p, s)."""
        return _dot(self.pp, p, self.ps, s), _dot(self.sp, p, self.ss, s)


def _dot(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return (a * b).addcmul_(c, d)


class Waves(NamedTuple):
    """P and S in one layer: vertical wavenumbers, their square roots and the inverses of these."""

    nu_p: Block
    nu_s: Block
    root_p: Block
    root_s: Block
    inverse_p: Block
    inverse_s: Block
    mu: Column
    density: float


class Interface(NamedTuple):
    """Reflection from above, from below, downward transmission; P-SV and SH."""

    from_above: Matrix
    from_below: Matrix
    down: Matrix
    sh_from_above: Block
    sh_transmission: Block


class Stack(NamedTuple):
    """All above a level: the reflection of upgoing waves, and the surface displacement they make."""

    reflection: Matrix
    surface: Matrix  # rows u_x, u_z
    sh_reflection: Block
    sh_surface: Block


def anelastic_velocity_kmps(
    velocity_kmps: float, q: float, frequency: Complex[Tensor, "frequency 1"], reference_frequency_hz: float
) -> Column:
    """Complex velocity of constant Q, equal to `velocity_kmps` at the reference frequency.

    v (1 + ln(-i w / w_ref) / (pi Q)): the logarithmic law of Kolsky and Futterman (Aki & Richards 2002,
    eq. 5.88) continued into the upper half plane, where it is analytic, so that the response is causal.
    """
    reference = 2 * np.pi * reference_frequency_hz
    return velocity_kmps * (1 + torch.log(-1j * frequency / reference) / (np.pi * q))


def waves_in_layers(
    model: LayeredModel, frequency: Column, wavenumber: Wavenumbers, reference_frequency_hz: float
) -> list[Waves]:
    """`Waves` of every layer at the given (complex angular frequency, wavenumber)."""
    layers = []
    for vp, vs, density, qp, qs in zip(
        model.vp_kmps, model.vs_kmps, model.density_gpcm3, model.qp, model.qs, strict=True
    ):
        alpha = anelastic_velocity_kmps(vp, qp, frequency, reference_frequency_hz)
        beta = anelastic_velocity_kmps(vs, qs, frequency, reference_frequency_hz)
        nu_p, root_p, inverse_p = _vertical_wavenumber((frequency / alpha) ** 2, wavenumber)
        nu_s, root_s, inverse_s = _vertical_wavenumber((frequency / beta) ** 2, wavenumber)
        layers.append(Waves(nu_p, nu_s, root_p, root_s, inverse_p, inverse_s, density * beta * beta, density))
    return layers


def _vertical_wavenumber(squared: Column, wavenumber: Wavenumbers) -> tuple[Block, Block, Block]:
    """nu = sqrt(squared - k^2) with Im nu > 0, its square root, and the inverse of that.

    In real arithmetic: several times faster than complex square roots, and since Im squared >= 0 the branch
    needs no choosing.
    """
    real = squared.real - wavenumber**2
    imaginary = squared.imag
    size = torch.sqrt(real * real + imaginary * imaginary)
    nu_imag = torch.sqrt((size - real) / 2)
    nu_real = imaginary / (2 * nu_imag)
    nu_size = torch.sqrt(size)
    root_real = torch.sqrt((nu_size + nu_real) / 2)
    root_imag = nu_imag / (2 * root_real)
    inverse = torch.complex(root_real / nu_size, -root_imag / nu_size)
    return torch.complex(nu_real, nu_imag), torch.complex(root_real, root_imag), inverse


def interface(above: Waves, below: Waves, frequency: Column, wavenumber: Wavenumbers) -> Interface:
    """Reflection and transmission at a welded interface.

    With X = A1^-1 A2 and Y = B1^-1 B2 = X^-T, continuity gives the downward transmission 2 (X + Y)^-1 and the
    reflections (X - Y)(X + Y)^-1 and -(X + Y)^-1 (X - Y) (Kennett 2009, sec. 5.1, in these matrices).
    """
    w2 = frequency * frequency
    k = wavenumber
    rho1, rho2 = above.density, below.density
    scale = (rho1 / rho2) ** 0.5 / (rho1 * w2)
    jump = 2 * (above.mu - below.mu) * scale
    jump_k2 = jump * (k * k)
    e = rho2 * w2 * scale + jump_k2
    f = rho1 * w2 * scale - jump_k2
    g = k * ((rho1 - rho2) * w2 * scale - jump_k2)
    h = k * jump
    a1, b1, ia1, ib1 = above.root_p, above.root_s, above.inverse_p, above.inverse_s
    a2, b2, ia2, ib2 = below.root_p, below.root_s, below.inverse_p, below.inverse_s
    ratio_s = b2 * ib1
    x = Matrix(e * (a1 * ia2), h * (a1 * b2), g * (ib1 * ia2), f * ratio_s)
    y = Matrix(f * (a2 * ia1), -g * (ia1 * ib2), -h * (b1 * a2), e * (b1 * ib2))
    total = Matrix(*(p + q for p, q in zip(x, y, strict=True)))
    difference = Matrix(*(p - q for p, q in zip(x, y, strict=True)))
    half = 1 / (total.pp * total.ss).addcmul_(total.ps, total.sp, value=-1)
    inverse = Matrix(total.ss * half, -total.ps * half, -total.sp * half, total.pp * half)
    down = Matrix(*(2 * part for part in inverse))
    reflected = difference.times_into_symmetric(inverse)
    back = inverse.times_into_symmetric(difference)
    contrast = ratio_s * torch.sqrt(below.mu / above.mu)  # root of the ratio of SH impedances
    share = 1 / (1 + contrast * contrast)
    return Interface(reflected, Matrix(*(-part for part in back)), down, 2 * share - 1, 2 * contrast * share)


def free_surface(top: Waves, frequency: Column, wavenumber: Wavenumbers) -> Stack:
    """Reflection of upgoing waves by the free surface and the displacement they make on it."""
    k = wavenumber
    two_mu_k = 2 * top.mu * k
    gamma = top.density * frequency * frequency - two_mu_k * k
    t_p, t_s = gamma * top.inverse_p, -two_mu_k * top.root_s  # t_zz of P, S
    s_p, s_s = two_mu_k * top.root_p, gamma * top.inverse_s  # t_xz
    scale = 1 / (t_p * s_s - t_s * s_p)  # the Rayleigh function
    even, odd = t_p * s_s * scale, t_s * s_p * scale
    converted = -2 * t_s * s_s * scale
    reflection = Matrix(-even - odd, converted, converted, even + odd)
    root_density = top.density**0.5
    x_p, x_s = k * top.inverse_p / root_density, top.root_s / root_density
    z_p, z_s = top.root_p / root_density, -k * top.inverse_s / root_density
    u_x = reflection.plus_identity().apply(x_p, x_s)  # A (d + u); symmetric, so rows multiply like columns
    u_z = reflection.minus_identity().apply(z_p, z_s)  # B (d - u)
    sh_surface = 2 * top.inverse_s / torch.sqrt(top.mu)
    return Stack(reflection, Matrix(*u_x, *u_z), torch.ones_like(sh_surface), sh_surface)
