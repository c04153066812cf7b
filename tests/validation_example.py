"""The shipped validation sequences, and how to make others."""

from toy import resolved

from fcn.config import build
from fcn.simulate.sequence.validation import ValidationSequence

SHIPPED = range(6)


def dataset(*overrides: str) -> dict:
    """The dataset group of a test's command line."""
    return resolved("test", "ckpt=none", *overrides)["dataset"]


CONFIG = dataset("dataset=validation")["builder"]


def make(index: int) -> ValidationSequence:
    """The builder of one sequence."""
    return build({**CONFIG, "name": f"validation-{index}", "index": index})
