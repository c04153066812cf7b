"""Checks of configurations that span groups: what would go wrong after minutes is said at once."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from fcn.checkpoint import find, read
from fcn.engine import optimiser_steps

log = logging.getLogger(__name__)

_EPOCH = "data.examples_per_epoch / data.batch_size / processes / trainer.accumulate_grad_batches"


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Raises ValueError, naming the key, for what is not a whole number or below the least."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_training(config: dict[str, Any]) -> None:
    """Raises ValueError for a training that could not be started, or would be of no use."""
    data = config["data"]
    for key in ("batch_size", "examples_per_epoch", "validation_examples", "n_candidates"):
        check_whole(f"data.{key}", data[key])
    check_whole("seed", config["seed"], least=0)
    batches = math.ceil(data["examples_per_epoch"] / data["batch_size"])
    _check_epochs(config["trainer"]["max_steps"], optimiser_steps(config["trainer"], batches))
    elapsed_s = data["events"]["elapsed_s"]
    if not elapsed_s[0] < data["window_s"]:
        raise ValueError(
            f"data.events.elapsed_s={elapsed_s} leaves every first P before the window of "
            f"data.window_s={data['window_s']} s: there would be nothing to detect"
        )
    monitor = (config["callbacks"] or {}).get("checkpoint", {}).get("monitor")
    if monitor == "val/f1" and not config["validation"]["sequences"]:
        raise ValueError(
            "callbacks.checkpoint.monitor=val/f1 chooses by what is found on validation sequences, and there "
            "are none: take validation=quick or full, or callbacks=default"
        )
    if config["ckpt"] is not None:
        _check_resumable(config, read(find(config["ckpt"])))


def _check_epochs(max_steps: object, steps: int) -> None:
    """Whole epochs of so many steps, at least one: validation, and with it saving, ends each of them."""
    if not isinstance(max_steps, int) or max_steps < steps:
        raise ValueError(
            f"trainer.max_steps={max_steps} must be a whole number of at least {steps}, the steps of an "
            f"epoch ({_EPOCH}): training would end before the first validation, and nothing would be saved; "
            "train longer or make the epoch shorter"
        )
    if max_steps % steps:
        raise ValueError(
            f"trainer.max_steps={max_steps} ends within an epoch of {steps} steps ({_EPOCH}): the last "
            f"{max_steps % steps}, of the smallest learning rate, would never be validated; take "
            f"{max_steps - max_steps % steps} or {max_steps - max_steps % steps + steps}"
        )


def _check_resumable(config: dict[str, Any], content: Mapping[str, Any]) -> None:
    """Raises ValueError for a checkpoint that this training cannot go on from."""
    ckpt, max_steps = config["ckpt"], config["trainer"]["max_steps"]
    if "global_step" not in content:
        raise ValueError(
            f"{ckpt} was shipped without the state of its training, which cannot go on from it: ckpt= takes "
            "logs/<run>/checkpoints/last.ckpt"
        )
    if content["global_step"] >= max_steps:
        raise ValueError(
            f"{ckpt} has trained {content['global_step']} steps already, and trainer.max_steps={max_steps}: "
            "nothing is left to do"
        )
    monitor = (config["callbacks"] or {}).get("checkpoint", {}).get("monitor")
    former = (content["fcn"]["config"].get("callbacks") or {}).get("checkpoint", {}).get("monitor")
    if monitor != former:
        log.warning(
            "%s kept its best by %s, this training by %s: what is best begins anew", ckpt, former, monitor
        )
    planned = [state.get("total_steps") for state in content["lr_schedulers"]]
    scheduler = config["optim"].get("scheduler")
    wanted = [] if scheduler is None else [scheduler.get("total_steps")]
    if bool(planned) != bool(wanted):
        has = ("a scheduler of its learning rate", "none")
        raise ValueError(
            f"{ckpt} has {has[not planned]}, and this training {has[not wanted]} (optim.scheduler): go on "
            "with what it began with, or train anew"
        )
    if planned != wanted:
        raise ValueError(
            f"the learning rates of {ckpt} were planned for {planned} steps, and optim.scheduler.total_steps="
            f"{wanted[0]}: go on with the trainer.max_steps it began with, or train anew"
        )
