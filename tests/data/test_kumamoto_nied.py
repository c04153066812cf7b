"""The user's own files of the Kumamoto sequence become a sequence folder, or it is said what is missing."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from made_networks import make_trace
from win32_files import deck_line, table_line, win32_channel, win32_file, win32_frame

from fcn import config as configuration
from fcn.data.sequences import Sequence

START_S = 1_460_636_400.0  # 12:20 UTC, 21:20 JST
N_SECONDS = 60
COUNTS_PER_MPS = 175.60 / 1.023e-7
SITES = {"N.KMNH": (32.8, 130.8), "N.FNTH": (32.6, 130.7), "N.FARH": (34.5, 131.5)}


def builder(raw):
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        cfg = compose("test", ["ckpt=x", "dataset=kumamoto_nied", f"dataset.root={raw}"])
        config = configuration.plain(cfg)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        spec = configuration.plain(compose("build_sequence", ["waveforms=x", "station_file=x", "out=x"]))
    return configuration.build(config["dataset"]["builder"]), configuration.build(spec["preprocess"])


@pytest.fixture
def raw(tmp_path):
    """Table and deck; the waveforms are up to the test."""
    folder = tmp_path / "raw"
    folder.mkdir()
    lines = [
        table_line(16 * i + j, station, component, latitude=f"{latitude}", longitude=f"{longitude}")
        for i, (station, (latitude, longitude)) in enumerate(SITES.items())
        for j, component in enumerate("UNE")
    ]
    (folder / "01_01_20160414.euc.ch").write_text("\n".join(lines))
    deck = [
        deck_line(date="201604142120", second="3000"),
        deck_line(date="201604142125", latitude=" 35"),
        deck_line(date="201604142345"),
    ]
    (folder / "jma_20160414.deck").write_text("\n".join(deck))
    return folder


def counts_of(number):
    return np.round(1000.0 * np.random.default_rng(number).standard_normal((N_SECONDS, 100))).astype(np.int64)


def write_win32(raw):
    numbers = [16 * i + j for i in range(3) for j in range(3)]
    data = {number: counts_of(number) for number in numbers}
    frames = [
        win32_frame(START_S + k, [win32_channel(number, data[number][k]) for number in numbers])
        for k in range(N_SECONDS)
    ]
    (raw / "201604142120.cnt").write_bytes(win32_file(frames[:30]))
    (raw / "201604142121.cnt").write_bytes(win32_file(frames[29:]))


def write_sac(raw):
    """As win2sac does: nm/s, station N.KMNH, component U, and Japan Standard Time."""
    for i, station in enumerate(SITES):
        for j, component in enumerate("UNE"):
            nanometres = counts_of(16 * i + j).ravel() / COUNTS_PER_MPS * 1e9
            trace = make_trace("..." + component, nanometres.astype(np.float32), start_s=START_S + 9 * 3600)
            trace.stats.station = station
            trace.write(str(raw / f"{station}.{component}.SAC"), format="SAC")


def write_mseed(raw):
    for i, station in enumerate(SITES):
        for j, component in enumerate("ZNE"):
            counts = counts_of(16 * i + j).ravel().astype(np.int32)
            trace = make_trace(f"XX.{station[2:]}..HH{component}", counts, start_s=START_S)
            trace.write(str(raw / f"{trace.id}.mseed"), format="MSEED")


@pytest.mark.parametrize("write", [write_win32, write_sac, write_mseed])
def test_the_files_become_a_sequence(raw, tmp_path, write):
    write(raw)
    kumamoto, spec = builder(raw)
    kumamoto.build(tmp_path / "sequence")
    sequence = Sequence.load(tmp_path / "sequence", spec)
    assert [station.id for station in sequence.network] == ["BO.FNTH", "BO.KMNH"]  # N.FARH is out of the box
    assert (sequence.name, sequence.simulated, sequence.box) == ("kumamoto_nied", False, (41.0, 50.0))
    assert sequence.start_time_s == START_S
    assert sequence.n_samples == pytest.approx(20 * N_SECONDS, abs=1)
    assert sequence.valid.all()
    assert [event.event_id for event in sequence.catalogue] == ["jma2016041421203000"]
    assert sequence.velocity_model.name == "jma2001"
    up = counts_of(0).ravel() / COUNTS_PER_MPS
    expected = up[::5] - up[0]
    found = sequence.broad[1, 0, : expected.size]
    # white noise keeps what lies in 0.5-9 Hz of 50
    assert found.std() == pytest.approx(up.std() * np.sqrt(8.5 / 50.0), rel=0.1)


def test_all_that_is_missing_is_said_and_how_to_get_it(tmp_path):
    (tmp_path / "raw").mkdir()
    kumamoto, _ = builder(tmp_path / "raw")
    with pytest.raises(FileNotFoundError) as caught:
        kumamoto.build(tmp_path / "sequence")
    message = str(caught.value)
    for part in (
        "continuous waveforms, 2016-04-14T12:20:00 to 2016-04-14T13:30:00 UTC (*.cnt",
        "their channel table (*.ch)",
        "the JMA hypocentre deck (*.deck",
        "pip install HinetPy",
        'client.select_stations("0101", minlatitude=32.2',
        'client.get_continuous_waveform("0101", "201604142120", 70',
        'client.get_arrivaltime("20160414", 1',
    ):
        assert part in message
    assert not (tmp_path / "sequence").exists()


def test_only_what_is_missing_is_said(raw, tmp_path):
    kumamoto, _ = builder(raw)
    with pytest.raises(FileNotFoundError, match="continuous waveforms") as caught:
        kumamoto.build(tmp_path / "sequence")
    assert "their channel table" not in str(caught.value)


def test_files_of_elsewhere_are_refused(raw, tmp_path):
    write_mseed(raw)
    for path in [*raw.glob("XX.KMNH*"), *raw.glob("XX.FNTH*")]:
        path.unlink()
    kumamoto, _ = builder(raw)
    with pytest.raises(
        ValueError, match=r"no waveform in .* is of a station in the box between 2016-04-14T12:20"
    ):
        kumamoto.build(tmp_path / "sequence")
    table = next(raw.glob("*.ch"))
    lines = [line for line in table.read_text().splitlines() if "FARH" in line]
    table.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"no channel of .* lies in the box"):
        kumamoto.build(tmp_path / "sequence")


def test_tables_that_contradict_each_other_are_refused(raw, tmp_path):
    write_win32(raw)
    table = next(raw.glob("*.ch"))
    (raw / "zz.ch").write_text(table.read_text())  # of another request, and the same
    kumamoto, _ = builder(raw)
    kumamoto.build(tmp_path / "sequence")
    (raw / "zz.ch").write_text(table.read_text().replace("N.KMNH", "N.OTHER"))
    with pytest.raises(ValueError, match=r"zz\.ch: number .* is BO\.OTHER.*, and before it BO\.KMNH"):
        kumamoto.build(tmp_path / "other")
