"""Stations that join, leave and move while a monitor runs; those that stay keep all they hold."""

import copy
import logging
import time

import obspy
import pytest
import torch
from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, clocked, engine_of, in_time

from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.network import WatchedNetwork
from fcn.stream.station_list import Selecting, StationList, seen_now
from fcn.waveform.inventory import description_digest


@pytest.fixture(scope="module")
def made():
    _, stream, inventory = make_network(4, seconds=24.0)
    return stream, inventory


def watched(inventory, *codes) -> WatchedNetwork:
    """Those stations of an inventory, in this order."""
    found = {each.code: each for each in Network.from_inventory(inventory)}
    network = Network(tuple(found[code] for code in codes))
    return WatchedNetwork("made", network, inventory, LocalFrame(32.8, 130.75))


def moved(inventory, code, by_deg=0.1):
    changed = copy.deepcopy(inventory)
    (station,) = (each for network in changed for each in network if each.code == code)
    station.latitude = float(station.latitude) + by_deg
    for channel in station:
        channel.latitude = float(channel.latitude) + by_deg
    return changed


def test_a_description_differs_where_anything_does(made):
    _, inventory = made
    one = description_digest(inventory, "XX.S01")
    assert one == description_digest(copy.deepcopy(inventory), "XX.S01")
    assert one == description_digest(moved(inventory, "S00"), "XX.S01")
    assert one != description_digest(moved(inventory, "S01", by_deg=1e-5), "XX.S01")
    assert one != description_digest(inventory, "XX.S02")
    changed = copy.deepcopy(inventory)
    changed.select(station="S01")[0][0][0].response.instrument_sensitivity.value *= 2.0
    assert one != description_digest(changed, "XX.S01")


def test_those_that_stay_keep_what_they_hold(made):
    """S00 leaves, S01 stays, S02 moves, S03 joins: of S01 windows are what they would have been."""
    stream, inventory = made
    changed, plain = (
        engine_of(watched(inventory, "S00", "S01", "S02"), inventory, Listener(), declarer())
        for _ in range(2)
    )
    told = None
    for now_s, packets in clocked(in_time(stream, 1.0), START_S + 23.0):
        for each in (changed, plain):
            each.push(packets)
            each.advance(now_s)
        if told is None and now_s > START_S + 12.0:
            new = watched(moved(inventory, "S02"), "S03", "S02", "S01")
            told = changed.watch(new.stations, new.inventory, {})
    assert told == "1 joined (XX.S03); 1 left (XX.S00); 1 described anew (XX.S02)"
    found, expected = changed.reader.batches[-1], plain.reader.batches[-1]
    assert len(changed.reader.batches) == len(plain.reader.batches)
    for name in ("waveforms", "waveforms_broad", "known", "background_mps", "peaks", "station_km"):
        torch.testing.assert_close(getattr(found, name)[:, 2], getattr(expected, name)[:, 1], msg=name)
    assert found.mask.all()
    north_km = (found.station_km[0, 1] - expected.station_km[0, 2])[1]
    assert float(north_km) == pytest.approx(11.1, abs=0.1)
    known_s = found.known[0].any(dim=1).sum(dim=1) / SPEC.sampling_rate_hz
    assert known_s[2] > 20.0
    assert (known_s[:2] < 12.0).all()


def mended(inventory, code):
    """With another sensitivity."""
    changed = copy.deepcopy(inventory)
    for channel in changed.select(station=code)[0][0]:
        channel.response.instrument_sensitivity.value *= 1000.0
    return changed


def of_rows(engine, *rows):
    return engine.stations.local_km(engine.frame)[list(rows)].astype("float32").tolist()


def test_what_a_station_taught_is_forgotten_where_it_is_described_anew(made):
    """A gain that is mended would be false of what was learnt by the one that was wrong."""
    _, inventory = made
    engine = engine_of(watched(inventory, "S00", "S01"), inventory, Listener(), declarer())
    assert engine.watch(engine.stations, copy.deepcopy(inventory), {}) == ""
    assert engine.reader.forgotten_km == []
    other = mended(inventory, "S01")
    assert engine.watch(engine.stations, other, {}) == "1 described anew (XX.S01)"
    assert engine.reader.forgotten_km == of_rows(engine, 1)


@pytest.mark.parametrize(
    ("crust", "change", "rows"), [("a", mended, [1]), ("a", None, []), ("b", None, [0, 1])]
)
def test_so_it_is_at_a_restart_and_of_all_with_another_crust(made, caplog, crust, change, rows):
    _, inventory = made
    network = watched(inventory, "S00", "S01")
    first = engine_of(network, inventory, Listener(), declarer())
    first.crust = "a"
    other = inventory if change is None else change(inventory, "S01")
    second = engine_of(watched(other, "S00", "S01"), other, Listener(), declarer())
    second.crust = crust
    second.restore(first.state())
    assert sorted(second.reader.forgotten_km) == sorted(of_rows(second, *rows))
    assert ("another velocity model" in caplog.text) == (crust == "b")
    old = {key: each for key, each in first.state().items() if key != "crust"}
    third = engine_of(network, inventory, Listener(), declarer())
    third.restore(old)  # of before there was a digest
    assert third.reader.forgotten_km == []


def test_nothing_changes_where_nothing_did_or_travel_times_cannot_be_had(made):
    _, inventory = made
    engine = engine_of(watched(inventory, "S00", "S01"), inventory, Listener(), declarer())
    live = engine.live
    same = watched(copy.deepcopy(inventory), "S00", "S01")
    assert engine.watch(same.stations, same.inventory, {}) == ""
    assert all(engine.live[name] is live[name] for name in live)
    live = engine.live

    def refused(station_km):
        raise ValueError("outside of the grid")

    engine.travel_times = refused
    further = watched(inventory, "S00", "S01", "S02")
    with pytest.raises(ValueError, match="outside of the grid"):
        engine.watch(further.stations, further.inventory, {})
    assert engine.live is live
    assert len(engine.stations) == 2


def test_a_state_is_taken_by_stations_described_as_before(made):
    stream, inventory = made
    first = engine_of(watched(inventory, "S00", "S01"), inventory, Listener(), declarer())
    for now_s, packets in clocked(in_time(stream, 1.0), START_S + 10.0):
        first.push(packets)
        first.advance(now_s)
    other = moved(inventory, "S01")
    second = engine_of(watched(other, "S00", "S01", "S02"), other, Listener(), declarer())
    second.restore(first.state())
    assert second.live["XX.S00"].reached == first.live["XX.S00"].reached
    assert [second.live[name].reached for name in ("XX.S01", "XX.S02")] == [None, None]


def test_a_station_whose_channels_are_of_no_use_any_more_begins_anew(made, caplog):
    """As after an update of fcn that refuses what it took before: the others go on."""
    stream, inventory = made
    network = watched(inventory, "S00", "S01")
    first = engine_of(network, inventory, Listener(), declarer())
    for now_s, packets in clocked(in_time(stream, 1.0), START_S + 10.0):
        first.push(packets)
        first.advance(now_s)
    refused = copy.deepcopy(inventory)
    for each in next(station for station in refused[0] if station.code == "S01"):
        each.response.instrument_sensitivity.input_units = "PA"
    second, state = engine_of(network, refused, Listener(), declarer()), first.state()
    state["stations"]["XX.S01"]["described"] = second.live["XX.S01"].described
    second.restore(state)
    assert second.live["XX.S00"].reached == first.live["XX.S00"].reached
    assert second.live["XX.S01"].reached is None
    assert "XX.S01 begins anew: XX.S01" in caplog.text
    second.push(
        [packet for _, packets in clocked(in_time(stream, 1.0), START_S + 10.0) for packet in packets]
    )


class Monitor:
    """As much of one as a list of stations needs."""

    def __init__(self, inventory):
        self.engine = engine_of(watched(inventory, "S00"), inventory, Listener(), declarer())
        self.source, self.selected, self.n_kept = self, [], 0

    def watch(self, stations, inventory, unusable):
        return self.engine.watch(stations, inventory, unusable)

    def select(self, station_ids):
        self.selected.append(station_ids)

    def keep(self):
        self.n_kept += 1


def attended(stations, monitor):
    """After which everything that was to be read is read."""
    stations.attend(monitor, 0.0)
    if stations._thread is not None:
        stations._thread.join(20.0)
        stations.attend(monitor, 0.0)


def test_a_list_is_read_when_asked_or_changed_and_a_broken_one_refused(made, tmp_path, caplog):
    _, inventory = made
    path, reads = tmp_path / "stations.xml", []
    given = [watched(inventory, "S00", "S01"), ValueError("no station\nlist"), watched(inventory, "S01")]

    def read():
        reads.append(path.read_text())
        if isinstance(given[0], Exception):
            raise given.pop(0)
        return given.pop(0)

    path.write_text("first")
    monitor, stations = Monitor(inventory), StationList(path, read, look_s=1e-9)
    assert isinstance(monitor.source, Selecting)
    attended(stations, monitor)
    assert reads == []
    path.write_text("second!")
    attended(stations, monitor)
    assert reads == ["second!"]
    assert monitor.selected == [["XX.S00", "XX.S01"]]
    assert (stations.status().n_changes, monitor.n_kept) == (1, 1)
    with caplog.at_level(logging.ERROR):
        stations.ask()
        attended(stations, monitor)
    assert "is refused, the old one goes on: no station list" in caplog.text
    assert stations.status().refused == "no station list"
    assert list(monitor.engine.live) == ["XX.S00", "XX.S01"]
    path.unlink()
    attended(stations, monitor)
    assert len(reads) == 2
    path.write_text("the third")
    attended(stations, monitor)
    assert monitor.selected[-1] == ["XX.S01"]
    status = stations.status()
    assert (status.n_changes, status.n_refused, status.refused) == (2, 1, None)
    assert status.changed_time_s == pytest.approx(time.time(), abs=60.0)


def test_a_list_that_changed_while_a_monitor_began_is_read(tmp_path):
    """Tables and weights take seconds after it was read."""
    path = tmp_path / "stations.xml"
    path.write_text("as it was read")
    before = seen_now(path)
    unchanged = StationList(path, lambda: None, look_s=1e-9, seen=before)
    assert not unchanged._is_due()
    path.write_text("as somebody has it now")
    listed = StationList(path, lambda: None, look_s=1e-9, seen=before)
    assert listed._is_due()
    assert not listed._is_due()


def test_looks_may_be_left_to_signals(made, tmp_path):
    path = tmp_path / "stations.xml"
    stations = StationList(path, lambda: pytest.fail("nobody asked"), look_s=None)
    path.write_text("new")
    attended(stations, Monitor(made[1]))
    with pytest.raises(ValueError, match=r"operations.stations_s must be above 0, or null: 0"):
        StationList(path, lambda: None, look_s=0.0)


def test_a_list_that_becomes_empty_is_refused(made, tmp_path):
    """As a file that is being edited may be: a monitor of no station would say nothing for ever."""
    path = tmp_path / "stations.xml"
    made[1].write(str(path), format="STATIONXML")
    monitor = Monitor(made[1])
    stations = StationList(path, lambda: WatchedNetwork.of_file(path), look_s=None)
    obspy.Inventory().write(str(path), format="STATIONXML")
    stations.ask()
    attended(stations, monitor)
    assert stations.status().refused == "a network needs at least one station"
    assert list(monitor.engine.live) == ["XX.S00"]


def unknown_elevation(inventory, row, elevation_m=-12345.0):
    """Of a station and its channels."""
    for each in (inventory[0][row], *inventory[0][row]):
        each.elevation = elevation_m
    return inventory


def test_a_list_that_is_mended_has_nothing_unusable(made, tmp_path):
    path, (monitor, inventory) = tmp_path / "stations.xml", (Monitor(made[1]), copy.deepcopy(made[1]))
    unknown_elevation(inventory, 1).write(str(path), format="STATIONXML")
    stations = StationList(path, lambda: WatchedNetwork.of_file(path), look_s=None)
    stations.ask()
    attended(stations, monitor)
    assert list(monitor.engine.unusable) == ["XX.S01"]
    assert "XX.S01" not in monitor.engine.live
    unknown_elevation(inventory, 1, 50.0).write(str(path), format="STATIONXML")
    stations.ask()
    attended(stations, monitor)
    assert not monitor.engine.unusable
    assert "XX.S01" in monitor.engine.live


def test_the_elevation_of_its_channels_stands_in_for_a_stations(tmp_path, caplog):
    path, inventory = tmp_path / "stations.xml", make_network(2)[2]
    inventory[0][1].elevation = -12345.0
    inventory.write(str(path), format="STATIONXML")
    found = {each.id: each.elevation_m for each in WatchedNetwork.of_file(path).stations}
    assert found["XX.S01"] == inventory[0][1][0].elevation
    assert "its channel's" in caplog.text


def test_a_station_whose_elevation_is_not_known_is_left_out(tmp_path, caplog):
    """SAC's -12345 m: P would come from it two seconds early, and the travel times reach so deep."""
    path, inventory = tmp_path / "stations.xml", unknown_elevation(make_network(3)[2], 1)
    inventory.write(str(path), format="STATIONXML")
    network = WatchedNetwork.of_file(path)
    assert [each.id for each in network.stations] == ["XX.S00", "XX.S02"]
    assert list(network.unusable) == ["XX.S01"]
    assert "XX.S01 has elevation -12345 m" in caplog.text
    with pytest.raises(ValueError, match=r"no station can be used: station XX\.S01 has elevation"):
        WatchedNetwork.of_file(path, ["XX.S01"])


def test_a_station_of_which_no_channel_can_be_read_is_left_out(tmp_path, caplog):
    """StationXML with level=station was listened to in silence."""
    path, inventory = tmp_path / "stations.xml", make_network(3)[2]
    inventory[0][1].channels = []
    for each in inventory[0][2].channels[1:]:
        each.response = None
    inventory.write(str(path), format="STATIONXML")
    network = WatchedNetwork.of_file(path)
    assert [each.id for each in network.stations] == ["XX.S00", "XX.S02"]
    assert "StationXML describes no channel of XX.S01: ask for level=response" in caplog.text
    inventory[0][2].channels[0].response = None
    inventory.write(str(path), format="STATIONXML")
    network = WatchedNetwork.of_file(path)
    assert "XX.S02..HHE has no instrument sensitivity" in network.unusable["XX.S02"]
    with pytest.raises(ValueError, match=r"can be used: StationXML describes no channel of XX\.S01"):
        WatchedNetwork.of_file(path, ["XX.S01"])
    for each in inventory[0][0].channels:
        each.end_date = obspy.UTCDateTime(2017, 1, 1)  # of data that are replayed into a folder
    inventory.write(str(path), format="STATIONXML")
    assert len(WatchedNetwork.of_file(path, ["XX.S00"]).stations) == 1


@pytest.mark.parametrize("begins", [obspy.UTCDateTime(2020, 1, 1), obspy.UTCDateTime(2190, 1, 1)])
def test_a_station_with_epochs_at_two_places_costs_no_other(tmp_path, caplog, begins):
    path, inventory = tmp_path / "stations.xml", make_network(3)[2]
    after = copy.deepcopy(make_network(3)[2][0][1])
    for each in (after, *after):
        each.latitude, each.start_date = 33.5, begins
    inventory[0].stations.append(after)
    inventory.write(str(path), format="STATIONXML")
    network = WatchedNetwork.of_file(path)
    if begins < obspy.UTCDateTime():  # of two that are open nobody knows which it is
        assert [each.id for each in network.stations] == ["XX.S00", "XX.S02"]
        assert network.unusable["XX.S01"].endswith("and both are open: end the one that is over")
        with pytest.raises(ValueError, match="both are open"):
            WatchedNetwork.of_file(path, ["XX.S01"])
    else:
        assert {each.id: each.latitude_deg for each in network.stations}["XX.S01"] == pytest.approx(32.8)
        assert "XX.S01 is to move: its present place counts" in caplog.text
        caplog.clear()
        assert len(WatchedNetwork.of_file(path, ["XX.S00", "XX.S02"]).stations) == 2
        assert not caplog.text  # it is none of those


def test_closed_stations_are_left_out_unless_all_are(tmp_path, caplog):
    """One that was closed 300 km away drew the centre of the frame there."""
    path, inventory = tmp_path / "stations.xml", make_network(3)[2]
    inventory[0][1].end_date = obspy.UTCDateTime(2005, 1, 1)
    inventory.write(str(path), format="STATIONXML")
    assert [each.id for each in WatchedNetwork.of_file(path).stations] == ["XX.S00", "XX.S02"]
    assert "left out, their last epochs have ended: 'XX.S01'" in caplog.text
    assert [each.id for each in WatchedNetwork.of_file(path, ["XX.S01"]).stations] == ["XX.S01"]
    for site in inventory[0]:
        site.end_date = obspy.UTCDateTime(2005, 1, 1)
    inventory.write(str(path), format="STATIONXML")
    assert len(WatchedNetwork.of_file(path).stations) == 3
