"""Who may ask the page."""

import pytest

from fcn.web.guard import Guard


async def nothing(scope, receive, send):
    raise AssertionError("nothing is asked of it")


def refuses(host=b"127.0.0.1:8080", origin=None, listens="127.0.0.1", names=()):
    headers = [(b"host", host)] if host is not None else []
    headers += [(b"origin", origin)] if origin is not None else []
    return Guard(nothing, listens, names).refuses(headers) is not None


@pytest.mark.parametrize(
    "host", [b"127.0.0.1", b"127.0.0.1:8080", b"localhost:1", b"LOCALHOST", b"[::1]:8080", b"127.3.2.1"]
)
def test_loopback_is_served_by_any_port(host):
    assert not refuses(host)


@pytest.mark.parametrize(
    "host",
    [None, b"", b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example:80", b"10.0.0.1",
     b"127.0.0.1:80:80", b"localhost\x00", b"127.0.0.1/@evil", b"[::1", b"\xff", b"2130706433"],
)  # fmt: skip
def test_other_names_are_refused(host):
    assert refuses(host)


def test_further_names_and_addresses():
    assert not refuses(b"Monitor.example:443", names=["monitor.example"])
    assert not refuses(b"10.0.0.1", listens="10.0.0.1")
    assert refuses(b"10.0.0.2", listens="10.0.0.1")
    assert not refuses(b"10.0.0.2:8080", listens="0.0.0.0")
    assert refuses(b"evil.example", listens="0.0.0.0")


def test_an_origin_has_to_be_the_same():
    assert not refuses(origin=b"http://127.0.0.1:8080")
    assert not refuses(origin=b"https://127.0.0.1:8080")
    for other in (
        b"null",
        b"http://127.0.0.1",
        b"http://evil.example",
        b"file://127.0.0.1:8080",
        b"127.0.0.1:8080",
    ):
        assert refuses(origin=other)


def test_two_hosts_or_origins_are_refused():
    guard = Guard(nothing, "127.0.0.1", ())
    host, origin = (b"host", b"localhost"), (b"origin", b"http://localhost")
    assert guard.refuses([host, origin]) is None
    assert guard.refuses([host, host])
    assert guard.refuses([host, origin, origin])
