"""A graph that reads what a network over a fixed grid says of one window: its estimate, as numbers."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from fcn.earth.travel_time import TravelTimeTable
from fcn.exported.folder import Port
from fcn.exported.graphs import FLAG, Graph
from fcn.targets.window import WindowDecoder


class Reading(nn.Module):
    """`WindowDecoder.windows` of one window, but for the clock, which no float32 holds.

    times: of the one velocity model, to wherever the grid's cells and the stations are.
    """

    def __init__(self, decoder: WindowDecoder, times: TravelTimeTable) -> None:
        super().__init__()
        self.decoder, self.times = decoder, times

    def forward(
        self,
        first_p: Float[Tensor, "1 time"],
        location: Float[Tensor, "1 x y depth"],
        magnitude: Float[Tensor, "1 bin"],
        station_km: Float[Tensor, "1 station 3"],
        mask: Bool[Tensor, "1 station"],
    ) -> tuple[Tensor, ...]:
        """The outputs of `reading_graph`, in its order.

        The shortest travel time is that of P to a station that sends data.
        """
        after_start_s, detection = self.decoder.first_p(first_p)
        where = self.decoder.location(location)
        size, spread = self.decoder.magnitude(magnitude)
        travel_s = self.times.between(where.hypocentre_km[:, None], station_km)[:, :, 0, 0]
        shortest_s = torch.where(mask, travel_s, torch.inf).amin(dim=1)
        return (
            after_start_s,
            detection,
            where.hypocentre_km,
            where.score,
            where.horizontal_uncertainty_km,
            where.depth_uncertainty_km,
            where.covariance_km2,
            size,
            spread,
            shortest_s,
        )


def reading_graph(image: Graph, decoder: WindowDecoder, times: TravelTimeTable) -> Graph:
    """The graph that takes what `image`, of the same network, gives."""
    given = {port.name: port for port in (*image.inputs, *image.outputs)}
    names = ("first_p", "location", "magnitude", "station_km", "mask")
    assert given["mask"].type == FLAG
    return Graph(
        "reading",
        Reading(decoder, times),
        tuple(given[name] for name in names),
        (
            Port("after_start_s", (1,), "s"),
            Port("detection_score", (1,), "probability"),
            Port("place_km", (1, 3), "km"),
            Port("location_score", (1,), "probability"),
            Port("across_km", (1,), "km"),
            Port("down_km", (1,), "km"),
            Port("covariance_km2", (1, 3, 3), "km2"),
            Port("magnitude_said", (1,), "magnitude"),
            Port("magnitude_spread", (1,), "magnitude"),
            Port("shortest_s", (1,), "s"),
        ),
    )
