"""What many streams ask for, answered at once: a call costs far more than the few samples of a packet.

What processes a stream is a generator that asks for what it needs (`Work`), so that it is written as if it
were alone; `together` goes through the work of many streams side by side.
"""

import itertools
from collections.abc import Generator, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from jaxtyping import Float64

from fcn.waveform.filters import sosfilt

T = TypeVar("T")

Sections = Float64[np.ndarray, "_ 6"]  # of filters that may differ in their number
Carried = Float64[np.ndarray, "_ component 2"]
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


class Filters(NamedTuple):
    """Filters, each of second-order sections, and what tells them from others (asked for every packet)."""

    sos: tuple[Sections, ...]
    key: Hashable

    @classmethod
    def of(cls, *sos: Sections) -> "Filters":
        """These."""
        return cls(sos, tuple(each.tobytes() for each in sos))


class Filtering(NamedTuple):
    """Each of some filters of the same samples, and what each remembers of those before.

    Answer: `Filtered` of each filter.
    """

    filters: Filters
    samples: Float64[np.ndarray, "component n"]
    memory: Sequence[Carried]

    @property
    def like(self) -> Hashable:
        """Equal filters of equally many samples."""
        return self.filters.key, self.samples.shape[1]

    @staticmethod
    def answers(asked: "Sequence[Filtering]") -> list[list[Filtered]]:
        """Rows are filtered one by one: that changes no digit."""
        samples = np.concatenate([each.samples for each in asked])
        ends = list(itertools.accumulate(len(each.samples) for each in asked))
        rows = [slice(first, end) for first, end in zip([0, *ends], ends, strict=False)]
        answers: list[list[Filtered]] = [[] for _ in asked]
        for number, sos in enumerate(asked[0].filters.sos):
            memory = np.concatenate([each.memory[number] for each in asked], axis=1)
            filtered, after = sosfilt(sos, samples, memory)
            for answer, place in zip(answers, rows, strict=True):
                answer.append((filtered[place], after[:, place]))
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
