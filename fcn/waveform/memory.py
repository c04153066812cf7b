"""What stream processing carries from chunk to chunk, taken out as plain data and put back."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np


class Memory:
    """An object that goes on where another of the same construction, whose `state` it is given, has stopped.

    _carried: names of the attributes that change from chunk to chunk: numbers, texts, arrays, None, lists and
    dicts of such, and objects that have a memory themselves.
    """

    _carried: ClassVar[tuple[str, ...]]

    def state(self) -> dict[str, Any]:
        """Plain data and copies of arrays; later chunks do not change it."""
        return {name: _taken(getattr(self, name)) for name in self._carried}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned. Raises ValueError where it is of another kind of object."""
        if set(state) != set(self._carried):
            raise ValueError(
                f"state of {type(self).__name__} holds {', '.join(state)}, not {', '.join(self._carried)}: "
                "it is of another version; remove the state to begin anew"
            )
        for name, value in state.items():
            own = getattr(self, name)
            if isinstance(own, Memory):
                own.restore(value)
            else:
                setattr(self, name, _taken(value))


def _taken(value: Any) -> Any:
    if isinstance(value, Memory):
        return value.state()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: _taken(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_taken(each) for each in value]
    return value
