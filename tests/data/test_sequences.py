"""A sequence is its folder, preprocessed once; what the folder leaves out comes from network and data."""

import logging
import re
from dataclasses import asdict

import numpy as np
import obspy
import pytest
from hydra import compose, initialize_config_dir
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_trace

from fcn import config as configuration
from fcn.build_sequence import build_sequence, main
from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import write_csv, write_quakeml
from fcn.data.sequences import BOX_MARGIN_KM, Sequence
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity

MODEL = LayeredModel.from_velocities("two", "made", (0.0, 10.0), (5.5, 6.5), (3.2, 3.8))
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
    assert sequence.velocity.shape == sequence.narrow.shape == sequence.broad.shape == (3, 3, 1200)
    assert sequence.velocity.dtype == np.float32
    assert sequence.valid.all()
    assert sequence.start_time_s == START_S
    assert sequence.end_time_s == START_S + 60.0
    assert sequence.catalogue is None
    assert sequence.velocity_model is None
    counts = np.stack([trace.data for trace in stream[3:6]]).astype(float)
    converter = ToVelocity(spec, 100.0, "velocity", COUNTS_PER_MPS)
    velocity = converter.process(START_S, counts).velocity_mps
    narrow, broad = Bands(spec, 3).process(velocity)
    for found, expected in (
        (sequence.velocity, velocity),
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
        Catalogue("c", (EVENT,)),
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


def test_windows_end_before_now(root, spec):
    sequence = Sequence.load(root, spec)
    now_s = START_S + 40.0
    narrow, broad, valid = sequence.window(now_s, 600)
    np.testing.assert_array_equal(narrow, sequence.narrow[..., 200:800])
    np.testing.assert_array_equal(broad, sequence.broad[..., 200:800])
    assert valid.all()
    times = sequence.window_times(0.5, 600)
    assert times[0] == START_S + 30.0
    assert times[-1] == START_S + 60.0
    assert len(times) == 61
    np.testing.assert_array_equal(sequence.window(times[-1], 600)[0], sequence.narrow[..., 600:])
    assert len(sequence.window_times(0.5, 1201)) == 0
    with pytest.raises(ValueError, match=r"step_s is 0.01, less than a sample"):
        sequence.window_times(0.01, 600)


@pytest.mark.parametrize(
    ("after_s", "n_inside"), [(10.0, 200), (-10.0, 0), (70.0, 400), (200.0, 0), (60.0, 600)]
)
def test_windows_beyond_the_ends_are_zero_and_invalid(root, spec, after_s, n_inside):
    narrow, broad, valid = Sequence.load(root, spec).window(START_S + after_s, 600)
    assert narrow.shape == broad.shape == (3, 3, 600)
    assert valid.sum() == 3 * n_inside
    assert not narrow[..., ~valid[0]].any()


def test_gaps_are_invalid(tmp_path, spec, parts):
    _, stream, inventory = parts
    holes = obspy.Stream([t for t in stream if t.id != "XX.S01..HHN"])
    whole = stream.select(id="XX.S01..HHN")[0]
    holes += whole.slice(whole.stats.starttime, whole.stats.starttime + 20)
    holes += whole.slice(whole.stats.starttime + 30, None)
    write_sequence_folder(tmp_path / "made", holes, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    missing = np.flatnonzero(~sequence.valid[1])
    assert missing[0] == 401
    assert missing[-1] == 599
    assert len(missing) == 199
    assert sequence.valid[0].all()
    for waveforms in (sequence.velocity, sequence.narrow, sequence.broad):
        assert not waveforms[1][:, missing].any()


def test_stations_that_start_late_keep_their_time(tmp_path, spec, parts):
    _, stream, inventory = parts
    late = obspy.Stream([t.slice(t.stats.starttime + 12) if t.stats.station == "S02" else t for t in stream])
    write_sequence_folder(tmp_path / "made", late, inventory)
    sequence = Sequence.load(tmp_path / "made", spec)
    assert not sequence.valid[2, :240].any()
    assert sequence.valid[2, 240:].all()
    assert sequence.n_samples == 1200


def test_a_missing_component_is_zero_and_said(tmp_path, spec, parts, caplog):
    _, stream, inventory = parts
    two = obspy.Stream([t for t in stream if t.id != "XX.S01..HHE"])
    write_sequence_folder(tmp_path / "made", two, inventory)
    with caplog.at_level(logging.WARNING):
        sequence = Sequence.load(tmp_path / "made", spec)
    assert "XX.S01 has only XX.S01..HHZ, XX.S01..HHN: the rest is zero" in caplog.text
    assert np.abs(sequence.velocity[1, 2]).max() < 1e-20
    assert np.abs(sequence.velocity[1, 1]).max() > 1e-7
    assert sequence.valid[1].all()


def test_a_silent_station_is_left_out_and_said(tmp_path, spec, parts, caplog):
    _, stream, inventory = parts
    write_sequence_folder(
        tmp_path / "made", obspy.Stream([t for t in stream if t.stats.station != "S00"]), inventory
    )
    with caplog.at_level(logging.WARNING):
        sequence = Sequence.load(tmp_path / "made", spec)
    assert len(sequence.network) == 2
    assert "no waveforms of XX.S00" in caplog.text


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
    stripped = re.sub("<Response>.*?</Response>", "", text, count=1, flags=re.DOTALL)
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
    (tmp_path / "model.txt").write_text("0 5.5 3.2\n10 6.5 3.8\n")
    write_csv(Catalogue("c", (EVENT,)), tmp_path / "catalogue.csv")
    write_quakeml(Catalogue("c", (EVENT,)), tmp_path / "catalogue.xml")
    return tmp_path


def raw_config(raw, *overrides, stations="stations.csv"):
    paths = [f"waveforms={raw}/*.mseed", f"station_file={raw / stations}", f"out={raw / 'out'}"]
    return configured("build_sequence", *paths, *overrides)


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
    assert 1e-7 < sequence.velocity.std() < 1e-6
    assert sequence.network.stations == Network.from_csv(raw / "stations.csv").stations


def test_stationxml_keeps_its_own_sensitivity(raw, spec, parts):
    parts[2].write(str(raw / "stations.xml"), format="STATIONXML")
    sensors = build_sequence(raw_config(raw, stations="stations.xml"))
    assert {value for sensor in sensors.values() for value in sensor.sensitivity} == {COUNTS_PER_MPS}
    with pytest.raises(ValueError, match="is StationXML and states the sensitivity of each channel"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0", stations="stations.xml"))


def test_an_accelerometer_is_stated_as_one(raw):
    sensors = build_sequence(raw_config(raw, "sensitivity_counts_per_mps2=1e6"))
    assert {sensor.measurement for sensor in sensors.values()} == {"acceleration"}


def test_refusals_come_before_anything_is_written(raw):
    with pytest.raises(ValueError, match=r"no instrument sensitivity.*sensitivity_counts_per_mps="):
        build_sequence(raw_config(raw))
    with pytest.raises(ValueError, match="not both"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0", "sensitivity_counts_per_mps2=1.0"))
    with pytest.raises(FileNotFoundError, match="no station list"):
        build_sequence(raw_config(raw, stations="nowhere.csv"))
    with pytest.raises(FileNotFoundError, match="no file matches waveforms="):
        build_sequence({**raw_config(raw), "waveforms": str(raw / "*.sac")})
    lines = (raw / "stations.csv").read_text().splitlines()
    (raw / "stations.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"no coordinates for XX\.S02: add them to .*stations\.csv"):
        build_sequence(raw_config(raw, "sensitivity_counts_per_mps=1.0"))
    assert not (raw / "out").exists()


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
