"""Array aliases: shapes in the type, units in the name of the argument.

Enforced in tests by jaxtyping and beartype, free at run time.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

NetworkWaveforms = Float[Tensor, "batch station 3 time"]
NetworkMask = Bool[Tensor, "batch station"]
StationPositions = Float[Tensor, "batch station 3"]
StationTimes = Float[Tensor, "batch station"]
Hypocentres = Float[Tensor, "batch 3"]
Scalars = Float[Tensor, " batch"]
Indices = Int[Tensor, " batch"]


@runtime_checkable
class TravelTimes(Protocol):
    """First arrivals in one velocity model per window: a 1-D table, or fields in a 3-D grid."""

    def between(self, source_km: Tensor, station_km: Tensor) -> Tensor:
        """P and S times in s, (batch, station, source, 2), between (batch, ., 3) positions in km."""
        ...

    def to(self, device: Any) -> "TravelTimes":
        """The same on another device."""
        ...
