"""Surface response of a layered half-space to buried point sources, per frequency and wavenumber.

Reflection and transmission matrices are built up from the free surface down and from the half-space up
(Kennett 1983, 2009), once for all source depths. Conventions as in `fcn.earth.waves`. A source on an
interface belongs to the layer above it (it is ambiguous: stress is continuous there, strain is not).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fcn.earth.velocity import LayeredModel
from fcn.earth.waves import (
    Block,
    Column,
    Interface,
    Matrix,
    Stack,
    Wavenumbers,
    Waves,
    free_surface,
    interface,
    waves_in_layers,
)


class Kernels(NamedTuple):
    """Surface displacement along (k), down (z) and across (t) the wavenumber, per moment of 10^15 N m.

    Second letters: the component of the moment tensor in these axes. The factor of the source layer,
    1 / (8 pi^2 w^2 sqrt(density)), is left out.
    """

    z_kk: Tensor
    z_zz: Tensor
    z_kz: Tensor
    k_kk: Tensor
    k_zz: Tensor
    k_kz: Tensor
    t_kt: Tensor
    t_tz: Tensor


class Below(NamedTuple):
    """All below a level: the reflection of downgoing waves."""

    reflection: Matrix
    sh_reflection: Block


class Phases(NamedTuple):
    """exp(i nu h) across a segment of a layer, once and there and back."""

    p: Block
    s: Block
    pp: Block
    ps: Block
    ss: Block


class Excitation(NamedTuple):
    """Upgoing waves of moment tensor components in one layer; downgoing M_kz, M_tz have the other sign."""

    p_kk: Block
    p_zz: Block
    p_kz: Block
    s_kk: Block
    s_zz: Block
    s_kz: Block
    sh_kt: Block
    sh_tz: Block


def surface_kernels(
    model: LayeredModel,
    source_depth_km: Sequence[float],
    frequency: Column,
    wavenumber: Wavenumbers,
    reference_frequency_hz: float,
) -> list[Kernels]:
    """Kernels of every source depth (ascending, all > 0)."""
    layers = waves_in_layers(model, frequency, wavenumber, reference_frequency_hz)
    interfaces = [interface(above, below, frequency, wavenumber) for above, below in pairwise(layers)]
    sources = source_layers(model, source_depth_km)
    edges = _segment_edges(model, source_depth_km, sources)
    phases = [
        [_phases(waves, lower - upper) for upper, lower in pairwise(levels)]
        for waves, levels in zip(layers, edges, strict=True)
    ]
    above = _stacks_above(free_surface(layers[0], frequency, wavenumber), interfaces, phases)
    below = _reflections_below(interfaces, phases)
    excited = {layer: _excitation(layers[layer], frequency, wavenumber) for layer in set(sources)}
    kernels = []
    for depth_km, layer in zip(source_depth_km, sources, strict=True):
        level = edges[layer].index(depth_km)
        kernels.append(_source_kernels(excited[layer], above[layer][level - 1], below[layer][level]))
    return kernels


def source_layers(model: LayeredModel, source_depth_km: Sequence[float]) -> list[int]:
    """Index of the layer each source lies in."""
    return [int(i) - 1 for i in np.searchsorted(model.top_depth_km, source_depth_km, "left")]


def _segment_edges(
    model: LayeredModel, source_depth_km: Sequence[float], layer_of_source: Sequence[int]
) -> list[list[float]]:
    """Per layer: its top, the sources in it, its bottom (none in the half-space)."""
    bottoms = (*model.top_depth_km[1:], None)
    edges = []
    for layer, (top, bottom) in enumerate(zip(model.top_depth_km, bottoms, strict=True)):
        inside = [z for z, i in zip(source_depth_km, layer_of_source, strict=True) if i == layer]
        last = [] if bottom is None or bottom in inside else [bottom]
        edges.append([top, *inside, *last])
    return edges


def _phases(waves: Waves, thickness_km: float) -> Phases:
    p, s = (_phase(nu, thickness_km) for nu in (waves.nu_p, waves.nu_s))
    return Phases(p, s, p * p, p * s, s * s)


def _phase(nu: Block, thickness_km: float) -> Block:
    """exp(i nu h) in real arithmetic, twice as fast as the complex exponential."""
    real, imaginary = nu.real * thickness_km, nu.imag * -thickness_km
    size = torch.exp(imaginary)
    return torch.complex(size * torch.cos(real), size * torch.sin(real))


def _stacks_above(
    top: Stack, interfaces: Sequence[Interface], phases: Sequence[Sequence[Phases]]
) -> list[list[Stack]]:
    """Per layer and segment the stack above the segment's lower end."""
    stacks = []
    stack = top
    for layer, segments in enumerate(phases):
        if layer > 0:
            stack = _stack_through(stack, interfaces[layer - 1])
        within = []
        for phase in segments:
            stack = _stack_lowered(stack, phase)
            within.append(stack)
        stacks.append(within)
    return stacks


def _stack_through(stack: Stack, crossing: Interface) -> Stack:
    """The stack above seen from below an interface (Kennett 2009, eq. 6.3)."""
    up = crossing.down.transposed()
    arriving = (crossing.from_above @ stack.reflection).inverse_from_identity() @ up
    echo = crossing.down.times_into_symmetric(stack.reflection @ arriving)
    sh_arriving = crossing.sh_transmission / (1 - crossing.sh_from_above * stack.sh_reflection)
    sh_echo = crossing.sh_transmission * stack.sh_reflection * sh_arriving
    return Stack(
        crossing.from_below.plus(echo),
        stack.surface @ arriving,
        sh_echo - crossing.sh_from_above,  # from below SH reflects with the opposite sign
        stack.sh_surface * sh_arriving,
    )


def _stack_lowered(stack: Stack, phase: Phases) -> Stack:
    """The stack seen from further down in the same layer."""
    surface = stack.surface
    return Stack(
        _two_way(stack.reflection, phase),
        Matrix(surface.pp * phase.p, surface.ps * phase.s, surface.sp * phase.p, surface.ss * phase.s),
        stack.sh_reflection * phase.ss,
        stack.sh_surface * phase.s,
    )


def _two_way(reflection: Matrix, phase: Phases) -> Matrix:
    off = reflection.ps * phase.ps
    return Matrix(reflection.pp * phase.pp, off, off, reflection.ss * phase.ss)


def _reflections_below(
    interfaces: Sequence[Interface], phases: Sequence[Sequence[Phases]]
) -> list[list[Below | None]]:
    """Per layer and level (segment ends, top first) what is below it; None: nothing but its own layer."""
    per_layer: list[list[Below | None]] = []
    below: Below | None = None
    for layer in reversed(range(len(phases))):
        if layer < len(interfaces):
            below = _below_through(below, interfaces[layer])
        levels = [below]
        for phase in reversed(phases[layer]):
            if below is not None:
                below = Below(_two_way(below.reflection, phase), below.sh_reflection * phase.ss)
            levels.append(below)
        per_layer.append(levels[::-1])
    return per_layer[::-1]


def _below_through(below: Below | None, crossing: Interface) -> Below:
    """All below an interface seen from above it (Kennett 2009, eq. 6.3)."""
    if below is None:
        return Below(crossing.from_above, crossing.sh_from_above)
    arriving = (crossing.from_below @ below.reflection).inverse_from_identity() @ crossing.down
    echo = crossing.down.transposed().times_into_symmetric(below.reflection @ arriving)
    sh_arriving = crossing.sh_transmission / (1 + crossing.sh_from_above * below.sh_reflection)
    sh_echo = crossing.sh_transmission * below.sh_reflection * sh_arriving
    return Below(crossing.from_above.plus(echo), crossing.sh_from_above + sh_echo)


def _excitation(waves: Waves, frequency: Column, wavenumber: Wavenumbers) -> Excitation:
    """Amplitudes along the unit-flux wave vectors, from Weyl's integral.

    u = (k_i k_j k_l M_jl) / (8 pi^2 rho w^2 nu) for P and alike for S (Aki & Richards 2002, eq. 4.29, 6.4).
    """
    k = wavenumber
    p_kz, s_kk = k * waves.root_p, k * waves.root_s
    sh = frequency * frequency * (waves.density / waves.mu) ** 0.5
    return Excitation(
        k * k * waves.inverse_p,
        waves.nu_p * waves.root_p,
        -2 * p_kz,
        s_kk,
        -s_kk,
        k * k * waves.inverse_s - waves.nu_s * waves.root_s,
        sh * k * waves.inverse_s,
        -sh * waves.root_s,
    )


def _source_kernels(excited: Excitation, above: Stack, below: Below | None) -> Kernels:
    """Upgoing waves of the source, and its downgoing ones reflected, through the stack above."""
    surface, sh_surface = above.surface, above.sh_surface
    even = odd = surface
    sh_even = sh_odd = sh_surface
    if below is not None:
        surface = surface @ (below.reflection @ above.reflection).inverse_from_identity()
        even = surface @ below.reflection.plus_identity()
        odd = Matrix(*(2 * up - both for up, both in zip(surface, even, strict=True)))
        sh_surface = sh_surface / (1 - below.sh_reflection * above.sh_reflection)
        sh_even = sh_surface + sh_surface * below.sh_reflection
        sh_odd = 2 * sh_surface - sh_even
    k_kk, z_kk = even.apply(excited.p_kk, excited.s_kk)
    k_zz, z_zz = even.apply(excited.p_zz, excited.s_zz)
    k_kz, z_kz = odd.apply(excited.p_kz, excited.s_kz)
    return Kernels(z_kk, z_zz, z_kz, k_kk, k_zz, k_kz, excited.sh_kt * sh_even, excited.sh_tz * sh_odd)
