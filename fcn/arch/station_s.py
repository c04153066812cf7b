"""S arrivals at single stations, heard in the features that volumes are made of."""

from jaxtyping import Float
from torch import Tensor, nn


class StationS(nn.Module):
    """Logits of an S arrival, sample by sample: two layers over the features of both phases.

    It reads what `fcn.arch.migration.SeriesNet` has made for volumes, and adds nothing to what that sees: a
    stream asks it where S of a known event is due, and nowhere else. width: of the hidden layer.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * n_features, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, features: Float[Tensor, "*any phase channel"]) -> Float[Tensor, "*any"]:
        """Features of both phases at the same samples -> logits."""
        logits: Tensor = self.layers(features.flatten(-2))
        return logits[..., 0].float()

    def everywhere(
        self, table: Float[Tensor, "batch station phase row channel"]
    ) -> Float[Tensor, "batch station row"]:
        """Of every row of a table of features, which learn nothing by it: P and volumes alone make them."""
        return self(table.detach().transpose(2, 3))
