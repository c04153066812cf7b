"""Answers of a data centre, piece by piece in files: what is there is not asked for again."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import obspy

from fcn.fetch.centre import NoDataError, RefusedError, TooMuchError
from fcn.publish import new_file

ASKED = "asked.json"
SHORTEST_S = 30.0  # of a piece: what is too much in so short a time stays so
NOTHING, HALVES = ".nothing", ".halves"  # endings of files that stand for an answer

Ask = Callable[[float, float], bytes]  # begin and end, POSIX s


def kept_folder(out: Path) -> Path:
    """Where answers are kept until a sequence is made of them."""
    return out.with_name(f"{out.name}.fetch")


def go_on(folder: Path, asked: Mapping[str, Any]) -> None:
    """Make the folder, or find in it what was asked before; ValueError where that was something else."""
    path = folder / ASKED
    plain = json.loads(json.dumps(asked))
    if not path.is_file():
        with new_file(path) as partial:
            partial.write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(key for key in {*plain, *before} if plain.get(key) != before.get(key))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove {folder}") from error
    if differing:
        key = differing[0]
        raise ValueError(
            f"{folder} holds part of a fetch with source.{key}={before.get(key)}, and now it is "
            f"{plain.get(key)}: remove it, give another out, or ask as before to go on"
        )


def answer(path: Path, ask: Callable[[], bytes]) -> bytes:
    """The answer kept in a file, asked for where there is none; raises as `ask`."""
    if not path.is_file():
        _write(path, ask())
    return path.read_bytes()


class Pieces:
    """Answers to one question about spans of time, as folder/BEGIN_END.suffix."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder, self._suffix = folder, suffix

    def get(
        self, begin_s: float, end_s: float, ask: Ask, refuse: Callable[[float, float, RefusedError], None]
    ) -> None:
        """Have all of a span, in halves where it is too much for the data centre.

        refuse: told of each part that could not be had, and why; it is asked for again next time.
        """
        path = self._path(begin_s, end_s)
        if any(path.with_suffix(ending).is_file() for ending in (self._suffix, NOTHING)):
            return
        if not path.with_suffix(HALVES).is_file():
            try:
                _write(path.with_suffix(self._suffix), ask(begin_s, end_s))
                return
            except NoDataError:
                _write(path.with_suffix(NOTHING), b"")
                return
            except TooMuchError as error:
                if end_s - begin_s < 2 * SHORTEST_S:
                    refuse(begin_s, end_s, RefusedError(str(error)))
                    return
                _write(path.with_suffix(HALVES), b"")
            except RefusedError as error:
                refuse(begin_s, end_s, error)
                return
        middle_s = round((begin_s + end_s) / 2)
        self.get(begin_s, middle_s, ask, refuse)
        self.get(middle_s, end_s, ask, refuse)

    def had(self, begin_s: float, end_s: float) -> Iterator[tuple[float, float, bytes]]:
        """What is there of a span: begin, end and answer, in order."""
        path = self._path(begin_s, end_s)
        if path.with_suffix(self._suffix).is_file():
            yield begin_s, end_s, path.with_suffix(self._suffix).read_bytes()
        elif path.with_suffix(HALVES).is_file():
            middle_s = round((begin_s + end_s) / 2)
            yield from self.had(begin_s, middle_s)
            yield from self.had(middle_s, end_s)

    def _path(self, begin_s: float, end_s: float) -> Path:
        names = (obspy.UTCDateTime(time_s).strftime("%Y%m%dT%H%M%S-%f") for time_s in (begin_s, end_s))
        return self._folder / "_".join(names)


def spans(start_s: float, end_s: float, length_s: float) -> list[tuple[float, float]]:
    """Of a length each, the last one shorter."""
    n = max(1, -int(-(end_s - start_s) // length_s))
    edges = [start_s + i * length_s for i in range(n)] + [end_s]
    return list(itertools.pairwise(edges))


def _write(path: Path, content: bytes) -> None:
    with new_file(path) as partial:
        partial.write_bytes(content)
