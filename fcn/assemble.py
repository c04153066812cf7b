"""From a resolved plain configuration to the objects it describes; train, test and checkpoints share it."""

from collections.abc import Mapping
from typing import Any

import torch

from fcn.config import build
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.module import FcnModule
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.targets.window import WindowDecoder


def velocity_models(config: Mapping[str, Any]) -> dict[str, LayeredModel]:
    """The model of `velocity_model=<one>`, or the models of a family, by name."""
    built = build(config["velocity_model"])
    models = list(built.values()) if isinstance(built, dict) else [built]
    return {model.name: model for model in models}


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


def build_decoder(config: Mapping[str, Any]) -> WindowDecoder:
    """How windows are read."""
    decoder: WindowDecoder = build(config["decoder"])
    return decoder


def build_network(config: Mapping[str, Any], decoder: WindowDecoder) -> torch.nn.Module:
    """The network, with weights drawn from the configuration's seed."""
    axes_km = tuple(decoder.grid.axis_km(i).tolist() for i in range(3))
    magnitudes = decoder.bins.centres(torch.zeros(())).tolist()
    state = torch.get_rng_state()  # torch's initialisers know only the global generator
    torch.set_rng_state(derive_generator(config["seed"], Purpose.NETWORK).get_state())
    try:
        network: torch.nn.Module = build(config["arch"], grid_axes_km=axes_km, magnitude_axis=magnitudes)
    finally:
        torch.set_rng_state(state)
    return network


def build_module(
    config: Mapping[str, Any], *, record: Mapping[str, Any] | None = None, trainable: bool = True
) -> FcnModule:
    """The LightningModule of a configuration, with its optimiser unless it only tests."""
    decoder = build_decoder(config)
    return FcnModule(
        build_network(config, decoder),
        build(config["loss"]),
        decoder,
        visible_snr=config["data"]["visible_snr"],
        optimiser=build(config["optim"]["optimiser"]) if trainable else None,
        scheduler=build(config["optim"]["scheduler"]) if trainable else None,
        record=record,
    )
