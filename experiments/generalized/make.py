"""All trainings of the shipped `generalized`, one after the other, and the file to ship.

    python experiments/generalized/make.py logs/made
    python experiments/generalized/make.py logs/made trainer.precision=32-true   # of all trainings

Each stage is a command of fcn.train, which is printed, in a folder of its own; a stage that is finished is
skipped, and one that was interrupted goes on from its last checkpoint, so that the same command goes on with
everything. Seven hours on two cores. What is shipped was made by this curriculum at four commits (the page
beside says which), whose windows became harder from stage to stage: here all stages have those of today,
and the weights are others.

The alarm rule (`declare=migration`) and what is read (`scheme.reading`, with its factors of ranges) are the
configured ones, chosen for the shipped weights on validation sequences: choose them anew with rules.py.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from fcn.config import CONF_DIR

SHIPPED = "generalized.ckpt"
TWO_PROCESSES = ("trainer=ddp_sim", "data.batch_size=8")
GENTLER = "optim.optimiser.lr=1.5e-3"  # of what begins with trained weights


@dataclass(frozen=True)
class Stage:
    """A training: its folder, the experiment and what differs from it. The next one begins with `kept`."""

    name: str
    experiment: str
    overrides: tuple[str, ...] = ()
    kept: str = "last.ckpt"

    def checkpoint(self, out: Path) -> Path:
        """Where the next stage finds its weights."""
        return out / self.name / "checkpoints" / self.kept

    def last(self, out: Path) -> Path:
        """Where its training goes on."""
        return out / self.name / "checkpoints" / "last.ckpt"

    def asked(self, extra: Sequence[str]) -> list[str]:
        """Overrides of the training; `extra` ones count more."""
        return [f"experiment={self.experiment}", *self.overrides, *extra]

    def is_finished(self, out: Path, extra: Sequence[str]) -> bool:
        """Whether its last checkpoint has all steps that are asked for."""
        if not self.last(out).is_file():
            return False
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            wanted = compose("train", overrides=self.asked(extra)).trainer.max_steps
        reached: int = torch.load(self.last(out), map_location="cpu", weights_only=True)["global_step"]
        return reached >= wanted


STAGES = (
    Stage("first", "generalized", TWO_PROCESSES),
    Stage("second", "generalized", (*TWO_PROCESSES, GENTLER, "seed=2", "data.examples_per_epoch=32000")),
    Stage(
        "third",
        "generalized",
        (*TWO_PROCESSES, GENTLER, "seed=3", "data.examples_per_epoch=29328", "trainer.max_steps=5499"),
    ),
    Stage(
        "fourth",
        "generalized",
        (
            *(*TWO_PROCESSES, GENTLER, "seed=4", "data.examples_per_epoch=20000", "trainer.max_steps=5000"),
            *("validation=none", "callbacks=default"),
        ),
    ),
    # the last layer of the magnitude branch alone: eight minutes of a core
    Stage("growing", "growing", ("trainer.precision=32-true",), kept="best.ckpt"),
)


def command(stage: Stage, before: Stage | None, out: Path, extra: Sequence[str]) -> list[str]:
    """Of a stage that begins with what the one before has kept, or goes on."""
    asked = stage.asked(extra)
    if before is not None:
        asked.append(f"weights={before.checkpoint(out)}")
    if stage.last(out).is_file():
        asked.append(f"ckpt={stage.last(out)}")
    return [sys.executable, "-m", "fcn.train", *asked, f"hydra.run.dir={out / stage.name}"]


def run(asked: Sequence[str]) -> None:
    """Say and do it. Raises SystemExit where it fails."""
    sys.stdout.write(shlex.join(["python", *asked[1:]]) + "\n")
    sys.stdout.flush()
    if status := subprocess.run(asked, check=False).returncode:
        raise SystemExit(
            f"that ended with status {status}; the same command goes on from the last checkpoint there is"
        )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="All trainings of `generalized`, and what is shipped.")
    parser.add_argument("out", type=Path, help="folder of all stages; what to ship is written there, too")
    parser.add_argument("overrides", nargs="*", help="of every training, after its own")
    arguments = parser.parse_args()
    before = None
    for stage in STAGES:
        if not stage.is_finished(arguments.out, arguments.overrides):
            run(command(stage, before, arguments.out, arguments.overrides))
        before = stage
    assert before is not None
    shipped = arguments.out / SHIPPED
    run(
        [
            *(sys.executable, "-m", "fcn.ship", f"ckpt={before.checkpoint(arguments.out)}", f"out={shipped}"),
            *("declare=migration", f"hydra.run.dir={arguments.out / 'ship'}"),
        ]
    )


if __name__ == "__main__":
    main()
