"""A sequence is its folder, preprocessed once; what the folder leaves out comes from network and data."""

import copy
import logging
import math
import pickle
import re
from dataclasses import asdict, replace

import numpy as np
import obspy
import pytest
from hydra import compose, initialize_config_dir
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_trace
from nied_files import write_nied
from obspy import UTCDateTime

from fcn import config as configuration
from fcn.build_sequence import build_sequence, main
from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick, read_picks, write_csv, write_quakeml
from fcn.catalogue.released import Released
from fcn.data.sequences import BOX_MARGIN_KM, Sequence
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.network import WatchedNetwork
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity
from fcn.waveform.recording import TooLongError
from fcn.waveform.response import Sensitivity

MODEL = LayeredModel.from_velocities("two", "made", (0.0, 10.0), (5.5, 6.5), (3.2, 3.8))
GROWS = Released((0.0, 4.0), (2.0, 3.0))
EVENT = Event("e1", START_S + 20.0, 32.8, 130.7, 10.0, 3.0, "Mw")


def configured(entry="build_sequence", *overrides):
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        return configuration.plain(compose(entry, list(overrides)))


@pytest.fixture(scope="module")
def spec() -> PreprocessSpec:
    plain = configured("build_sequence", "waveforms=x", "station_file=x", "out=x")["preprocess"]
    return configuration.build(plain)


@pytest.fixture
def parts():
    return make_network(3)


@pytest.fixture
def root(tmp_path, parts):
    write_sequence_folder(tmp_path / "made", parts[1], parts[2])
    return tmp_path / "made"


def test_all_stations_load(root, spec, parts):
    sites, stream, _ = parts
    sequence = Sequence.load(root, spec)
    assert (sequence.name, sequence.root, sequence.simulated) == ("made", root, False)
    assert [station.id for station in sequence.network] == [site.id for site in sites]
    assert sequence.narrow.shape == sequence.broad.shape == (3, 3, 1200)
    assert sequence.narrow.dtype == sequence.broad.dtype == np.float32
    assert {trace.id for trace in sequence.stream} == {trace.id for trace in stream}
    assert sequence.valid.all()
    assert sequence.start_time_s == START_S
    assert sequence.end_time_s == START_S + 60.0
    assert sequence.catalogue is None
    assert sequence.velocity_model is None
    counts = np.stack([trace.data for trace in stream[3:6]]).astype(float)
    (chunk,) = ToVelocity(spec, 100.0, "velocity", COUNTS_PER_MPS, 3).process(START_S, counts)
    narrow, broad, *_ = Bands(spec, 3).process(chunk)
    for found, expected in (
        (sequence.narrow, narrow),
        (sequence.broad, broad),
    ):
        np.testing.assert_allclose(found[1], expected, atol=1e-6 * np.abs(expected).max())


def test_centre_and_box_come_from_the_network(root, spec):
    sequence = Sequence.load(root, spec)
    assert (sequence.frame.latitude_deg, sequence.frame.longitude_deg) == sequence.network.centre()
    assert sequence.station_km.shape == (3, 3)
    np.testing.assert_allclose(sequence.station_km[:, 2], [0.0, -0.05, -0.1])
    np.testing.assert_allclose(sequence.box, np.abs(sequence.station_km[:, :2]).max(axis=0) + BOX_MARGIN_KM)


def test_what_is_stated_counts(tmp_path, spec, parts):
    write_sequence_folder(
        tmp_path / "made",
        parts[1],
        parts[2],
        Catalogue("c", (EVENT,), {"e1": GROWS}),
        name="stated",
        simulated=True,
        centre={"latitude_deg": 32.0, "longitude_deg": 131.0},
        half_width_km=[41.0, 50.0],
        span={"start": "2016-04-14T12:26:40", "end": "2016-04-14T12:27:10"},
        velocity_model=asdict(MODEL),
        stations=["XX.S02", "XX.S00"],
    )
    sequence = Sequence.load(tmp_path / "made", spec)
    assert (sequence.name, sequence.simulated) == ("stated", True)
    assert sequence.frame == LocalFrame(32.0, 131.0)
    assert sequence.box == (41.0, 50.0)
    assert sequence.velocity_model == MODEL
    assert [station.code for station in sequence.network] == ["S02", "S00"]
    assert sequence.start_time_s == START_S + 10.0
    assert sequence.n_samples == 601
    assert [event.event_id for event in sequence.catalogue] == ["e1"]
    assert sequence.catalogue.released == {"e1": GROWS}


def test_gaps_are_invalid(tmp_path, spec, parts):
    _, stream, inventory = parts
    holes = obspy.Stream([t for t in stream if t.id != "XX.S01..HHN"])
    whole = stream.select(id="XX.S01..HHN")[0]
    holes += whole.slice(whole.stats.starttime, whole.stats.starttime + 20)
    holes += whole.slice(whole.stats.starttime + 30, None)
    write_sequence_folder(tmp_path / "made", holes, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    missing = np.flatnonzero(~sequence.known[1, 1])
    assert missing[0] == 401
    assert missing[-1] == 599
    assert len(missing) == 199
    for waveforms in (sequence.narrow, sequence.broad):
        assert not waveforms[1, 1, missing].any()
    whole = np.delete(
        sequence.known.reshape(9, -1), 4, axis=0
    )  # what is lost of one component is of no other
    assert whole.all()


def test_stations_that_start_late_keep_their_time(tmp_path, spec, parts):
    _, stream, inventory = parts
    late = obspy.Stream([t.slice(t.stats.starttime + 12) if t.stats.station == "S02" else t for t in stream])
    write_sequence_folder(tmp_path / "made", late, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    assert not sequence.known[2, :, :240].any()
    assert sequence.known[2, :, 240:].all()
    assert sequence.n_samples == 1200


def test_a_missing_component_is_zero_and_said(tmp_path, spec, parts, caplog):
    _, stream, inventory = parts
    two = obspy.Stream([t for t in stream if t.id != "XX.S01..HHE"])
    write_sequence_folder(tmp_path / "made", two, inventory)
    with caplog.at_level(logging.WARNING):
        sequence = Sequence.load(tmp_path / "made", spec)
    assert "XX.S01 has only XX.S01..HHZ, XX.S01..HHN: the rest is zero" in caplog.text
    assert np.abs(sequence.broad[1, 2]).max() < 1e-20
    assert np.abs(sequence.broad[1, 1]).max() > 1e-7
    assert sequence.known[1, :2].all()
    assert not sequence.known[1, 2].any()


def in_mps(stream, station):
    """With motion in m/s where StationXML describes counts."""
    made = copy.deepcopy(stream)
    for trace in made.select(station=station):
        trace.data = ((trace.data - trace.data.mean()) / COUNTS_PER_MPS).astype(np.float32)
    return made


def test_motion_in_an_archive_that_comes_as_it_is_is_no_counts(tmp_path, spec, parts, caplog):
    write_sequence_folder(tmp_path / "one", in_mps(parts[1], "S01"), parts[2])
    assert "XX.S01" not in {each.id for each in Sequence.load(tmp_path / "one", spec).network}
    assert "left out are XX.S01..HHE, XX.S01..HHN, XX.S01..HHZ" in caplog.text
    watched, _ = WatchedNetwork.of_folder(tmp_path / "one", spec)
    assert "XX.S01" not in {each.id for each in watched.stations}
    write_sequence_folder(tmp_path / "all", in_mps(parts[1], "*"), parts[2])
    with pytest.raises(ValueError, match=r"samples cannot be counts: .* give fcn\.build_sequence stations"):
        Sequence.load(tmp_path / "all", spec)


def test_a_silent_station_is_left_out_and_said(tmp_path, spec, parts, caplog):
    _, stream, inventory = parts
    write_sequence_folder(
        tmp_path / "made", obspy.Stream([t for t in stream if t.stats.station != "S00"]), inventory
    )
    with caplog.at_level(logging.WARNING):
        sequence = Sequence.load(tmp_path / "made", spec)
    assert len(sequence.network) == 2
    assert "no waveforms of XX.S00" in caplog.text


@pytest.mark.parametrize("later_s", [86_400.0, -1024 * 7 * 86_400.0, 21 * 365 * 86_400.0])
def test_a_station_with_a_false_clock_is_left_out_and_said(tmp_path, spec, parts, caplog, later_s):
    """A day, 1024 weeks as after a rollover of GPS's count, in 2037."""
    _, stream, inventory = make_network(4)
    for trace in stream.select(station="S02"):
        trace.stats.starttime += later_s
    write_sequence_folder(tmp_path / "made", stream, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    assert [station.code for station in sequence.network] == ["S00", "S01", "S03"]
    assert (sequence.start_time_s, sequence.n_samples) == (START_S, 1200)
    assert sequence.valid.all()
    assert "XX.S02..HHE, XX.S02..HHN, XX.S02..HHZ from" in caplog.text
    assert "fewer than 3 stations deliver in that time: a false clock?" in caplog.text


@pytest.mark.parametrize(
    ("late", "later_s", "named"),
    [
        (["S02"], 3600.0, "XX.S02"),
        (["S02", "S04"], 3600.0, "XX.S02, XX.S04"),
        (["S00", "S02", "S04"], -3600.0, "XX.S0"),  # of halves either may be meant
        (["S00", "S02", "S04"], 30.0, None),
    ],
)
def test_stations_an_hour_off_are_said(tmp_path, spec, caplog, late, later_s, named):
    _, stream, inventory = make_network(6)
    for trace in stream:
        trace.stats.starttime += later_s * (trace.stats.station in late)
    write_sequence_folder(tmp_path / "made", stream, inventory)
    Sequence.load(tmp_path / "made", spec)
    said = [each for each in caplog.messages if "never while most others do" in each]
    assert len(said) == (named is not None)
    assert named is None or f"made: {named}" in said[0]


def test_clocks_that_agree_on_nothing_are_refused(tmp_path, spec):
    _, stream, inventory = make_network(6)
    for index, trace in enumerate(stream):
        trace.stats.starttime += 86_400.0 * 30 * (index // 9)
    write_sequence_folder(tmp_path / "halves", stream, inventory)
    with pytest.raises(TooLongError, match=r"with stretches from .*: state a span of at most 21.3 days"):
        Sequence.load(tmp_path / "halves", spec)


def test_of_three_stations_two_agree(tmp_path, spec, caplog):
    _, stream, inventory = make_network(3)
    for trace in stream.select(station="S01"):
        trace.stats.starttime -= 1024 * 7 * 86_400.0
    write_sequence_folder(tmp_path / "made", stream, inventory)
    assert [station.code for station in Sequence.load(tmp_path / "made", spec).network] == ["S00", "S02"]
    assert "fewer than 2 stations deliver in that time" in caplog.text


@pytest.mark.parametrize("how", ["response", "volts", "slow", "stray"])
def test_one_station_that_cannot_be_used_leaves_the_others(tmp_path, spec, parts, caplog, how):
    _, stream, inventory = parts
    site = inventory[0][1]
    if how == "response":
        for channel in site:
            channel.response = None
    elif how == "volts":
        for channel in site:
            channel.response.instrument_sensitivity.output_units = "V"
    else:
        mine = stream.select(station="S01")
        stream = obspy.Stream([trace for trace in stream if trace.stats.station != "S01"])
        rate_hz, n, late_s = (1.0, 60, 0.0) if how == "slow" else (100.0, 2, 0.012)
        stream += obspy.Stream(
            make_trace(t.id, np.arange(n, dtype=np.int32), rate_hz, START_S + late_s) for t in mine
        )
    write_sequence_folder(tmp_path / "made", stream, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    assert [station.code for station in sequence.network] == ["S00", "S02"]
    assert sequence.valid.all()
    assert "XX.S01 left out: " in caplog.text


def two_epochs(site, at_s, north_deg):
    """The station's two epochs, before and after a time, the second further north."""
    before, after = copy.copy(site), copy.copy(site)
    before.end_date = after.start_date = UTCDateTime(at_s)
    before.start_date = UTCDateTime(at_s - 1e6)
    after.latitude = float(site.latitude) + north_deg
    return [before, after]


@pytest.mark.parametrize("n_stations", [1, 3])
def test_a_station_that_moved_while_it_recorded_leaves_the_others(tmp_path, spec, caplog, n_stations):
    _, stream, inventory = make_network(n_stations)
    sites = inventory[0].stations
    sites[-1:] = two_epochs(sites[-1], START_S + 30.0, 0.2)
    write_sequence_folder(tmp_path / "made", stream, inventory)
    if n_stations == 1:
        with pytest.raises(ValueError, match=r"no station can be used: station XX\.S00 moved by 0\.200 deg"):
            Sequence.load(tmp_path / "made", spec)
        return
    loaded = Sequence.load(tmp_path / "made", spec)
    watched, _ = WatchedNetwork.of_folder(tmp_path / "made", spec)
    assert (
        [each.code for each in loaded.network] == [each.code for each in watched.stations] == ["S00", "S01"]
    )
    assert "left out: station XX.S02 moved by 0.200 deg" in caplog.text


@pytest.mark.parametrize(("first_s", "north_deg"), [(1.0, 0.2), (-1.0, 0.0)])
def test_a_station_is_where_it_stood_while_it_recorded(tmp_path, spec, first_s, north_deg):
    """Moved just before its first sample, or just after its last, others recording on."""
    _, stream, inventory = make_network(3)
    sites = inventory[0].stations
    latitude_deg, mine = float(sites[2].latitude), stream.select(station="S02")
    for trace in mine:
        trace.trim(
            *((UTCDateTime(START_S + 20.0), None) if first_s > 0 else (None, UTCDateTime(START_S + 20)))
        )
    sites[2:] = two_epochs(sites[2], START_S + 20.0 - first_s, 0.2)
    write_sequence_folder(tmp_path / "made", stream, inventory)
    loaded = Sequence.load(tmp_path / "made", spec)
    assert loaded.network.stations[2].latitude_deg == pytest.approx(latitude_deg + north_deg)


@pytest.mark.parametrize(("sensor_m", "depth_m"), [(-1000.0, 1500.0), (500.0, 1500.0)])
def test_a_station_is_where_its_sensor_is(tmp_path, spec, parts, sensor_m, depth_m):
    """In a borehole, whether the file means the sensor's elevation or the surface's."""
    site = parts[2][0][1]
    site.elevation = 500.0
    for channel in site:
        channel.elevation, channel.depth = sensor_m, depth_m
    write_sequence_folder(tmp_path / "made", parts[1], parts[2])
    sequence = Sequence.load(tmp_path / "made", spec)
    np.testing.assert_allclose(sequence.station_km[:, 2], [0.0, 1.0, -0.1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"origin_time_s": START_S + 9 * 3600.0},
            r"recorded time, .*; the nearest is 32340 s \(9\.0 h\) after it",
        ),
        (
            {"origin_time_s": START_S - 9 * 3600.0},
            r"recorded time, .*; the nearest is 32400 s \(9\.0 h\) before it",
        ),
        (
            {"latitude_deg": -32.8},
            r"all 1 catalogued events are more than 7\d\d\d km from the middle of the network",
        ),
        ({}, None),
    ],
)
def test_a_catalogue_of_another_time_or_place_is_warned_of(tmp_path, spec, parts, caplog, change, said):
    event = replace(EVENT, origin_time_s=START_S + 20.0, first_p_time_s=None)
    catalogue = Catalogue("c", (replace(event, **change),))
    write_sequence_folder(tmp_path / "made", parts[1], parts[2], catalogue)
    Sequence.load(tmp_path / "made", spec)
    warned = [each for each in caplog.messages if "catalogued events" in each]
    assert len(warned) == (said is not None)
    assert said is None or re.search(said, warned[0])


@pytest.mark.parametrize("in_si", [True, False])
def test_samples_that_cannot_be_counts_are_refused(raw, parts, in_si):
    for trace in parts[1]:
        trace.data = trace.data / (COUNTS_PER_MPS if in_si else 1.0)
        trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED", encoding="FLOAT64")
    if not in_si:
        assert build_sequence(raw_config(raw, SENSITIVE))
        return
    with pytest.raises(
        ValueError, match=r"samples cannot be counts: .*, and so of 9 of 9 channels; .* 1 of m/s"
    ):
        build_sequence(raw_config(raw, SENSITIVE))
    assert build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0"))


def test_a_few_channels_that_cannot_be_counts_are_left_out_and_said(raw, parts, caplog):
    """Some floats in m/s between counts of others; counts as floats are counts."""
    for number, trace in enumerate(parts[1]):
        trace.data = trace.data / COUNTS_PER_MPS if number < 3 else trace.data.astype(np.float64)
        trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED", encoding="FLOAT64")
    used = build_sequence(raw_config(raw, SENSITIVE))
    (said,) = [each for each in caplog.messages if "cannot be counts" in each]
    ids = [trace.id for trace in parts[1][:3]]
    assert all(seed_id in said for seed_id in ids)
    assert "1 of m/s and m/s2, 1e6 of um/s" in said
    channels = {each.seed_id for uses in used.values() for use in uses for each in use.channels}
    assert channels == {trace.id for trace in parts[1]} - set(ids)
    assert not any("no whole numbers" in each for each in caplog.messages)


def test_gaps_that_are_filled_with_zeros_are_gaps(raw, parts, caplog):
    for trace in parts[1]:
        trace.data = trace.data + np.int32(100 * trace.data.std())
        trace.data[2000:2500] = 0
        trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED")
    build_sequence(raw_config(raw, SENSITIVE))
    assert caplog.text.count("are taken for gaps that somebody has filled") == 1
    written = obspy.read(f"{raw}/out/waveforms/*/*/*/*/*{parts[1][0].id}*")
    assert len(written) == 2
    assert sum(each.stats.npts for each in written) == parts[1][0].stats.npts - 500


def test_what_is_doubtful_of_a_catalogue_is_said_once(raw, caplog):
    """Not of the QuakeML too that is made of it."""
    events = tuple(
        replace(
            EVENT,
            event_id=f"e{n}",
            depth_km=700.0 - n,
            origin_time_s=START_S + 9.0 * n,
            first_p_time_s=None,
        )
        for n in range(3)
    )
    write_csv(Catalogue("c", events), raw / "c.csv")
    build_sequence(raw_config(raw, SENSITIVE, f"catalogue={raw}/c.csv"))
    assert [each for each in caplog.messages if "are depths in metres?" in each] == [
        f"{raw}/c.csv: the shallowest of 3 events is 698 km deep: are depths in metres? Here they are km"
    ]


def test_samples_that_are_no_whole_numbers_are_warned_of(raw, parts, caplog):
    """As of nm/s, which scatter by more than one, or of counts that somebody has filtered."""
    for trace in parts[1]:
        trace.data = trace.data / COUNTS_PER_MPS * 1e9 + 0.25
        trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED", encoding="FLOAT64")
    build_sequence(raw_config(raw, SENSITIVE))
    (said,) = [each for each in caplog.messages if "no whole numbers" in each]
    assert said.startswith("samples of 9 of 9 channels are no whole numbers, as counts are (")


def test_headers_of_sac_say_what_is_measured_where_no_code_does(raw, parts):
    """Accelerations in files whose codes are those of seismometers, with directions of 1 and 2."""
    for path in raw.glob("*.mseed"):
        path.unlink()
    for trace in parts[1]:
        directions_deg = {"Z": (0.0, 0.0), "N": (20.0, 90.0), "E": (110.0, 90.0)}
        azimuth_deg, from_up_deg = directions_deg[trace.stats.channel[-1]]
        trace.stats.channel = trace.stats.channel.replace("HHN", "HH1").replace("HHE", "HH2")
        trace.stats.sac = {"idep": 8, "cmpaz": azimuth_deg, "cmpinc": from_up_deg}
        trace.data = trace.data.astype(np.float32)
        trace.write(str(raw / f"{trace.id}.sac"), format="SAC")
    config = {**raw_config(raw, "sensitivity_counts_per_mps2=1e6"), "waveforms": str(raw / "*.sac")}
    for uses in build_sequence(config).values():
        (use,) = uses
        assert {each.sensitivity.measurement for each in use.channels} == {"acceleration"}
        assert [each.seed_id[-1] for each in use.channels] == ["Z", "1", "2"]
        north, east = math.cos(math.radians(20.0)), math.sin(math.radians(20.0))
        assert use.channels[1].direction == pytest.approx((0.0, north, east), abs=1e-6)


def test_a_wanted_station_without_data_is_left_out_and_said(tmp_path, spec, parts, caplog):
    _, stream, inventory = parts
    stream = obspy.Stream([trace for trace in stream if trace.stats.station != "S01"])
    write_sequence_folder(tmp_path / "made", stream, inventory, stations=["XX.S02", "XX.S01", "XX.S00"])
    assert [each.code for each in Sequence.load(tmp_path / "made", spec).network] == ["S02", "S00"]
    assert "no waveforms of XX.S01: left out" in caplog.text


@pytest.mark.parametrize("name", ["waveforms", "stations.xml"])
def test_missing_parts_are_named(root, spec, name):
    (root / name).rename(root / "elsewhere")
    with pytest.raises(
        FileNotFoundError, match=f"is no sequence folder: {name} is missing.*fcn.build_sequence"
    ):
        Sequence.load(root, spec)


def test_a_station_nobody_described_is_named(tmp_path, spec, parts):
    _, stream, inventory = parts
    extra = stream + obspy.Stream([make_trace("XX.NEW..HHZ", np.zeros(100, np.int32))])
    write_sequence_folder(tmp_path / "made", extra, inventory)
    with pytest.raises(ValueError, match=r"no coordinates for XX\.NEW: add them to stations\.xml"):
        Sequence.load(tmp_path / "made", spec)


def test_a_station_without_coordinates_is_named(root, spec):
    text = (root / "stations.xml").read_text()
    (root / "stations.xml").write_text(re.sub("<Longitude.*?</Longitude>", "", text, count=1))
    with pytest.raises(ValueError, match=r"station XX\.S00 has no longitude"):
        Sequence.load(root, spec)


def test_counts_without_a_sensitivity_are_refused(root, spec):
    text = (root / "stations.xml").read_text()
    stripped = re.sub("<Response>.*?</Response>", "", text, flags=re.DOTALL)
    (root / "stations.xml").write_text(stripped)
    with pytest.raises(ValueError, match=r"XX\.S00\.\.HHE has no instrument sensitivity"):
        Sequence.load(root, spec)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"stations": ["XX.S00", "XX.NO"]}, r"stations XX\.NO are not in stations\.xml"),
        (
            {"centre": {"latitude_deg": -32.7, "longitude_deg": -49.2}},
            r"made: centre .* lies 199\d\d km from the nearest station, 1000 at most",
        ),
    ],
)
def test_contradictions_are_refused(tmp_path, spec, parts, stated, message):
    write_sequence_folder(tmp_path / "made", parts[1], parts[2], **stated)
    with pytest.raises(ValueError, match=message):
        Sequence.load(tmp_path / "made", spec)


def test_a_station_on_the_other_side_of_the_globe_is_refused(root, spec):
    text = (root / "stations.xml").read_text()
    (root / "stations.xml").write_text(
        re.sub("(<Longitude.*?>).*?(</Longitude>)", r"\g<1>-49.2\2", text, count=1)
    )
    with pytest.raises(
        ValueError, match=r"station XX\.S00 at latitude .*longitude -49\.2 deg lies \d+ km from"
    ):
        Sequence.load(root, spec)


# ------------------------------------------------------------------ build_sequence


@pytest.fixture
def raw(tmp_path, parts):
    """Raw files, a CSV of stations, a velocity table and a catalogue."""
    sites, stream, _ = parts
    for trace in stream:
        trace.write(str(tmp_path / f"{trace.id}.mseed"), format="MSEED")
    rows = [f"XX,{s.code},{s.latitude_deg},{s.longitude_deg},{s.elevation_m}" for s in sites]
    (tmp_path / "stations.csv").write_text(
        "\n".join(["network,station,latitude,longitude,elevation", *rows]) + "\n"
    )
    (tmp_path / "model.txt").write_text("depth_top vp vs\n0 5.5 3.2\n10 6.5 3.8\n")
    write_csv(Catalogue("c", (EVENT,)), tmp_path / "catalogue.csv")
    write_quakeml(Catalogue("c", (EVENT,)), tmp_path / "catalogue.xml")
    return tmp_path


def raw_config(raw, *overrides, stations="stations.csv"):
    paths = [f"waveforms={raw}/*.mseed", f"station_file={raw / stations}", f"out={raw / 'out'}"]
    return configured("build_sequence", *paths, *overrides)


SENSITIVE = f"sensitivity_counts_per_mps={COUNTS_PER_MPS}"


def rewrite(path, **codes):
    """The same waveforms under other codes."""
    stream = obspy.read(path)
    stream[0].stats.update(codes)
    stream.write(str(path), format="MSEED")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ({"station": "/x/"}, "'/x/' is no station code"),
        ({"station": "../x"}, "'../x' is no station code"),
        ({"network": ".."}, "'..' is no network code"),
        ({"network": ""}, "has no network code"),
        ({"location": "./"}, "'./' is no location code"),
        ({"channel": "/HZ"}, "'/HZ' is no channel code"),
    ],
)
def test_a_code_that_is_none_leaves_its_file_out(raw, spec, caplog, codes, message):
    bad = raw / "XX.S01..HHZ.mseed"
    rewrite(bad, **codes)
    build_sequence(raw_config(raw, SENSITIVE))
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert said[0].startswith(f"left out: {bad}: ")
    assert message in said[0]
    assert said[1] == "1 of 9 files are left out"
    assert len(Sequence.load(raw / "out", spec).network) == 3
    with pytest.raises(
        ValueError, match=rf"none of the 1 files of waveforms=.*: .*{re.escape(message)}.* alike$"
    ):
        build_sequence({**raw_config(raw, SENSITIVE), "waveforms": str(bad), "out": str(raw / "other")})
    assert sorted(path.name for path in raw.iterdir() if path.is_dir()) == ["out"]


def test_files_that_are_no_waveforms_are_passed_over_or_named(raw, caplog):
    for name in (".DS_Store", "._XX.S00..HHZ.mseed", "Thumbs.db", "b.mseed~", "c.bak"):
        (raw / name).write_bytes(b"\0\1")
    (raw / "broken.mseed").write_bytes(b"no waveforms")
    (raw / "pickled.mseed").write_bytes(pickle.dumps(obspy.Stream()))
    config = {
        **raw_config(raw, SENSITIVE),
        "waveforms": [str(raw / pattern) for pattern in ("*.mseed*", "*.db", "*.bak")],
    }
    with caplog.at_level(logging.INFO):
        assert len(build_sequence(config)) == 3
    assert "3 files that systems and editors leave in folders are passed over" in caplog.text
    assert "2 of 11 files are left out" in caplog.text
    for name in ("broken", "pickled"):
        assert f"left out: {raw / name}.mseed cannot be read as a waveform file" in caplog.text
    with pytest.raises(ValueError, match=r"none of the 1 files .* leave in folders is passed over"):
        build_sequence({**config, "waveforms": str(raw / "*.bak"), "out": str(raw / "other")})


def test_what_could_not_be_replayed_is_not_made(raw):
    span = "{start: 2016-04-15T00:00:00, end: 2016-04-15T01:00:00}"
    with pytest.raises(ValueError, match=r"could not be replayed, and nothing is made: .* archive waveforms"):
        build_sequence(raw_config(raw, SENSITIVE, f"span={span}"))
    assert not [path for path in raw.iterdir() if path.is_dir()]


def test_samples_that_are_not_written_are_missed(raw, monkeypatch):
    monkeypatch.setattr(
        "fcn.waveform.archive._days", lambda trace: [trace.slice(None, trace.stats.endtime - 1)]
    )
    with pytest.raises(
        ValueError, match=r"5900 of 6000 samples of XX\.S00\.\.HHE were written; nothing is made"
    ):
        build_sequence(raw_config(raw, SENSITIVE))
    assert not [path for path in raw.iterdir() if path.is_dir()]


def test_picks_of_the_catalogue_come_along(raw):
    picks = {"e1": [PhasePick("", "S01", "iPg", START_S + 24.5), PhasePick("XX", "S02", "S", START_S + 30.0)]}
    write_quakeml(Catalogue("c", (EVENT,)), raw / "catalogue.xml", picks)
    build_sequence(raw_config(raw, SENSITIVE, f"catalogue={raw / 'catalogue.xml'}"))
    assert read_picks(raw / "out" / "catalogue.xml") == picks


def test_home_and_brackets_in_paths(raw, parts, spec, monkeypatch):
    monkeypatch.setenv("HOME", str(raw))
    folder = raw / "run[1]"
    folder.mkdir()
    for path in [path for path in raw.iterdir() if path.is_file()]:
        path.rename(folder / path.name)
    config = {
        **raw_config(raw, SENSITIVE),
        "waveforms": ["~/run[1]/*S00*.mseed", "~/run[1]/XX.S0[12]*"],
        "station_file": "~/run[1]/stations.csv",
        "catalogue": "~/run[1]/catalogue.xml",
        "velocity_model_file": "~/run[1]/model.txt",
        "out": "~/made",
    }
    assert len(build_sequence(config)) == 3
    assert len(Sequence.load(raw / "made", spec).catalogue) == 1


@pytest.mark.parametrize("lacking", ["response", "value"])
def test_a_sensitivity_stands_in_where_stationxml_has_none(raw, parts, lacking, caplog):
    """One channel without, the others with their own."""
    channel = parts[2][0][1][0]
    if lacking == "response":
        channel.response = None
    else:
        channel.response.instrument_sensitivity.value = 0.0
    parts[2].write(str(raw / "stations.xml"), format="STATIONXML")
    without = build_sequence({**raw_config(raw, stations="stations.xml"), "out": str(raw / "without")})
    assert channel.code not in {c.seed_id[-3:] for use in without["XX.S01"] for c in use.channels}
    assert f"S01..{channel.code} left out" in caplog.text
    used = build_sequence(raw_config(raw, "sensitivity_counts_per_mps=5e6", stations="stations.xml"))
    values = {name: {c.sensitivity.value for c in use.channels} for name, (use,) in used.items()}
    assert values["XX.S01"] == {5e6, COUNTS_PER_MPS}
    assert values["XX.S02"] == {COUNTS_PER_MPS}


@pytest.mark.parametrize("catalogue", ["catalogue.csv", "catalogue.xml"])
def test_raw_files_become_a_sequence(raw, spec, catalogue):
    overrides = [f"catalogue={raw / catalogue}", f"velocity_model_file={raw / 'model.txt'}"]
    build_sequence(raw_config(raw, f"sensitivity_counts_per_mps={COUNTS_PER_MPS}", *overrides))
    sequence = Sequence.load(raw / "out", spec)
    assert sequence.name == "out"
    assert not sequence.simulated
    assert len(sequence.network) == 3
    assert sequence.velocity_model.vp_kmps == (5.5, 6.5)
    assert sequence.catalogue.events[0].magnitude == 3.0
    assert 1e-7 < sequence.broad.std() < 1e-6
    assert sequence.network.stations == Network.from_csv(raw / "stations.csv").stations


def test_a_table_says_or_is_told_what_its_rows_are(raw, spec):
    (raw / "model.txt").write_text("depth vp vs\n-2 2.5 1.4\n-1 3.0 1.7\n10 6.5 3.8\n")
    given = (f"sensitivity_counts_per_mps={COUNTS_PER_MPS}", f"velocity_model_file={raw / 'model.txt'}")
    with pytest.raises(ValueError, match=r"model\.txt does not say .*velocity_model_rows="):
        build_sequence(raw_config(raw, *given))
    build_sequence(raw_config(raw, *given, "velocity_model_rows=layers"))
    assert Sequence.load(raw / "out", spec).velocity_model.top_depth_km == (-2.0, -1.0, 10.0)


def test_counts_that_leap_beyond_steim2_are_kept(raw):
    """A recorder's 32 bits from end to end (SEED 2.4, appendix B: Steim 2 holds steps of 30)."""
    path = next(raw.glob("*S01..HHZ.mseed"))
    (trace,) = obspy.read(str(path))
    trace.data = trace.data.astype(np.int32)
    trace.data[500:502] = 2**31 - 1, -(2**31)
    trace.write(str(path), format="MSEED", encoding="INT32")
    build_sequence(raw_config(raw, "sensitivity_counts_per_mps=4e8"))
    made = sorted((raw / "out" / "waveforms").rglob("*S01..HHZ.D.*"))
    data = np.concatenate([found.data for each in made for found in obspy.read(str(each))])
    np.testing.assert_array_equal(data, trace.data)


def test_stationxml_keeps_its_own_sensitivity(raw, spec, parts):
    parts[2].write(str(raw / "stations.xml"), format="STATIONXML")
    used = build_sequence(raw_config(raw, stations="stations.xml"))
    assert {channel.sensitivity.value for (use,) in used.values() for channel in use.channels} == {
        COUNTS_PER_MPS
    }
    with pytest.raises(ValueError, match=r"that takes the one given is stated by .*stations\.xml: leave out"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0", stations="stations.xml"))


def test_a_file_for_each_station_is_a_station_list(raw, parts):
    whole = parts[2]
    whole.write(str(raw / "whole.xml"), format="STATIONXML")
    (raw / "lists").mkdir()
    for network in whole:
        for station in network:
            alone = whole.select(network=network.code, station=station.code)
            alone.write(str(raw / "lists" / f"{station.code}.xml"), format="STATIONXML")
    built = build_sequence(raw_config(raw, stations="whole.xml"))
    apart = build_sequence({**raw_config(raw, stations="lists/*.xml"), "out": str(raw / "apart")})
    assert [str(use) for use in apart.values()] == [str(use) for use in built.values()]
    assert list(apart) == list(built)
    (raw / "lists" / "S02.xml~").write_text("what an editor left")
    assert list(build_sequence({**raw_config(raw, stations="lists/*"), "out": str(raw / "left")})) == list(
        built
    )
    (raw / "lists" / "S02.xml").unlink()
    with pytest.raises(ValueError, match=r"no coordinates for XX\.S02: add them to the 2 files of station_f"):
        build_sequence({**raw_config(raw, stations="lists/*.xml"), "out": str(raw / "two")})


def doubled(station, gain=1.0, **changed):
    """A change of the first station's first channel, and of the station where named so."""
    channel = station[0]
    channel.response.instrument_sensitivity.value *= gain
    for name, value in changed.items():
        setattr(station if name.startswith("station_") else channel, name.removeprefix("station_"), value)


UNSTATED = {"response": None, "azimuth": None, "dip": None}


@pytest.mark.parametrize(
    ("changed", "fragments"),
    [
        ({"gain": 2.0}, ("XX.S01..", "sensitivity ", " and ")),
        ({"latitude": 20.0}, ("XX.S01..", "latitude (deg) ", "20")),
        ({"depth": 200.0}, ("XX.S01..", "depth (m) ", "200", " and ")),
        ({"azimuth": 100.0}, ("XX.S01..", "azimuth (deg) ", "90", "100", " and ")),
        ({"station_latitude": 20.0}, ("XX.S01 from", "latitude (deg) ", "20")),
        ({"station_elevation": 4000.0}, ("XX.S01 from", "elevation (m) ", "4000")),
        ({"gain": 1.0 + 1e-6}, None),
        (UNSTATED, None),
    ],
)
@pytest.mark.parametrize("is_first", [False, True])
def test_lists_that_contradict_each_other_are_refused_and_what_one_leaves_out_the_other_says(
    raw, parts, changed, fragments, is_first
):
    whole = parts[2]
    whole.write(str(raw / "whole.xml"), format="STATIONXML")
    other = whole.select(station="S01")
    doubled(other[0][0], **changed)
    other.write(str(raw / ("first.xml" if is_first else "z.xml")), format="STATIONXML")
    names = ("first.xml", "whole.xml") if is_first else ("whole.xml", "z.xml")
    config = {**raw_config(raw, stations="whole.xml"), "station_file": [str(raw / name) for name in names]}
    if fragments is not None:
        with pytest.raises(
            ValueError, match=r"describe .*, and not alike: .*; leave out one of them"
        ) as caught:
            build_sequence(config)
        assert all(each in str(caught.value) for each in (*names, *fragments))
        return
    used = build_sequence(config)
    built = build_sequence({**raw_config(raw, stations="whole.xml"), "out": str(raw / "once")})
    ours, whole = ([use for _, uses in sorted(each.items()) for use in uses] for each in (used, built))
    assert len(ours) == len(whole) == 3
    for one, other in zip(ours, whole, strict=True):
        for channel, same in zip(one.channels, other.channels, strict=True):
            assert channel.seed_id == same.seed_id
            assert channel.direction == same.direction
            assert channel.sensitivity.value == pytest.approx(same.sensitivity.value, rel=1e-5)


def test_a_list_that_has_a_station_twice_is_not_compared_with_itself(raw, parts):
    """As an epoch of a new survey, half a kilometre off, of which nobody stated the begin."""
    whole = parts[2]
    twice = copy.deepcopy(whole[0][1])
    twice.latitude, twice.channels = twice.latitude + 0.005, []
    whole[0].stations.append(twice)
    whole.write(str(raw / "whole.xml"), format="STATIONXML")
    assert len(build_sequence(raw_config(raw, stations="whole.xml"))) == 3


def test_what_lists_say_of_channels_without_data_does_not_matter(raw, parts):
    whole = parts[2]
    whole.write(str(raw / "whole.xml"), format="STATIONXML")
    other = whole.select(station="S01")
    other[0][0].code = "FAR"
    other.write(str(raw / "a.xml"), format="STATIONXML")
    other[0][0].latitude, other[0][0][0].depth = 10.0, 500.0
    other.write(str(raw / "b.xml"), format="STATIONXML")
    slow = whole.select(station="S01", channel="HHZ")
    slow[0][0][0].code = "LHZ"  # of a station with data
    slow.write(str(raw / "c.xml"), format="STATIONXML")
    slow[0][0][0].response.instrument_sensitivity.value *= 2
    slow.write(str(raw / "d.xml"), format="STATIONXML")
    lists = [str(raw / f"{name}.xml") for name in ("whole", "a", "b", "c", "d")]
    assert build_sequence({**raw_config(raw, stations="whole.xml"), "station_file": lists})


def test_records_of_nied_are_sent_to_what_reads_them(raw):
    """Their station codes have six characters, which miniSEED does not hold."""
    counts = np.arange(1000)
    folder = write_nied(raw, "GIF004", {"NS": counts, "EW": counts, "UD": counts}, station="GIF004")
    with pytest.raises(ValueError, match=r"'GIF004' is no station code .*build_store source=knet reads them"):
        build_sequence({**raw_config(raw, SENSITIVE), "waveforms": str(folder / "GIF004.*")})


def test_files_that_contradict_each_other_are_refused(raw):
    """Whatever their names: raw counts, and what somebody made of them."""
    for name in ("0.mseed", "z.mseed"):
        (trace,) = obspy.read(str(next(raw.glob("*S01..HHZ.mseed"))))
        trace.data = 10 * trace.data
        trace.write(str(raw / name), format="MSEED")
        with pytest.raises(ValueError, match=r"have other samples of XX\.S01\.\.HHZ at the same times"):
            build_sequence(raw_config(raw, SENSITIVE))
        (raw / name).unlink()


def test_instruments_are_stated_by_their_kind(raw, caplog):
    """Counts of a seismometer are none of an accelerometer's, which has no motion then."""
    for path in raw.glob("*S01*.mseed"):
        rewrite(path, channel="HN" + obspy.read(str(path))[0].stats.channel[2])
    without = build_sequence({**raw_config(raw, SENSITIVE), "out": str(raw / "without")})
    assert "XX.S01" not in without
    assert "XX.S01 left out: XX.S01..HN" in caplog.text
    assert "sensitivity_counts_per_mps2=<counts per m/s2>" in caplog.text
    used = build_sequence(raw_config(raw, SENSITIVE, "sensitivity_counts_per_mps2=1e6"))
    found = {name: {c.sensitivity for c in use.channels} for name, (use,) in used.items()}
    assert found["XX.S01"] == {Sensitivity(1e6, "acceleration")}
    assert found["XX.S00"] == found["XX.S02"] == {Sensitivity(COUNTS_PER_MPS, "velocity")}


def test_refusals_come_before_anything_is_written(raw):
    with pytest.raises(ValueError, match=r"no instrument sensitivity.*sensitivity_counts_per_mps="):
        build_sequence(raw_config(raw))
    with pytest.raises(FileNotFoundError, match=r"no file matches station_file=.*nowhere\.csv"):
        build_sequence(raw_config(raw, stations="nowhere.csv"))
    (raw / "other.csv").write_text((raw / "stations.csv").read_text())
    with pytest.raises(
        ValueError, match=r"matches 2 files, .*other\.csv among them: a table has to be alone"
    ):
        build_sequence(raw_config(raw, stations="?t*.csv"))
    with pytest.raises(FileNotFoundError, match=r"no file matches waveforms=.*\*\.sac"):
        build_sequence({**raw_config(raw), "waveforms": str(raw / "*.sac")})
    with pytest.raises(FileNotFoundError, match=r"is a folder: say which files in it, as waveforms=.*/\*'"):
        build_sequence({**raw_config(raw), "waveforms": str(raw)})
    lines = (raw / "stations.csv").read_text().splitlines()
    (raw / "stations.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"no coordinates for XX\.S02: add them to .*stations\.csv"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0"))
    make_network(2)[2].write(str(raw / "two.xml"), format="STATIONXML")
    with pytest.raises(ValueError, match=r"^no coordinates for XX\.S02: add them to .*two\.xml, or leave"):
        build_sequence(raw_config(raw, stations="two.xml"))
    assert not (raw / "out").exists()


def test_stations_without_their_channels_state_no_sensitivity(raw):
    """What a data centre gives for level=station, its default."""
    inventory = make_network(3)[2]
    for site in inventory[0]:
        site.channels = []
    inventory.write(str(raw / "bare.xml"), format="STATIONXML")
    with pytest.raises(
        ValueError, match=r"no description of XX\.S00\.\.HHE.* in .*bare\.xml.*level=response.* as CSV"
    ):
        build_sequence(raw_config(raw, SENSITIVE, stations="bare.xml"))


def test_channels_that_never_move_are_told(raw, caplog):
    path = raw / "XX.S01..HHN.mseed"
    stream = obspy.read(path)
    stream[0].data[:] = -7
    stream.write(str(path), format="MSEED")
    build_sequence(raw_config(raw, SENSITIVE))
    (said,) = [record.message for record in caplog.records if "one value" in record.message]
    assert "of XX.S01..HHN (-7):" in said


def test_a_log_channel_is_left_out_by_name(raw, caplog):
    text = obspy.Trace(np.frombuffer(b"lock lost", dtype="|S1"), {"network": "XX", "station": "S01"})
    text.stats.channel, text.stats.starttime = "LOG", obspy.read(raw / "XX.S01..HHN.mseed")[0].stats.starttime
    text.write(str(raw / "log.mseed"), format="MSEED", encoding="ASCII")
    assert "XX.S01" in build_sequence(raw_config(raw, SENSITIVE))
    assert "XX.S01..LOG has text at 1.0 Hz, no motion" in caplog.text


def test_the_command_line(raw, monkeypatch, capsys):
    overrides = [
        f"waveforms={raw}/*.mseed",
        f"station_file={raw / 'stations.csv'}",
        f"out={raw / 'out'}",
        "sensitivity_counts_per_mps=4e8",
        f"hydra.run.dir={raw / 'run'}",
    ]
    monkeypatch.setattr("sys.argv", ["build_sequence", *overrides])
    main()
    printed = capsys.readouterr().out
    assert "3 stations in" in printed
    assert "HHZ HHN HHE" in printed


@pytest.mark.realdata
def test_the_hengill_minutes_load_with_all_stations(shared_dir, tmp_path, spec):
    real = shared_dir / "realdata" / "coseismiq"
    config = configured(
        "build_sequence",
        f"waveforms={real}/seismic_data/*/*.mseed",
        f"station_file={real / 'station_inventory' / 'stations.csv'}",
        f"velocity_model_file={real / 'velocity_model' / 'local.txt'}",
        "sensitivity_counts_per_mps=6e8",
        f"out={tmp_path / 'hengill'}",
    )
    build_sequence(config)
    sequence = Sequence.load(tmp_path / "hengill", spec)
    assert len(sequence.network) == 20
    assert sequence.valid.mean() > 0.99
    assert sequence.n_samples == pytest.approx(6000, abs=1)
    assert sequence.catalogue is None
    assert sequence.velocity_model.vp_kmps[0] == 3.32
    assert (np.abs(sequence.narrow).max(axis=(1, 2)) > 0).all()


def test_an_archive_too_long_for_a_replay_is_made(raw, monkeypatch, caplog):
    monkeypatch.setattr("fcn.waveform.recording.MOST_STATION_DAYS", 1e-3)
    assert build_sequence(raw_config(raw, "sensitivity_counts_per_mps=4e8")) == {}
    assert (raw / "out" / "waveforms").is_dir()
    assert "more than one replay holds: state a span" in caplog.text


def test_stations_that_never_meet_make_no_sequence(tmp_path, raw, parts):
    for trace in parts[1]:
        trace.stats.starttime += 1200.0 * int(trace.stats.station[1:])
        trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED")
    with pytest.raises(ValueError, match="at no time do 3 stations deliver together"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=4e8"))
    assert not (raw / "out").exists()
