"""The page's server on loopback: what it answers, whom, and that nobody can hold it up."""

import asyncio
import json
import logging
import socket
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_alerts import until
from made_pages import LIMITS, MADE, ask, raw, watched_monitor

from fcn.operations.prometheus import metrics
from fcn.stream.attendants import StatusKeeper
from fcn.web import connection, events
from fcn.web import server as servers
from fcn.web.guard import HEADERS
from fcn.web.server import Page


@pytest.fixture
def page():
    made = Page(MADE, LIMITS, "127.0.0.1", 0)
    yield made
    made.close()
    made._thread.join(30.0)  # a busy core is no defect
    assert not made._thread.is_alive()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page whose monitor has run and not told it so."""

    class Open(Page):
        def close(self):
            pass

    monitor, page = watched_monitor(
        tmp_path_factory.mktemp("page"), lambda each: Open(each, LIMITS, "127.0.0.1", 0)
    )
    monitor.attendants = (StatusKeeper(1e-9, (page.hear,)), page)
    monitor.run()
    yield page
    Page.close(page)


def is_cut(link):
    """Whether the other side has closed, or will before the link's timeout."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


def test_it_serves_before_there_is_anything(page):
    for path in ("/api/state", "/metrics", "/health"):
        status, headers, _ = ask(page.port, path)
        assert (status, headers["retry-after"]) == (503, "1")
    assert ask(page.port)[0] == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/style.css", "text/css"), ("/page.js", "text/javascript"), ("/map.js", "text/"),
     ("/icon.svg", "image/svg+xml"), ("/api/state", "application/json"),
     ("/metrics", "text/plain; version=0.0.4")],
)  # fmt: skip
def test_routes_and_headers(served, path, kind):
    status, headers, body = ask(served.port, path)
    assert status == 200
    assert headers["content-type"].startswith(kind)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "server" not in headers
    assert body
    status, headed, body = ask(served.port, path, "HEAD")
    assert (status, body) == (200, b"")
    assert headed["content-length"] == headers["content-length"]


def test_state_is_that_of_the_monitor(served):
    state = json.loads(ask(served.port, "/api/state")[2])
    assert (state["schema"], state["schema_version"]) == ("fcn-page", 4)
    assert state["events"][0]["versions"][0]["status"] == "new"


def test_metrics_are_those_of_the_status(served):
    pytest.importorskip("prometheus_client")
    content = ask(served.port, "/metrics")[2]
    assert content == metrics(served.board.status)[0]
    assert b'fcn_up{monitor="kyushu"} 0.0' in content
    assert b'fcn_stations{monitor="kyushu"} 3.0' in content


def test_health_is_503_where_the_check_is_critical(served, page):
    code, _, content = ask(served.port, "/health")
    assert (code, json.loads(content)["level"]) == (503, "CRITICAL")
    assert "kyushu has ended" in json.loads(content)["words"]
    now_s = time.time()
    page.hear(replace(served.board.status, is_running=True, written_time_s=now_s, sinks=()))
    code, headers, content = ask(page.port, "/health")
    assert (code, json.loads(content)["level"]) == (200, "OK")
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["cache-control"] == "no-store"
    page.hear(replace(page.board.status, written_time_s=now_s - 1000.0))  # its loop hangs
    code, _, content = ask(page.port, "/health")
    assert code == 503
    assert "said nothing for 1000 s" in json.loads(content)["words"]


def test_metrics_without_their_client_say_what_to_install(served, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    code, headers, content = ask(served.port, "/metrics")
    assert (code, headers["content-type"]) == (501, "text/plain; charset=utf-8")
    assert content == b"metrics need prometheus-client: pip install 'fcn[live]'\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api/state", "/metrics", "/health"])
def test_it_is_read_only(served, method, path):
    status, headers, _ = ask(served.port, path, method, content_length="0")
    assert status == 405
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/none", "/../server.py", "/%2e%2e/server.py", "/style.css/", "/index.html"]
)
def test_there_is_nothing_else(served, path):
    assert ask(served.port, path)[0] == 404


@pytest.mark.parametrize("path", ["/", "/api/state", "/api/events", "/metrics", "/health", "/none"])
def test_other_names_and_other_pages_are_refused(served, path):
    assert ask(served.port, path, host="evil.example")[0] == 403
    assert ask(served.port, path, host="localhost", origin="http://evil.example")[0] == 403
    assert ask(served.port, path, host="localhost", origin="null")[0] == 403
    assert raw(served.port, f"GET {path} HTTP/1.0\r\n\r\n".encode()).startswith(b"HTTP/1.1 403")


def test_the_page_asks_nobody_else():
    for path, content, _ in servers.assets():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", ""), f"{path} names another place"
        assert "style=" not in text
        assert "<script>" not in text


def test_a_stream_tells_states_and_ends_with_the_monitor(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "LEAST_S", 0.0)
    monitor, page = watched_monitor(tmp_path, lambda each: Page(each, LIMITS, "127.0.0.1", 0))
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        monitor.run()
        found = b""
        while part := link.recv(65_536):
            found += part
    head, _, body = found.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head
    names = [line[7:] for line in body.decode().splitlines() if line.startswith("event: ")]
    assert names[-2:] == ["state", "end"]
    states = [
        json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith('data: {"schema')
    ]
    assert states[-1]["is_alive"] is False
    assert states[-1]["events"]


def test_a_heartbeat_says_how_old_the_newest_state_is(page, monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = b""
        while b"heartbeat" not in found:
            found += link.recv(65_536)
    assert b'{"age_s": null}' in found


def test_streams_and_connections_are_limited(page, monkeypatch):
    monkeypatch.setattr(events, "MOST_STREAMS", 1)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert link.recv(65_536).startswith(b"HTTP/1.1 200")
        assert ask(page.port, "/api/events")[0] == 503
    until(
        lambda: (
            b"200"
            in raw(page.port, b"HEAD /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        )
    )
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    links = [socket.create_connection(("127.0.0.1", page.port), timeout=20) for _ in range(6)]
    assert all(is_cut(link) for link in links[2:])
    for link in links:
        link.close()


def test_who_asks_nothing_or_does_not_read_is_cut_off(page, monkeypatch):
    monkeypatch.setattr(connection, "ASK_S", 0.2)
    monkeypatch.setattr(connection, "READ_S", 0.2)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert is_cut(link)

    async def endless(board, state):
        while True:
            yield "x" * 100_000
            await asyncio.sleep(0)

    monkeypatch.setattr(events, "events", endless)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert link.recv(100)
        until(lambda: not page._server.server_state.connections)


def test_a_browser_that_does_not_read_does_not_hold_the_loop_up(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "LEAST_S", 0.0)
    monitor, page = watched_monitor(tmp_path, lambda each: Page(each, LIMITS, "127.0.0.1", 0), seconds=10.0)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as link:
        link.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        monitor.run()
    assert monitor.n_windows > 5
    page._thread.join(30.0)
    assert not page._thread.is_alive()


def test_a_port_that_is_taken_is_named(page):
    with pytest.raises(ValueError, match=rf"port {page.port}.*web\.port=null"):
        Page(MADE, LIMITS, "127.0.0.1", page.port)
    with pytest.raises(ValueError, match=r"web\.port must be a whole number"):
        Page(MADE, LIMITS, "127.0.0.1", 70_000)


def test_a_page_that_others_reach_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        made = Page(MADE, LIMITS, "0.0.0.0", 0, names=["monitor.example"])
    made.close()
    assert "web.host=0.0.0.0" in caplog.text


TOKEN = st.binary(max_size=30).map(lambda value: value.replace(b"\0", b" "))
METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"get", b"PRI", b""])
PATHS = st.sampled_from(b"/ /api/state /api/events? /metrics /health /style.css * //x http://evil/".split())
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""])
NAMES = st.sampled_from(
    b"Host Origin Upgrade Connection Content-Length Range Transfer-Encoding Expect X".split()
)
VALUES = st.sampled_from(b"localhost websocket upgrade chunked 5 99999999999 close 100-continue".split())
FIELDS = st.lists(st.tuples(NAMES, st.one_of(TOKEN, VALUES)), max_size=5)


@st.composite
def requests(draw):
    """Bytes that are nearly a request, or are one, or are none."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    line = b" ".join([draw(METHODS), draw(PATHS) + draw(st.one_of(st.just(b""), TOKEN)), draw(VERSIONS)])
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in draw(FIELDS))
    own = b"Host: localhost\r\n" if draw(st.booleans()) else b""
    return line + b"\r\n" + own + fields + b"\r\n" + draw(st.binary(max_size=50))


@pytest.mark.parametrize("n_examples", [30, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_request_ends_it(served, n_examples, caplog):
    @settings(max_examples=n_examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests())
    def fuzzed(content):
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as link:
            link.sendall(content)
            link.shutdown(socket.SHUT_WR)
            link.settimeout(2.0)
            try:
                answer = link.recv(12)
            except OSError:
                answer = b""
        assert answer == b"" or int(answer[9:12]) in (200, 400, 403, 404, 405, 431, 501, 503), answer

    fuzzed()
    began_s = time.monotonic()
    assert ask(served.port, "/api/state")[0] == 200
    assert time.monotonic() - began_s < 20.0
    assert "Exception in ASGI application" not in caplog.text
    assert served._thread.is_alive()
