"""Checkpoints of small networks, written as a training writes them, to be exported."""

from pathlib import Path

import torch

from fcn.assemble import build_module


def write_checkpoint(path: Path, config: dict) -> Path:
    """Weights drawn from the configuration's seed, batch statistics that are not those of a new network."""
    module = build_module(config, trainable=False)
    generator = torch.Generator().manual_seed(3)
    for each in module.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.running_mean.copy_(0.1 * torch.randn(each.running_mean.shape, generator=generator))
            each.running_var.copy_(0.5 + torch.rand(each.running_var.shape, generator=generator))
    record = {"config": config, "overrides": [], "git": {}, "fcn": "0", "store_digest": "0"}
    torch.save({"state_dict": module.state_dict(), "fcn": record}, path)
    return path
