"""What sequence.yaml may say, and how what it may not say is named."""

from dataclasses import asdict

import pytest
import yaml

from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.waveform.folder import Description, read_description

MODEL = asdict(LayeredModel.from_velocities("two", "made", (0.0, 10.0), (5.5, 6.5), (3.2, 3.8)))
SPAN = {"start": "2016-04-14T12:00:00", "end": "2016-04-14T13:00:00"}


def described(tmp_path, content):
    (tmp_path / "sequence.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_description(tmp_path)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"name": 7}, "name must be a text .*got 7"),
        ({"name": "../up"}, r"name must have no path in it .*'\.\./up'"),
        ({"name": ".."}, "name must have no path"),
        ({"name": "a\\b"}, "name must have no path"),
        ({"name": "x" * 200}, "name must .*at most 100 characters"),
        ({"name": "a\nb"}, "name must be a text of printable"),
        ({"simulated": "no"}, "simulated must be true or false, got 'no'"),
        ({"simulated": 1}, "simulated must be true or false, got 1"),
        (
            {"centre": {"latitude_deg": 91, "longitude_deg": 0}},
            r"centre\.latitude_deg .* from -90 to 90",
        ),
        (
            {"centre": {"latitude_deg": "32N", "longitude_deg": 0}},
            r"centre\.latitude_deg .*got '32N'",
        ),
        ({"centre": {"latitude_deg": 0, "longitude_deg": float("nan")}}, r"centre\.longitude_deg .*got nan"),
        ({"centre": [32, 130]}, "centre needs exactly"),
        ({"half_width_km": [float("nan"), 30]}, "half_width_km must be a number from 0.1 to 1000, got nan"),
        ({"half_width_km": [30, float("inf")]}, "half_width_km .*got inf"),
        ({"half_width_km": [30, 30_000]}, "half_width_km .*got 30000"),
        ({"half_width_km": ["30", 30]}, "half_width_km .*got '30'"),
        ({"half_width_km": [True, 30]}, "half_width_km .*got True"),
        ({"half_width_km": 30}, r"half_width_km \(east, north\) must be a list of 2 values: 30"),
        ({"half_width_km": "ab"}, r"half_width_km \(east, north\) must be a list"),
        ({"span": {**SPAN, "end": SPAN["start"]}}, "span ends before it starts"),
        ({"span": {**SPAN, "end": "tomorrow"}}, r"span\.end must be an ISO time .*got 'tomorrow'"),
        ({"span": {**SPAN, "start": "0001-01-01"}}, r"span\.start must be an ISO time"),
        ({"span": {**SPAN, "start": "2016-04-31"}}, r"span\.start must be an ISO time"),
        ({"span": {**SPAN, "start": "1460636400"}}, r"span\.start must be an ISO time"),
        ({"velocity_model": "iasp91"}, "velocity_model needs the fields name"),
        ({"velocity_model": {"vp_kmps": [5.0]}}, "velocity_model lacks name, source"),
        (
            {"velocity_model": {**MODEL, "vp_kmps": [5500.0, 6500.0]}},
            "velocity_model: .*in m/s, divide",
        ),
        ({"velocity_model": {**MODEL, "top_depth_km": [0.0, float("nan")]}}, "velocity_model: .*got nan"),
        ({"stations": "XX.S00"}, "stations must be a list of values: 'XX.S00'"),
        ({"stations": []}, "stations is empty"),
        ({"stations": ["XX.S00", 7]}, r"stations must be a list of ids NET\.STA, got 7"),
        ({"stations": ["../x"]}, r"stations must be a list of ids NET\.STA, got '\.\./x'"),
        ({"stations": ["XX.S00", "XX.S01", "XX.S00"]}, r"stations names XX\.S00 more than once"),
        ({7: 1}, "unknown key 7; known are name"),
    ],
)
def test_what_may_not_be_said_names_file_key_and_value(tmp_path, stated, message):
    with pytest.raises(ValueError, match=rf"sequence\.yaml: {message}"):
        described(tmp_path, yaml.safe_dump(stated))
    with pytest.raises(ValueError, match=f"here: {message}"):
        Description.from_mapping(stated, "here")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: \xff\xfe\n", "no YAML in UTF-8"),
        ("name: a".encode("utf-16"), "no YAML in UTF-8"),
        ("- name\n", "must be a mapping of keys to values, got list"),
        ("name\n", "must be a mapping of keys to values, got str"),
        ("0\n", "must be a mapping of keys to values, got int"),
        ("name: [\n", "no YAML"),
        ("name: !!python/object/apply:os.system [id]\n", "no YAML .*python/object"),
        ("a: &a [x, x]\nname: *a\n", r"no YAML .*aliases such as \*a are not read"),
        ("name: " + "[" * 5000, "no YAML"),
        ("half_width_km: [1" + "0" * 5000 + ", 1]\n", "no YAML"),
        ("span: {start: 2016-13-45, end: 2016-13-46}\n", "no YAML"),
        ("# nothing\n" * 200_000, "has 2000000 bytes"),
    ],
)
def test_what_is_no_description_is_refused_by_name(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"sequence\.yaml .*{message}"):
        described(tmp_path, content)


def test_what_may_be_said(tmp_path):
    stated = {
        "name": "Küste 1",
        "half_width_km": [30, 41.5],
        "centre": {"latitude_deg": 32, "longitude_deg": 130.5},
        "velocity_model": MODEL,
        "stations": ["XX.S00", ".ALONE"],
        "span": SPAN,
    }
    found = described(tmp_path, "\ufeff" + yaml.safe_dump(stated, allow_unicode=True))
    assert (found.name, found.half_width_km, found.simulated) == ("Küste 1", [30, 41.5], False)
    assert found.span_s == (1460635200.0, 1460638800.0)
    assert LayeredModel(**found.velocity_model) == LayeredModel(**MODEL)
    assert described(tmp_path, "name:\nsimulated:\n") == Description()
    assert Description().span_s is None


def test_centre_and_stations_must_be_one_network():
    network = Network(tuple(Station("XX", f"S{i}", "", 32.0, 130.0 + i, 0.0) for i in range(3)))
    Description().check_against(network, "here")
    Description(centre={"latitude_deg": 28.0, "longitude_deg": 130.0}).check_against(network, "here")
    with pytest.raises(ValueError, match=r"here: centre .* km from the nearest station, 1000 at most"):
        Description(centre={"latitude_deg": 0.0, "longitude_deg": 0.0}).check_against(network, "here")
    swapped = Network((*network.stations, Station("XX", "S3", "", 32.0, -130.0, 0.0)))
    with pytest.raises(ValueError, match=r"here: station XX\.S3 at latitude 32, longitude -130 deg lies"):
        Description(centre={"latitude_deg": 32.0, "longitude_deg": 130.0}).check_against(swapped, "here")
