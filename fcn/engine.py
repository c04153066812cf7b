"""The lightning.Trainer of a configuration: loggers, callbacks, precision, threads."""

from pathlib import Path
from typing import Any

import lightning
import torch

from fcn.config import build


def precision(wanted: str) -> str:
    """`auto` is bfloat16 autocast where it is fast (CUDA, or a CPU with AMX tiles), else float32.

    On a CPU without AMX bfloat16 is emulated, and slower than float32.
    """
    if wanted != "auto":
        return wanted
    fast = torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if fast else "32-true"


def build_trainer(
    config: dict[str, Any], folder: Path, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    """Trainer that writes into `folder`."""
    options = dict(config["trainer"])
    options.pop("threads")
    loggers = [build(node, save_dir=str(folder)) for node in (config["logger"] or {}).values()]
    nodes = dict(config.get("callbacks") or {})
    if "checkpoint" in nodes:
        callbacks = [build(nodes.pop("checkpoint"), dirpath=str(folder / "checkpoints")), *callbacks]
    if not options["enable_progress_bar"]:
        nodes.pop("progress", None)
    configured = [build(node) for node in nodes.values()]
    return lightning.Trainer(
        **{**options, "precision": precision(options["precision"])},
        default_root_dir=str(folder),
        logger=loggers,
        callbacks=[*configured, *callbacks],
        use_distributed_sampler=False,  # examples are divided by our own sampler
    )
