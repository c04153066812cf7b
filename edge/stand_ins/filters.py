"""In the place of `fcn.waveform.filters`: designs are looked up in `filters.json`, sections run in blocks.

The same names with the same arguments as there, where SciPy designs and runs them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

BLOCK = 128  # samples at once

_designs: dict[tuple[Any, ...], np.ndarray] = {}
_ahead: dict[tuple[Any, ...], int] = {}


def know(content: Mapping[str, Any]) -> None:
    """Take the designs of a `filters.json`."""
    for kind, designs in content.items():
        for each in designs:
            arguments = {key: value for key, value in each.items() if key not in ("sos", "samples_ahead")}
            if kind == "butterworth" and arguments["high_hz"] is None:
                arguments["high_hz"] = math.inf
            if kind == "anti_alias":  # exports of before it was known have all channels as they come
                _ahead[tuple(arguments.values())] = each.get("samples_ahead", 0)
            _designs[kind, *arguments.values()] = np.array(each["sos"], dtype=np.float64).reshape(-1, 6)


def _design(kind: str, *arguments: Any) -> np.ndarray:
    if (kind, *arguments) not in _designs:
        raise ValueError(
            f"no {kind} filter was exported for {arguments}: the station file that fcn.export was given "
            "has no channel of such a sampling rate; export again with one that has"
        )
    return _designs[kind, *arguments]


@dataclass(frozen=True)
class Butterworth:
    """See `fcn.waveform.filters.Butterworth`."""

    low_hz: float
    high_hz: float
    order: int
    sampling_rate_hz: float
    integrated: bool = False

    def sos(self) -> np.ndarray:
        """Second-order sections."""
        return _design("butterworth", *vars(self).values())


def to_velocity_sos(highpass_hz: float, acceleration: bool, sampling_rate_hz: float) -> np.ndarray:
    """See `fcn.waveform.filters.to_velocity_sos`."""
    return _design("to_velocity", highpass_hz, acceleration, sampling_rate_hz)


def anti_alias_sos(stop_hz: float, attenuation_db: float, order: int, sampling_rate_hz: float) -> np.ndarray:
    """See `fcn.waveform.filters.anti_alias_sos`."""
    return _design("anti_alias", stop_hz, attenuation_db, order, sampling_rate_hz)


def samples_ahead(stop_hz: float, attenuation_db: float, order: int, sampling_rate_hz: float) -> int:
    """See `fcn.waveform.filters.samples_ahead`; of a rate for which there is an `anti_alias_sos`."""
    return _ahead[stop_hz, attenuation_db, order, sampling_rate_hz]


def sosfilt(sos: np.ndarray, samples: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples (row, n) through sections (section, 6) that remember (section, row, 2); and what they remember.

    A section is a linear system of two states (transposed direct form II, as SciPy has it): a block of its
    output is a matrix times the states and another times the samples.
    """
    result, after = np.array(samples, dtype=np.float64), np.array(memory, dtype=np.float64)
    for row, section in enumerate(np.asarray(sos, dtype=np.float64)):
        system = _system(section.tobytes())
        for first in range(0, result.shape[1], BLOCK):
            block = result[:, first : first + BLOCK]
            n, state = block.shape[1], after[row].copy()
            after[row] = state @ system.powers[n].T + block @ system.driven[BLOCK - n :]
            result[:, first : first + BLOCK] = state @ system.free[:n].T + block @ system.response[:n, :n]
    return result, after


@dataclass(frozen=True)
class _System:
    """powers: of the transition, up to a block's. free: output of the states alone. response: to samples
    (sample, output). driven: states after a block, of its samples."""

    powers: np.ndarray
    free: np.ndarray
    response: np.ndarray
    driven: np.ndarray


@lru_cache(maxsize=256)
def _system(section: bytes) -> _System:
    b0, b1, b2, a0, a1, a2 = np.frombuffer(section)
    b0, b1, b2, a1, a2 = (each / a0 for each in (b0, b1, b2, a1, a2))
    step = np.array([[-a1, 1.0], [-a2, 0.0]])
    drive = np.array([b1 - a1 * b0, b2 - a2 * b0])
    powers = [np.eye(2)]
    for _ in range(BLOCK):
        powers.append(step @ powers[-1])
    power = np.array(powers)
    impulse = np.concatenate(([b0], power[: BLOCK - 1, 0] @ drive))
    lag = np.arange(BLOCK)[None, :] - np.arange(BLOCK)[:, None]
    response = np.where(lag >= 0, impulse[np.abs(lag)], 0.0)
    return _System(power, power[:BLOCK, 0], response, (power[:BLOCK] @ drive)[::-1])
