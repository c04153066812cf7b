"""Whatever a list of stations says that is replaced, a monitor goes on, with the old one or the new."""

import contextlib

import pytest
from fuzz.attack import watched as watched_folder
from fuzz.examined import examined
from fuzz.kinds import kind_of, spoilt
from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import Listener, clocked, engine_of, in_time

from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.network import WatchedNetwork
from fcn.stream.station_list import StationList

SECONDS, CHANGED_S = 8.0, 5.0
SITES, STREAM, INVENTORY = make_network(2, seconds=SECONDS)
INVENTORY_XML = kind_of("stations, XML").files()["stations.xml"]
FRAME = LocalFrame(SITES[0].latitude_deg, SITES[0].longitude_deg)
WATCHED = WatchedNetwork("made", Network(tuple(SITES)), INVENTORY, FRAME)
STEPS = list(clocked(in_time(STREAM, 1.0), START_S + SECONDS))


class Monitor:
    """As much of one as a list of stations needs."""

    source = None

    def __init__(self, network):
        self.engine = engine_of(network, INVENTORY, Listener(), declarer())

    def watch(self, stations, inventory, unusable):
        return self.engine.watch(stations, inventory, unusable)

    def keep(self):
        self.engine.state()


def lived_through(path, content: bytes) -> StationList:
    """A monitor that is given a list in the midst of packets, and reads windows before and after."""
    path.write_bytes(INVENTORY_XML)
    monitor = Monitor(WATCHED)
    stations = StationList(path, lambda: WatchedNetwork.of_file(path), look_s=1e-9)
    n_read = 0
    for now_s, packets in STEPS:
        if now_s >= START_S + CHANGED_S and path.read_bytes() != content:
            path.write_bytes(content)
            stations.ask()
            stations.attend(monitor, now_s)
            stations._thread.join(60.0)
            stations.attend(monitor, now_s)
        monitor.engine.push(packets, now_s)
        with contextlib.suppress(ValueError):  # of a window that cannot be read: the loop goes on, too
            n_read += len(monitor.engine.advance(now_s))
    assert n_read > 0
    return stations


def test_a_sound_list_is_taken(tmp_path):
    status = lived_through(tmp_path / "stations.xml", INVENTORY_XML + b"\n").status()
    assert (status.n_refused, status.refused) == (0, None)


@pytest.mark.parametrize("count", [5, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])
def test_spoilt_lists_stop_nothing_and_leave_no_trace_elsewhere(count, tmp_path):
    kind = kind_of("stations, XML")

    def is_taken(done):
        content = spoilt(kind, done)["stations.xml"]
        with watched_folder(tmp_path) as seen:
            status = lived_through(tmp_path / "stations.xml", content).status()
        assert not seen
        return status.n_refused == 0

    taken = examined(count, kind.mutations(), is_taken).values()
    assert count < 100 or 0.05 < sum(taken) / len(taken) < 0.95  # some are refused, some make no difference
