"""What is in training windows: how many visible events, how faint, how soon after their first P.

    python experiments/scenes/count.py [windows=960] [OVERRIDE ...]

The windows that experiment=generalized trains on, of its store (store.path=... for an existing one).
Prints a table.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from fcn import config as configuration
from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.cache import cached_store
from fcn.seeding import Purpose

BATCH = 16
FAINT = (1.5, 6.0)  # SNR of the third-best station, or of the best seen, of an event near the noise


def rows(batch: Batch) -> dict[str, list[np.ndarray]]:
    """Figures of the windows of a batch, one number per window."""
    targets, mask = batch.targets, batch.mask[..., None]
    assert targets is not None
    snr = torch.where(mask, targets.p_snr, 0.0)
    visible = (snr > 3.0).any(dim=1) & targets.event_exists
    first_s = targets.p_arrival_s.masked_fill(~mask, torch.inf).amin(dim=1)
    ordered = snr[..., 0].sort(dim=1, descending=True).values
    there = visible & (first_s >= 0) & (first_s < 30)
    apart_s = (first_s[:, :, None] - first_s[:, None]).abs()
    pairs = there[:, :, None] & there[:, None] & ~torch.eye(there.shape[1], dtype=torch.bool)
    nearest_s = apart_s.masked_fill(~pairs, torch.inf).amin(dim=(1, 2))
    p_s, s_s = targets.p_arrival_s, targets.s_arrival_s
    # P of one event within two seconds of S of another, at a station
    clash = ((p_s[..., :, None] - s_s[..., None, :]).abs() < 2.0) & (snr > 1.0)[..., :, None]
    clash = (clash & pairs[:, None]).flatten(2).any(dim=2).float().sum(dim=1) / batch.mask.sum(dim=1)
    found = {
        "visible": visible.sum(dim=1),
        "is_event": targets.is_event,
        "elapsed": targets.elapsed_s,
        "magnitude": targets.magnitude,
        "best": ordered[:, 0],
        "third": ordered[:, min(2, ordered.shape[1] - 1)],
        "nearest": nearest_s,
        "clash": clash,
        "vertical": ~batch.known[:, :, 1:].any(dim=(1, 2, 3)),
        "young": (~batch.known[..., 0].any(dim=2) & batch.mask).float().sum(dim=1) / batch.mask.sum(dim=1)
        > 0.9,
    }
    return {name: [values.numpy()] for name, values in found.items()}


def main() -> None:
    """Print the table."""
    given = [each for each in sys.argv[1:] if not each.startswith("windows=")]
    count = next((int(each.split("=")[1]) for each in sys.argv[1:] if each.startswith("windows=")), 960)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("train", ["experiment=generalized", *given]))
    torch.set_num_threads(config["trainer"]["threads"])
    store = config["store"]["path"] or cached_store(config["store"], Path(config["cache"]).expanduser())
    made = build_datamodule(config, Path(store)).recombined(Purpose.TRAIN, "train")
    parts = [
        rows(made.__getitems__([(0, first + i) for i in range(BATCH)])) for first in range(0, count, BATCH)
    ]
    of = {name: np.concatenate([part[name][0] for part in parts]) for name in parts[0]}
    event = of["is_event"]
    faint = event & (of["third"] > FAINT[0]) & (of["third"] < FAINT[1])
    lines = {f"{n} visible events": of["visible"] == n for n in range(5)}
    lines |= {
        "an event to locate": event,
        "... at most 3 s after its first P": event & (of["elapsed"] < 3),
        "... magnitude below 1.5": event & (of["magnitude"] < 1.5),
        "... SNR of the third-best station 1.5-6": faint,
        "... SNR of the best station below 6": event & (of["best"] < 6),
        "two visible events within 5 s": of["nearest"] < 5,
        "two within 5-20 s": (of["nearest"] >= 5) & (of["nearest"] < 20),
        "P within 2 s of another's S at a third of the stations": of["clash"] > 1 / 3,
        "vertical components alone": of["vertical"],
        "network that has just started": of["young"],
    }
    sys.stdout.write("| | share of windows |\n|---|---|\n")
    sys.stdout.write("".join(f"| {name} | {100 * values.mean():.0f} % |\n" for name, values in lines.items()))
    for name in ("best", "third"):
        spread = " / ".join(f"{x:.1f}" for x in np.percentile(of[name][event], (5, 25, 50, 75, 95)))
        sys.stdout.write(f"| SNR of the {name} station, 5 / 25 / 50 / 75 / 95 % | {spread} |\n")


if __name__ == "__main__":
    main()
