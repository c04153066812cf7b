"""Scripts run with the package of this tree, or of another one, in processes of their own."""

import os
import subprocess
from pathlib import Path

OLD = "a4aefc9"  # the commit that rows are compared with
REPOSITORY = Path(__file__).parents[1]


def child(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process in a tree, on one core; it may have failed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    return subprocess.run(arguments, cwd=tree, env=environment, capture_output=True, text=True)
