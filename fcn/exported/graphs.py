"""Which graphs a network is written as: modules of tensors alone, their inputs and outputs named."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from fcn.arch.eewnet import EEWNet
from fcn.arch.migration import N_CONDITIONS, N_MAGNITUDE_INPUTS, MagnitudeNet, MigrationNet
from fcn.exported.folder import Port

FLOAT, FLAG = "float32", "bool"
TRIED: tuple[dict[str, int], ...] = (
    {},
    {"time": 601, "row": 1, "event": 1, "volume": 1},
    {"time": 128, "row": 9, "event": 3},
)
AS_EXPORTED = {"time": 600, "row": 4, "volume": 3, "event": 2, "station": 7}


@dataclass(frozen=True, eq=False)
class Graph:
    """A module in evaluation mode and the tensors it takes and gives, in order."""

    name: str
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def examples(self, seed: int = 0) -> list[tuple[Tensor, ...]]:
        """Inputs of several sizes of the free axes; the first are those to export with."""
        generator = torch.Generator().manual_seed(seed)
        sizes = [{**AS_EXPORTED, **each} for each in TRIED]
        return [tuple(_drawn(port, size, generator) for port in self.inputs) for size in sizes]


def _drawn(port: Port, sizes: dict[str, int], generator: torch.Generator) -> Tensor:
    """Random numbers as large as what comes in such a unit."""
    shape = [sizes[each] if isinstance(each, str) else each for each in port.shape]
    if port.type == FLAG:
        return torch.rand(shape, generator=generator) > 0.2
    return {"m/s": 1e-6, "km": 20.0}.get(port.unit, 1.0) * torch.randn(shape, generator=generator)


class _Sized(nn.Module):
    """The magnitude network with a tuple for its answer: graphs know no dataclass."""

    def __init__(self, network: MagnitudeNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        first_guess: Float[Tensor, "event station"],
        inputs: Float[Tensor, "event station input"],
        use: Bool[Tensor, "event station"],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The fields of `fcn.arch.migration.Sized`."""
        said = self.network(first_guess, inputs, use)
        return said.magnitude, said.deviation, said.growing, said.by_station


class _Predicted(nn.Module):
    """A network over a fixed grid, without what only training gives it."""

    def __init__(self, network: EEWNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        waveforms: Float[Tensor, "1 station 3 time"],
        waveforms_broad: Float[Tensor, "1 station 3 time"],
        station_km: Float[Tensor, "1 station 3"],
        mask: Bool[Tensor, "1 station"],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The fields of `fcn.arch.prediction.Prediction`."""
        said = self.network(waveforms, waveforms_broad, station_km, mask, None)
        return said.station_p, said.first_p, said.location, said.magnitude


def graphs_of(network: nn.Module, n_samples: int, cells: tuple[int, int] | None) -> list[Graph]:
    """The graphs of a network.

    n_samples: of a window. cells: of a volume along east and north, of a migration network. Raises ValueError
    for a network of another class.
    """
    makers: dict[type[nn.Module], Callable[[], list[Graph]]] = {
        MigrationNet: lambda: _migration(network, cells),  # type: ignore[arg-type]
        EEWNet: lambda: [_image(network, n_samples)],  # type: ignore[arg-type]
    }
    if type(network) not in makers:
        names = ", ".join(each.__name__ for each in makers)
        raise ValueError(f"{type(network).__name__} cannot be exported: only {names} are known here")
    return makers[type(network)]()


def _migration(network: MigrationNet, cells: tuple[int, int] | None) -> list[Graph]:
    """Stations one by one; volumes; magnitudes. What times arrivals, and indexing, stay in torch."""
    assert cells is not None
    n_features, n_z = network.series.n_features, network.n_depths
    series = Graph(
        "series",
        network.series,
        (
            Port("waveforms", ("row", 3, "time"), "m/s"),
            Port("background_mps", ("row", 2, "time"), "m/s"),
            Port("known", ("row", 3, "time"), "flag", FLAG),
        ),
        (
            Port("station_p", ("row", "time"), "logit"),
            Port("features", ("row", 2, "time", n_features), "feature"),
        ),
    )
    volume = Graph(
        "volume",
        network.volumes,
        (
            Port("migrated", ("volume", *cells, n_features * n_z), "feature"),
            Port("condition", ("volume", N_CONDITIONS), "condition"),
        ),
        (Port("logits", ("volume", *cells, n_z), "logit"), Port("evidence", ("volume",), "logit")),
    )
    magnitude = Graph(
        "magnitude",
        _Sized(network.magnitude),
        (
            Port("first_guess", ("event", "station"), "magnitude"),
            Port("inputs", ("event", "station", N_MAGNITUDE_INPUTS), "amplitude"),
            Port("use", ("event", "station"), "flag", FLAG),
        ),
        (
            Port("magnitude", ("event",), "magnitude"),
            Port("deviation", ("event",), "magnitude"),
            Port("growing", ("event",), "logit"),
            Port("by_station", ("event", "station"), "magnitude"),
        ),
    )
    return [series, volume, magnitude]


def _image(network: EEWNet, n_samples: int) -> Graph:
    """One window of as many stations as the image has rows: the network pads fewer itself, with the same."""
    rows = network.n_rows
    wave, bins = (1, rows, 3, n_samples), network.station_magnitude.head.out_channels
    grid = (network.x_km.numel(), network.y_km.numel(), _n_depths(network))  # type: ignore[operator]
    return Graph(
        "image",
        _Predicted(network),
        (
            Port("waveforms", wave, "m/s"),
            Port("waveforms_broad", wave, "m/s"),
            Port("station_km", (1, rows, 3), "km"),
            Port("mask", (1, rows), "flag", FLAG),
        ),
        (
            Port("station_p", (1, rows, n_samples), "logit"),
            Port("first_p", (1, n_samples), "logit"),
            Port("location", (1, *grid), "logit"),
            Port("magnitude", (1, bins), "logit"),
        ),
    )


def _n_depths(network: EEWNet) -> int:
    """Channels of the last convolution of the location branch: depth is the channel axis."""
    *_, last = (each for each in network.location.decoder.modules() if isinstance(each, nn.Conv2d))
    return last.out_channels
