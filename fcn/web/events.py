"""Server-sent events: each browser is sent the newest state, whole, as soon as it has read the last."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from fcn.web.board import Board
from fcn.web.state import State

POLL_S = 0.1
LEAST_S = 0.5  # between states of one stream
HEARTBEAT_S = 5.0
RETRY_MS = 2000  # a browser connects again after so long
MOST_STREAMS = 16  # browsers at once
MEDIA_TYPE = "text/event-stream"
HEADERS = {"cache-control": "no-store"}


class Streams:
    """Answers requests for the stream, `MOST_STREAMS` at once; others are told to come back."""

    def __init__(self, board: Board, state: State) -> None:
        self._board, self._state = board, state
        self.n_open = 0

    async def answer(self, request: Request) -> Response:
        """A stream, or 503."""
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=HEADERS)
        if self.n_open >= MOST_STREAMS:
            return PlainTextResponse("Too many browsers.\n", 503, HEADERS | {"retry-after": "30"})
        return _Counted(self, events(self._board, self._state))


class _Counted(StreamingResponse):
    def __init__(self, streams: Streams, content: AsyncIterator[str]) -> None:
        super().__init__(content, media_type=MEDIA_TYPE, headers=HEADERS)
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.n_open += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.n_open -= 1


async def events(board: Board, state: State) -> AsyncIterator[str]:
    """The stream, until the monitor ends; a heartbeat says how old the newest state is.

    Events: `state` (data: as `State.text`), `heartbeat` (`age_s`: of the newest state, null before the first;
    the loop makes one at least every 0.25 s, unless it is busy), `end`.
    """
    yield f"retry: {RETRY_MS}\n\n"
    number, said_s = -1, -float("inf")
    while True:
        is_over, newest, now_s = board.is_over, board.newest, time.monotonic()
        if newest is not None and newest.number != number and (is_over or now_s - said_s >= LEAST_S):
            number, said_s = newest.number, now_s
            yield f"event: state\ndata: {state.text(newest)}\n\n"
        elif now_s - said_s >= HEARTBEAT_S:
            said_s = now_s
            age_s = None if newest is None else round(time.time() - newest.made_s, 3)
            yield f"event: heartbeat\ndata: {json.dumps({'age_s': age_s})}\n\n"
        if is_over:
            yield "event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(POLL_S)
