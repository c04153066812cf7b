"""State of a monitor on the disk: written beside and renamed, read without pickle.

`events.json` and `stream.pt`, buffers and filters, are flushed to the disk every few seconds. In between,
what is said has to be known after any kill, and is written to `events.newer.json` before. That is not
flushed by whoever has an alert to say: like the journal it outlives the process as a page of memory does,
and a thread flushes it, for power cuts. So no alert waits for a disk that is slow.
"""

import io
import json
import logging
import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fcn.publish import flush, new_file

log = logging.getLogger(__name__)

EVENTS, NEWER, STREAM = "events.json", "events.newer.json", "stream.pt"
ARRAY = "fcn-array"  # key of what stands for an array


def write_events(folder: Path, state: Mapping[str, Any]) -> None:
    """What `Engine.events_state` returns, to the disk; there is nothing newer then."""
    with new_file(folder / EVENTS) as partial:
        partial.write_text(json.dumps(state), encoding="utf-8")
    # after it: a kill in between leaves both, of which either knows all that was said
    (folder / NEWER).unlink(missing_ok=True)


def write_newer_events(folder: Path, state: Mapping[str, Any]) -> None:
    """The same, without waiting for the disk; in a file of its own, for a power cut may leave it empty."""
    with new_file(folder / NEWER, flushes=False) as partial:
        partial.write_text(json.dumps(state), encoding="utf-8")


def read_events(folder: Path) -> dict[str, Any] | None:
    """The newest; None where there is none; ValueError naming the file for one that is broken.

    What a power cut has left of the newer ones is passed over, with a warning: those of the last state, to
    which `stream.pt` belongs, are whole.
    """
    try:
        newer = _events(folder / NEWER)
    except ValueError as error:
        log.warning("passed over, as a power cut leaves it; the last state is gone on from: %s", error)
        newer = None
    return _events(folder / EVENTS) if newer is None else newer


def _events(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or set(found) != {"declarer", "reader"}:
            raise ValueError("declarer and reader are not what it holds")
    except ValueError as error:
        raise ValueError(f"{path} is no state of a monitor ({error}): remove it to begin anew") from error
    return found


class Flusher:
    """Flushes `events.newer.json` when it is asked to, in a thread of its own, for which nobody waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked, self._ends = threading.Event(), False
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Soon; asked again while the disk is slow, it flushes what is the newest then."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="events", daemon=True)
            self._thread.start()
        self._asked.set()

    def end(self) -> None:
        """After the last state, which has all."""
        self._ends = True
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._ends:
                return
            try:
                flush(self._folder / NEWER)
                flush(self._folder)
            except FileNotFoundError:
                continue  # a state has taken its place
            except OSError as error:
                log.warning("%s: %s", self._folder / NEWER, error)


def write_stream(folder: Path, state: Mapping[str, Any]) -> None:
    """State of engine and source: plain data and arrays. OSError where the disk does not take it.

    All arrays are one, with their places in it: a station has eighty, and the monitor waits meanwhile.
    """
    data = bytearray()
    outline = _outline(state, data)
    content = io.BytesIO()  # of a disk that is full torch says RuntimeError, as of everything else
    data += bytes(1)  # no tensor is made of nothing
    torch.save({"outline": outline, "data": torch.frombuffer(data, dtype=torch.uint8)}, content)
    with new_file(folder / STREAM) as partial:
        partial.write_bytes(content.getbuffer())


def read_stream(folder: Path) -> dict[str, Any] | None:
    """None where there is none; ValueError naming the file for one that is broken."""
    path = folder / STREAM
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if set(found) == {"outline", "data"}:
            found = _filled(found["outline"], found["data"].numpy().data)
        else:  # of before arrays were one
            found = _arrays(found)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise ValueError(f"{path} is no state of a monitor ({error}): remove it to begin anew") from error
    return found


def _outline(value: Any, data: bytearray) -> Any:
    """A state with the place of each array in the data instead of the array."""
    if isinstance(value, np.ndarray):
        place = {ARRAY: [value.dtype.str, len(data), *value.shape]}
        data += value.tobytes()
        return place
    if isinstance(value, Mapping):
        return {key: _outline(each, data) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_outline(each, data) for each in value]
    return value


def _filled(value: Any, data: memoryview) -> Any:
    """The inverse of `_outline`."""
    if isinstance(value, dict):
        if set(value) == {ARRAY}:
            dtype, first, *shape = value[ARRAY]
            return np.frombuffer(data, dtype, math.prod(shape), first).reshape(shape).copy()
        return {key: _filled(each, data) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, data) for each in value]
    return value


def _arrays(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {key: _arrays(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_arrays(each) for each in value]
    return value
