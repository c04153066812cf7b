"""From what lateness on has a station stopped? Losses of validation windows whose last samples have not come.

    python experiments/generalized/late.py generalized --windows 480

Of the recombined validation windows of experiment=generalized (simulated, dev split), four stations in five
lack up to two seconds of their data at the end, drawn from --seed. For each value of `MOST_LATE`
(fcn/arch/series.py) the terms of the validation loss and their weighted sum, over the same windows, and
how much more that is than where levels go on, with its standard error over batches.
"""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.progress import track

from fcn import config as configuration
from fcn.arch import series
from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.cache import cached_store
from fcn.checkpoint import load
from fcn.scheme.base import require_targets

MOST_LATE_S = (0.0, 0.5, 1.0, 1.25, 1.5, 2.0)
BATCH = 16
RATE_HZ, LATE_SHARE, LONGEST_S = 20.0, 0.8, 2.0


def late(batch: Batch, generator: torch.Generator) -> Batch:
    """The batch without what has not come."""
    shape, n_samples = batch.mask.shape, batch.known.shape[-1]
    n_late = (torch.rand(shape, generator=generator) * LONGEST_S * RATE_HZ).long()
    n_late *= torch.rand(shape, generator=generator) < LATE_SHARE
    has_come = (torch.arange(n_samples) < n_samples - n_late[..., None])[:, :, None]
    return replace(
        batch,
        known=batch.known & has_come,
        waveforms=batch.waveforms * has_come,
        waveforms_broad=batch.waveforms_broad * has_come,
    )


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt")
    parser.add_argument("--windows", type=int, default=480)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.windows < 2 * BATCH:
        parser.error(f"--windows must be {2 * BATCH} or more, two batches, not {arguments.windows}")
    torch.set_num_threads(1)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        given = {"batch_size": BATCH, "validation_examples": arguments.windows}
        overrides = ["experiment=generalized", *(f"data.{name}={value}" for name, value in given.items())]
        config = configuration.plain(compose("train", overrides))
    module = load(arguments.ckpt).module.eval()
    loss = configuration.build(config["loss"])  # not the checkpoint's, whose last training may be of a part
    store = cached_store(config["store"], Path(config["cache"]).expanduser())
    windows = build_datamodule(config, store).val_dataloader()[0]
    generator = torch.Generator().manual_seed(arguments.seed)
    sums: dict[float, Counter[str]] = {each_s: Counter() for each_s in MOST_LATE_S}
    losses: dict[float, list[float]] = {each_s: [] for each_s in MOST_LATE_S}
    n = 0
    for batch in track(windows, console=Console(stderr=True)):
        batch = late(batch, generator)
        for most_s, sum_of in sums.items():
            series.MOST_LATE = round(most_s * RATE_HZ)
            terms, _ = module.scheme.validate(module.network, batch, require_targets(batch))
            weighted = loss(terms)
            losses[most_s].append(float(weighted))
            for name, value in {"weighted sum": weighted, **terms}.items():
                sum_of[name] += float(value) * len(batch)
        n += len(batch)
    names = ["weighted sum", "station_p", "evidence", "location"]
    console = Console(soft_wrap=True)
    console.print(f"| MOST_LATE (s) | {' | '.join(names)} | against 0 s |", markup=False)
    console.print("|---" * (2 + len(names)) + "|", markup=False)
    first = np.array(losses[MOST_LATE_S[0]])
    for most_s, sum_of in sums.items():
        cells = " | ".join(f"{sum_of[name] / n:.4f}" for name in names)
        more = np.array(losses[most_s]) - first
        error = more.std(ddof=1) / len(more) ** 0.5
        console.print(f"| {most_s:g} | {cells} | {more.mean():+.4f} +- {error:.4f} |", markup=False)


if __name__ == "__main__":
    main()
