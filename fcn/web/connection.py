"""A browser's connection: one that asks nothing, or does not read what it is sent, is cut off."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_CONNECTIONS = 64  # files of the monitor's process; more are closed at once
ASK_S = 15.0  # without a whole request in so long
READ_S = 5.0  # with more than 64 kB waiting to be read for so long


class Connection(H11Protocol):
    """uvicorn's, with an end to patience."""

    _seen: RequestResponseCycle | None = None  # the last request at the last look
    _look: asyncio.TimerHandle | None = None
    _full: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._look = self.loop.call_later(ASK_S, self._cut_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        for timer in (self._look, self._full):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: more waits than the other side reads."""
        super().pause_writing()
        self._full = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        if self._full is not None:
            self._full.cancel()

    def _cut_if_idle(self) -> None:
        is_answered = self.cycle is None or self.cycle.response_complete
        if is_answered and self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self._look = self.loop.call_later(ASK_S, self._cut_if_idle)
