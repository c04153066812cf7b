"""What the module asks of a scheme."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from fcn.batch import Batch, Targets
from fcn.catalogue.event import Known, WindowEstimate


@dataclass(frozen=True)
class Located:
    """Estimates beside the truth, one row per event a network was asked for in a batch.

    hypocentre_km, source_km: estimated and true east, north, depth.
    """

    hypocentre_km: Float[Tensor, "event 3"]
    source_km: Float[Tensor, "event 3"]
    magnitude: Float[Tensor, " event"]
    true_magnitude: Float[Tensor, " event"]


@dataclass(frozen=True)
class View:
    """What a network makes of one training window, to look at; its existing stations in the batch's order.

    station_p:     probability of a P arrival, per sample.
    volume:        pdf of the hypocentre over the cells, summing to 1.
    axes_km:       cell centres along east, north and depth.
    hypocentre_km: read from the volume. source_km: the true one.
    arrival_s:     P and S from that hypocentre, seconds after the window's first sample.
    """

    station_p: Float[Tensor, "station time"]
    volume: Float[Tensor, "x y depth"]
    axes_km: tuple[Float[Tensor, " x"], Float[Tensor, " y"], Float[Tensor, " depth"]]
    hypocentre_km: Float[Tensor, "3"]
    source_km: Float[Tensor, "3"]
    arrival_s: Float[Tensor, "station 2"]


@runtime_checkable
class Scheme(Protocol):
    """Losses of a batch of recombined windows, and estimates from windows of a stream.

    terms: names of the losses, in a fixed order.
    """

    terms: tuple[str, ...]

    def network_arguments(self) -> dict[str, Any]:
        """What a network has to know of the scheme to be built."""
        ...

    def losses(self, network: nn.Module, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Each of the terms, unweighted, of a training batch."""
        ...

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """The same of a validation batch, always with the same random numbers, and what was located."""
        ...

    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """What the network, in eval mode, makes of one window.

        Raises ValueError where it has no event to locate.
        """
        ...

    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """The hypotheses of each window; `known` are the events declared in windows before it."""
        ...


def require_event(targets: Targets, index: int) -> None:
    """Raises ValueError for a window without an event to locate."""
    if not targets.is_event[index]:
        raise ValueError(f"window {index} has no event to locate: look at one where targets.is_event is True")


def require_targets(batch: Batch) -> Targets:
    """The batch's truth; raises ValueError for windows of a stream, which carry none."""
    if batch.targets is None:
        raise ValueError("these windows carry no targets: training and validation need recombined ones")
    return batch.targets
