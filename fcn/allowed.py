"""What a configuration that comes from a file may build: the classes our own configuration names, no others.

A checkpoint is data from strangers. `weights_only=True` keeps code out of its weights; its configuration
names what is to be built, and Hydra would build anything: `shutil.copyfile` as well as a network. So every
name is looked up here before anything is built. No list is kept by hand: what conf/ names is allowed, under
its present name (`fcn.former`).
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from fcn.config import CONF_DIR

PLAIN = (str, bool, int, float, type(None))


@functools.cache
def names() -> frozenset[str]:
    """Every `_target_` that a file of conf/ states."""
    texts = (path.read_text(encoding="utf-8") for path in CONF_DIR.rglob("*.yaml"))
    return frozenset(name for text in texts for name in _targets(yaml.safe_load(text)))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _targets(value)


def check(node: Any, where: str, *, trust: Sequence[str] = ()) -> None:
    """Raise ValueError naming the first thing in a configuration that may not be built, and its place.

    where: the file, for the message. trust: packages whose classes the user lets files build, too.
    """
    for place, fault in _faults(node, "config", tuple(trust)):
        raise ValueError(f"{where} is not safe to load: {place} {fault}")


def _faults(node: Any, place: str, trust: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            target = node["_target_"]
            known = isinstance(target, str) and (target in names() or target.split(".")[0] in trust)
            if not known:
                yield (
                    place,
                    f"would build {target!r}, which no file of conf/ names. If you know the class and trust "
                    "whoever wrote the file, allow its package: trust=[<package>]",
                )
        if "_args_" in node:
            yield place, "has positional arguments (_args_), which fcn never writes"
        for key, value in node.items():
            yield from _faults(value, f"{place}.{key}", trust)
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from _faults(value, f"{place}[{i}]", trust)
    elif not isinstance(node, PLAIN):
        yield place, f"is a {type(node).__name__}, not plain data"
    elif isinstance(node, str) and "${" in node:
        yield place, f"asks for an interpolation, {node!r}: fcn writes resolved values"
