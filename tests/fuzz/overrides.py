"""Overrides of the command line, and what the entry point says before anything long starts."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.kinds import first_fault, numbers_of
from fuzz.mutation import NASTY, NASTY_VALUES, nasty_value
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from toy import composed

from fcn import config as configuration
from fcn.build_grid import make_grid
from fcn.config import build
from fcn.preflight import check_test, check_training
from fcn.store.writer import StoreWriter


def start_store(config: dict[str, Any]) -> None:
    """What build_store does before the first record."""
    for source in config["source"].values():
        build(source)
    rate_hz = config["preprocess"]["sampling_rate_hz"]
    StoreWriter(Path("out"), rate_hz, config["splits"]["split_fractions"], config["splits"]["seed"])


GRID = ("out=x", "grid.minimum_km=[-9,-9,-2]", "grid.spacing_km=[3,3,3]", "grid.shape=[7,7,5]")
COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], object]]] = {
    "train": (("experiment=smoke",), check_training),
    "test": (("ckpt=x", "declare=migration", "velocity_model=jma2001"), check_test),
    "build_grid": (GRID, make_grid),
    "build_store": (("source=simulated_smoke", "out=x"), start_store),
}
# Groups whose values others read: Lightning, the loggers, what a cached data set is simulated by.
LEFT_OUT = ("logger", "callbacks", "dataset", "store", "hydra", "name", "cache", "ckpt", "trust", "out")


@dataclass(frozen=True)
class Override:
    entry: str
    key: tuple[str | int, ...]
    value: int

    @property
    def config(self) -> DictConfig:
        cfg = composed(self.entry, *COMMANDS[self.entry][0]).copy()
        *holders, last = self.key
        node: Any = cfg
        for part in holders:
            node = node[part]
        node[last] = nasty_value(node[last], self.value)
        return cfg


@functools.cache
def keys(entry: str) -> tuple[tuple[str | int, ...], ...]:
    plain = OmegaConf.to_container(composed(entry, *COMMANDS[entry][0]))
    return tuple(key for key in _leaves(plain, ()) if key[0] not in LEFT_OUT and "recipe" not in key[1:2])


def _leaves(node: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*place, key))
    else:
        yield place


def overrides(entry: str) -> st.SearchStrategy[Override]:
    values = st.integers(0, len(NASTY) * len(NASTY_VALUES) * 3)
    return st.builds(Override, st.just(entry), st.sampled_from(keys(entry)), values)


def start(override: Override) -> dict[str, Any]:
    """The configuration, once its entry point has taken it."""
    config = configuration.plain(override.config)
    COMMANDS[override.entry][1](config)
    return config


def nonsense(config: dict[str, Any]) -> str | None:
    def at(key: str) -> list[float]:
        node: Any = config
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return list(numbers_of(node))

    ours = {key: value for key, value in config.items() if key != "trainer"}  # that is Lightning's
    if any(math.isnan(number) or not -1e15 <= number <= 2**63 for number in _finite(ours)):
        return "a number that is none"
    bounds = {
        "seed": (0, 2**63),
        "data.window_s": (1, 600),
        "data.batch_size": (1, 10**9),
        "data.workers": (0, 1000),
        "data.velocity.velocity_fraction": (0, 1),
        "data.table.step_km": (1e-3, 1000),
        "geometry.half_width_km": (1, 1000),
        "geometry.grid.shape": (1, 10**4),
        "optim.optimiser.lr": (0, 10),
        "preprocess.sampling_rate_hz": (1, 1000),
        "trainer.threads": (1, 1024),
        "windows.step_s": (0.01, 600),
        "matching.epicentre_km": (0, 20_100),
        "grid.spacing_km": (1e-3, 1000),
        "velocity_model.vp_kmps": (0.1, 15),
    }
    return first_fault(**{key: (at(key), *within) for key, within in bounds.items()})


def _finite(node: Any, key: str = "") -> Iterator[float]:
    """Every number that may not be infinite: conf/ says which may."""
    if key in ("q", "limits", "min_snr_db"):
        return
    if isinstance(node, dict):
        for inner, value in node.items():
            yield from _finite(value, str(inner))
    else:
        yield from numbers_of(node)
