"""StationXML is read with its coordinates checked."""

import dataclasses
import re

import obspy
import pytest
from made_networks import START_S, make_network, make_site

from fcn.waveform import sac
from fcn.waveform.inventory import (
    fill_sensitivities,
    make_inventory,
    read_stations,
    stated_sensitivities,
)
from fcn.waveform.response import Sensitivity, describe


@pytest.fixture
def path(tmp_path):
    make_network(2, seconds=1.0)[2].write(str(tmp_path / "stations.xml"), format="STATIONXML")
    return tmp_path / "stations.xml"


def test_stations_are_read(path):
    assert [station.code for station in read_stations(path)[0]] == ["S00", "S01"]


@pytest.mark.parametrize("coordinate", ["Latitude", "Longitude", "Elevation"])
@pytest.mark.parametrize("how", ["gone", "empty", "NaN", "north"])
def test_a_station_without_coordinates_is_named(path, coordinate, how):
    text = path.read_text()
    found = re.search(rf"<{coordinate} [^>]*>[^<]*</{coordinate}>", text[text.index("S01") :])[0]
    head, _, tail = found.partition(">")
    new = "" if how == "gone" else f"{head}>{'' if how == 'empty' else how}</{coordinate}>"
    first = text.index("S01")
    path.write_text(text[:first] + text[first:].replace(found, new, 1))
    with pytest.raises(ValueError, match=rf"station XX\.S01 has no {coordinate.lower()}"):
        read_stations(path)
    assert tail


@pytest.mark.parametrize("tag", ["Latitude", "Longitude", "Elevation", "Depth"])
def test_a_channel_without_coordinates_is_named(path, tag):
    """ObsPy leaves it out, and its data would then seem to be of a channel that is not listed."""
    text = path.read_text().replace('locationCode=""', 'locationCode="10"')
    first = text.index('Channel code="HHN"')
    path.write_text(text[:first] + re.sub(f"<{tag}.*?</{tag}>", "", text[first:], count=1))
    with pytest.raises(ValueError, match=rf"channel XX\.S00\.10\.HHN has no {tag.lower()} \(''\); add it"):
        read_stations(path)


@pytest.mark.parametrize(
    ("tag", "stated", "remedy"),
    [
        ("Azimuth", "-90", "0 to 360 deg: write 270"),
        ("Azimuth", "370.0", "0 to 360 deg: write 10"),
        ("Longitude", "190.8", "-180 to 180 deg: write -169.2"),
        ("Longitude", "190.835472", "-180 to 180 deg: write -169.164528$"),  # a metre is its last digits
        ("Latitude", "132.7", "-90 to 90 deg: correct it"),
        ("Dip", "180", "-90 to 90 deg: correct it"),
    ],
)
def test_an_angle_that_stationxml_has_not_is_named(path, tag, stated, remedy):
    """ObsPy refuses the file for it, and says a value and neither channel nor element."""
    text = path.read_text()
    first = text.index('Channel code="HHN"')
    path.write_text(text[:first] + re.sub(f"(<{tag}[^>]*>)[^<]*", rf"\g<1>{stated}", text[first:], count=1))
    with pytest.raises(
        ValueError, match=rf"channel XX\.S00\.\.HHN has {tag.lower()} {stated}, and .* {remedy}"
    ):
        read_stations(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # ObsPy's, that it is none
@pytest.mark.parametrize("stated", ["", "NaN", "unknown"])
def test_an_angle_that_is_not_stated_is_none(path, stated):
    path.write_text(re.sub("(<Azimuth[^>]*>)[^<]*", rf"\g<1>{stated}", path.read_text()))
    assert {channel.azimuth for station in read_stations(path)[0] for channel in station} == {None}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<Azimuth[^>]*>[^<]*", "<Azimuth>12,5", r"Azimuth '12,5', not a number: write a decimal point"),
        ("<Dip[^>]*>[^<]*", "<Dip>90 down", r"Dip '90 down', not a number: correct it"),
        ("<Value>[^<]*", "<Value>4,0E8", r"Response InstrumentSensitivity Value '4,0E8', not a number"),
        (' locationCode=""', "", r'no locationCode: write locationCode="" where it has none'),
        ("startDate=[^ >]*", 'startDate="31/12/2015"', r"startDate '31/12/2015', which is no date: write"),
        ("startDate=[^ >]*", 'endDate="2016-13-01"', r"endDate '2016-13-01', which is no date"),
    ],
)
def test_what_obspy_would_pass_over_is_told(path, old, new, message):
    """It read the azimuth as none, and the code told; the date as none, and the epoch was open."""
    text = path.read_text()
    first = text.index('<Channel code="HHN"')
    path.write_text(text[:first] + re.sub(old, new, text[first:], count=1))
    with pytest.raises(ValueError, match=rf"stations\.xml: channel XX\.S00\.\.HHN has {message}"):
        read_stations(path)


def test_dates_of_a_station_are_read_or_told(path):
    text = path.read_text()
    path.write_text(re.sub('<Station code="S01"[^>]*', '<Station code="S01" endDate="1.1.2017"', text))
    with pytest.raises(ValueError, match=r"station XX\.S01 has endDate '1\.1\.2017', which is no date"):
        read_stations(path)
    for end in ("open", "9999-12-31T23:59:59.999999999Z"):
        path.write_text(re.sub('<Station code="S01"[^>]*', f'<Station code="S01" endDate="{end}"', text))
        assert read_stations(path)[0][1].end_date is None


ENTITIES = "<!DOCTYPE x [{}]><FDSNStationXML"
OUTER = '<!ENTITY secret SYSTEM "file:///etc/hostname">'
GROWING = '<!ENTITY e0 "eeeeeeeeee">' + "".join(f'<!ENTITY e{i + 1} "{10 * f"&e{i};"}">' for i in range(9))


@pytest.mark.parametrize(
    ("declared", "name", "message"),
    [
        (OUTER, "&secret;", r"undefined entity &secret;.*it declares entities: write in their place"),
        (GROWING, "&e9;", r"amplification.*it declares entities: write in their place"),
        ("", "&secret;", r"undefined entity"),
        ("", "<Name>", "mismatched tag"),
    ],
)
def test_xml_that_is_not_read_says_why(path, declared, name, message):
    text = path.read_text().replace("<FDSNStationXML", ENTITIES.format(declared), 1)
    path.write_text(text.replace("<Name></Name>", f"<Name>{name}</Name>", 1))
    with pytest.raises(ValueError, match=rf"stations\.xml cannot be read as StationXML: .*{message}"):
        read_stations(path)


def test_entities_that_stand_for_text_are_read(path):
    text = path.read_text().replace("<FDSNStationXML", ENTITIES.format('<!ENTITY town "Aso">'), 1)
    path.write_text(text.replace("<Name></Name>", "<Name>&town;</Name>", 1))
    assert read_stations(path)[0][0].site.name == "Aso"


@pytest.mark.parametrize("first", ['<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>'])
def test_letters_of_another_encoding_are_told_of(path, first):
    text = path.read_text().partition("?>")[2].replace("<Name></Name>", "<Name>Vatnaj\xf6kull</Name>")
    path.write_bytes((first + text).encode("latin-1"))
    said = "states encoding='UTF-8'" if "UTF-8" in first else "states none, which is UTF-8"
    with pytest.raises(ValueError, match=rf"its first line {said}, and that is not what it is in"):
        read_stations(path)
    path.write_bytes(b'<?xml version="1.0" encoding="ISO-8859-1"?>' + text.encode("latin-1"))
    assert read_stations(path)[0][0].site.name == "Vatnaj\xf6kull"


def test_an_encoding_of_several_bytes_is_left_to_obspy(path):
    text = path.read_text().replace("UTF-8", "Shift_JIS").replace("<Name></Name>", "<Name>熊本</Name>")
    path.write_bytes(text.encode("shift_jis"))
    assert read_stations(path)[0][0].site.name == "熊本"


@pytest.mark.parametrize(("kind", "old"), [("network", '"XX"'), ("station", '"S01"')])
def test_a_code_that_is_none_is_named(path, kind, old):
    path.write_text(path.read_text().replace(f"code={old}", 'code="../x"'))
    with pytest.raises(ValueError, match=rf"stations\.xml: station .*: '\.\./x' is no {kind} code"):
        read_stations(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no station list"):
        read_stations(tmp_path / "stations.xml")
    for content in (b"words", b"\x00\xd7\x9e\x3f"):  # the other a waveform's
        (tmp_path / "stations.xml").write_bytes(content)
        with pytest.raises(ValueError, match=r"xml cannot be read as StationXML: .*; station lists are"):
            read_stations(tmp_path / "stations.xml")


def test_a_table_is_no_list_of_instruments(tmp_path):
    (tmp_path / "stations.csv").write_text("network,station,latitude,longitude,elevation\nXX,A,1,2,3\n")
    with pytest.raises(ValueError, match=r"stations\.csv cannot be .*: python -m fcn\.build_sequence makes"):
        read_stations(tmp_path / "stations.csv")


def test_what_is_made_is_dated(tmp_path):
    """ObsPy 1.5 cannot print a station whose channels have no start."""
    _, stream, inventory = make_network(2, seconds=1.0)
    for trace in stream.select(station="S01"):
        trace.stats.starttime += 7.9
    inventory = make_inventory([make_site("S00"), make_site("S01")], stream, {})
    inventory.write(str(tmp_path / "stations.xml"), format="STATIONXML")
    again = read_stations(tmp_path / "stations.xml")
    assert "HH[ZNE]" in str(again[0][0])
    starts_s = [[channel.start_date.timestamp for channel in station] for station in again[0]]
    assert starts_s == [[START_S] * 3, [START_S + 7.0] * 3]
    assert [station.start_date.timestamp for station in again[0]] == [START_S, START_S + 7.0]


def test_a_stated_sensitivity_is_for_channels_that_have_none():
    _, _, inventory = make_network(1)
    absent, zero, known = inventory[0][0]
    absent.response, zero.response.instrument_sensitivity.value = None, 0.0
    ids = [f"XX.S00..{channel.code}" for channel in (absent, zero, known)]
    stated = Sensitivity(5e6, "acceleration")
    assert fill_sensitivities(inventory, {ids[2]: stated}) == []
    assert fill_sensitivities(inventory, dict.fromkeys(ids, stated)) == sorted(ids[:2])
    found = [describe(inventory, seed_id, START_S, START_S)[0].sensitivity for seed_id in ids]
    assert found == [stated, stated, Sensitivity(4e8, "velocity")]


def test_a_stated_sensitivity_is_of_its_kind_of_instrument():
    seismometers = ["XX.A..HHZ", "XX.A..EHZ", "XX.B..GPZ"]
    accelerometers = ["XX.A..HNZ", "XX.B..BNE", "XX.B..HGZ"]
    velocity, acceleration = Sensitivity(4e8, "velocity"), Sensitivity(4e6, "acceleration")
    both = stated_sensitivities(seismometers + accelerometers, 4e8, 4e6)
    assert both == {**dict.fromkeys(seismometers, velocity), **dict.fromkeys(accelerometers, acceleration)}
    assert stated_sensitivities(seismometers + accelerometers, None, 4e6) == dict.fromkeys(
        accelerometers, acceleration
    )
    assert stated_sensitivities(["XX.A..HLZ", "XX.A..Z"], None, 4e6) == dict.fromkeys(
        ["XX.A..HLZ", "XX.A..Z"], acceleration
    )
    assert stated_sensitivities(["XX.A..HHZ"], None, None) == {}
    with pytest.raises(ValueError, match=r"per_mps2 is of acceleration, which by its code .* measures: HHZ"):
        stated_sensitivities(["XX.A..HHZ"], None, 4e6)
    others = ["XX.A..HLZ", "XX.A..LCQ", "XX.A..HDH", "XX.A..VMZ"]
    assert stated_sensitivities([*others, "XX.A..HHZ", "XX.A..HNZ"], 4e8, 4e6).keys() == {
        "XX.A..HHZ", "XX.A..HNZ"
    }  # fmt: skip
    assert stated_sensitivities(others, 4e8, None).keys() == {"XX.A..HLZ"}


@pytest.mark.parametrize(
    ("per_mps", "per_mps2", "measurements"),
    [
        (
            4e8,
            4e6,
            ("velocity", "acceleration", "velocity", "velocity"),
        ),  # by their codes, of which HL? has none
        (None, 4e6, ("acceleration", "acceleration", None, None)),
        (4e8, None, ("velocity", "velocity", "velocity", "velocity")),
    ],
)
def test_what_a_file_says_that_a_channel_measures_helps_where_its_code_does_not(
    caplog, per_mps, per_mps2, measurements
):
    seed_ids = ["XX.A..HHZ", "XX.A..HNZ", "XX.A..HLZ", "XX.A..HHN"]
    measured = dict(zip(seed_ids, ("acceleration", "velocity", "velocity"), strict=False))
    found = stated_sensitivities(seed_ids, per_mps, per_mps2, measured)
    assert tuple(each and each.measurement for each in map(found.get, seed_ids)) == measurements
    assert "XX.A..HHZ: its header says acceleration, against its code" in caplog.text
    assert "XX.A..HHN" not in caplog.text


def test_directions_of_sac_are_those_of_channels_whose_codes_have_none():
    """CMPINC counts from the vertical, dips of SEED from the horizontal, down."""
    _, stream, _ = make_network(1, seconds=1.0)
    for trace, code, azimuth_deg, from_up_deg in zip(
        stream, ("HHZ", "HH1", "HH2"), (77.0, 341.5, 71.5), (0.0, 90.0, 90.0), strict=True
    ):
        trace.stats.channel = code
        trace.stats.sac = {"cmpaz": azimuth_deg - 360.0, "cmpinc": from_up_deg}
    channels = {each.code: each for each in make_inventory([make_site("S00")], stream, {})[0][0]}
    directions = {code: (float(each.azimuth), float(each.dip)) for code, each in channels.items()}
    assert directions == {"HHZ": (0.0, -90.0), "HH1": (341.5, 0.0), "HH2": (71.5, 0.0)}
    for changes in ({"cmpaz": -12345.0}, {"cmpaz": 341.5, "cmpinc": 0.0}):  # as converters write of all
        stream[1].stats.sac.update(changes)
        assert sac.orientation_deg(stream[1]) is None
    (first,) = (each for each in make_inventory([make_site("S00")], stream, {})[0][0] if each.code == "HH1")
    assert (first.azimuth, first.dip) == (None, None)


def test_dashes_for_no_location_code_are_no_other_channel():
    _, _, inventory = make_network(1)
    channel = inventory[0][0][0]
    channel.response, channel.location_code = None, "--"
    stated = Sensitivity(5e6, "velocity")
    (seed_id,) = fill_sensitivities(inventory, {f"XX.S00..{channel.code}": stated})
    assert describe(inventory, seed_id, START_S, START_S)[0].sensitivity == stated


@pytest.mark.parametrize(
    ("listed_deg", "longitude_deg"), [(181.25, -178.75), (238.5, -121.5), (-190.0, 170.0), (180.0, 180.0)]
)
def test_longitudes_counted_from_0_to_360(listed_deg, longitude_deg):
    """StationXML has none beyond 180 deg, and ObsPy refuses them without a word about whose they are."""
    _, stream, _ = make_network(1, seconds=1.0)
    site = dataclasses.replace(make_site("S00"), longitude_deg=listed_deg)
    inventory = make_inventory([site], stream, {})
    assert float(inventory[0][0].longitude) == longitude_deg
    assert {float(channel.longitude) for channel in inventory[0][0]} == {longitude_deg}


def test_a_channel_without_a_stated_sensitivity_has_none():
    _, stream, _ = make_network(1, seconds=1.0)
    inventory = make_inventory([make_site("S00"), make_site("S09")], stream, {})
    assert len(inventory[0][1]) == 0
    with pytest.raises(ValueError, match="no instrument sensitivity"):
        describe(inventory, stream[0].id, START_S, START_S)
    assert isinstance(inventory, obspy.Inventory)
