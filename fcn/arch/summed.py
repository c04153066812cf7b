"""Sums of the features that predicted arrivals point at, for every cell of a volume, and their gradient."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


class Summed(torch.autograd.Function):
    """Sums of the rows that P and S of a volume's stations point at, for every cell of it.

    As `embedding_bag`, whose own gradient sorts all indices: on one core of a CPU adding them up station by
    station is three times as fast, forward and backward together (benchmarks/bench_migration.py).
    """

    @staticmethod
    def forward(
        ctx: Any,
        table: Float[Tensor, "station 2 row channel"],
        row: Int[Tensor, "pair 2 cell"],
        station: Int[Tensor, " pair"],
        count: Int[Tensor, " volume"],
    ) -> Float[Tensor, "sum channel"]:
        """Cells of the first volume, then of the second; pair p reads the table of station[p]."""
        n_cells = row.shape[2]
        flat = _flat(row, station, table.shape[2])
        # volumes differ in their number of stations: bags of different sizes
        arrange = arranged_one_by_one if flat.device.type == "cpu" else arranged_at_once
        index = arrange(flat, count)
        size = (2 * count).repeat_interleave(n_cells)
        ctx.save_for_backward(row, station, count)
        ctx.table_shape = table.shape
        return functional.embedding_bag(index, table.flatten(0, 2), size.cumsum(0) - size, mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Every row collects the gradients of the cells that point at it."""
        row, station, count = ctx.saved_tensors
        own = gradients[0].contiguous().view(len(count), row.shape[2], -1)
        collect = collected_one_by_one if own.device.type == "cpu" else collected_at_once
        return collect(own, row, station, count, ctx.table_shape), None, None, None


def _flat(
    row: Int[Tensor, "pair 2 cell"], station: Int[Tensor, " pair"], n_rows: int
) -> Int[Tensor, "pair 2 cell"]:
    """Rows of all stations' and phases' tables one after the other."""
    first = (2 * station[:, None] + torch.arange(2, device=station.device)) * n_rows
    return row + first.int()[..., None]


def _volumes(count: Int[Tensor, " volume"], n_pairs: int) -> Int[Tensor, " pair"]:
    """Of each pair; a device is not waited for, as their sum is known."""
    return torch.arange(len(count), device=count.device).repeat_interleave(count, output_size=n_pairs)


def arranged_one_by_one(
    flat: Int[Tensor, "pair 2 cell"], count: Int[Tensor, " volume"]
) -> Int[Tensor, " index"]:
    """Rows with those of a cell next to each other: a volume at a time, in half the time of all at once."""
    return torch.cat([each.flatten(0, 1).T.reshape(-1) for each in flat.split(count.tolist())])


def arranged_at_once(
    flat: Int[Tensor, "pair 2 cell"], count: Int[Tensor, " volume"]
) -> Int[Tensor, " index"]:
    """The same, the host asked for nothing."""
    n_pairs, _, n_cells = flat.shape
    volume = _volumes(count, n_pairs)
    first = (count.cumsum(0) - count)[volume]  # pair of the volume
    pair, cell = (torch.arange(n, device=flat.device) for n in (n_pairs, n_cells))
    place = 2 * (n_cells * first + pair - first)[:, None] + torch.arange(2, device=flat.device)
    place = place[..., None] + 2 * count[volume, None, None] * cell
    return flat.new_empty(flat.numel()).scatter_(0, place.flatten(), flat.flatten())


def collected_one_by_one(
    own: Float[Tensor, "volume cell channel"],
    row: Int[Tensor, "pair 2 cell"],
    station: Int[Tensor, " pair"],
    count: Int[Tensor, " volume"],
    shape: torch.Size,
) -> Float[Tensor, "station 2 row channel"]:
    """The gradient of the table, a pair and a phase at a time: a core adds up what its cache holds."""
    table = own.new_zeros(shape)
    volume = torch.arange(len(count)).repeat_interleave(count.cpu()).tolist()
    for pair, (place, number) in enumerate(zip(station.tolist(), volume, strict=True)):
        for phase in range(2):
            table[place, phase].index_add_(0, row[pair, phase].long(), own[number])
    return table


def collected_at_once(
    own: Float[Tensor, "volume cell channel"],
    row: Int[Tensor, "pair 2 cell"],
    station: Int[Tensor, " pair"],
    count: Int[Tensor, " volume"],
    shape: torch.Size,
) -> Float[Tensor, "station 2 row channel"]:
    """The same in a call for each phase, for devices on which calls are dear: the host is asked for nothing.

    It takes the memory of a number for each pair, cell and channel. Not measured: no GPU has been at hand.
    """
    volume = _volumes(count, len(station))
    table = own.new_zeros(shape).flatten(0, 2)
    each = own[volume].flatten(0, 1)
    for of_phase in _flat(row, station, shape[2]).unbind(dim=1):
        table.index_add_(0, of_phase.flatten().long(), each)
    return table.view(shape)
