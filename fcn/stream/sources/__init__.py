"""Where packets come from."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from fcn.stream.clock import ReplayClock, WallClock
from fcn.stream.packet import Packet


@runtime_checkable
class Source(Protocol):
    """A link that is asked for what has come, and never makes anybody wait."""

    @property
    def clock(self) -> WallClock | ReplayClock:
        """The time it keeps."""
        ...

    def poll(self, clock_s: float) -> list[Packet]:
        """Packets that have come by a POSIX time of its clock and were not given before, in order."""
        ...

    def is_over(self, clock_s: float) -> bool:
        """Whether nothing will come any more."""
        ...

    def state(self) -> dict[str, Any]:
        """What was given so far, as plain data."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after what was given."""
        ...

    def close(self) -> None:
        """End it."""
        ...
