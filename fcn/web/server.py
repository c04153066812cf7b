"""The page's server: a thread of its own, which reads the board and a few files of the package, no more."""

import importlib.resources
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fcn import checked
from fcn.alert.alert import Alert
from fcn.operations.check import Limits
from fcn.operations.prometheus import health, metrics
from fcn.operations.status import Status
from fcn.stream.loop import Monitor
from fcn.web.board import Board
from fcn.web.connection import MOST_CONNECTIONS, Connection
from fcn.web.events import Streams
from fcn.web.guard import Guard, is_address
from fcn.web.snapshot import Snapshot, Watched
from fcn.web.state import State

log = logging.getLogger(__name__)

CLOSING_S = 5.0
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


Newest = TypeVar("Newest")


class Page:
    """An attendant that serves what it sees on `http://host:port`, until the monitor ends.

    limits: of `/health`. port: 0 for any that is free. names: further names it may be asked by (`Guard`).
    Raises ValueError naming the key for a place where it cannot listen.
    """

    def __init__(
        self,
        watched: Watched,
        limits: Limits,
        host: str,
        port: int,
        names: Sequence[str] = (),
    ) -> None:
        self.board = Board(watched)
        self._socket = _listening(host, port)
        if not is_loopback(host):
            log.warning("web.host=%s: whoever reaches this machine may read the page", host)
        self.port: int = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self.port}"
        app = Guard(application(self.board, limits), host, names)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                log_level=logging.ERROR,  # what a client does wrong is no matter of the monitor's log
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=3,
                h11_max_incomplete_event_size=16_384,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return f"page at {self.address}"

    def said(self, alert: Alert) -> None:
        """See `Told`."""
        self.board.said(alert)

    def hear(self, status: Status) -> None:
        """Keep what the monitor says of itself, for `/metrics` and `/health`."""
        self.board.status = status

    def attend(self, monitor: Monitor, now_s: float) -> None:
        """See `Attendant`."""
        self.board.look(monitor, monitor.steps)

    def leave(self, monitor: Monitor) -> None:
        """See `Attendant`."""
        self.close()

    def close(self) -> None:
        """Tell browsers that it is over, and end; who has not taken it by then is cut off."""
        self.board.close()
        self._server.should_exit = True
        self._thread.join(CLOSING_S)

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except Exception:
            log.exception("the page at %s is gone; the monitor goes on", self.address)


def application(board: Board, limits: Limits) -> Starlette:
    """What answers GET and HEAD: the page, its assets, `/api/state`, `/api/events`, `/metrics` and `/health`.

    Answers are made in the page's thread, which the loop waits for no more than for any other: soon done.
    """
    state = State()

    def of_state(seen: Snapshot) -> Response:
        return Response(state.text(seen), media_type="application/json")

    def of_health(status: Status) -> Response:
        code, content = health(status, time.time(), limits)
        return Response(content, code, media_type="application/json")

    made = Starlette(
        routes=[
            *(Route(path, _asset(content, kind)) for path, content, kind in assets()),
            Route("/api/state", _answer(lambda: board.newest, of_state)),
            Route("/api/events", Streams(board, state).answer),
            Route("/metrics", _answer(lambda: board.status, _metrics)),
            Route("/health", _answer(lambda: board.status, of_health)),
        ]
    )
    made.router.redirect_slashes = False
    return made


def assets() -> list[tuple[str, bytes, str]]:
    """Path, content and media type of each file of the page, from the package."""
    found = []
    for file in sorted((importlib.resources.files("fcn.web") / "assets").iterdir(), key=lambda f: f.name):
        kind = TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found.append((path, file.read_bytes(), kind))
    return found


def _asset(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return answer


def _answer(
    newest: Callable[[], Newest | None], of: Callable[[Newest], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """What is made of the newest; 503 before there is one."""

    async def answer(request: Request) -> Response:
        found = newest()
        if found is None:
            return PlainTextResponse("Nothing has been read yet.\n", 503, {"retry-after": "1"})
        response = of(found)
        response.headers["cache-control"] = "no-store"
        return response

    return answer


def _metrics(status: Status) -> Response:
    """501 where there is no client of Prometheus to write them."""
    try:
        content, kind = metrics(status)
    except ImportError as error:
        return PlainTextResponse(f"{error}\n", 501)
    return Response(content, headers={"content-type": kind})


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address of this machine; ValueError naming the key otherwise."""
    checked.whole("web.port", port, 0, 65_535)
    checked.text("web.host", host)
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family, backlog=MOST_CONNECTIONS)
    except OSError as error:
        raise ValueError(
            f"web: cannot listen at {host}, port {port} ({error.strerror or error}): give an address of this "
            "machine as web.host and a port that is free as web.port, or web.port=null for no page"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches it there: a loopback address, or `localhost`."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
