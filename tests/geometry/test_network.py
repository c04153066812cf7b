import math

import numpy as np
import obspy
import pytest
from obspy.core.inventory import Channel, Inventory, Site
from obspy.core.inventory import Network as ObspyNetwork
from obspy.core.inventory import Station as ObspyStation

from fcn.geometry.network import Network, Station, ended_before, warn_of_places
from fcn.geometry.projection import LocalFrame

CSV = "network,station,latitude,longitude,elevation\nXX,AAA,32.5,130.5,100\nXX,BBB,33.0,131.0,-20\n"


def write(tmp_path, text):
    path = tmp_path / "stations.csv"
    path.write_text(text)
    return path


def obspy_station(code, latitude, longitude, elevation=10.0, location="00"):
    channel = Channel("HHZ", location, latitude, longitude, elevation, 0.0)
    return ObspyStation(code, latitude, longitude, elevation, channels=[channel], site=Site("somewhere"))


@pytest.mark.parametrize("column", ["elevation", "Elevation_m"])
def test_from_csv(tmp_path, column):
    network = Network.from_csv(write(tmp_path, CSV.replace("elevation", column)))
    assert [station.id for station in network] == ["XX.AAA", "XX.BBB"]
    assert [station.elevation_m for station in network] == [100, -20]


@pytest.mark.parametrize(("column", "warned"), [("Depth_m", True), ("gain", True), ("name", False)])
def test_columns_of_instruments_are_not_read_and_it_says_so(tmp_path, caplog, column, warned):
    lines = CSV.splitlines()
    text = "\n".join([f"{lines[0]},{column}", *(f"{line},200" for line in lines[1:])])
    assert [station.elevation_m for station in Network.from_csv(write(tmp_path, text))] == [100, -20]
    assert (f"stations.csv: column {column.lower()} is not read" in caplog.text) == warned
    assert len(caplog.messages) == warned


def test_from_the_csv_of_a_spreadsheet(tmp_path):
    path = write(tmp_path, CSV + ",,,,\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [station.id for station in Network.from_csv(path)] == ["XX.AAA", "XX.BBB"]


@pytest.mark.parametrize(
    ("latitudes", "message"),
    [((32.5, 32.6), r"XX.AAA moved by 0.100 deg"), ((None,), r"XX.AAA has no latitude_deg")],
)
def test_bad_inventories_say_what_is_wrong(latitudes, message):
    sites = [obspy_station("AAA", 32.5, 130.5) for _ in latitudes]
    for site, latitude in zip(sites, latitudes, strict=True):
        site._latitude = latitude
    with pytest.raises(ValueError, match=message):
        Network.from_inventory(Inventory([ObspyNetwork("XX", sites)]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latitude", "lat", "no column latitude"),
        (",", ";", "no column .*: separate columns by commas, not by semicolons"),
        (",", "\t", "no column .*: separate columns by commas, not by tabs"),
        ("32.5", "", "XX.AAA has no latitude_deg"),
        ("100", "", "XX.AAA has no elevation_m"),
        ("131.0", "nan", "XX.BBB has no longitude_deg"),
        ("32.5", "north", r"stations\.csv, line 2: latitude is 'north', not a number"),
        ("32.5", '"32,5"', r"^[^:]*stations\.csv, line 2: latitude is '32,5', .* a decimal point"),
        ("131.0", "131,0", r"stations\.csv, line 3 has 6 cells, the table 5 columns"),
        ("BBB", "../x", r"stations\.csv, line 3: station XX\.\.\./x: '\.\./x' is no station code"),
        ("33.0", "133.0", "XX.BBB is off the globe"),
        ("BBB", "AAA", "more than once: XX.AAA; give each one row, whatever locations and channels"),
        ("XX,AAA,32.5,130.5,100\nXX,BBB,33.0,131.0,-20\n", "", "at least one station"),
    ],
)
def test_bad_csv_says_what_is_wrong(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        Network.from_csv(write(tmp_path, CSV.replace(old, new)))


def test_from_inventory_merges_epochs():
    places = (("AAA", 32.5, 130.5), ("BBB", 33.0, 131.0), ("AAA", 32.501, 130.5))
    sites = [obspy_station(*place) for place in places]
    network = Network.from_inventory(Inventory([ObspyNetwork("XX", sites)]))
    assert [station.id for station in network] == ["XX.AAA", "XX.BBB"]
    assert network.stations[0] == Station("XX", "AAA", "00", 32.501, 130.5, 10.0)


def test_a_station_is_where_it_was_then():
    """One that moved between epochs counts with the place it had in the time of the data."""
    before, after = obspy_station("AAA", 32.5, 130.5), obspy_station("AAA", 33.5, 130.5)
    before.end_date = after.start_date = obspy.UTCDateTime(1000.0)
    inventory = Inventory([ObspyNetwork("XX", [before, after])])
    for during_s, latitude_deg in (((0.0, 900.0), 32.5), ((1100.0, 2000.0), 33.5)):
        (station,) = Network.from_inventory(inventory, during_s)
        assert station.latitude_deg == latitude_deg
    with pytest.raises(ValueError, match=r"XX.AAA moved by 1.000 deg between epochs: state a span"):
        Network.from_inventory(inventory, (900.0, 1100.0))
    after.end_date = obspy.UTCDateTime(1500.0)
    before.end_date = obspy.UTCDateTime(500.0)
    assert len(Network.from_inventory(Inventory([ObspyNetwork("XX", [before])]), (1600.0, 2000.0))) == 1


def epoch(latitude, start_s, end_s, *, of="station"):
    """One epoch of a station, dated itself or by its channel; None is open."""
    site = obspy_station("AAA", latitude, 130.5)
    dated = site if of == "station" else site.channels[0]
    dated.start_date = None if start_s is None else obspy.UTCDateTime(start_s)
    dated.end_date = None if end_s is None else obspy.UTCDateTime(end_s)
    return site


@pytest.mark.parametrize("of", ["station", "channel"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("n_networks", [1, 2])
@pytest.mark.parametrize("step_deg", [0.005, 0.05])
def test_the_epoch_of_the_data_counts(of, turned, n_networks, step_deg):
    """Whatever the order in the file, by whatever it is dated, in one <Network> or two of one code."""
    sites = [epoch(32.5 + i * step_deg, *span, of=of) for i, span in enumerate([(None, 1000), (1001, None)])]
    sites = sites[::-1] if turned else sites
    networks = [ObspyNetwork("XX", sites)] if n_networks == 1 else [ObspyNetwork("XX", [s]) for s in sites]
    for during_s, latitude_deg in (((0.0, 900.0), 32.5), ((1100.0, 2000.0), 32.5 + step_deg)):
        (station,) = Network.from_inventory(Inventory(networks), during_s)
        assert station.latitude_deg == pytest.approx(latitude_deg)
    if step_deg < 0.01:
        (station,) = Network.from_inventory(Inventory(networks))
        assert station.latitude_deg == pytest.approx(32.5 + step_deg)
    else:
        with pytest.raises(ValueError, match=r"XX\.AAA moved by 0\.050 deg between epochs"):
            Network.from_inventory(Inventory(networks))


def test_an_epoch_lasts_as_long_as_any_of_its_channels():
    site = epoch(32.5, 0, 500, of="channel")
    site.channels += epoch(32.5, 400, 1000, of="channel").channels
    inventory = Inventory([ObspyNetwork("XX", [site, epoch(32.6, 2000, None)])])
    (station,) = Network.from_inventory(inventory, (800.0, 900.0))
    assert station.latitude_deg == 32.5
    for channels in ([], epoch(32.5, None, None, of="channel").channels):  # open: both are there
        site.channels = channels
        with pytest.raises(ValueError, match="moved"):
            Network.from_inventory(inventory, (2100.0, 2200.0))


def test_local_positions_and_depth_sign():
    high, low = Station("XX", "AAA", "", 32.0, 130.0, 800.0), Station("XX", "BBB", "", 32.0, 130.5, 0.0)
    network = Network((high, low))
    local_km = network.local_km(LocalFrame(32.0, 130.0))
    np.testing.assert_allclose(local_km[0], [0, 0, -0.8], atol=1e-9)
    assert local_km[1, 0] == pytest.approx(47.2, abs=0.1)
    assert local_km[1, 2] == 0


def test_centre_is_the_middle_even_across_the_date_line():
    stations = (Station("XX", "AAA", "", -18.0, 179.0, 0.0), Station("XX", "BBB", "", -17.0, -179.0, 0.0))
    latitude_deg, longitude_deg = Network(stations).centre()
    assert latitude_deg == pytest.approx(-17.5, abs=0.01)
    assert abs(longitude_deg) == pytest.approx(180, abs=0.01)


@pytest.mark.realdata
def test_real_station_list(shared_dir):
    network = Network.from_csv(shared_dir / "realdata/coseismiq/station_inventory/stations.csv")
    assert len(network) == 20
    local_km = network.local_km(LocalFrame(*network.centre()))
    assert np.abs(local_km[:, :2]).max() < 40
    np.testing.assert_allclose(local_km[:, :2].mean(0), 0, atol=0.05)


@pytest.mark.parametrize("elevation_m", [0.0, 12.0, 123456.0])
def test_what_stands_for_no_coordinates_is_refused(elevation_m):
    """ObsPy reads RESP files, which have none, as the second."""
    inventory = Inventory([ObspyNetwork("XX", stations=[obspy_station("A", 0.0, 0.0, elevation_m)])])
    with pytest.raises(ValueError, match=r"XX\.A is at 0 deg, 0 deg, .* m, which stands for no coordinates"):
        Network.from_inventory(inventory)
    inventory[0][0].elevation = -4940.0
    assert Network.from_inventory(inventory).stations[0].elevation_m == -4940.0


def test_a_place_on_180_degrees_is_one_however_it_is_written():
    epochs = [ObspyStation("A", -17.0, longitude, 10.0) for longitude in (179.99999, -179.99999)]
    for i, epoch in enumerate(epochs):
        epoch.start_date = obspy.UTCDateTime(2010 + i, 1, 1)
    inventory = Inventory([ObspyNetwork("XX", stations=epochs)])
    assert Network.from_inventory(inventory).stations[0].longitude_deg == -179.99999


def test_of_a_station_that_was_closed_its_last_place_counts():
    epochs = [ObspyStation("A", latitude, 22.0, 10.0) for latitude in (41.0, 42.0)]
    for i, epoch in enumerate(epochs):
        epoch.start_date, epoch.end_date = (
            obspy.UTCDateTime(2000 + i, 1, 1),
            obspy.UTCDateTime(2001 + i, 1, 1),
        )
    inventory = Inventory([ObspyNetwork("XX", stations=epochs)])
    now_s = obspy.UTCDateTime(2020, 1, 1).timestamp
    assert Network.from_inventory(inventory, (now_s, math.inf)).stations[0].latitude_deg == 42.0
    assert ended_before(inventory, now_s) == {"XX.A"}
    assert ended_before(inventory, obspy.UTCDateTime(2001, 6, 1).timestamp) == set()


def said_of_places(caplog, *places):
    caplog.clear()
    stations = tuple(
        Station("XX", f"S{i}", "", latitude_deg, longitude_deg, 0.0)
        for i, (latitude_deg, longitude_deg) in enumerate(places)
    )
    warn_of_places(Network(stations), "stations.xml")
    return caplog.messages


JAPAN = ((37.1, 140.2), (37.2, 140.4), (37.4, 140.1), (37.3, 140.6))


def test_stations_that_are_all_at_one_place_are_warned_of(caplog):
    (said,) = said_of_places(caplog, *[(37.1, 140.2)] * 3)
    assert "stations.xml: all 3 stations are at 37.1, 140.2 deg" in said
    assert said_of_places(caplog, (37.1, 140.2)) == []
    assert said_of_places(caplog, (37.1, 140.2), (37.1, 140.2), (37.3, 140.2)) == []


@pytest.mark.parametrize("false", [(-37.3, 140.6), (37.3, -140.6), (37.3, 14.06)])
def test_a_station_far_from_all_others_is_warned_of(caplog, false):
    (said,) = said_of_places(caplog, *JAPAN[:3], false)
    assert f"XX.S3 at {false[0]:g}, {false[1]:g} deg is " in said
    assert said_of_places(caplog, *JAPAN) == []
    assert said_of_places(caplog, *JAPAN[:3], (33.6, 135.8)) == []
    around_the_globe = ((0.0, 10.0), (60.0, 90.0), (-50.0, 170.0), (10.0, -100.0))
    assert said_of_places(caplog, *around_the_globe) == []


def test_across_the_date_line_nobody_is_far(caplog):
    assert said_of_places(caplog, (-17.0, 179.9), (-17.2, -179.8), (-17.3, 179.7)) == []


def test_csv_without_a_place_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"stations\.csv, line 2: station XX\.AAA is at 0 deg, 0 deg, 100 m"):
        Network.from_csv(write(tmp_path, CSV.replace("32.5,130.5", "0,0")))
