"""What a checkpoint's configuration may build: the classes our own configuration names, no others.

A checkpoint is data from strangers. `weights_only=True` keeps code out of its weights; its configuration
names what is to be built, and Hydra would build anything: `shutil.copyfile` as well as a network. So every
name is looked up here before anything is built. No list is kept by hand: a part may build what the files of
its groups in conf/ name, under its present name (`fcn.former`).
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from fcn.config import CONF_DIR

# Parts of a training's configuration that are built to run its network, and whose names each may use; the
# others (store, callbacks, optimiser, ...) are built by a training alone, from the user's own configuration.
PARTS: Mapping[str, tuple[str, ...]] = {
    "arch": ("arch",),
    "declare": ("declare",),
    "loss": ("loss",),
    "preprocess": ("preprocess",),
    "scheme": ("scheme", "geometry", "magnitude"),
    "velocity_model": ("velocity_model",),
}
PLAIN = (str, bool, int, float, type(None))
DEEPEST = 40  # of a configuration: deeper ones are none of ours, or bite their own tails


@functools.cache
def names(group: str) -> frozenset[str]:
    """Every `_target_` that a file of a group in conf/ states."""
    texts = (path.read_text(encoding="utf-8") for path in (CONF_DIR / group).rglob("*.yaml"))
    return frozenset(name for text in texts for name in _targets(yaml.safe_load(text)))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _targets(value)


def check(config: Mapping[str, Any], where: str, *, trust: Sequence[str] = ()) -> None:
    """Raise ValueError naming the first thing in a training's configuration that may not be built.

    where: the file, for the message. trust: full names of further classes that the user lets it build.
    """
    if isinstance(trust, str) or not all("." in each for each in trust):
        raise ValueError(f"trust= takes full names of classes, as in trust=[theirs.nets.Net], got {trust!r}")
    for part, groups in PARTS.items():
        known = frozenset(trust).union(*(names(group) for group in groups))
        for place, fault in _faults(config.get(part), part, known, DEEPEST):
            raise ValueError(f"{where} is not safe to load: its {place} {fault}")


def _faults(node: Any, place: str, known: frozenset[str], deepest: int) -> Iterator[tuple[str, str]]:
    if deepest == 0:
        yield place, "is nested too deeply"
    elif isinstance(node, Mapping):
        target = node.get("_target_")
        if "_target_" in node and not (isinstance(target, str) and target in known):
            yield (
                place,
                f"would build {target!r}, which is not among what conf/ names for it. If you know the class "
                f"and whoever wrote the file, allow it: trust=[{target}]",
            )
        if "_args_" in node:
            yield place, "has positional arguments (_args_), which fcn never writes"
        for key, value in node.items():
            yield from _faults(value, f"{place}.{key}", known, deepest - 1)
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from _faults(value, f"{place}[{i}]", known, deepest - 1)
    elif not isinstance(node, PLAIN):
        yield place, f"is a {type(node).__name__}, not plain data"
    elif isinstance(node, str) and "${" in node:
        yield place, f"asks for an interpolation, {node!r}: fcn writes resolved values"
