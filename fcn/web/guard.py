"""Who may ask: requests under the page's own name alone, from pages of its own; and what answers forbid.

Another page in the operator's browser could otherwise read this one, by a name of its own that it lets point
at this machine (DNS rebinding).
"""

import ipaddress
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AUTHORITY = re.compile(rb"(?P<name>\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?", re.ASCII)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """Passes on what may be asked, with the headers of `HEADERS` on every answer; the rest is 403.

    host: that the page listens at. names: others it may be asked by, those of a proxy before it. A request
    needs one of these, a loopback address or `localhost` as its Host (any address, where it listens at all of
    the machine's), and no Origin but the same one.
    """

    def __init__(self, app: ASGIApp, host: str, names: Iterable[str]) -> None:
        self._app = app
        self._names = {"localhost", host.lower(), *(each.lower() for each in names)}
        self._any_address = ipaddress.ip_address(host).is_unspecified if is_address(host) else False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application, of HTTP alone."""
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *ENCODED]
            await send(message)

        wrong = self.refuses(scope["headers"])
        if wrong is None:
            await self._app(scope, receive, with_headers)
            return
        body = f"{wrong}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await with_headers({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def refuses(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Why a request with these headers is refused; None where it is not."""
        headers = list(headers)
        hosts = [value for name, value in headers if name == b"host"]
        origins = [value for name, value in headers if name == b"origin"]
        if len(hosts) != 1 or not self.is_own(hosts[0]):
            return "This page is not served under that name (web.names)."
        scheme, _, authority = origins[0].partition(b"://") if origins else (b"http", b"", hosts[0])
        if len(origins) > 1 or scheme not in (b"http", b"https") or authority.lower() != hosts[0].lower():
            return "This page answers no other page."
        return None

    def is_own(self, authority: bytes) -> bool:
        """Whether a name, or an address, with or without a port, is the page's."""
        found = AUTHORITY.fullmatch(authority)
        if found is None:
            return False
        name = found["name"].decode("ascii").strip("[]").lower()
        if name in self._names:
            return True
        return is_address(name) and (self._any_address or ipaddress.ip_address(name).is_loopback)


def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
