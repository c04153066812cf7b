"""Checks of configurations that span groups: what would go wrong after minutes is said at once."""

import functools
import inspect
import logging
import math
from collections.abc import Mapping
from typing import Any, get_args

import lightning

from fcn import checked
from fcn.assemble import build_observing, noise_store, velocity_models
from fcn.checkpoint import find, read
from fcn.config import build
from fcn.earth.travel_time import check_table
from fcn.engine import optimiser_steps
from fcn.geometry.projection import LocalFrame
from fcn.shaking.intensity import JmaScale
from fcn.shaking.site import VS30_RANGE_MPS
from fcn.store.reader import BaseStore
from fcn.stream.engine import Timing

log = logging.getLogger(__name__)

_EPOCH = "data.examples_per_epoch / data.batch_size / processes / trainer.accumulate_grad_batches"


# What a training that goes on has from its checkpoint, or must not change amid an epoch.
_GOES_ON = (
    "optim.optimiser",
    "data.batch_size",
    "data.examples_per_epoch",
    "trainer.accumulate_grad_batches",
)

_UNSAID = {"trainer.accumulate_grad_batches": 1}  # what null, or nothing, means

SHORTEST_STEP_S = 0.01  # of windows: less than any sample

# What classes do not check themselves: key, least, most. A value that is None is not asked for.
WHOLE = (
    ("seed", 0, None),
    ("data.batch_size", 1, None),
    ("data.examples_per_epoch", 1, None),
    ("data.validation_examples", 1, None),
    ("data.n_candidates", 1, None),
    ("data.validation_seed", 0, None),
    ("data.workers", 0, 256),
    ("data.velocity.count", 1, 10_000),
    ("trainer.threads", 1, 1024),
    ("trainer.log_every_n_steps", 1, None),
    ("trainer.max_steps", -1, 2**53),
)
NUMBERS = (
    ("data.window_s", 1.0, 600.0),
    ("data.lead_s", 0.0, 600.0),
    ("data.visible_snr", 0.0, 1e6),
    ("data.noise_gain", 0.0, 1e6),
    ("optim.optimiser.lr", 1e-12, math.inf),
    ("optim.optimiser.weight_decay", 0.0, 10.0),
    ("optim.scheduler.max_lr", 1e-12, 10.0),
    ("optim.scheduler.pct_start", 0.0, 1.0),
    ("validation.step_s", SHORTEST_STEP_S, 600.0),
    ("windows.step_s", SHORTEST_STEP_S, 600.0),
    ("packet_s", SHORTEST_STEP_S, 86_400.0),
    ("latency_s", 0.0, Timing.patience_s),
)


def _check_values(config: Mapping[str, Any]) -> None:
    """Raises ValueError naming the first key whose value is none it can have."""
    for key, least, most in WHOLE:
        if (whole := _at(config, key)) is not None:
            checked.whole(key, whole, least, most)
    for key, low, high in NUMBERS:
        if (number := _at(config, key)) is not None and not _is_of_another(config, key):
            checked.number(key, number, low, high)
    _check_trainer(config["trainer"])
    half_width_km = _at(config, "geometry.half_width_km")
    if half_width_km is not None:
        checked.numbers("geometry.half_width_km", half_width_km, 2, 1.0, 1000.0)
    for place in ("data.table", "windows.table"):
        if (table := _at(config, place)) is not None:
            check_table(place, table)


def _is_of_another(config: Mapping[str, Any], key: str) -> bool:
    """Whether a key is an argument of an optimiser or scheduler that is not torch's, and its own affair."""
    target = _at(config, f"{key.rpartition('.')[0]}._target_")
    return key.startswith("optim.") and not str(target).startswith("torch.")


def _check_trainer(options: Mapping[str, Any]) -> None:
    """What Lightning would say late, or without the key; what is not there, or null, is as it has it."""
    if options.get("threads") is None:
        raise ValueError("trainer.threads is missing: state how many threads torch may use")
    clip = options.get("gradient_clip_val")
    if clip is not None and clip != math.inf:
        checked.number("trainer.gradient_clip_val", clip, 0.0)
    kinds = get_args(inspect.signature(lightning.Trainer).parameters["precision"].annotation)
    known = ["auto", *dict.fromkeys(str(each) for kind in kinds for each in get_args(kind))]
    precision = options.get("precision")
    if precision is not None and str(precision) not in known:
        raise ValueError(
            f"trainer.precision must be one of {', '.join(known)}, got {checked.shown(precision)}"
        )


def _at(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    found: Any = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def check_test(config: Mapping[str, Any]) -> None:
    """Raises ValueError for a test that could not be run, before anything is simulated for it."""
    _check_values(config)
    if config["latency_s"] is not None and config["packet_s"] is None:
        raise ValueError(
            f"latency_s={config['latency_s']} with packet_s=null would bring every trace after "
            "its end: give a length of packets, packet_s=1.0 say"
        )
    build(config["matching"])
    if config["declare"] is not None:
        build(config["declare"], frame=LocalFrame(0.0, 0.0))
    if config["velocity_model"] is not None:
        build(config["velocity_model"])
    if config["site_scores"] is not None:
        _check_site_scores(config["site_scores"])


def _check_site_scores(options: Mapping[str, Any]) -> None:
    for key in ("shaking", "observe", "observe.ground", "observe.ground.vs30_mps"):
        node = functools.reduce(lambda found, name: found[name], key.split("."), options)
        if not isinstance(node, Mapping):
            raise ValueError(f"site_scores.{key} must be a mapping, got {checked.shown(node)}: conf/ has one")
    shaking, ground = options["shaking"], options["observe"]["ground"]
    for node in (options["rule"], shaking["rule"], shaking["plum"], shaking["ground_motion"]):
        build(node)
    build_observing(options["observe"])
    if not isinstance(build(shaking["scale"]), JmaScale):
        raise ValueError(
            f"site_scores.shaking.scale={shaking['scale']['_target_']}: what stations record is a JMA "
            "intensity, and so must be the levels that it is held against: take "
            f"{JmaScale.__module__}.{JmaScale.__name__}"
        )
    for name, vs30_mps in {**ground["vs30_mps"], "otherwise_mps": ground["otherwise_mps"]}.items():
        if vs30_mps is not None:
            checked.number(f"site_scores.observe.ground: {name}", vs30_mps, *VS30_RANGE_MPS)


def check_training(config: dict[str, Any]) -> None:
    """Raises ValueError for a training that could not be started, or would be of no use."""
    data = config["data"]
    _check_values(config)
    for name in ("preprocess", "stations", "scheme", "loss", "matching"):
        build(config[name])
    build(data["recipe"])
    build(config["declare"], frame=LocalFrame(0.0, 0.0))
    velocity_models(config)
    _check_noise(config["store"])
    for name in ("validation", "evaluation"):
        if not isinstance(config[name]["sequences"], Mapping):
            raise ValueError(
                f"{name}.sequences must be a mapping of names to datasets, got "
                f"{checked.shown(config[name]['sequences'])}: {name}=none has none of them"
            )
    batches = math.ceil(data["examples_per_epoch"] / data["batch_size"])
    _check_epochs(config["trainer"], optimiser_steps(config["trainer"], batches))
    _check_planned(config)
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


def _check_noise(store: Mapping[str, Any]) -> None:
    """Raises FileNotFoundError, or what else `BaseStore.open` raises, for a store of noise that is none."""
    path = noise_store(store)
    if path is not None:
        try:
            BaseStore.open(path)
        except (OSError, ValueError) as error:
            error.add_note(f"store.noise={path} is to be made by python -m fcn.build_store ... out={path}")
            raise


def _check_epochs(options: Mapping[str, Any], steps: int) -> None:
    """Whole epochs of so many steps, at least one: validation, and with it saving, ends each of them.

    options: of conf/trainer.
    """
    max_steps, max_epochs = options["max_steps"], options.get("max_epochs")
    if options.get("limit_val_batches") == 0:
        raise ValueError("trainer.limit_val_batches=0: checkpoints are kept at validations, so none would be")
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
    if max_epochs not in (None, -1) and max_epochs * steps < max_steps:
        raise ValueError(
            f"trainer.max_epochs={max_epochs} ends after {max_epochs * steps} of trainer.max_steps="
            f"{max_steps} steps, for which learning rates are planned: leave it out, and state fewer steps"
        )


def _check_planned(config: Mapping[str, Any]) -> None:
    """Raises ValueError for learning rates that end before the training: torch stops it at that step."""
    key, max_steps = "optim.scheduler.total_steps", config["trainer"]["max_steps"]
    planned = _at(config, key)
    if planned is not None and not _is_of_another(config, key) and planned < max_steps:
        raise ValueError(
            f"{key}={planned} plans no learning rate for the last {max_steps - planned} of "
            f"trainer.max_steps={max_steps}, and torch would stop there: leave it out, it follows max_steps"
        )


def _check_goes_on(config: Mapping[str, Any], former: Mapping[str, Any]) -> None:
    """Raises ValueError for what a resumed training has from its checkpoint, and is told otherwise."""
    for key in _GOES_ON:
        now, before = (_at(each, key) or _UNSAID.get(key) for each in (config, former))
        if key.partition(".")[0] in former and now != before:
            raise ValueError(
                f"{key}={checked.shown(now)} would have no effect, or break an epoch in two: "
                f"{config['ckpt']} has trained with {checked.shown(before)}, and goes on so. Leave it out, "
                f"or begin anew with weights={config['ckpt']}"
            )


def _check_arch(ckpt: str, arch: Mapping[str, Any], former: Mapping[str, Any]) -> None:
    """Raises ValueError for a network that is another than the one a checkpoint has."""
    for key in dict.fromkeys((*former, *arch)):
        if arch.get(key) != former.get(key):
            raise ValueError(
                f"{ckpt} has a network of arch.{key}={checked.shown(former.get(key))}, this training one of "
                f"{checked.shown(arch.get(key))}: go on with the first, or begin anew with weights={ckpt}"
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
    _check_goes_on(config, content["fcn"]["config"])
    if "arch" in (former := content["fcn"]["config"]):
        _check_arch(ckpt, config["arch"], former["arch"])
    monitor = (config["callbacks"] or {}).get("checkpoint", {}).get("monitor")
    before = (former.get("callbacks") or {}).get("checkpoint", {}).get("monitor")
    if monitor != before:
        log.warning(
            "%s kept its best by %s, this training by %s: what is best begins anew", ckpt, before, monitor
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
