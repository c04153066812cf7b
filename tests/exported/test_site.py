"""What an edge device is told of stations."""

import json
import math
from dataclasses import replace

import pytest
from made_networks import COUNTS_PER_MPS, make_network
from made_streams import SPEC

from fcn.earth.travel_time import TravelTimeTable
from fcn.exported.site import FILTERS, STATIONS, Site
from fcn.exported.write import site_of
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.network import WatchedNetwork

FRAME = LocalFrame(32.8, 130.7)


def watched(n: int = 3, **made) -> WatchedNetwork:
    sites, _, inventory = make_network(n, seconds=1.0, **made)
    return WatchedNetwork("made", Network(tuple(sites)), inventory, FRAME)


@pytest.fixture(scope="module")
def times(exported_image) -> TravelTimeTable:
    restored, _ = exported_image
    (model, *_) = restored.velocity_models.values()
    return TravelTimeTable.build(model, max_depth_km=10.0, max_distance_km=10.0, step_km=5.0)


def test_stations_and_their_channels_are_plain_numbers(tmp_path, times):
    Site(watched(), times, 12).write(tmp_path, SPEC)
    said = json.loads((tmp_path / STATIONS).read_text())
    assert said["centre"] == {"latitude_deg": 32.8, "longitude_deg": 130.7}
    assert [each["id"] for each in said["stations"]] == ["XX.S00", "XX.S01", "XX.S02"]
    second = said["stations"][1]
    assert (second["east_km"], second["north_km"]) == pytest.approx((4.68, 0.0), abs=0.01)
    assert [each["seed_id"][-1] for each in second["channels"]] == ["Z", "N", "E"]
    vertical, north, _ = second["channels"]
    assert (vertical["sensitivity"], vertical["measurement"]) == (COUNTS_PER_MPS, "velocity")
    assert vertical["direction"] == pytest.approx([1, 0, 0], abs=1e-9)
    assert north["direction"] == pytest.approx([0, 1, 0], abs=1e-9)
    assert vertical["depth_km"] == -0.05


def test_filters_are_those_of_the_rates_there_are(tmp_path, times):
    Site(watched(rate_hz=50.0, kind="acceleration"), times, 12).write(tmp_path, SPEC)
    said = json.loads((tmp_path / FILTERS).read_text())
    assert [(each["sampling_rate_hz"], each["acceleration"]) for each in said["to_velocity"]] == [
        (50.0, False),
        (50.0, True),
    ]
    assert [each["sampling_rate_hz"] for each in said["anti_alias"]] == [50.0]
    assert [each["high_hz"] for each in said["butterworth"]] == [8.0, 9.0, 9.0, None]
    assert math.isfinite(sum(map(sum, said["butterworth"][3]["sos"])))


def test_too_many_stations_are_refused(times):
    with pytest.raises(ValueError, match=r"describes 3 stations, .* for 2: .*station_ids="):
        Site(watched(3), times, 2)


def test_a_file_without_a_useful_channel_is_refused(tmp_path, times):
    with pytest.raises(ValueError, match="describes no channel of ground motion that is fast enough"):
        Site(watched(rate_hz=10.0), times, 12).write(tmp_path, SPEC)


def test_networks_that_read_picks_are_refused(exported_migration, tmp_path):
    _, _, inventory = make_network(1, seconds=1.0)
    inventory.write(str(tmp_path / "stations.xml"), "STATIONXML")
    given = {"station_ids": None, "centre": None, "velocity_model": None}
    with pytest.raises(ValueError, match="read by MigrationScheme, which fcn_edge cannot do"):
        site_of(exported_migration[0], tmp_path / "stations.xml", **given)


def test_a_network_of_a_family_of_models_wants_one_chosen(exported_image, tmp_path):
    restored, _ = exported_image
    _, _, inventory = make_network(3, seconds=1.0)
    inventory.write(str(tmp_path / "stations.xml"), "STATIONXML")
    given = {"station_ids": None, "centre": {"latitude_deg": 32.0, "longitude_deg": 131.0}}
    (model,) = restored.velocity_models.values()
    several = replace(restored, velocity_models={"one": model, "other": model})
    with pytest.raises(ValueError, match="choose one with velocity_model=<name>"):
        site_of(several, tmp_path / "stations.xml", **given, velocity_model=None)
    own = restored.config["velocity_model"]
    site = site_of(several, tmp_path / "stations.xml", **given, velocity_model=own)
    assert site.watched.frame == LocalFrame(32.0, 131.0)
    assert site.times.max_distance_km > 100
