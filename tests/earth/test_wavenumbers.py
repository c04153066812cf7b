from itertools import pairwise

import numpy as np
import torch
from shipped_models import load

from fcn.earth.reflectivity import surface_kernels
from fcn.earth.wavenumbers import (
    BLOCK,
    EVANESCENT_DECAY,
    reached_layers,
    wavenumber_blocks,
    wavenumber_counts,
)

MODEL = load("cus")
ANGULAR = 2 * np.pi * 2.0


def kernels(model, depth_km, k):
    frequency = torch.tensor([[ANGULAR + 0.1j]], dtype=torch.complex128)
    (found,) = surface_kernels(model, [depth_km], frequency, torch.tensor([k], dtype=torch.float64), 10.0)
    return torch.cat(found).abs()


def test_layers_left_out_are_not_felt():
    depth_km = 2.0
    assert reached_layers(MODEL, depth_km, 0.9 * ANGULAR / 4.7, ANGULAR) == MODEL  # S propagates everywhere
    previous = len(MODEL.top_depth_km)
    for k in np.linspace(ANGULAR / 3.7, 12.0, 40):
        reached = reached_layers(MODEL, depth_km, k, ANGULAR)
        whole = kernels(MODEL, depth_km, k)
        assert ((kernels(reached, depth_km, k) - whole).abs() < np.exp(-1.5 * EVANESCENT_DECAY) * whole).all()
        assert len(reached.top_depth_km) <= previous
        previous = len(reached.top_depth_km)
    assert previous == 2  # the source lies in the second layer


def test_wavenumbers_end_where_the_source_is_not_felt():
    step_per_km, depths_km = 0.01, [0.5, 2.0, 9.0, 30.0]
    counts = wavenumber_counts(MODEL, depths_km, ANGULAR, step_per_km)
    assert counts == sorted(counts, reverse=True)
    for depth_km, count in zip(depths_km, counts, strict=True):
        at_end = kernels(MODEL, depth_km, count * step_per_km).max()
        assert at_end < 0.02 * kernels(MODEL, depth_km, 0.5 * ANGULAR / 3.5).max()


def test_blocks_cover_every_wavenumber_once_and_end_with_depths():
    counts = [1408, 640, 640, 192]
    blocks = list(wavenumber_blocks(counts))
    assert blocks[0][0] == 0
    assert blocks[-1][1] == 1408
    assert all(last == first for (_, last), (first, _) in pairwise(blocks))
    assert all(0 < last - first <= BLOCK for first, last in blocks)
    assert {192, 640} <= {last for _, last in blocks}
