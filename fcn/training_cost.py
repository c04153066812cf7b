"""Trainings at equal cost: as many steps as a budget of floating-point operations pays for.

Counted are matrix products and convolutions, forward and backward, by `torch.utils.flop_counter`, and neither
the sums along travel times of a migration network, validation nor recombination.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from fcn import checked
from fcn.assemble import build_datamodule, build_module
from fcn.cache import cached_store
from fcn.engine import n_processes
from fcn.preflight import check_training
from fcn.publish import new_file
from fcn.scheme.base import require_targets
from fcn.seeding import Purpose

log = logging.getLogger(__name__)

COST = "cost.json"  # beside a job: what a step of it takes
N_COUNTED = 2  # batches: networks differ in their numbers of stations
_PER_TFLOP = 1e12


def at_equal_cost(config: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """A configuration of training with the steps that `budget.training_tflop` pays for; as it is without one.

    Epochs become as long as it takes for `budget.validations` of them, each on `budget.validation_minutes` of
    sequences where there are such. cost.json in `folder` holds what was counted, and is believed on resuming.
    Raises ValueError for a budget of less than a step an epoch, or without epochs, and what `check_training`
    does, before a store is built.
    """
    budget, path = config["budget"], folder / COST
    if budget["validation_minutes"] is not None:
        config = {**config, "validation": {**config["validation"], "minutes": budget["validation_minutes"]}}
    if budget["training_tflop"] is None:
        return config
    checked.positive("budget.training_tflop", budget["training_tflop"])
    checked.whole("budget.validations", budget["validations"], 1)
    if resume and path.is_file():
        step_tflop = float(json.loads(path.read_text())["step_tflop"])
    else:
        check_training({**with_steps(config, 1, budget["validations"]), "ckpt": None})
        step_tflop = count_step_tflop(config)
    planned = planned_steps(config, step_tflop)
    max_steps = planned * budget["validations"]
    cost = {"step_tflop": step_tflop, "max_steps": max_steps, "training_tflop": max_steps * step_tflop}
    folder.mkdir(parents=True, exist_ok=True)
    with new_file(path) as partial:
        partial.write_text(json.dumps(cost) + "\n")
    log.info("%d steps of %.3g TFLOP", max_steps, step_tflop)
    return with_steps(config, planned, max_steps)


def planned_steps(config: Mapping[str, Any], step_tflop: float) -> int:
    """Optimiser steps of each epoch; ValueError where there would be none."""
    budget = config["budget"]
    steps = int(budget["training_tflop"] / step_tflop) // budget["validations"]
    if steps < 1:
        raise ValueError(
            f"budget.training_tflop={budget['training_tflop']:g} is less than the {budget['validations']} "
            f"steps (budget.validations) of {step_tflop:.3g} TFLOP each that it has to pay for: raise it"
        )
    return steps


def with_steps(config: Mapping[str, Any], epoch_steps: int, max_steps: int) -> dict[str, Any]:
    """The configuration with so many optimiser steps an epoch and in all, and a learning rate that knows."""
    changed = {
        **config,
        "trainer": {**config["trainer"], "max_steps": max_steps},
        "data": {**config["data"], "examples_per_epoch": epoch_steps * _examples(config)},
    }
    scheduler = config["optim"].get("scheduler")
    if scheduler is not None and "total_steps" in scheduler:  # resolved before the budget was
        changed["optim"] = {**config["optim"], "scheduler": {**scheduler, "total_steps": max_steps}}
    return changed


def operations_counted() -> FlopCounterMode:
    """A counter of floating-point operations, also of convolutions channel by channel.

    Torch 2.13 counts the gradient of a grouped convolution's weights as that of a full one
    (pytorch/pytorch#183405), by which networks of such convolutions would be trained too little.
    """
    return FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution_backward: _convolution_backward}
    )


def _convolution_backward(
    grad_shape: Sequence[int],
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    *settings: Any,  # bias, stride, padding, dilation, transposed, output padding, groups, output mask
    out_shape: Any,
) -> int:
    """Either gradient, of input and of weights, takes the multiplications of the convolution itself."""
    transposed, output_mask = settings[4], settings[7]
    forward = conv_flop_count(list(x_shape), list(weight_shape), list(grad_shape), transposed)
    return forward * (int(output_mask[0]) + int(output_mask[1]))


def count_step_tflop(config: Mapping[str, Any]) -> float:
    """10^12 floating-point operations of one optimiser step on all processes, mean of `N_COUNTED` batches.

    The network has the weights it begins with; what it costs does not depend on them, nor on the crust.
    """
    torch.set_num_threads(config["trainer"]["threads"])
    data = {**config["data"], "velocity": {**config["data"]["velocity"], "count": 1}, "workers": 0}
    counted = {**config, "data": data}
    store_path = cached_store(config["store"], Path(config["cache"]).expanduser())
    module = build_module(counted, trainable=False).train()
    dataset = build_datamodule(counted, store_path).recombined(Purpose.TRAIN, "train")
    size, generator = config["data"]["batch_size"], torch.Generator().manual_seed(0)
    n_operations = 0
    for i in range(N_COUNTED):
        batch = dataset.__getitems__([(0, i * size + k) for k in range(size)])
        with operations_counted() as counter:
            losses = module.scheme.losses(module.network, batch, require_targets(batch), generator)
            module.loss(losses).backward()
        n_operations += counter.get_total_flops()
    return n_operations / N_COUNTED / _PER_TFLOP * _examples(config) / size


def _examples(config: Mapping[str, Any]) -> int:
    """Of one optimiser step on all processes."""
    options = config["trainer"]
    accumulated = options.get("accumulate_grad_batches") or 1
    return int(config["data"]["batch_size"] * n_processes(options) * accumulated)
