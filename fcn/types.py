"""What floors ask of each other without importing each other: `fcn.arch` knows travel times by this alone."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class TravelTimes(Protocol):
    """First arrivals in one velocity model per window: a 1-D table, or fields in a 3-D grid."""

    def between(self, source_km: Tensor, station_km: Tensor) -> Tensor:
        """P and S times in s, (batch, station, source, 2), between (batch, ., 3) positions in km."""
        ...

    def to(self, device: Any) -> "TravelTimes":
        """The same on another device."""
        ...
