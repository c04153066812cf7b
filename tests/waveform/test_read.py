"""Files are read as what they are, or refused by name."""

import bz2
import gzip
import io
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import obspy
import pytest
from made_networks import make_trace
from nied_files import COUNTS_PER_MPS2, START_S, write_nied

from fcn.build_sequence import read_all
from fcn.waveform import read
from fcn.waveform.read import matching_files, read_waveforms

COUNTS = np.arange(1000, dtype=np.int64) - 125_303


@pytest.mark.parametrize("suffix", ["mseed", "sac"])
def test_miniseed_and_sac(tmp_path, suffix):
    trace = obspy.Trace(COUNTS.astype(np.float32))
    trace.stats.update({"network": "XX", "station": "ABC", "channel": "HHZ", "sampling_rate": 50.0})
    trace.write(str(tmp_path / f"a.{suffix}"), format=suffix.upper())
    found = read_waveforms([tmp_path / f"a.{suffix}"])
    assert found[0].id == "XX.ABC..HHZ"
    np.testing.assert_array_equal(found[0].data, COUNTS)


@pytest.mark.parametrize(
    ("rate_hz", "within"),
    [
        *((each, 1e-9) for each in (0.5, 6.25, 60.0, 75.0, 100.0, 125.0, 128.0, 250.0, 256.0, 300.0, 512.0)),
        *(
            (each, 6e-8) for each in (62.3, 312.7)
        ),  # neither whole microseconds nor whole Hz: single precision
    ],
)
def test_sac_has_the_rate_it_states(tmp_path, rate_hz, within):
    """ObsPy rounds the interval to microseconds, and says so for every file."""
    trace = obspy.Trace(
        COUNTS.astype(np.float32), {"sampling_rate": rate_hz, "network": "XX", "station": "A"}
    )
    trace.write(str(tmp_path / "a.sac"), format="SAC")
    (read,) = read_waveforms([tmp_path / "a.sac"])
    assert read.stats.sampling_rate == pytest.approx(rate_hz, rel=within)


def test_kiknet_archive_tells_surface_from_borehole(tmp_path):
    by_direction = {key: COUNTS + i for i, key in enumerate(("NS1", "EW1", "UD1", "NS2", "EW2", "UD2"))}
    found = read_waveforms([write_nied(tmp_path, "FKOH061607011440", by_direction, archive=True)])
    assert sorted(trace.id for trace in found) == [
        f"BO.FKOH06.{sensor}.HN{component}" for sensor in "12" for component in "ENZ"
    ]
    east = found.select(id="BO.FKOH06.2.HNE")[0]
    np.testing.assert_array_equal(east.data, COUNTS + 4)
    assert east.stats.starttime.timestamp == START_S
    assert 1.0 / east.stats.calib == pytest.approx(COUNTS_PER_MPS2)


def test_knet_files_have_one_sensor(tmp_path):
    folder = write_nied(tmp_path, "GIF004", {"NS": COUNTS, "EW": COUNTS, "UD": COUNTS}, station="GIF004")
    found = read_waveforms(sorted(folder.glob("GIF004.*")))
    assert {trace.id for trace in found} == {f"BO.GIF004..HN{component}" for component in "ENZ"}


def test_an_archive_in_too_many_others_is_not_opened(tmp_path):
    inner = write_nied(
        tmp_path, "FKOH061607011440", {"NS2": COUNTS, "EW2": COUNTS, "UD2": COUNTS}, archive=True
    )
    for level in range(3):
        outer = tmp_path / f"{level}.tar"
        with tarfile.open(outer, "w") as tar:
            tar.add(inner, inner.name)
        inner = outer
        if level < 2:
            assert len(read_waveforms([outer])) == 3
    with pytest.raises(
        ValueError, match=r"2\.tar:1\.tar:0\.tar:FKOH.* is an archive in more than 2 others: unpack"
    ):
        read_waveforms([inner])


def miniseed(channel="HHZ", n=5000):
    trace = obspy.Trace(np.cumsum(np.random.default_rng(1).integers(-99, 99, n)).astype(np.int32))
    trace.stats.update({"network": "XX", "station": "ABC", "channel": channel, "sampling_rate": 100.0})
    buffer = io.BytesIO()
    trace.write(buffer, format="MSEED", reclen=512)
    return buffer.getvalue()


def flipped(content, *places):
    changed = bytearray(content)
    for place in places:
        changed[place] ^= 0x10
    return bytes(changed)


def packed(path, members):
    """A tar of contents by name."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


VOLUME = b"000001V 0100067012412" + b" " * 491  # full SEED: a control header before the records


@pytest.mark.parametrize("in_archive", [False, True])
@pytest.mark.parametrize(
    ("before", "places", "reason"),
    [
        (b"", [3 * 512 + 200], "1 whose samples do not end as stated"),
        (b"", [6], "1 not miniSEED"),  # the first record
        (VOLUME, [4 * 512 + 200], "1 not miniSEED; 1 whose samples do not end as stated"),
    ],
    ids=["samples", "first header", "full SEED"],
)
def test_damaged_records_are_left_out_and_said(tmp_path, caplog, in_archive, before, places, reason):
    good = miniseed()
    path = tmp_path / "a.mseed"
    path.write_bytes(flipped(before + good, *places))
    if in_archive:
        path = packed(tmp_path / "a.tar", {"a.mseed": path.read_bytes()})
    stream = read_all(str(path))
    assert 4300 < sum(trace.stats.npts for trace in stream) < 5000
    assert re.search(rf"a\.mseed: \d record\(s\) left out: .*{reason.split('; ')[-1]}", caplog.text)


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_a_damaged_record_of_a_compressed_file_costs_itself(tmp_path, caplog, suffix, compress):
    path = tmp_path / f"a.mseed.{suffix}"
    path.write_bytes(compress(miniseed()))
    whole = read_waveforms([path])[0].stats.npts
    assert not caplog.messages
    path.write_bytes(compress(flipped(miniseed(), 700)))
    assert whole - 500 < sum(trace.stats.npts for trace in read_waveforms([path])) < whole
    assert any(f"a.mseed.{suffix}: 1 record(s) left out" in said for said in caplog.messages)


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_of_a_compressed_file_that_ends_early_is_read_what_is_there(tmp_path, caplog, suffix, compress):
    rng = np.random.default_rng(1)
    counts = (1e5 * rng.normal(size=400_000)).astype(np.int32)  # more than one block of bzip2
    content = io.BytesIO()
    obspy.Stream([obspy.Trace(counts)]).write(content, format="MSEED", encoding="INT32", reclen=512)
    packed = compress(content.getvalue())
    path = tmp_path / f"a.mseed.{suffix}"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    (trace,) = read_waveforms([path])
    assert 0.3 * len(counts) < trace.stats.npts < 0.8 * len(counts)
    np.testing.assert_array_equal(trace.data, counts[: trace.stats.npts])
    assert any(f"a.mseed.{suffix} ends early or is damaged" in said for said in caplog.messages)


def test_a_location_of_dashes_is_none(tmp_path):
    trace = obspy.Trace(COUNTS.astype(np.float32), {"station": "ABC", "channel": "HHZ", "location": "--"})
    trace.write(str(tmp_path / "a.sac"), format="SAC")
    assert read_waveforms([tmp_path / "a.sac"])[0].stats.location == ""


@pytest.mark.parametrize(("idep", "warns"), [(6, True), (7, False), (5, False), (None, False)])
def test_sac_of_displacement_is_warned_of(tmp_path, caplog, idep, warns):
    trace = obspy.Trace(COUNTS.astype(np.float32), {"station": "ABC", "channel": "HHZ"})
    if idep is not None:
        trace.stats.sac = {"idep": idep}
    trace.write(str(tmp_path / "a.sac"), format="SAC")
    assert len(read_waveforms([tmp_path / "a.sac"])) == 1
    assert (
        any("a.sac: the header of .ABC..HHZ says displacement" in said for said in caplog.messages) == warns
    )


def test_what_has_a_header_of_miniseed_alone_is_refused(tmp_path):
    (tmp_path / "a.mseed").write_bytes(b"000001D " + b"words " * 100)
    with pytest.raises(
        ValueError, match=r"a\.mseed cannot be read as a waveform file: 1 whose header or data"
    ):
        read_waveforms([tmp_path / "a.mseed"])


def test_a_trace_that_cannot_be_used_leaves_the_others_of_its_file(tmp_path, caplog):
    content = bytearray(miniseed())
    content[3 * 512 + 8] = ord("?")  # of the station's code
    content[6 * 512 + 32 : 6 * 512 + 34] = bytes(2)  # the factor of the sampling rate
    (tmp_path / "a.mseed").write_bytes(content)
    stream = read_all(str(tmp_path / "a.mseed"))
    assert {trace.id for trace in stream} == {"XX.ABC..HHZ"}
    assert sum(trace.stats.npts for trace in stream) > 3800
    assert "'?BC' is no station code" in caplog.text
    assert "XX.ABC..HHZ has samples of type int32 at 0.0 Hz, no motion" in caplog.text


def test_a_log_beside_the_waveforms_is_left_out(tmp_path, caplog):
    make_trace("XX.ABC..LOG", np.frombuffer(b"clock locked", "S1"), 1.0).write(
        str(tmp_path / "log"), format="MSEED"
    )
    (tmp_path / "a.mseed").write_bytes(miniseed())
    assert {trace.id for trace in read_all(str(tmp_path / "*"))} == {"XX.ABC..HHZ"}
    assert "log: XX.ABC..LOG has text at 1.0 Hz, no motion" in caplog.text


def test_a_stray_member_leaves_the_others_of_its_archive(tmp_path, caplog):
    strays = {"README": b"notes", "plot.png": b"\x89PNG" + bytes(200), "cut.sac": bytes(100)}
    path = packed(tmp_path / "a.tar", {**strays, "a.mseed": miniseed(), ".DS_Store": b"x"})
    assert read_all(str(path))[0].stats.npts == 5000
    for name in strays:
        assert f"left out: {path}:{name} cannot be read as a waveform file" in caplog.text
    assert "DS_Store" not in caplog.text
    path = packed(tmp_path / "b.tar", strays)
    with pytest.raises(ValueError, match=r"none of the 3 files in .*b\.tar can be used: .*README") as raised:
        read_waveforms([path])
    said = (caplog.text + str(raised.value)).replace(str(tmp_path), "")
    assert "/tmp" not in said


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"a": 1000, "b.ps": 70_000}, r"b\.ps has 0\.06676 MiB, and 0\.0625 MiB are the most"),
        ({"a": 60_000, "b": 60_000}, r"unpacks to .* MiB with .*:b \(0\.05722 MiB\)"),
    ],
    ids=["member", "archive"],
)
def test_archives_that_would_fill_the_memory_are_not_unpacked(tmp_path, monkeypatch, nested, sizes, message):
    monkeypatch.setattr(read, "LARGEST_MEMBER_BYTES", 2**16)
    monkeypatch.setattr(read, "LARGEST_ARCHIVE_BYTES", 100_000)
    path = packed(tmp_path / "bomb.tar.gz", {name: bytes(size) for name, size in sizes.items()})
    if nested:
        path = packed(tmp_path / "outer.tar", {path.name: path.read_bytes()})
    with pytest.raises(ValueError, match=rf"{path.name}.*{message}"):
        read_waveforms([path])


class Attack:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("in_archive", [False, True])
def test_a_pickle_is_not_opened(tmp_path, in_archive):
    made = tmp_path / "made"
    path = tmp_path / "a.mseed"
    path.write_bytes(pickle.dumps(["obspy.core.stream", Attack(made)]))
    if in_archive:
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            tar.add(path, path.name)
        path = tmp_path / "a.tar"
    with pytest.raises(ValueError, match=r"a\.mseed cannot be read as a waveform file"):
        read_waveforms([path])
    assert not made.exists()


def test_what_calls_itself_a_pickle_is_told_what_to_do(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(obspy.Stream()))
    with pytest.raises(ValueError, match=r"a\.pkl cannot be read .*: a pickle may run any code, .* miniSEED"):
        read_waveforms([tmp_path / "a.pkl"])


def test_brackets_in_a_name_are_no_pattern(tmp_path):
    for name in ("a[1].mseed", "a1.mseed"):
        trace = obspy.Trace(COUNTS.astype(np.int32) + len(name))
        trace.write(str(tmp_path / name), format="MSEED")
    assert read_waveforms([tmp_path / "a[1].mseed"])[0].data[0] == COUNTS[0] + 10
    assert matching_files(str(tmp_path / "a[1].mseed")) == [tmp_path / "a[1].mseed"]
    (tmp_path / "a[1].mseed").unlink()
    assert matching_files(str(tmp_path / "a[1].mseed")) == [tmp_path / "a1.mseed"]
    assert matching_files(str(tmp_path / "**" / "a1.*")) == [tmp_path / "a1.mseed"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no waveform file .*nowhere\.mseed"):
        read_waveforms([tmp_path / "nowhere.mseed"])


@pytest.mark.parametrize(
    ("stated", "written", "message"),
    [
        ("3920(gal)/6170801", "3920(cm)/6170801", "'Scale Factor 3920\\(cm\\)/6170801' is no number of gal"),
        ("3920(gal)/6170801", "0(gal)/6170801", "'Scale Factor 0\\(gal\\)/6170801' is no number of gal"),
        ("3920(gal)/6170801", "39.2(m/s/s)/6170801", "'Scale Factor 39.2\\(m/s/s\\)/6170801' is no number"),
        ("Dir.              5", "Dir.              9", "'9' is none of NIED's directions"),
        ("Mag.              4.4", "Mag.", "its header has no value of 'Mag.'"),
        (
            "Max. Acc. (gal)   1.451\n",
            "",
            "line 15 of its header is 'Last Correction .*begins with 'Max. Acc",
        ),
        ("Memo.             \n", "", "line 17 of its header is '.*' there"),
    ],
)
def test_a_nied_header_that_makes_no_sense_is_named(tmp_path, stated, written, message):
    path = write_nied(tmp_path, "FKOH06", {"EW2": COUNTS}) / "FKOH06.EW2"
    text = path.read_text()
    assert stated in text
    path.write_text(text.replace(stated, written))
    with pytest.raises(ValueError, match=rf"FKOH06\.EW2: {message}"):
        read_waveforms([path])


def garbage(folder):
    (folder / "a.mseed").write_text("not a waveform")
    return folder / "a.mseed"


def gzipped_text(folder):
    (folder / "a.gz").write_bytes(gzip.compress(b"words"))
    return folder / "a.gz"


def cut_archive(folder):
    by_direction = {"NS2": COUNTS, "EW2": COUNTS, "UD2": COUNTS}
    path = write_nied(folder, "FKOH061607011440", by_direction, archive=True)
    path.write_bytes(path.read_bytes()[:1000])
    return path


def cut_nied_file(folder):
    return write_nied(folder, "FKOH06", {"NS2": COUNTS}, duration=20) / "FKOH06.NS2"


def archive_of_plots(folder):
    return write_nied(folder, "plots", {}, archive=True)


def without_a_rate(folder):
    obspy.Trace(COUNTS.astype(np.float32)).write(str(folder / "a.sac"), format="SAC")
    content = bytearray((folder / "a.sac").read_bytes())
    content[0:4] = np.float32(-1.0).tobytes()  # DELTA
    (folder / "a.sac").write_bytes(content)
    return folder / "a.sac"


def miniseed_3(folder):
    (folder / "a.mseed").write_bytes(b"MS\x03\x04" + bytes(124))
    return folder / "a.mseed"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (miniseed_3, r"a\.mseed .*: it is miniSEED 3: convert it to miniSEED 2"),
        (garbage, r"a\.mseed cannot be read as a waveform file"),
        (gzipped_text, "cannot be read as a waveform file"),
        (cut_archive, r"FKOH061607011440\.tar\.gz is not a readable tar archive"),
        (cut_nied_file, r"FKOH06\.NS2 is truncated: 1000 of 2000 samples"),
        (archive_of_plots, "holds no waveforms"),
        (without_a_rate, r"a\.sac"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, write, message):
    with pytest.raises(ValueError, match=message):
        read_waveforms([write(tmp_path)])
