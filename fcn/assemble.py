"""From a resolved plain configuration to the objects it describes; train, test and checkpoints share it."""

import logging
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from fcn.batch import Batch
from fcn.config import MisfitError, build, factory
from fcn.constants import STOPPED_S
from fcn.data.datamodule import FcnDataModule
from fcn.data.sequences import Sequence
from fcn.earth.eikonal import GridModel
from fcn.earth.own import OwnModel
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.earth.velocity_table import read_velocity_model
from fcn.geometry.projection import LocalFrame
from fcn.module import FcnModule
from fcn.replay import Replay
from fcn.scheme.base import Scheme
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.stream.engine import Engine, Timing
from fcn.stream.network import WatchedNetwork
from fcn.stream.observing import ObservedNetwork, Observing
from fcn.stream.reader import Reader
from fcn.types import TravelTimes
from fcn.waveform.preprocess import PreprocessSpec

log = logging.getLogger(__name__)

LAYERS_TARGET = f"{LayeredModel.__module__}.{LayeredModel.__name__}"
TABLE_TARGET = f"{read_velocity_model.__module__}.{read_velocity_model.__name__}"
# No search volume reaches further beyond the outermost stations: half of `scheme.volume.widest_km`, and as
# much again where it is moved outward.
BEYOND_KM = 200.0


@runtime_checkable
class Stated(Protocol):
    """What may state its own velocity model: a sequence, a network that is watched."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def velocity_model(self) -> LayeredModel | None:
        """None where it states none."""
        ...


def velocity_models(config: Mapping[str, Any]) -> dict[str, LayeredModel]:
    """The model of `velocity_model=<one>`, or the models of a family, by name."""
    built = build(config["velocity_model"])
    if isinstance(built, GridModel):
        raise ValueError(
            f"velocity_model={built.path} is a 3-D grid about one network, for fcn.test; recombined networks "
            "lie anywhere: train in layered models"
        )
    if isinstance(built, OwnModel):
        raise ValueError("velocity_model=own is the model of a sequence, for fcn.test: train in one by name")
    models = list(built.values()) if isinstance(built, dict) else [built]
    return {model.name: model for model in models}


def stated_layers(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of `velocity_model` with its tables written out, for checkpoints that leave home."""
    if "_target_" not in config:
        return {name: stated_layers(each) for name, each in config.items()}
    if config["_target_"] != TABLE_TARGET:
        return dict(config)
    columns = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(build(config)).items()}
    return {"_target_": LAYERS_TARGET, **columns}


def perturbed_models(config: Mapping[str, Any]) -> list[LayeredModel]:
    """The velocity models examples are drawn in: `data.velocity.count` perturbations, the family in turn."""
    velocity = dict(config["data"]["velocity"])
    count = int(velocity.pop("count"))
    family = list(velocity_models(config).values())
    return [
        family[i % len(family)].perturbed(derive_rng(config["seed"], Purpose.VELOCITY, i), **velocity)
        for i in range(count)
    ]


def travel_times(model: LayeredModel, table: Mapping[str, Any]) -> TravelTimeTable:
    """Table of one model over the ranges of `data.table`."""
    return TravelTimeTable.build(model, **table)


def build_scheme(config: Mapping[str, Any]) -> Scheme:
    """How the network is trained and read."""
    scheme = build(config["scheme"])
    if not isinstance(scheme, Scheme):
        raise ValueError(f"scheme={type(scheme).__name__} is no scheme: choose a file of conf/scheme")
    return scheme


def build_network(config: Mapping[str, Any], scheme: Scheme) -> torch.nn.Module:
    """The network, with weights drawn from the configuration's seed.

    Raises ValueError for an arch and a scheme that do not go together, and what its constructor raises.
    """
    state = torch.get_rng_state()  # torch's initialisers know only the global generator
    torch.set_rng_state(derive_generator(config["seed"], Purpose.NETWORK).get_state())
    try:
        network: torch.nn.Module = build(config["arch"], **scheme.network_arguments())
    except MisfitError as error:
        raise ValueError(
            f"{config['arch']['_target_']} is not made for {type(scheme).__name__} ({error}): leave scheme= "
            "out, and what keys of arch an experiment has for another (~arch.<key>). A checkpoint is older"
        ) from error
    except Exception as error:
        error.add_note(f"while building the network of arch: {config['arch']}")
        raise
    finally:
        torch.set_rng_state(state)
    return network


def build_module(
    config: Mapping[str, Any], *, record: Mapping[str, Any] | None = None, trainable: bool = True
) -> FcnModule:
    """The LightningModule of a configuration, with its optimiser unless it only tests."""
    scheme = build_scheme(config)
    return FcnModule(
        build_network(config, scheme),
        build(config["loss"]),
        scheme,
        optimiser=factory(config["optim"]["optimiser"]) if trainable else None,
        scheduler=factory(config["optim"].get("scheduler")) if trainable else None,
        seed=config["seed"] if trainable else None,
        record=record,
    )


def build_datamodule(
    config: Mapping[str, Any], store_path: Path, validation_sequences: Items[Iterable[Batch]] = ()
) -> FcnDataModule:
    """Training and validation data of a configuration."""
    data = config["data"]
    models = perturbed_models(config)
    tables = TravelTimeTable.stack([travel_times(model, data["table"]) for model in models])
    loader_keys = ("batch_size", "examples_per_epoch", "validation_examples", "validation_seed", "workers")
    return FcnDataModule(
        store_path=store_path,
        noise_path=noise_store(config["store"]),
        recipe=build(data["recipe"]),
        histories=build(data["histories"]) if data["histories"] is not None else None,
        tables=tables,
        n_models=len(models),
        seed=config["seed"],
        validation_sequences=validation_sequences,
        **{key: data[key] for key in loader_keys},
    )


def noise_store(config: Mapping[str, Any]) -> Path | None:
    """The store that a `store` group takes noise from, where it is another one."""
    return None if config["noise"] is None else Path(config["noise"]).expanduser()


def choose_velocity_model(
    override: Mapping[str, Any] | None, sequence: Stated, trained: Mapping[str, LayeredModel]
) -> LayeredModel | GridModel:
    """The override's model, else the sequence's own, else the one the network was trained in.

    Raises ValueError where it was trained in several. An `OwnModel` is of the model that would be chosen
    without an override.
    """
    if override is not None:
        chosen = build(override)
        if isinstance(chosen, OwnModel):
            model = choose_velocity_model(None, sequence, trained)
            assert isinstance(model, LayeredModel)  # grids come by override alone
            return chosen.of(model)
        if not isinstance(chosen, LayeredModel | GridModel):
            raise ValueError(
                f"a test takes one velocity model, and velocity_model= names {sorted(chosen)}: choose one"
            )
        return chosen
    if sequence.velocity_model is not None:
        return sequence.velocity_model
    if len(trained) == 1:
        return next(iter(trained.values()))
    raise ValueError(
        f"sequence {sequence.name!r} states no velocity model and the network was trained in "
        f"{len(trained)}: choose one with velocity_model=<name>, or =table velocity_model.path=<file>"
    )


def times_between(
    model: LayeredModel | GridModel,
    table: Mapping[str, Any],
    frame: LocalFrame,
    station_km: Float[torch.Tensor, "station 3"],
) -> TravelTimes:
    """Travel times to stations from wherever they may be searched for; table: `data.table`."""
    if isinstance(model, GridModel):
        return model.travel_times(frame, station_km)
    covering_km = max(float(table["max_distance_km"]), reach_km(station_km.numpy()))
    return TravelTimeTable.stack([travel_times(model, {**table, "max_distance_km": covering_km})])


def reach_km(station_km: Float[np.ndarray, "station 3"]) -> float:
    """Farthest that a place a network may be searched at lies from a station of it."""
    return float(np.hypot(*(np.ptp(station_km[:, :2], axis=0) + BEYOND_KM)))


class TimesTo:
    """Travel times to stations from wherever they may be searched for; made anew only where they are others.

    table: `data.table`. Tables of layers serve stations anywhere, as far apart as they were made for.
    """

    def __init__(self, model: LayeredModel | GridModel, table: Mapping[str, Any], frame: LocalFrame) -> None:
        self.model, self.table, self.frame = model, table, frame
        self._made: tuple[object, TravelTimes] | None = None

    def __call__(self, station_km: Float[torch.Tensor, "station 3"]) -> TravelTimes:
        """Of stations at places in the frame."""
        km = station_km.numpy()
        what = km.tobytes() if isinstance(self.model, GridModel) else reach_km(km)
        if self._made is None or self._made[0] != what:
            self._made = what, times_between(self.model, self.table, self.frame, station_km)
        return self._made[1]


def build_engine(
    watched: WatchedNetwork,
    network: torch.nn.Module,
    reader: Reader,
    *,
    preprocess: PreprocessSpec,
    travel_times: TimesTo,
    declare: Mapping[str, Any],
    timing: Timing,
) -> Engine:
    """What a test drives, and a monitor. reader: of the network; its scheme.

    Raises ValueError where the alarm rule would never look back on a window.
    """
    declarer = build(declare, frame=watched.frame)
    within_s = declarer.evidence.within_s
    if timing.step_s >= within_s:
        raise ValueError(
            f"a window every {timing.step_s:g} s (step_s) leaves none that the alarm rule looks back on "
            f"(declare.evidence.within_s={within_s:g}): read windows more often, or take "
            "another rule with declare=<name>"
        )
    return Engine(
        network=network,
        reader=reader,
        declarer=declarer,
        preprocess=preprocess,
        stations=watched.stations,
        inventory=watched.inventory,
        frame=watched.frame,
        travel_times=travel_times,
        timing=timing,
        unusable=watched.unusable,
    )


def build_observing(observe: Mapping[str, Any]) -> Observing:
    """How intensity of stations is observed, of a file of conf/observe."""
    return Observing(**{key: value for key, value in observe.items() if key != "ground"})


def _check_latency(latency_s: float | None, packet_s: float | None, patience_s: float) -> None:
    """Raises ValueError for data that come too late for any window, and warns of those that none can use."""
    if latency_s is not None and latency_s + (packet_s or 0.0) > patience_s:
        raise ValueError(
            f"latency_s={latency_s:g} after packets of packet_s={packet_s} s: what is later than "
            f"{patience_s:g} s is in no window; take less of either"
        )
    if latency_s is not None and latency_s + (packet_s or 0.0) > STOPPED_S:
        log.warning(
            "latency_s=%g after packets of packet_s=%s s: a station of which nothing has come for %g s is "
            "taken for stopped, and a migration network finds less, or nothing; a monitor can wait for such "
            "data (habits.wait_s), and its alarms come so much later",
            *(latency_s, packet_s, STOPPED_S),
        )


def build_replay(
    sequence: Sequence,
    network: torch.nn.Module,
    reader: Reader,
    *,
    partial: bool,
    preprocess: PreprocessSpec,
    travel_times: TimesTo,
    declare: Mapping[str, Any],
    matching: Mapping[str, Any],
    window_s: float,
    step_s: float,
    packet_s: float | None = None,
    latency_s: float | None = None,
    observing: Observing | None = None,
) -> Replay:
    """A sequence through the engine of a monitor.

    reader: of the network; its scheme. partial: of the scheme. packet_s, latency_s: see `Replay`; of
    packets in time windows are the same whatever their length, and whole traces the cheapest. observing: how
    intensity of the stations is observed; None: it is not. Raises ValueError where data would come too late
    to be in any window.
    """
    patience_s = min(Timing.patience_s, window_s)
    _check_latency(latency_s, packet_s, patience_s)
    timing = Timing(window_s=window_s, step_s=step_s, partial=partial, patience_s=patience_s)

    watched = WatchedNetwork(sequence.name, sequence.network, sequence.inventory, sequence.frame)

    def begin() -> Engine:
        return build_engine(
            watched,
            network,
            reader,
            preprocess=preprocess,
            travel_times=travel_times,
            declare=declare,
            timing=timing,
        )

    def observe() -> ObservedNetwork | None:
        ids = [each.id for each in watched.stations]
        return None if observing is None else ObservedNetwork(ids, watched.inventory, observing)

    return Replay(
        name=sequence.name,
        begin=begin,
        observe=observe,
        stream=sequence.stream,
        packet_s=packet_s,
        latency_s=latency_s,
        catalogue=sequence.catalogue,
        watched=sequence.watched,
        simulated=sequence.simulated,
        tolerance=build(matching),
    )
