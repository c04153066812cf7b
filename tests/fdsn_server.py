"""A small data centre on loopback: FDSN web services dataselect, station and event, and their faults."""

import copy
import hashlib
import io
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import obspy
from obspy import UTCDateTime

PARAMETERS = {
    "dataselect": "starttime endtime network station location channel quality minimumlength longestonly",
    "station": "starttime endtime network station location channel minlatitude maxlatitude minlongitude "
    "maxlongitude level",
    "event": "starttime endtime minlatitude maxlatitude minlongitude maxlongitude mindepth maxdepth "
    "minmagnitude maxmagnitude orderby includearrivals",
}
TOKENS_TAKEN = '<resource path="auth"><method id="auth" name="POST"/></resource>'
RECORD_S = 2.0  # beyond what is asked for: this data centre gives whole records
CUT = -1  # a fault: the answer ends before its length
GARBAGE = -2  # a fault: a page of HTML with status 200

Query = dict[str, str]
Fault = Callable[[str, Query], int | None]  # a status, CUT or GARBAGE; None for a sound answer


class DataCentreServer:
    """What it has, what it was asked for (service and query) and what goes wrong.

    secret: a password without which there are no waveforms. token: one of EIDA that is exchanged for it.
    """

    def __init__(self, inventory, stream, catalog=None, secret=None, token=None):
        self.inventory, self.stream, self.catalog, self.secret = inventory, stream, catalog, secret
        self.token = token
        self.services = ["dataselect", "station", *(["event"] if catalog is not None else [])]
        self.asked: list[tuple[str, Query]] = []
        self.fault: Fault = lambda service, query: None
        self.url = ""

    def of(self, service: str) -> list[Query]:
        """Queries of one service."""
        return [query for name, query in self.asked if name == service]

    def answer(self, service: str, query: Query) -> bytes:
        """Empty where there is nothing."""
        content = io.BytesIO()
        begin, end = UTCDateTime(query["starttime"]), UTCDateTime(query["endtime"])
        if service == "dataselect":
            location = query["location"].replace("--", "")
            found = obspy.Stream(
                [
                    trace
                    for trace in self.stream
                    if (trace.stats.network, trace.stats.station, trace.stats.location)
                    == (query["network"], query["station"], location)
                    and matches(trace.stats.channel, query["channel"])
                ]
            ).slice(begin - RECORD_S, end + RECORD_S)
            if any(trace.stats.starttime <= end and trace.stats.endtime >= begin for trace in found):
                found.write(content, format="MSEED", reclen=512)
        elif service == "station":
            found = selected(self.inventory, query)
            if len(found):
                found.write(content, format="STATIONXML", level=query["level"])
        else:
            events = [
                event
                for event in self.catalog
                if begin <= event.origins[0].time <= end
                and float(query["minlatitude"]) <= event.origins[0].latitude <= float(query["maxlatitude"])
            ]
            if events:
                obspy.core.event.Catalog(events).write(content, format="QUAKEML")
        return content.getvalue()

    def allows(self, header: str | None) -> bool:
        """Whether an Authorization header proves the secret (RFC 2617, without qop)."""
        fields = dict(re.findall(r'(\w+)="?([^",]+)', header or ""))
        if "response" not in fields:
            return False
        a1, a2 = (
            hashlib.md5(text.encode()).hexdigest()
            for text in (f"{fields['username']}:here:{self.secret}", f"GET:{fields['uri']}")
        )
        return fields["response"] == hashlib.md5(f"{a1}:once:{a2}".encode()).hexdigest()


def matches(code: str, patterns: str) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns.split(","))


def selected(inventory, query: Query):
    found = copy.deepcopy(inventory)
    for network in found:
        for station in network:
            station.channels = [c for c in station if matches(c.code, query.get("channel", "*"))]
        network.stations = [
            station
            for station in network
            if matches(network.code, query["network"])
            and matches(station.code, query["station"])
            and (query["level"] == "station" or station.channels)
            and all(
                float(query.get(f"min{axis}", -180))
                <= getattr(station, axis)
                <= float(query.get(f"max{axis}", 180))
                for axis in ("latitude", "longitude")
            )
        ]
    found.networks = [network for network in found if network.stations]
    return found


def wadl(service: str, *, with_tokens: bool) -> bytes:
    parameters = "".join(f'<param name="{name}" style="query"/>' for name in PARAMETERS[service].split())
    return (
        '<application xmlns="http://wadl.dev.java.net/2009/02">'
        f'<resources base="http://here/fdsnws/{service}/1/"><resource path="query">'
        f'<method id="query" name="GET"><request>{parameters}</request></method></resource>'
        f"{TOKENS_TAKEN if with_tokens else ''}</resources></application>"
    ).encode()


@contextmanager
def serving(centre: DataCentreServer):
    """The data centre, answering at `centre.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            _, _, service, _, resource = url.path.split("/")
            if service not in centre.services or resource in ("catalogs", "contributors"):
                return self.say(404)
            if resource == "application.wadl":
                with_tokens = service == "dataselect" and centre.token is not None
                return self.say(200, wadl(service, with_tokens=with_tokens))
            if resource == "queryauth" and not centre.allows(self.headers["Authorization"]):
                return self.say(401)
            if resource == "query" and service == "dataselect" and centre.secret is not None:
                return self.say(403)
            query = dict(parse_qsl(url.query))
            centre.asked.append((service, query))
            status = centre.fault(service, query)
            if status == GARBAGE:
                return self.say(200, b"<html>maintenance</html>")
            if status not in (None, CUT):
                return self.say(status, b"because of the test" if status != 204 else b"")
            content = centre.answer(service, query)
            return self.say(200 if content else 204, content, cut=status == CUT)

        def do_POST(self):
            said = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if not self.path.endswith("/dataselect/1/auth") or said != centre.token:
                return self.say(400, b"token has expired")
            return self.say(200, f"temporary:{centre.secret}".encode())

        def say(self, status, content=b"", *, cut=False):
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Digest realm="here", nonce="once"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    centre.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield centre
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
