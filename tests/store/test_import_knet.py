"""NIED's archives become records, or are refused with a reason."""

import re
import shutil
import tarfile

import numpy as np
import pytest
from made_quakes import importer, shaking
from nied_files import COUNTS_PER_MPS2, write_nied
from obspy.geodetics import gps2dist_azimuth

from fcn.geometry.network import Station
from fcn.store.cut import Quake
from fcn.store.import_knet import KnetSource
from fcn.waveform.preprocess import ToVelocity
from fcn.waveform.read import read_waveforms


@pytest.fixture(scope="module")
def knet():
    return importer("knet")


@pytest.fixture(scope="module")
def path(knet):
    """The predicted path of the headers written below."""
    quake = Quake("e", 33.4, 131.3, 12.0, 4.4, "Mj")
    return knet.path(quake, Station("BO", "FKOH06", "2", 33.5925, 131.1348, 35.0))


NAME = "FKOH061607011440"


def write_quake(folder, s_minus_p_s, p_s=15.0, seconds=60.0, archive=True, sensors="2", name=NAME, **changes):
    """An archive whose accelerations are the derivative of a toy velocity, about NIED's usual offset."""
    velocity = shaking(seconds, p_s, p_s + s_minus_p_s, 100.0, level_mps=1e-3)
    acceleration = np.gradient(velocity, 0.01, axis=1)
    by_direction = {}
    for sensor in sensors:
        for direction, row in zip(("UD", "NS", "EW"), acceleration, strict=True):
            by_direction[direction + sensor.strip()] = np.round(row * COUNTS_PER_MPS2 - 125_303).astype(
                np.int64
            )
    write_nied(folder, name, by_direction, archive=archive, **changes)
    return velocity


def collect(source):
    refused = []
    records = list(source.records(lambda *row: refused.append(row)))
    return records, refused


def test_an_archive_becomes_a_record_and_its_noise(tmp_path, knet, path):
    velocity = write_quake(tmp_path, path.s_s - path.p_s)
    source = KnetSource(tmp_path, False, knet)
    (quake, noise), refused = collect(source)
    assert not refused
    assert source.n_expected == 2
    quake.check()
    noise.check()
    assert quake.source_id == noise.source_id == "20160701T0540_33.400_131.300_12"
    assert (quake.station_code, quake.origin) == ("BO.FKOH06", "knet")
    assert (quake.source_magnitude, quake.source_magnitude_type, quake.source_depth_km) == (4.4, "Mj", 12.0)
    distance_m, azimuth_deg, _ = gps2dist_azimuth(33.4, 131.3, 33.5925, 131.1348)
    assert quake.path_ep_distance_km == pytest.approx(distance_m / 1e3, abs=1e-3)
    assert quake.path_azimuth_deg == pytest.approx(azimuth_deg, abs=1e-3)
    assert quake.p_arrival_sample / 20 == pytest.approx(15.0, abs=0.2)
    s_minus_p_s = (quake.s_arrival_sample - quake.p_arrival_sample) / 20
    assert s_minus_p_s == pytest.approx(path.s_s - path.p_s, abs=0.4)
    assert noise.waveform_mps.shape[1] == pytest.approx(14.5 * 20, abs=5)
    # amplitude and rotation: the same as integrating and rotating by hand
    up, north, east = ToVelocity(knet.preprocess, 100.0, "velocity", 1.0, 3).whole(0.0, velocity).velocity_mps
    azimuth = np.radians(quake.path_azimuth_deg)
    radial = north * np.cos(azimuth) + east * np.sin(azimuth)
    n = min(quake.waveform_mps.shape[1], up.size)
    for found, expected in ((quake.waveform_mps[0], up), (quake.waveform_mps[1], radial)):
        assert np.corrcoef(found[:n], expected[:n])[0, 1] > 0.98
        assert found[:n].std() == pytest.approx(expected[:n].std(), rel=0.1)


def test_loose_files_and_knet_sites(tmp_path, knet, path):
    write_quake(tmp_path, path.s_s - path.p_s, archive=False, sensors=" ")
    records, refused = collect(KnetSource(tmp_path, False, knet))
    assert len(records) == 2
    assert not refused


def test_the_borehole_sensor_can_be_had(tmp_path, knet, path):
    write_quake(tmp_path / "both", path.s_s - path.p_s, sensors="12")
    for borehole in (False, True):
        assert len(collect(KnetSource(tmp_path / "both", borehole, knet))[0]) == 2
    write_quake(tmp_path / "surface", path.s_s - path.p_s, sensors="2")
    records, refused = collect(KnetSource(tmp_path / "surface", True, knet))
    assert not records
    assert "not one vertical, north and east trace of the borehole sensor" in refused[0][2]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"s_minus_p_s": 12.0}, "no S"),
        ({"depth": 400}, "source 400 km deep and 26 km away, beyond the travel-time table"),
        ({"latitude": 30.0}, "beyond the travel-time table"),
        ({"seconds": 24.0}, "8 s are needed"),
        ({"p_s": 1.0}, "2 and 8 s are needed"),
        ({"duration": 300}, "is truncated"),
        ({"station": "FK/H06"}, "'FK/H06' is no station code"),
    ],
)
def test_what_cannot_be_trusted_is_refused(tmp_path, knet, path, changes, reason):
    write_quake(tmp_path, **{"s_minus_p_s": path.s_s - path.p_s, **changes})
    records, refused = collect(KnetSource(tmp_path, False, knet))
    assert not records
    assert len(refused) == 1
    assert reason in refused[0][2]


def test_one_bad_archive_does_not_stop_the_others(tmp_path, knet, path):
    write_quake(tmp_path, path.s_s - path.p_s)
    (tmp_path / "BROKEN.tar.gz").write_bytes(b"nothing")
    records, refused = collect(KnetSource(tmp_path, False, knet))
    assert len(records) == 2
    assert refused[0][0] == "BROKEN.tar.gz"


STATIONS = ("FKOH06", "GIF004")


@pytest.fixture
def event(tmp_path, path):
    """Loose files of one event: a KiK-net site with both sensors, a K-NET site with one."""
    folder = tmp_path / "loose"
    s_minus_p_s = path.s_s - path.p_s
    write_quake(folder, s_minus_p_s, archive=False, sensors="12", station="FKOH06")
    write_quake(folder, s_minus_p_s, archive=False, sensors=" ", station="GIF004", name="GIF0041607011440")
    return folder


def pack(path, *members, mode="w:gz"):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for member in members:
            tar.add(member, member.name)
    return path


def test_an_archive_of_an_event_holds_all_its_stations(tmp_path, knet, event):
    members = sorted(event.iterdir(), key=lambda path: path.name[::-1])
    inner = pack(tmp_path / "inner" / "20160701144000.knt.tar.gz", *members)
    outer = pack(tmp_path / "outer" / "20160701144000.tar", inner, mode="w")
    for folder in (event, inner.parent, outer.parent):
        records, refused = collect(KnetSource(folder, False, knet))
        assert not refused
        found = sorted((record.station_code, record.category) for record in records)
        assert found == [(f"BO.{code}", kind) for code in STATIONS for kind in ("earthquake", "noise")]
    records, refused = collect(KnetSource(outer.parent, True, knet))
    assert {record.station_code for record in records} == {"BO.FKOH06"}
    assert [(row[0], "of the borehole sensor" in row[2]) for row in refused] == [("GIF0041607011440", True)]


@pytest.mark.parametrize("where", ["loose", "twice", "archive"])
def test_a_recording_is_taken_once(tmp_path, knet, event, where):
    """The same files loose in another folder, and twice or once in archives."""
    if where == "loose":
        shutil.copytree(event, tmp_path / "again")
    else:
        for name in ("a", "b")[: 1 + (where == "twice")]:
            pack(tmp_path / name / "20160701144000.tar.gz", *sorted(event.iterdir()))
    if where == "twice":
        shutil.rmtree(event)
    records, refused = collect(KnetSource(tmp_path, False, knet))
    found = sorted(record.station_code for record in records)
    assert found == [f"BO.{code}" for code in STATIONS for _ in range(2)]
    assert [row[1] for row in refused] == [f"BO.{code}" for code in STATIONS]
    said = re.compile(r"/.*/(loose|again|a|b)/.* is a copy of /.*, which is taken")
    assert all(said.match(row[2]) for row in refused)


def test_a_broken_copy_leaves_the_whole_one(tmp_path, knet, event):
    shutil.copytree(event, tmp_path / "again")
    broken = tmp_path / "again" / "GIF0041607011440.EW"
    broken.write_text(broken.read_text()[:5000])
    (tmp_path / "again" / "._GIF0041607011440.EW").write_bytes(b"\0")
    records, refused = collect(KnetSource(tmp_path, False, knet))
    found = sorted(record.station_code for record in records)
    assert found == [f"BO.{code}" for code in STATIONS for _ in range(2)]
    assert len(refused) == 2, refused
    assert ("GIF0041607011440", "") in {row[:2] for row in refused}, refused


def test_an_archive_without_recordings_is_named(tmp_path, knet):
    (tmp_path / "a.txt").write_text("words")
    archive = pack(tmp_path / "plots" / "a.tar", tmp_path / "a.txt", mode="w")
    _, refused = collect(KnetSource(archive.parent, False, knet))
    assert refused == [("a.tar", "", f"{archive} holds no K-NET or KiK-net ASCII files")]


def test_an_empty_folder_is_an_error(tmp_path, knet):
    with pytest.raises(FileNotFoundError, match="no K-NET or KiK-net archives or ASCII files below"):
        KnetSource(tmp_path, False, knet)


@pytest.mark.realdata
def test_two_real_stations_imply_one_origin_time(shared_dir, tmp_path):
    """1 July 2016, 14:40 JST: headers give the minute; picks and velocity model must agree on the second."""
    archives = sorted((shared_dir / "realdata" / "knet_kiknet").glob("*1607011440.tar.gz"))
    knet = importer("knet", "source.knet.importer.cut.before_p_s=1000.0")  # keeps the record's start
    origins_s = []
    for archive in archives:
        stream = read_waveforms([archive])
        (tmp_path / archive.stem).mkdir()
        shutil.copy(archive, tmp_path / archive.stem)
        (quake, _), refused = collect(KnetSource(tmp_path / archive.stem, False, knet))
        assert not refused
        header = stream[0].stats
        site = Station("BO", header.station, "2", header.knet.stla, header.knet.stlo, 20.0)
        source = Quake("e", header.knet.evla, header.knet.evlo, header.knet.evdp, 4.4, "Mj")
        p_s = stream[0].stats.starttime.timestamp + quake.p_arrival_sample / 20
        origins_s.append(p_s - knet.path(source, site).p_s)
    assert len(origins_s) == 2
    assert abs(origins_s[0] - origins_s[1]) < 1.0
    assert abs(np.mean(origins_s) - header.knet.evot.timestamp) < 10.0
