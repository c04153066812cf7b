import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from made_alerts import alert, heartbeat, site_warning, until

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.lane import Lane, Patience
from fcn.alert.sinks.webhook import RefusedError, Webhook
from fcn.alert.site_warning import ToldWarning


@contextmanager
def receiver(*answers: int) -> Iterator[tuple[str, list]]:
    """A server on loopback: its address, and what it was sent; answers with these codes, then 204."""
    sent: list = []
    codes = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent.append((dict(self.headers), body))
            code = codes.pop(0) if codes else 204
            if code == 0:  # no answer
                self.connection.close()
                return
            self.send_response(code)
            if code in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  (what follows a redirection)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook(url, token_file=None, heartbeats=True, timeout_s=10.0, site_warnings=True):
    return Webhook(url, timeout_s, token_file, heartbeats, site_warnings)


def test_alerts_and_heartbeats_are_posted(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    with receiver() as (url, sent):
        sink = hook(url, str(tmp_path / "token"))
        sink.deliver(alert("a", 2))
        sink.beat(heartbeat())
        hook(url, heartbeats=False).beat(heartbeat())
    (headers, body), (_, beat) = sent
    assert Alert.from_json(body) == alert("a", 2)
    assert Heartbeat.from_json(beat) == heartbeat()
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == '"kyushu/a/2"'
    assert headers["Authorization"] == "Bearer secret"


def test_warnings_of_sites_are_posted_where_they_are_wanted():
    with receiver() as (url, sent):
        for name in ("Mashiki/town hall", "益城"):
            hook(url).warn(site_warning(name, after_s=0.5))
        hook(url).warn(site_warning("Uto", low=None, high=None))
        hook(url, site_warnings=False).warn(site_warning())
    assert [ToldWarning.from_json(body) for _, body in sent] == [
        site_warning("Mashiki/town hall", after_s=0.5),
        site_warning("益城", after_s=0.5),
        site_warning("Uto", low=None, high=None),
    ]
    assert [headers["Idempotency-Key"] for headers, _ in sent[:2]] == [
        '"kyushu/site/Mashiki%2Ftown%20hall/1460636794.75/4.5"',
        '"kyushu/site/%E7%9B%8A%E5%9F%8E/1460636794.75/4.5"',
    ]


@pytest.mark.parametrize("code", [500, 503, 429, 408, 0])
def test_what_may_succeed_later_is_an_oserror(code):
    with receiver(code) as (url, sent):
        with pytest.raises(OSError, match=r"answer|closed|reset"):
            hook(url).deliver(alert())
        hook(url).deliver(alert())
        assert len(sent) == 2


@pytest.mark.parametrize("code", [400, 404, 302, 307])
def test_a_refusal_is_final_and_a_redirection_is_one(code):
    with receiver(code) as (url, sent):
        with pytest.raises(RefusedError, match=str(code)):
            hook(url).deliver(alert())
        assert len(sent) == 1


def test_a_receiver_that_comes_back_is_told_the_newest():
    with receiver(503, 0, 503) as (url, sent):
        lane = Lane("hook", hook(url), Patience(8, 8, 0.01, 0.02), lambda *_: None)
        lane.put(alert("a", 1))
        until(lambda: lane.counts.failed)
        lane.put(alert("a", 2))
        until(lambda: lane.counts.delivered)
    assert Alert.from_json(sent[-1][1]) == alert("a", 2)
    assert (lane.counts.failed, lane.counts.superseded, lane.counts.waiting) == (3, 1, 0)


def test_nobody_there_is_an_oserror():
    with receiver() as (url, _):
        pass
    with pytest.raises(OSError, match="refused"):
        hook(url).deliver(alert())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "alerts", "http://"])
def test_an_address_is_of_http(url):
    with pytest.raises(ValueError, match="url must be an address of http or https"):
        hook(url)
