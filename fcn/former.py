"""What files written by earlier versions call things: checkpoints outlive the names of classes.

The one table of former names. A class that moves or is renamed gets a row here; nothing else in the package
knows that it was ever called otherwise.
"""

from collections.abc import Mapping
from typing import Any

# former dotted path: the present one
NAMES: Mapping[str, str] = {
    "fcn.scheme.anchors.AnchorPrior": "fcn.scheme.migration.anchors.AnchorPrior",
    "fcn.scheme.image.ImageScheme": "fcn.scheme.image.scheme.ImageScheme",
    "fcn.scheme.migration.MigrationScheme": "fcn.scheme.migration.scheme.MigrationScheme",
    "fcn.scheme.migration.ModelError": "fcn.scheme.migration.training_volumes.ModelError",
    "fcn.scheme.migration.Reading": "fcn.scheme.migration.reader.Reading",
    "fcn.scheme.migration.VolumeSpec": "fcn.scheme.migration.volume.VolumeSpec",
}


def current(node: Any) -> Any:
    """A copy of a plain configuration whose every `_target_` bears its present name."""
    if isinstance(node, Mapping):
        renamed = {key: current(value) for key, value in node.items()}
        target = renamed.get("_target_")
        if isinstance(target, str) and target in NAMES:
            renamed["_target_"] = NAMES[target]
        return renamed
    if isinstance(node, list | tuple):
        return [current(value) for value in node]
    return node
