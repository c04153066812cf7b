"""Array aliases: shapes in the type, units in the name of the argument.

Enforced in tests by jaxtyping and beartype, free at run time.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

NetworkWaveforms = Float[Tensor, "batch station 3 time"]
NetworkMask = Bool[Tensor, "batch station"]
StationPositions = Float[Tensor, "batch station 3"]
StationTimes = Float[Tensor, "batch station"]
Hypocentres = Float[Tensor, "batch 3"]
Scalars = Float[Tensor, " batch"]
Indices = Int[Tensor, " batch"]
