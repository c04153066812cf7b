"""State of a monitor on the disk: written beside and renamed, read without pickle.

Two files, as they are needed at different times: `events.json` before anything is said, so that what is said
is known after any kill; `stream.pt`, buffers and filters, every few seconds. One that cannot be read, as a
disk that fails leaves it, is set aside: a monitor that warns without it is worth more than one that does not.
"""

import io
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fcn.publish import new_file

log = logging.getLogger(__name__)

EVENTS, STREAM = "events.json", "stream.pt"
DAMAGED = ".damaged"  # what is added to the name of what could not be read
ARRAY = "fcn-array"  # key of what stands for an array


def write_events(folder: Path, state: Mapping[str, Any]) -> None:
    """What `Engine.events_state` returns."""
    with new_file(folder / EVENTS) as partial:
        partial.write_text(json.dumps(state), encoding="utf-8")


def read_events(folder: Path) -> dict[str, Any] | None:
    """None where there is none, or one that is broken, which is set aside; OSError if it cannot be read."""
    path = folder / EVENTS
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or set(found) != {"declarer", "reader"} or not found["declarer"]:
            raise ValueError("declarer and reader are not what it holds")
    except ValueError as error:
        _set_aside(path, error)
        return None
    return found


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
    """None where there is none, or one that is broken, which is set aside; OSError if it cannot be read."""
    path = folder / STREAM
    if not path.is_file():
        return None
    content = path.read_bytes()  # what the system says of it, too many open files say, is no damage
    try:
        if not content:
            raise ValueError("it is empty")
        found: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if set(found) == {"outline", "data"}:
            found = _filled(found["outline"], found["data"].numpy().data)
        else:  # of before arrays were one
            found = _arrays(found)
        if not isinstance(found, dict) or not found:
            raise ValueError("there is nothing in it")
    except MemoryError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is not its own
        _set_aside(path, error)
        return None
    return found


def _set_aside(path: Path, error: Exception) -> None:
    """Under another name, so that whoever looks for the reason finds it; OSError where that is impossible."""
    aside = path.with_name(path.name + DAMAGED)
    reason = " ".join(str(error).split())[:200]
    path.replace(aside)
    log.error(
        "%s is no state of a monitor (%s): it is kept as %s, and without it the monitor begins anew",
        *(path, reason, aside.name),
    )


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
