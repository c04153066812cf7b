"""Migration of features, forward and backward, beside `embedding_bag` with the gradient it brings itself.

Run: pytest benchmarks/bench_migration.py
The ratio of the two is printed at the end.
"""

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fcn.arch.summed import Summed

N_WINDOWS, N_STATIONS, N_FEATURES = 16, 9, 32
N_CELLS = 3 * 20 * 20 * 10  # of three anchors' volumes
N_ROWS = 600 + 1  # of a window, and what lies after it
MEDIANS: dict[str, float] = {}  # seconds per batch


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Table, rows, stations and counts as `Summed` takes them; arrivals vary smoothly from cell to cell."""
    generator = torch.Generator().manual_seed(0)
    n_pairs = N_WINDOWS * N_STATIONS
    table = torch.randn(n_pairs, 2, N_ROWS, N_FEATURES, generator=generator)
    first, slope = torch.rand(2, n_pairs, 2, 3, 1, 1, 1, generator=generator)
    axes = [torch.linspace(-0.5, 0.5, n) for n in (20, 20, 10)]
    east, north, depth = torch.meshgrid(*axes, indexing="ij")
    distance = ((east - slope + 0.5) ** 2 + (north - first + 0.5) ** 2 + depth**2).sqrt()
    row = (N_ROWS * (0.8 * first + 0.4 * distance)).flatten(2).round().clamp(0, N_ROWS - 1).int()
    return table.requires_grad_(), row, torch.arange(n_pairs), torch.full((N_WINDOWS,), N_STATIONS)


def plain(table: Tensor, row: Tensor, station: Tensor, count: Tensor) -> Tensor:
    """The same sums, of windows with equally many stations, through torch's own gradient."""
    flat = row + ((2 * station[:, None] + torch.arange(2)) * N_ROWS).int()[..., None]
    bags = flat.view(len(count), -1, flat.shape[-1]).transpose(1, 2).flatten(0, 1)
    return functional.embedding_bag(bags, table.flatten(0, 2), mode="sum")


def forward_and_backward(migrate: Callable[..., Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """Gradient of the table."""
    sums = migrate(*batch)
    (gradient,) = torch.autograd.grad(sums, batch[0], torch.ones_like(sums))
    return gradient


@pytest.mark.parametrize("name", ["station by station", "embedding_bag"])
def test_migration_and_its_gradient(benchmark, batch, name):
    """16 windows of 9 stations, 3 anchors with 20 x 20 x 10 cells, 32 features."""
    migrate = {"station by station": Summed.apply, "embedding_bag": plain}[name]
    benchmark.pedantic(forward_and_backward, args=(migrate, batch), rounds=10, warmup_rounds=2)
    MEDIANS[name] = benchmark.stats.stats.median


def test_the_two_agree_and_the_ratio_is_printed(batch):
    """Not a benchmark: compares the medians of this run."""
    ours, torchs = (forward_and_backward(migrate, batch) for migrate in (Summed.apply, plain))
    torch.testing.assert_close(ours, torchs, rtol=1e-4, atol=1e-3)
    here, there = MEDIANS["station by station"], MEDIANS["embedding_bag"]
    sys.stdout.write(
        f"\nstation by station {here:.2f} s, embedding_bag {there:.2f} s a batch: {there / here:.1f} times\n"
    )
