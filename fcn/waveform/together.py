"""What many streams ask for, answered at once: a call costs far more than the few samples of a packet.

What processes a stream is a generator that asks for what it needs (`Work`), so that it is written as if it
were alone; `together` goes through the work of many streams side by side.
"""

from collections.abc import Generator, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from jaxtyping import Float64

from fcn.waveform.filters import sosfilt

T = TypeVar("T")

Carried = Float64[np.ndarray, "section component 2"]
Filtered = tuple[Float64[np.ndarray, "component n"], Carried]


class Asked(Protocol):
    """Something to be computed for one stream."""

    @property
    def like(self) -> Hashable:
        """What is equal for those that can be answered at once."""
        ...

    @staticmethod
    def answers(asked: Sequence[Any]) -> list[Any]:
        """To some that are alike, in order; the same digits as to each alone."""
        ...


class Filtering(NamedTuple):
    """Second-order sections, samples, and what the filter remembers of those before; answer: `Filtered`."""

    sos: Float64[np.ndarray, "section 6"]
    samples: Float64[np.ndarray, "component n"]
    memory: Carried

    @property
    def like(self) -> Hashable:
        """Equal filters of equally many samples."""
        return self.sos.tobytes(), self.samples.shape[1]

    @staticmethod
    def answers(asked: "Sequence[Filtering]") -> list[Filtered]:
        """Rows are filtered one by one: that changes no digit."""
        samples = np.concatenate([each.samples for each in asked])
        memory = np.concatenate([each.memory for each in asked], axis=1)
        filtered, after = sosfilt(asked[0].sos, samples, memory)
        answers, row = [], 0
        for each in asked:
            rows = slice(row, row + len(each.samples))
            answers.append((filtered[rows], after[:, rows]))
            row = rows.stop
        return answers


Work = Generator[Asked, Any, T]


def together(works: Iterable[Work[T]]) -> list[T]:
    """What each returns, in order; those that ask for alike things at a time are answered at once."""
    going = list(works)
    results: dict[int, T] = {}
    answers: dict[int, Any] = {}
    waiting: Sequence[int] = range(len(going))
    while waiting:
        alike: dict[tuple[type, Hashable], list[tuple[int, Asked]]] = {}
        for index in waiting:
            try:
                # the first one has asked for nothing
                asked = going[index].send(answers[index]) if answers else next(going[index])
            except StopIteration as done:
                results[index] = done.value
            else:
                alike.setdefault((type(asked), asked.like), []).append((index, asked))
        answers = {}
        for group in alike.values():
            indices, asked_for = zip(*group, strict=True)
            answers.update(zip(indices, asked_for[0].answers(asked_for), strict=True))
        waiting = sorted(answers)
    return [results[index] for index in range(len(going))]


def alone(work: Work[T]) -> T:
    """What it returns."""
    (result,) = together([work])
    return result
