"""What may be asked of a data centre: keys, values and remedies; regions; which instruments."""

import pytest

from fcn.fetch.area import Area
from fcn.fetch.instruments import Instrument, in_order
from fcn.fetch.source import FdsnSource

BOX = {"south_deg": 32.0, "north_deg": 33.0, "west_deg": 130.0, "east_deg": 131.0}
SOUND = {
    **{"client": "GEONET", "event_client": None, "start": "2016-04-14T12:20:00"},
    **{"box": BOX, "centre": None, "radius_km": None, "networks": ["*"], "stations": ["*"]},
    **{"channels": ["HH"], "accelerometer_too": True, "min_magnitude": None, "event_margin_km": 0.0},
    **{"chunk_s": 3600.0, "timeout_s": 60.0, "n_retries": 3, "pause_s": 1.0, "credentials_file": None},
    "end": "2016-04-14T13:20:00",
}
CENTRE = {"latitude_deg": 32.5, "longitude_deg": 130.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"end": "2016-04-14T12:00:00"},
            r"source\.end=2016-04-14T12:00:00 is not after source\.start=.*20:00",
        ),
        ({"start": "noon"}, r"source\.start must be an ISO time such as .* got 'noon'"),
        ({"box": None}, r"state one region: source\.box=.*source\.centre"),
        ({"centre": CENTRE}, r"state one region"),
        ({"box": None, "centre": CENTRE}, r"needs source\.radius_km"),
        ({"box": None, "centre": CENTRE, "radius_km": -3.0}, r"source\.radius_km must be .* got -3"),
        ({"box": None, "centre": {"lat": 3.0}}, r"source\.centre needs exactly latitude_deg, longitude_deg"),
        ({"radius_km": 30.0}, r"source\.radius_km=30 is of a circle"),
        ({"box": {**BOX, "north_deg": 31.0}}, r"south_deg=32 must be below north_deg=31"),
        ({"box": {**BOX, "west_deg": 179.0, "east_deg": -179.0}}, r"across 180 degrees.*source\.centre"),
        ({"channels": []}, r"source\.channels must be a list of codes such as \[HH,HN\], got \[\]"),
        ({"channels": ["HHZ"]}, r"source\.channels must be .* got \['HHZ'\]"),
        ({"networks": ["N Z"]}, r"source\.networks must be .* got \['N Z'\]"),
        ({"chunk_s": 1.0}, r"source\.chunk_s must be a number of at least 60, got 1"),
        ({"client": "https://me:so-secret@x.org"}, r"source\.client holds a user or a password"),
        ({"credentials_file": "nowhere.txt"}, r"source\.credentials_file: there is no file nowhere\.txt"),
    ],
)
def test_what_cannot_be_asked_names_key_value_and_remedy(changes, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message) as raised:
        FdsnSource(**{**SOUND, **changes})
    assert "so-secret" not in str(raised.value)


def test_what_is_kept_of_a_question_has_no_credentials(tmp_path):
    (tmp_path / "key").write_text("me:so-secret")
    source = FdsnSource(**{**SOUND, "credentials_file": str(tmp_path / "key")})
    assert "credentials_file" not in source.asked
    assert source.asked["box"] == BOX
    assert source.channel_codes == "HH?"


def test_a_circle_lies_within_the_limits_asked_for():
    area = Area.of(None, CENTRE, 100.0)
    limits = area.query()
    for bearing, (latitude_deg, longitude_deg) in {
        "north": (33.39, 130.5),
        "east": (32.49, 131.55),
        "south": (31.61, 130.5),
        "west": (32.49, 129.45),
    }.items():
        assert area.holds(latitude_deg, longitude_deg), bearing
        assert limits["minlatitude"] < latitude_deg < limits["maxlatitude"]
        assert limits["minlongitude"] < longitude_deg < limits["maxlongitude"]
    assert not area.holds(33.3, 131.4)  # in the corner
    assert area.holds(33.3, 131.4, margin_km=50.0)
    assert limits["maxlatitude"] < 33.5


def test_a_circle_across_180_degrees_or_a_pole_asks_for_all_longitudes():
    across = Area.of(None, {"latitude_deg": -17.0, "longitude_deg": 179.9}, 50.0)
    assert (across.query()["minlongitude"], across.query()["maxlongitude"]) == (-180.0, 180.0)
    assert across.holds(-17.0, -179.9)
    assert not across.holds(-17.0, 0.0)
    polar = Area.of(None, {"latitude_deg": 89.9, "longitude_deg": 0.0}, 50.0)
    assert polar.query()["maxlatitude"] == 90.0
    assert polar.holds(89.9, 180.0)


def test_instruments_in_order_of_preference():
    codes = [("", "BH", 3), ("10", "HH", 3), ("", "HH", 1), ("00", "HH", 3), ("20", "HN", 3), ("", "LH", 3)]
    n_channels = {Instrument("XX.A", location, code): n for location, code, n in codes}
    wanted = ["HH", "HN", "EH", "BH"]
    one = in_order(list(n_channels), n_channels, wanted, accelerometer_too=False)
    assert [[(each.location, each.code) for each in kind] for kind in one] == [
        [("00", "HH"), ("10", "HH"), ("", "HH"), ("20", "HN"), ("", "BH")]
    ]
    weak, strong = in_order(list(n_channels), n_channels, wanted, accelerometer_too=True)
    assert [each.code for each in weak] == ["HH", "HH", "HH", "BH"]
    assert [each.code for each in strong] == ["HN"]
