"""What reads the windows of a stream, as far as an engine knows it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate


@runtime_checkable
class Reader(Protocol):
    """`fcn.scheme.base.Reader`, but for what training needs."""

    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """The hypotheses of each window."""
        ...

    def state(self) -> dict[str, Any]:
        """What it has learnt of the stream: plain data, as JSON holds them."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        ...

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """What was learnt of the stations at these places holds no longer."""
        ...
