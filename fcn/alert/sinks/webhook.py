"""Alerts to a web address: HTTP POST of their JSON."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.alert.site_warning import ToldWarning
from fcn.checked import positive

# RFC 9110 (15.5.9), 8470, 6585: what may succeed later although the client is to blame
_LATER = (408, 425, 429)


class RefusedError(Exception):
    """The address will never take this."""


class Webhook(Sink):
    """Posts alerts, warnings of sites and heartbeats, those if wanted, to a web address; 2xx is delivery.

    An answer of 4xx refuses an alert, but for those that ask for patience, and so does a redirection: the
    same words at another address are another matter. `Idempotency-Key` names event and version, or a warning
    (`ToldWarning.key`). timeout_s: for each step of the exchange. token_file: of a bearer token (RFC 6750);
    None: there is none.
    Raises ValueError for what is no address of http or https, and FileNotFoundError.
    """

    every_version = False

    def __init__(
        self, url: str, timeout_s: float, token_file: str | None, heartbeats: bool, site_warnings: bool
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url must be an address of http or https, got {url!r}")
        self.url, self.heartbeats, self.site_warnings = url, heartbeats, site_warnings
        self.timeout_s = positive("timeout_s", timeout_s)
        self._headers = {"Content-Type": "application/json", "User-Agent": "fcn"}
        if token_file is not None:
            self._headers["Authorization"] = f"Bearer {Path(token_file).read_text(encoding='ascii').strip()}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def deliver(self, alert: Alert) -> None:
        """Post an alert. Raises OSError where it may succeed later, RefusedError where it never will."""
        self._post(alert.to_json(), f"{alert.producer.monitor}/{alert.event_id}/{alert.version}")

    def beat(self, heartbeat: Heartbeat) -> None:
        """Post a heartbeat, where they are wanted."""
        if self.heartbeats:
            self._post(heartbeat.to_json(), f"{heartbeat.producer.monitor}/{heartbeat.issued_time_s}")

    def warn(self, told: ToldWarning) -> None:
        """Post a warning of a site, where they are wanted."""
        if self.site_warnings:
            self._post(told.to_json(), told.key)

    def _post(self, body: str, key: str) -> None:
        headers = {**self._headers, "Idempotency-Key": f'"{key}"'}
        request = urllib.request.Request(self.url, body.encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=self.timeout_s):
                return
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection
                if error.code < 500 and error.code not in _LATER:
                    raise RefusedError(f"{self.url} answers {error.code} {error.reason}") from None
                raise ConnectionError(f"{self.url} answers {error.code} {error.reason}") from None
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url} does not answer in HTTP: {error!r}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the answer of 3xx is an error like others."""
        return
