"""SeedLink from servers that fail in every way: everything is received once."""

import ssl
import time

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_network, make_trace
from seedlink_server import SeedLinkServer

from fcn.stream.sources import seedlink
from fcn.stream.sources.seedlink import SeedLinkSource

pytest.importorskip("seedlink_client", reason="needs the extra live")
pytest.importorskip("pymseed", reason="needs the extra live")
OPTIONS = {"selectors": None, "tls": False, "timeout_s": 5.0, "reconnect_s": 0.02, "idle_s": 30.0}
IDS = ["XX.S00", "XX.S01"]


@pytest.fixture(scope="module")
def stream():
    return make_network(2, seconds=20.0)[1]


@pytest.fixture(params=[3, 4], ids=["v3", "v4"])
def protocol(request):
    return request.param


def received(source, n, within_s=20.0):
    """n packets, or what there is of them in time."""
    packets, until = [], time.monotonic() + within_s
    while len(packets) < n and time.monotonic() < until:
        packets += source.poll(0.0)
        time.sleep(0.005)
    return packets


def listened(address, n, station_ids=IDS, **options):
    """n packets of a source, and what it has counted."""
    source = SeedLinkSource(address, station_ids, **{**OPTIONS, **options})
    packets = received(source, n)
    source.close()
    return packets, source.counts


def joined(packets, seed_id):
    return np.concatenate([packet.counts for packet in packets if packet.seed_id == seed_id])


def assert_whole(packets, stream):
    for trace in stream:
        np.testing.assert_array_equal(joined(packets, trace.id), trace.data)


def test_a_dropped_connection_goes_on_where_it_was(stream, protocol):
    with SeedLinkServer(stream, [3, 0, 7, None], protocol=protocol) as server:
        packets, _ = listened(server.address, len(server.records))
    assert_whole(packets, stream)
    first, *later = ([each for each in asked if each.startswith("DATA")] for asked in server.asked)
    assert first == ["DATA", "DATA"]
    assert all(each.startswith("DATA ") for each in later[-1])


def test_it_goes_on_from_its_state(stream, protocol):
    with SeedLinkServer(stream, [5, None], protocol=protocol) as server:
        first, second = (SeedLinkSource(server.address, IDS, **OPTIONS) for _ in range(2))
        packets = received(first, 5)[:5]
        first.close()
        second.restore(first.state())
        packets += received(second, len(server.records) - 5)
        second.close()
    assert_whole(packets, stream)


def test_numbers_of_protocol_3_begin_anew_after_the_last(stream):
    with SeedLinkServer(stream, [4, None], first=0x1000000 - 4) as server:
        packets, _ = listened(server.address, len(server.records))
    assert_whole(packets, stream)
    assert "DATA 0" in server.asked[1]


def test_two_servers_are_one_source_and_each_goes_on_by_its_own_numbers(stream, protocol):
    parts = [stream.select(station=code) for code in ("S00", "S01")]
    with (
        SeedLinkServer(parts[0], [3, None], protocol=protocol, first=1000) as one,
        SeedLinkServer(parts[1], [5, None], protocol=protocol) as other,
    ):
        n = len(one.records) + len(other.records)
        packets, counts = listened([one.address, other.address], n)
    assert len(packets) == n
    assert_whole(packets, stream)
    assert counts["damaged packets"] == 0


def test_one_server_after_another_knows_no_numbers_of_the_first(stream):
    with SeedLinkServer(stream.select(station="S00"), [None], first=500) as server:
        first = SeedLinkSource(server.address, IDS, **OPTIONS)
        received(first, len(server.records))
        first.close()
    with SeedLinkServer(stream, [None]) as server:
        second = SeedLinkSource(server.address, IDS, **OPTIONS)
        second.restore(first.state())
        packets = received(second, len(server.records))
        second.close()
    assert_whole(packets, stream)


def test_a_station_that_the_server_has_not_costs_no_other(stream, protocol):
    with SeedLinkServer(stream, [None], protocol=protocol) as server:
        packets, _ = listened(server.address, len(server.records), ["XX.NONE", *IDS])
    assert_whole(packets, stream)


def test_other_stations_are_asked_for_at_once(stream, protocol):
    with SeedLinkServer(stream, [None], protocol=protocol) as server:
        source = SeedLinkSource(server.address, IDS[:1], **{**OPTIONS, "reconnect_s": 30.0})
        packets = received(source, sum(name == "XX_S00" for name, _ in server.records))
        server.n_sent = 0
        source.select(IDS)
        packets += received(source, len(server.records) - len(packets))
        source.close()
    assert_whole(packets, stream)
    assert source.counts["connections lost"] == 0


def test_no_station_that_the_server_has_is_tried_again_and_told_once(stream, protocol, caplog):
    with SeedLinkServer(stream, [None], protocol=protocol) as server:
        source = SeedLinkSource(server.address, ["XX.NONE"], **OPTIONS)
        until = time.monotonic() + 20.0
        while len(server.asked) < 3 and time.monotonic() < until:
            assert source.poll(0.0) == []
            time.sleep(0.01)
        source.close()
    assert len(server.asked) >= 3
    told = [each.message for each in caplog.records if each.name.startswith("fcn")]
    assert len(told) == len(set(told)) > 0
    assert any("none such" in each for each in told)
    assert not [each for each in caplog.records if not each.name.startswith("fcn")]  # at each attempt


def test_a_server_that_refuses_all_stations_is_asked_less_and_less_until_others_are_wanted(
    stream, protocol, monkeypatch
):
    monkeypatch.setattr(seedlink, "LONGEST_PAUSE_S", 30.0)
    with SeedLinkServer(stream, [None], protocol=protocol) as server:
        source = SeedLinkSource(server.address, ["XX.NONE"], **OPTIONS)
        assert received(source, 1, within_s=1.5) == []
        assert 3 <= len(server.asked) <= 8
        began_s = time.monotonic()
        source.select(IDS)
        assert received(source, 1)
        source.close()
    assert time.monotonic() - began_s < 1.0


def test_garbage_costs_the_packet_alone(stream, protocol):
    with SeedLinkServer(stream, [None], garbage={10}, protocol=protocol) as server:
        packets, counts = listened(server.address, len(server.records) - 1)
    assert len(packets) == len(server.records) - 1
    assert counts["damaged packets"] == 1


def test_logs_of_data_loggers_are_no_damage_and_told_once(stream, protocol, caplog):
    caplog.set_level("INFO")
    text = np.frombuffer(b"1234567, clock locked", "S1")
    logs = [make_trace("XX.S00..LOG", text, 1.0, START_S + at_s) for at_s in range(5)]
    with SeedLinkServer(stream + obspy.Stream(logs), [None], protocol=protocol) as server:
        packets, counts = listened(server.address, len(server.records) - len(logs))
    assert_whole(packets, stream)
    assert counts == {"packets without motion": len(logs)}
    assert sum("left out" in each for each in caplog.messages) == 1


@pytest.mark.parametrize("answer", [b"\xff" * 3000, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\r\n" * 9])
def test_a_server_that_speaks_something_else_is_tried_again(answer):
    import socketserver
    import threading

    class Other(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        source = SeedLinkSource(f"127.0.0.1:{server.server_address[1]}", IDS, **OPTIONS)
        until = time.monotonic() + 20.0
        while source.counts["connections lost"] < 2 and time.monotonic() < until:
            assert source.poll(0.0) == []
            time.sleep(0.01)
        source.close()
        server.shutdown()
    assert source.counts["connections lost"] >= 2


def test_a_server_that_says_nothing_is_left_and_tried_again(stream, protocol):
    with SeedLinkServer(stream, [None], protocol=protocol, silent=2) as server:
        packets, counts = listened(server.address, len(server.records), timeout_s=0.1)
    assert_whole(packets, stream)
    assert counts["connections lost"] == 2


def test_without_data_it_connects_again(stream, protocol):
    with SeedLinkServer(stream, [None], protocol=protocol) as server:
        source = SeedLinkSource(server.address, IDS, **{**OPTIONS, "idle_s": 0.2})
        received(source, len(server.records))
        until = time.monotonic() + 10.0
        while len(server.asked) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        source.close()
    assert len(server.asked) >= 2


def test_a_slow_server_is_waited_for_and_holds_nobody_up(stream, protocol):
    short = stream.slice(stream[0].stats.starttime, stream[0].stats.starttime + 1.0)
    with SeedLinkServer(short, [None], protocol=protocol, slow_s=0.01) as server:
        source = SeedLinkSource(server.address, IDS, **{**OPTIONS, "timeout_s": 0.5})
        began_s = time.monotonic()
        source.poll(0.0)
        assert time.monotonic() - began_s < 0.2
        packets = received(source, len(server.records))
        source.close()
    assert_whole(packets, short)
    assert len(server.asked) == 1


def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(stream, protocol, tmp_path, monkeypatch):
    trustme = pytest.importorskip("trustme", reason="makes the certificates of this test")
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with SeedLinkServer(stream, [None], protocol=protocol, tls=context) as server:
        stranger = SeedLinkSource(server.address, IDS, **{**OPTIONS, "tls": True})
        until = time.monotonic() + 10.0
        while not stranger.counts["connections lost"] and time.monotonic() < until:
            assert stranger.poll(0.0) == []
            time.sleep(0.01)
        stranger.close()
        assert stranger.counts["connections lost"] >= 1
        assert not any(server.asked)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        packets, _ = listened(server.address, len(server.records), tls=True)
    assert_whole(packets, stream)


def test_a_server_that_is_not_there_is_waited_for():
    source = SeedLinkSource("127.0.0.1:9", IDS, **OPTIONS)
    assert received(source, 1, within_s=0.2) == []
    source.close()
    assert source.counts["connections lost"] >= 1


def test_a_server_that_is_away_is_logged_once_until_it_sends_again(stream, protocol, caplog):
    caplog.set_level("INFO")
    source = SeedLinkSource("127.0.0.1:9", IDS, **OPTIONS)
    until = time.monotonic() + 10.0
    while source.counts["connections lost"] < 5 and time.monotonic() < until:
        source.poll(0.0)
        time.sleep(0.01)
    source.close()
    assert source.counts["connections lost"] >= 5
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    caplog.clear()
    with SeedLinkServer(stream, [4, 9, None], protocol=protocol) as server:
        listened(server.address, len(server.records))
    assert sum("connected" in each.message for each in caplog.records) == 3


def test_packets_nobody_takes_are_dropped_and_counted(stream, monkeypatch):
    monkeypatch.setattr(seedlink, "MOST_WAITING", 4)
    with SeedLinkServer(stream, [None]) as server:
        source = SeedLinkSource(server.address, IDS, **OPTIONS)
        source.poll(0.0)
        until = time.monotonic() + 10.0
        while source.counts["dropped, nobody took them"] < len(server.records) - 5:
            assert time.monotonic() < until
            time.sleep(0.01)
        packets = source.poll(0.0)
        source.close()
    assert len(packets) == 4
    assert source.counts["dropped, nobody took them"] > 0


NO_ADDRESSES = ("", " ", ":18000", "a:x", "a:99999", "slink://a:18000")


@pytest.mark.parametrize(
    "changed",
    [
        {"server": []},
        {"server": ["a:1", "a:1"]},
        {"timeout_s": 0.0},
        *({"server": ["a:1", each]} for each in NO_ADDRESSES),
    ],
)
def test_what_cannot_be_asked_is_refused(changed):
    with pytest.raises(ValueError, match=r"source\."):
        SeedLinkSource(**{"server": "a:1", "station_ids": IDS, **OPTIONS, **changed})
