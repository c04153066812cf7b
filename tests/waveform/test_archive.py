"""SDS archives and sequence folders: what goes in comes out, whole or not at all."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import obspy
import pytest
import yaml
from made_networks import START_S, make_network, make_trace

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick, read_quakeml
from fcn.waveform.archive import open_sds, read_sds, write_sds
from fcn.waveform.folder import Description, fill_sequence_folder, read_description, write_sequence_folder

MIDNIGHT_S = 1_460_678_400.0  # 2016-04-15


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_counts_survive_a_midnight(tmp_path, dtype):
    data = np.random.default_rng(0).integers(-(2**23), 2**23, 2000).astype(dtype)
    files = write_sds(obspy.Stream([make_trace("XX.A.00.HHZ", data, start_s=MIDNIGHT_S - 5.0)]), tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in files] == [
        f"2016/XX/A/HHZ.D/XX.A.00.HHZ.D.2016.{day}" for day in (105, 106)
    ]
    assert obspy.read(files[0])[0].stats.npts == 500  # the sample on midnight belongs to the new day
    assert obspy.read(files[1])[0].stats.starttime.timestamp == MIDNIGHT_S
    again = read_sds(tmp_path).merge()
    assert len(again) == 1
    np.testing.assert_array_equal(again[0].data, data)
    assert again[0].stats.starttime.timestamp == MIDNIGHT_S - 5.0


def test_a_location_that_is_none_may_be_written_as_dashes(tmp_path):
    _, stream, _ = make_network(1)
    write_sds(stream, tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.rename(path.with_name(path.name.replace("..", ".--.", 1)))
    found = read_sds(tmp_path)
    assert {trace.id for trace in found} == {trace.id for trace in stream}
    assert sum(trace.stats.npts for trace in found) == sum(trace.stats.npts for trace in stream)


def test_files_of_other_names_are_told_of_where_nothing_is_found(tmp_path):
    _, stream, _ = make_network(1)
    write_sds(stream, tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.rename(f"{path}.mseed")
    with pytest.raises(
        FileNotFoundError, match=r"; files there have other names .*\.mseed: python -m fcn\.build_seq"
    ):
        read_sds(tmp_path)


def test_only_what_is_wanted_is_read(tmp_path):
    _, stream, _ = make_network(3)
    write_sds(stream, tmp_path)
    found = read_sds(tmp_path, {"XX.S01"}, START_S + 10.0, START_S + 20.0)
    assert {trace.stats.station for trace in found} == {"S01"}
    assert {trace.stats.npts for trace in found} == {1001}
    with pytest.raises(FileNotFoundError, match=r"no miniSEED of XX.S09 in the SDS archive [^ ]*$"):
        read_sds(tmp_path, {"XX.S09"})
    with pytest.raises(FileNotFoundError, match="between 2016-04-17"):
        read_sds(tmp_path, None, MIDNIGHT_S + 2e5, MIDNIGHT_S + 3e5)
    with pytest.raises(FileNotFoundError):
        read_sds(tmp_path, None, 0.0, 1000.0)


def test_an_archive_comes_back_as_it_was_written(tmp_path):
    """Two location codes, a gap within a day and a missing day."""
    rng = np.random.default_rng(1)
    pieces = [
        ("XX.B.00.HHZ", MIDNIGHT_S - 20.0, 1000),
        ("XX.B.00.HHZ", MIDNIGHT_S - 5.0, 300),
        ("XX.B.10.HHZ", MIDNIGHT_S - 20.0, 1000),
        ("XX.B.00.HHZ", MIDNIGHT_S + 2 * 86_400.0, 500),
        ("XX.A..BHZ", MIDNIGHT_S + 100.0, 500),
    ]
    traces = [
        make_trace(seed_id, rng.integers(-(2**20), 2**20, n).astype(np.int32), start_s=start_s)
        for seed_id, start_s, n in pieces
    ]
    files = write_sds(obspy.Stream(traces), tmp_path)
    assert len(files) == 4
    found = read_sds(tmp_path)
    expected = obspy.Stream(traces).sort()
    assert [(t.id, t.stats.starttime, t.stats.endtime) for t in found] == [
        (t.id, t.stats.starttime, t.stats.endtime) for t in expected
    ]
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got.data, want.data)


def test_what_spilled_over_midnight_is_found(tmp_path):
    """Programs that fill archives write whole records, the last of them into the day they began in."""
    data = np.arange(2000, dtype=np.int32)
    (path,) = write_sds(obspy.Stream([make_trace("XX.A.00.HHZ", data, start_s=MIDNIGHT_S - 30.0)]), tmp_path)
    make_trace("XX.A.00.HHZ", data, start_s=MIDNIGHT_S - 10.0).write(str(path), format="MSEED")
    (found,) = read_sds(tmp_path, None, MIDNIGHT_S + 5.0, MIDNIGHT_S + 60.0)
    assert (found.stats.starttime.timestamp, found.stats.npts) == (MIDNIGHT_S + 5.0, 500)


def test_a_broken_file_is_named_and_an_unfinished_one_is_a_gap(tmp_path, caplog):
    _, stream, _ = make_network(2)
    files = write_sds(stream, tmp_path)
    files[1].write_bytes(b"")
    assert len(read_sds(tmp_path)) == 5
    assert not caplog.text
    files[4].write_bytes(b"garbage" * 1000)
    assert len(read_sds(tmp_path)) == 4
    assert f"{files[4]}: 1 record(s) or stretches left out: 1 not miniSEED" in caplog.text
    with pytest.raises(FileNotFoundError, match="no miniSEED"):
        read_sds(tmp_path, {"XX.S01"}, START_S + 100.0)


def test_a_file_that_goes_on_into_the_next_days_is_read_whole(tmp_path, caplog):
    data = np.zeros(40 * 3600, dtype=np.int32)
    trace = make_trace("XX.A.00.HHZ", data, 1.0, MIDNIGHT_S)
    (path, *others) = write_sds(obspy.Stream([trace]), tmp_path)
    for other in others:
        other.unlink()
    trace.write(str(path), format="MSEED")
    (found,) = read_sds(tmp_path)
    assert found.stats.npts == len(data)
    assert not caplog.text


@pytest.mark.parametrize(
    "name", [".DS_Store", "Thumbs.db", "._{}", "{}.gz", "{}.bak", "{}~", "XX.S00..HHZ.D.2016.abc"]
)
def test_what_an_operating_system_leaves_is_passed_over(tmp_path, name):
    _, stream, _ = make_network(1)
    (path, *_) = write_sds(stream, tmp_path)
    path.with_name(name.format(path.name)).write_bytes(b"\0\1 no waveform")
    assert len(read_sds(tmp_path)) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"starttime": obspy.UTCDateTime(2037, 3, 1)}, "of 2037-03-01T00:00:00.000000Z, another day"),
        ({"starttime": obspy.UTCDateTime(START_S) + 86_400}, "of 2016-04-15.*another day"),
        ({"starttime": obspy.UTCDateTime(START_S) - 1024 * 7 * 86_400}, "of 1996-.*another day"),
        ({"station": "S09"}, r"of XX\.S09\.\.HHZ"),
        ({"channel": "HHQ"}, r"of XX\.S00\.\.HHQ"),
    ],
)
def test_a_record_that_is_not_the_files_own_is_left_out(tmp_path, caplog, change, reason):
    _, stream, _ = make_network(1)
    (path, *_) = [path for path in write_sds(stream, tmp_path) if "HHZ" in path.name]
    wrong = stream.select(channel="HHZ")[0].slice(None, obspy.UTCDateTime(START_S) + 1)
    wrong.stats.update(change)
    with path.open("ab") as file:
        wrong.write(file, format="MSEED", reclen=512)
    found = read_sds(tmp_path)
    assert [(trace.id, trace.stats.npts) for trace in found] == [(f"XX.S00..HH{c}", 6000) for c in "ENZ"]
    said = f"{re.escape(str(path))}: 1 record\\(s\\) or stretches left out: 1 {reason}"
    assert re.search(said, caplog.text)


def test_of_files_by_local_days_it_is_said_how_much_is_left_out_and_what_reads_them(tmp_path, caplog):
    (path,) = write_sds(obspy.Stream([make_trace("XX.A..HHZ", np.arange(90_000))]), tmp_path)
    path.rename(path.with_name(path.name.replace(".105", ".106")))  # east of Greenwich its day has begun
    with pytest.raises(FileNotFoundError):
        read_sds(tmp_path)
    assert "another day (900 s; files by local days are read by python -m fcn.build_sequence" in caplog.text


@pytest.mark.parametrize("rate_factor", [0, 1])
def test_a_log_in_the_archive_is_left_out(tmp_path, caplog, rate_factor):
    _, stream, _ = make_network(1)
    (path, *_) = write_sds(stream, tmp_path)
    log = tmp_path / "2016" / "XX" / "S00" / "LOG.D" / path.name.replace("HHE", "LOG")
    log.parent.mkdir()
    text = make_trace("XX.S00..LOG", np.frombuffer(b"clock locked", "S1"), 1.0)
    text.write(file := io.BytesIO(), format="MSEED", reclen=512)
    log.write_bytes(file.getvalue()[:32] + rate_factor.to_bytes(2, "big") + file.getvalue()[34:])
    assert len(open_sds(tmp_path)) == 3
    assert f"{log}: 1 record(s) or stretches left out: 1 of text" in caplog.text


def test_an_archive_is_not_overwritten(tmp_path):
    _, stream, _ = make_network(1)
    write_sds(stream, tmp_path)
    with pytest.raises(FileExistsError, match="into an empty folder"):
        write_sds(stream, tmp_path)


def test_a_sequence_folder_holds_all_parts(tmp_path):
    _, stream, inventory = make_network(2)
    event = Event("e1", START_S + 5.0, 32.7, 130.8, 10.0, 3.0, "Mw")
    picks = {"e1": [PhasePick("XX", "S00", "P", START_S + 8.0)]}
    stated = {"name": "two", "simulated": True, "half_width_km": [30.0, 40.0], "stations": ["XX.S00"]}
    write_sequence_folder(tmp_path / "s", stream, inventory, Catalogue("c", (event,)), picks, **stated)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        "catalogue.xml",
        "sequence.yaml",
        "stations.xml",
        "waveforms",
    ]
    assert read_quakeml(tmp_path / "s" / "catalogue.xml").events[0].first_p_time_s == START_S + 8.0
    assert read_description(tmp_path / "s") == Description(**stated)


def test_a_failure_leaves_nothing(tmp_path):
    _, stream, inventory = make_network(1)
    event = Event("", START_S, 32.7, 130.8, 10.0, 3.0, "Mw")
    with pytest.raises(ValueError, match="no event_id"):
        write_sequence_folder(tmp_path / "s", stream, inventory, Catalogue("c", (event,)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".s.0123abcd.partial").mkdir()  # of a killed run
    write_sequence_folder(tmp_path / "s", stream, inventory)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    with pytest.raises(FileExistsError, match="give another folder"):
        write_sequence_folder(tmp_path / "s", stream, inventory)


def test_no_description_says_nothing(tmp_path):
    assert read_description(tmp_path) == Description()
    (tmp_path / "sequence.yaml").write_text("")
    assert read_description(tmp_path) == Description()


def test_times_need_no_quotes(tmp_path):
    (tmp_path / "sequence.yaml").write_text("span: {start: 2016-04-14 12:20:00, end: 2016-04-14T13:30:00}\n")
    span = read_description(tmp_path).span
    assert [obspy.UTCDateTime(span[key]).timestamp for key in ("start", "end")] == [
        1460636400.0,
        1460640600.0,
    ]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            {"centre": {"latitude_deg": 1.0, "longitude_deg": 2.0}, "colour": 1},
            "unknown key colour; known are name",
        ),
        ({"centre": {"latitude": 1.0}}, "centre needs exactly latitude_deg, longitude_deg"),
        ({"span": {"start": "2016-04-14"}}, "span needs exactly start, end"),
        ({"span": "2016"}, "span needs exactly"),
        ({"half_width_km": [10.0]}, "half_width_km \\(east, north\\) must be a list of 2 values"),
        ({"half_width_km": [10.0, -1.0]}, "half_width_km must be a number from 0.1 to 1000, got -1"),
    ],
)
def test_wrong_descriptions_are_refused(tmp_path, stated, message):
    (tmp_path / "sequence.yaml").write_text(yaml.safe_dump(stated))
    with pytest.raises(ValueError, match=rf"sequence\.yaml: {message}"):
        read_description(tmp_path)
    _, stream, inventory = make_network(1, seconds=2.0)
    with pytest.raises(ValueError, match=message):
        write_sequence_folder(tmp_path / "s", stream, inventory, **stated)
    assert not (tmp_path / "s").exists()


def test_a_list_is_no_description(tmp_path):
    (tmp_path / "sequence.yaml").write_text("- name\n")
    with pytest.raises(ValueError, match="must be a mapping"):
        read_description(tmp_path)


@pytest.mark.parametrize(
    ("seed_id", "message"),
    [
        ("SY.KMMH16..HHZ", "'KMMH16' is no station code .1 to 5 letters"),
        (".S01..HHZ", "has no network code"),
        ("XX./x/..HHZ", "'/x/' is no station code"),
        ("XX.~..HHZ", "'~' is no station code"),
        ("XX.S01.\\.HHZ", "is no location code"),
        ("XX.S01..H/Z", "'H/Z' is no channel code"),
        ("/x.S01..HHZ", "'/x' is no network code"),
    ],
)
def test_codes_that_are_none_name_no_file(tmp_path, seed_id, message):
    stream = obspy.Stream([make_trace(seed_id, np.zeros(100, dtype=np.int32))])
    with pytest.raises(ValueError, match=rf"waveforms .*{message}"):
        write_sds(stream, tmp_path / "in")
    assert list(tmp_path.iterdir()) == []


LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    ("samples", "dtype", "encoding"),
    [
        ([0, 2**29 - 1] * 50, np.int32, "STEIM2"),
        ([LARGEST] * 100, np.int64, "STEIM2"),
        ([0, LARGEST, -LARGEST - 1, 0] * 50, np.int32, "INT32"),  # a digitiser's spike
        ([0, -(2**29)] * 50, np.int32, "INT32"),
        ([3_000_000_000, 5] * 50, np.int64, "FLOAT64"),
        ([3_000_000_000, 5] * 50, np.uint32, "FLOAT64"),
        ([2**53, -(2**53)] * 50, np.int64, "FLOAT64"),
        ([0.1, 1.5] * 50, np.float32, "FLOAT32"),
        ([0.1, 1e300] * 50, np.float64, "FLOAT64"),
    ],
)
def test_no_sample_is_changed(tmp_path, samples, dtype, encoding):
    data = np.array(samples, dtype)
    (path,) = write_sds(obspy.Stream([make_trace("XX.A..HHZ", data)]), tmp_path / "alone")
    (found,) = obspy.read(path)
    assert found.stats.mseed.encoding == encoding
    np.testing.assert_array_equal(found.data, data)
    steady = make_trace("XX.A..HHZ", np.arange(99, dtype=np.int32), start_s=START_S - 10.0)
    (path,) = write_sds(obspy.Stream([steady, make_trace("XX.A..HHZ", data)]), tmp_path / "both")
    for got, wanted in zip(obspy.read(path), (steady.data, data), strict=True):
        np.testing.assert_array_equal(got.data, wanted)


@pytest.mark.parametrize(
    "data", [np.array([0, 2**53 + 1] * 9), np.zeros(9, complex), np.zeros(9, np.longdouble)]
)
def test_what_miniseed_would_change_is_named(tmp_path, data):
    stream = obspy.Stream([make_trace("XX.A..HHZ", data)])
    with pytest.raises(ValueError, match=rf"XX\.A\.\.HHZ from 2016-04-14T.* no {data.dtype} samples"):
        write_sds(stream, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_masked_samples_are_a_gap(tmp_path):
    trace = make_trace("XX.A..HHZ", np.arange(300, dtype=np.int32) % 100)
    trace.data = np.ma.masked_equal(trace.data, 50)
    write_sds(obspy.Stream([trace]), tmp_path)
    assert [found.stats.npts for found in read_sds(tmp_path)] == [50, 99, 99, 49]


FULL_DISK = """
import resource, signal, sys
import numpy as np
import obspy
from fcn.waveform.archive import write_sds

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes past the limit fail, as on a disk that is full
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
header = {"network": "XX", "station": "AAA", "channel": "HHZ", "sampling_rate": 100.0}
noise = np.random.default_rng(0).integers(-(2**20), 2**20, 100_000).astype(np.int32)
write_sds(obspy.Stream([obspy.Trace(noise, header)]), sys.argv[1])
"""


def test_what_finds_no_room_is_told_once_and_leaves_no_part_of_a_file(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "OSError: [Errno 27]" in done.stderr
    assert "ignored" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_stations_that_find_no_room_are_told(tmp_path):
    _, stream, inventory = make_network(2)  # so few that ObsPy says nothing
    (tmp_path / "stations.xml").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        fill_sequence_folder(tmp_path, stream, inventory)
