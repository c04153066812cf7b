"""Recursive filters of many streams at once: a call of SciPy's costs far more than filtering a packet.

What processes a stream is a generator that asks for the filters it needs (`Work`), so that it is written as
if it were alone; `together` goes through the work of many streams side by side.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64

from fcn.waveform.filters import sosfilt

T = TypeVar("T")

Carried = Float64[np.ndarray, "section component 2"]
Filtered = tuple[Float64[np.ndarray, "component n"], Carried]


class Filtering(NamedTuple):
    """Second-order sections, samples, and what the filter remembers of those before."""

    sos: Float64[np.ndarray, "section 6"]
    samples: Float64[np.ndarray, "component n"]
    memory: Carried


Work = Generator[Filtering, Filtered, T]


def together(works: Iterable[Work[T]]) -> list[T]:
    """What each returns, in order. Equal filters of equally many samples are one call.

    That changes no digit: rows are filtered one by one.
    """
    going = list(works)
    results: dict[int, T] = {}
    answers: dict[int, Filtered] = {}
    waiting: Sequence[int] = range(len(going))
    while waiting:
        alike: dict[tuple[bytes, int], list[tuple[int, Filtering]]] = {}
        for index in waiting:
            try:
                # the first one has asked for nothing
                asked = going[index].send(answers[index]) if answers else next(going[index])
            except StopIteration as done:
                results[index] = done.value
            else:
                key = asked.sos.tobytes(), asked.samples.shape[1]
                alike.setdefault(key, []).append((index, asked))
        answers = {index: answer for each in alike.values() for index, answer in _filtered(each)}
        waiting = sorted(answers)
    return [results[index] for index in range(len(going))]


def alone(work: Work[T]) -> T:
    """What it returns."""
    (result,) = together([work])
    return result


def _filtered(asked: list[tuple[int, Filtering]]) -> list[tuple[int, Filtered]]:
    """Answers to those that ask for one filter, each with its number."""
    sos = asked[0][1].sos
    samples = np.concatenate([each.samples for _, each in asked])
    memory = np.concatenate([each.memory for _, each in asked], axis=1)
    filtered, after = sosfilt(sos, samples, memory)
    answers, row = [], 0
    for index, each in asked:
        rows = slice(row, row + len(each.samples))
        answers.append((index, (filtered[rows], after[:, rows])))
        row = rows.stop
    return answers
