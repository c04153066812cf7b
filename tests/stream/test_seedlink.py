"""SeedLink from a server that fails in every way: everything is received once."""

import time

import numpy as np
import pytest
from made_networks import make_network
from seedlink_server import SeedLinkServer

from fcn.stream.sources import seedlink
from fcn.stream.sources.seedlink import SeedLinkSource

pytest.importorskip("seedlink_client")
OPTIONS = {"selectors": None, "tls": False, "timeout_s": 5.0, "reconnect_s": 0.05, "idle_s": 30.0}
IDS = ["XX.S00", "XX.S01"]


@pytest.fixture(scope="module")
def stream():
    return make_network(2, seconds=20.0)[1]


def received(source, n, within_s=60.0):
    """n packets, or what there is of them in time."""
    packets, until = [], time.monotonic() + within_s
    while len(packets) < n and time.monotonic() < until:
        packets += source.poll(0.0)
        time.sleep(0.01)
    return packets


def joined(packets, seed_id):
    return np.concatenate([packet.counts for packet in packets if packet.seed_id == seed_id])


def test_a_dropped_connection_goes_on_where_it_was(stream):
    with SeedLinkServer(stream, [3, 0, 7, None]) as server:
        source = SeedLinkSource(server.address, IDS, **OPTIONS)
        packets = received(source, len(server.records))
        source.close()
    assert len(packets) == len(server.records)
    for trace in stream:
        np.testing.assert_array_equal(joined(packets, trace.id), trace.data)
    first, *later = ([each for each in asked if each.startswith("DATA")] for asked in server.asked)
    assert first == ["DATA", "DATA"]
    assert all(each.startswith("DATA ") for each in later[-1])


def test_it_goes_on_from_its_state(stream):
    with SeedLinkServer(stream, [5, None]) as server:
        first, second = (SeedLinkSource(server.address, IDS, **OPTIONS) for _ in range(2))
        packets = received(first, 5)[:5]
        first.close()
        second.restore(first.state())
        packets += received(second, len(server.records) - 5)
        second.close()
    for trace in stream:
        np.testing.assert_array_equal(joined(packets, trace.id), trace.data)


def test_garbage_and_unknown_stations_cost_nothing_else(stream):
    with SeedLinkServer(stream, [None], garbage={10}) as server:
        source = SeedLinkSource(server.address, [*IDS, "XX.NONE"], **OPTIONS)
        packets = received(source, len(server.records) - 1)
        source.close()
    assert len(packets) == len(server.records) - 1
    assert source.counts["damaged packets"] == 1


def test_a_server_that_is_not_there_is_waited_for(stream):
    source = SeedLinkSource("127.0.0.1:9", IDS, **OPTIONS)
    assert received(source, 1, within_s=0.5) == []
    source.close()
    assert source.counts["connections lost"] >= 1


def test_packets_nobody_takes_are_dropped_and_counted(stream, monkeypatch):
    monkeypatch.setattr(seedlink, "MOST_WAITING", 4)
    with SeedLinkServer(stream, [None]) as server:
        source = SeedLinkSource(server.address, IDS, **OPTIONS)
        source.poll(0.0)
        time.sleep(1.0)
        packets = source.poll(0.0)
        source.close()
    assert len(packets) == 4
    assert source.counts["dropped, nobody took them"] > 0


def test_other_stations_are_asked_for_by_a_new_connection(stream):
    with SeedLinkServer(stream, [None]) as server:
        source = SeedLinkSource(server.address, IDS[:1], **{**OPTIONS, "reconnect_s": 0.01})
        first = received(source, len(server.records) // 2)
        source.select(IDS)
        second = received(source, len(server.records) // 2)
        source.close()
    assert {each.station_id for each in first} == {"XX.S00"}
    assert {each.station_id for each in second} == {"XX.S01"}  # what was received is not sent again
    for trace in stream:
        np.testing.assert_array_equal(joined(first + second, trace.id), trace.data)
    assert source.counts["connections lost"] == 0
