"""What the module asks of a scheme: an objective to train by, and a reader of what was trained."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

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

    @classmethod
    def of_logits(
        cls, station_p: Float[Tensor, "station time"], volume: Float[Tensor, "x y depth"], **known: Any
    ) -> "View":
        """From the logits of the first two; `known` are the other fields."""
        pdf = torch.softmax(volume.float().flatten(), dim=0).view(volume.shape)
        return cls(station_p.float().sigmoid(), pdf, **known)


@runtime_checkable
class Objective(Protocol):
    """Losses of a batch of recombined windows."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the losses, in a fixed order."""
        ...

    def network_arguments(self) -> dict[str, Any]:
        """What a network has to know of the scheme to be built."""
        ...

    def losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> dict[str, Tensor]:
        """Each of the terms, unweighted, of a training batch; what is drawn comes from the generator."""
        ...

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """The same of a validation batch, always with the same random numbers, and what was located."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Estimates from windows of a stream."""

    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """The hypotheses of each window; `known` are the events declared in windows before it."""
        ...

    def state(self) -> dict[str, Any]:
        """What it has learnt of the stream: plain data, as JSON holds them."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned. Raises ValueError for what it did not."""
        ...

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """What was learnt of the stations at these places holds no longer."""
        ...

    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """What the network, in eval mode, makes of one training window.

        Raises ValueError where it has no event to locate.
        """
        ...


@runtime_checkable
class Scheme(Objective, Reader, Protocol):
    """What the module holds: how a network is trained and how it is read."""

    @property
    def partial(self) -> bool:
        """Windows of which only the end is known are read, as a stream's first are."""
        ...


class JoinedScheme(ABC):
    """A scheme of an objective and a reader that know nothing of each other; each call goes to one of them.

    A subclass is the configuration of both, `conf/scheme/<name>.yaml`.
    """

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """How the network is trained."""

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """How it is read."""

    @property
    def terms(self) -> tuple[str, ...]:
        """See `Objective`."""
        return self.objective.terms

    def network_arguments(self) -> dict[str, Any]:
        """See `Objective`."""
        return self.objective.network_arguments()

    def losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> dict[str, Tensor]:
        """See `Objective`."""
        return self.objective.losses(network, batch, targets, generator)

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """See `Objective`."""
        return self.objective.validate(network, batch, targets)

    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """See `Reader`."""
        return self.reader.estimates(network, batch, known)

    def state(self) -> dict[str, Any]:
        """See `Reader`."""
        return self.reader.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Reader`."""
        self.reader.restore(state)

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """See `Reader`."""
        self.reader.forget(station_km)

    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """See `Reader`."""
        return self.reader.look(network, batch, targets, index)


class NonFiniteError(ValueError):
    """A network answers with what is no number."""


def require_finite(batch: Batch, **outputs: Tensor) -> None:
    """Raises NonFiniteError for the first of a network's outputs that holds a NaN or an infinity.

    batch: what the network was given. A NaN is above no threshold: it would pass for a quiet window.
    """
    finite = torch.stack([torch.isfinite(values).all() for values in outputs.values()]).tolist()
    for name, is_finite in zip(outputs, finite, strict=True):
        if not is_finite:
            given = (batch.waveforms[batch.mask], batch.waveforms_broad[batch.mask])
            peak_mps = max(float(waveforms.abs().amax()) for waveforms in given)
            raise NonFiniteError(
                f"the network's {name} is not finite, for ground velocities of up to {peak_mps:.3g} m/s: "
                "look for the station that sent them, or for an overflow in the network (trainer.precision)"
            )


def require_event(targets: Targets, index: int) -> None:
    """Raises ValueError for a window without an event to locate."""
    if not targets.is_event[index]:
        raise ValueError(f"window {index} has no event to locate: look at one where targets.is_event is True")


def require_targets(batch: Batch) -> Targets:
    """The batch's truth; raises ValueError for windows of a stream, which carry none."""
    if batch.targets is None:
        raise ValueError("these windows carry no targets: training and validation need recombined ones")
    return batch.targets
