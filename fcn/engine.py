"""The lightning.Trainer of a configuration: loggers, callbacks, precision, threads."""

import logging
import math
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.nn import functional

from fcn.config import build
from fcn.publish import new_file

# What Lightning logs that is no news of a run: other products, devices there are not, what is so by default.
_ADVERTS = re.compile(r"💡 Tip:|[GT]PU available: False|`Trainer\(val_check_interval=1\.0\)` was configured")
# What it warns of that nobody who runs a training can mend, or that a resumed run does on purpose.
_NO_NEWS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning 2.6 with torch 2.13
    r"The '.*_dataloader' does not have many workers",  # those of sequences read in order have none
    r"The number of training batches .* is smaller than the logging interval",
    r"Checkpoint directory .* exists and is not empty",
    r"`ModelCheckpoint\(monitor=.*\)` could not find the monitored key",  # it ends the former epoch again
)

CHECKPOINTS = "checkpoints"  # folder of a run
LEAST_GAIN = 1.2  # of a CPU; those that gain gain more, and others lose


def _is_news(record: logging.LogRecord) -> bool:
    return _ADVERTS.search(record.getMessage()) is None


def _hush() -> None:
    """Silence what `_ADVERTS` and `_NO_NEWS` list: two lines of result would drown in it."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_news)
    for message in _NO_NEWS:
        warnings.filterwarnings("ignore", message=message)


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames: a kill or a full disk leaves the former file as it was.

    Lightning's own writes to the system's temporary folder, and copies from there where that is another file
    system (seen with Lightning 2.6: a kill in the copy leaves half a file).
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint to a local path. Raises ValueError for a URL."""
        if "://" in str(path):
            raise ValueError(f"checkpoints are written to local paths, not to {path}")
        with new_file(Path(path)) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)  # given a path, torch says nothing of a disk that is full


def precision(wanted: str | int | None, accelerator: str = "auto") -> Any:
    """`auto` is bfloat16 autocast where this machine gains by it, else float32; all else is as it is said.

    A GPU gains where it computes in bfloat16 itself. A CPU is measured: of those with AVX-512 BF16 and no AMX
    some take two thirds of float32's time for a step of `generalized`, others a third more than it.
    accelerator: of conf/trainer.
    """
    if wanted != "auto":
        return wanted
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        gains = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_amx, has_avx = torch.cpu._is_amx_tile_supported(), torch.cpu._is_avx512_bf16_supported()
        gains = (has_amx or has_avx) and bfloat16_gain() >= LEAST_GAIN
    return "bf16-mixed" if gains else "32-true"


def bfloat16_gain() -> float:
    """How many times as fast this CPU convolves under bfloat16 autocast, forward and backward.

    Of an image as the volumes of the migration network are, by the threads that torch has now. The best of
    several, which alternate, by processor time: what else runs has no say.
    """
    generator = torch.Generator().manual_seed(0)
    image, weight = (
        torch.randn(shape, generator=generator).contiguous(memory_format=torch.channels_last)
        for shape in ((4, 96, 20, 20), (96, 96, 3, 3))
    )
    weight.requires_grad_(True)

    def seconds(enabled: bool) -> float:
        began_s = time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            made = functional.conv2d(image, weight, padding=1)
        made.float().sum().backward()
        return time.process_time() - began_s

    taken_s = [(seconds(False), seconds(True)) for _ in range(10)][1:]  # the first prepares
    return min(single for single, _ in taken_s) / min(half for _, half in taken_s)


def optimiser_steps(options: Mapping[str, Any], n_batches: int) -> int:
    """Steps of an epoch of so many batches in all, as Lightning makes them.

    options: of conf/trainer. Every process has its share of the batches and all make one step together, after
    each `accumulate_grad_batches` of them and after the last.
    """
    share = math.ceil(n_batches / n_processes(options))
    limit = options.get("overfit_batches") or options.get("limit_train_batches")
    if limit is not None:
        share = min(share, limit) if isinstance(limit, int) else int(share * limit)
    return math.ceil(share / (options.get("accumulate_grad_batches") or 1))


def n_processes(options: Mapping[str, Any]) -> int:
    """That train together on this machine and others; options: of conf/trainer."""
    return int(_placed(options).world_size)


def check_swept(options: Mapping[str, Any]) -> None:
    """Raise ValueError where a trainer would start its further processes by the command that is running.

    In a multirun each of them would begin the whole sweep, in a folder of its own. options: of conf/trainer.
    """
    if options.get("devices") == 1 and options.get("num_nodes") in (None, 1):
        return
    try:
        placed = _placed(options)
    except MisconfigurationException:
        return  # devices that are not here; jobs may run elsewhere, and say so themselves if they do not
    launcher = placed.strategy.launcher
    if placed.world_size == 1 or not isinstance(launcher, _SubprocessScriptLauncher):
        return
    if not launcher.cluster_environment.creates_processes_externally:
        raise ValueError(
            f"a sweep cannot train on several devices at once (trainer.devices={options.get('devices')}, "
            f"num_nodes={options.get('num_nodes', 1)}): "
            "each further process would begin the whole sweep. Take trainer=cpu or trainer=gpu, several jobs "
            "at once with hydra/launcher=joblib (docs/sweeps.md), or train one by one, without -m"
        )


def _placed(options: Mapping[str, Any]) -> lightning.Trainer:
    """Only Lightning knows what `auto` is on this machine."""
    where = {
        key: options[key] for key in ("accelerator", "devices", "num_nodes", "strategy") if key in options
    }
    _hush()
    return lightning.Trainer(**where, logger=False, enable_checkpointing=False)


def build_loggers(config: Mapping[str, Any], folder: Path) -> list[Any]:
    """The loggers of a configuration, which write into `folder`."""
    return [build(node, save_dir=str(folder)) for node in (config["logger"] or {}).values()]


def build_trainer(
    config: dict[str, Any], folder: Path, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    """Trainer that writes into `folder`."""
    _hush()
    options = dict(config["trainer"])
    options.pop("threads")
    nodes = dict(config.get("callbacks") or {})
    kept = [nodes.pop(name) for name in ("checkpoint", "last") if name in nodes]  # the monitored one first
    callbacks = [*(build(node, dirpath=str(folder / CHECKPOINTS)) for node in kept), *callbacks]
    if "pictures" in nodes:
        callbacks = [build(nodes.pop("pictures"), folder=folder), *callbacks]
    if options.get("enable_progress_bar") is False:
        nodes.pop("progress", None)
    configured = [build(node) for node in nodes.values()]
    return lightning.Trainer(
        **{**options, "precision": precision(options.get("precision"), options.get("accelerator", "auto"))},
        default_root_dir=str(folder),
        logger=build_loggers(config, folder),
        callbacks=[*callbacks, *configured],  # those that log come after the one that says which step it is
        plugins=[DurableCheckpointIO()],
        use_distributed_sampler=False,  # examples are divided by our own sampler
    )
