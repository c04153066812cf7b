"""The one call of a network with a volume over a fixed grid, which training and reading share."""

from jaxtyping import Float
from torch import Tensor, nn

from fcn.arch.prediction import Prediction
from fcn.batch import Batch


def predict(
    network: nn.Module, batch: Batch, source_km: Float[Tensor, "batch 3"] | None = None
) -> Prediction:
    """Prediction for a batch; `source_km` is the truth, given in training only."""
    prediction: Prediction = network(
        batch.waveforms,
        batch.waveforms_broad,
        batch.station_km,
        batch.mask,
        batch.travel_time,
        source_km,
    )
    return prediction
