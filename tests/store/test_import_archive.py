"""Catalogued events of an archive become records where the catalogue, the picks and the data allow it."""

import numpy as np
import obspy
import pytest
from made_networks import COUNTS_PER_MPS, make_site, make_trace
from made_quakes import importer, shaking

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick
from fcn.store.cut import Quake
from fcn.store.import_archive import ArchiveSource, read_picks
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

START_S = 1_460_636_000.0
SITES = [make_site("A", 32.7, 130.7), make_site("B", 32.9, 130.9)]


@pytest.fixture(scope="module")
def archive_importer():
    return importer("archive")


def make_event(name: str, after_s: float, magnitude: float | None = 3.5, **changes) -> Event:
    values = {"latitude_deg": 32.8, "longitude_deg": 130.75, "depth_km": 10.0, **changes}
    return Event(
        name,
        START_S + after_s,
        values["latitude_deg"],
        values["longitude_deg"],
        values["depth_km"],
        magnitude,
        "Mw",
    )


def write_archive(root, archive_importer, events, picks=None, spoil=None):
    """Both sites record every event on the predicted arrivals."""
    stream = obspy.Stream()
    for number, site in enumerate(SITES):
        velocity = shaking(400.0, 999.0, 999.0, 100.0, number)
        for event in events:
            quake = Quake(event.event_id, event.latitude_deg, event.longitude_deg, event.depth_km, 0.0, "")
            path = archive_importer.path(quake, site)
            onsets = (event.origin_time_s - START_S + arrival_s for arrival_s in (path.p_s, path.s_s))
            velocity += shaking(400.0, *onsets, 100.0, number + 10)
        counts = np.round(velocity * COUNTS_PER_MPS).astype(np.int32)
        if spoil is not None:
            counts = spoil(site.code, counts)
        for component, row in zip("ZNE", counts, strict=True):
            stream.append(make_trace(f"{site.id}..HH{component}", row, start_s=START_S))
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    inventory = make_inventory(SITES, stream, stated)
    write_sequence_folder(root, stream, inventory, Catalogue("made", tuple(events)), picks)
    return root


def collect(root, archive_importer):
    refused = []
    source = ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)
    return list(source.records(lambda *row: refused.append(row))), refused, source


def test_every_station_gives_a_record(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    records, refused, source = collect(root, archive_importer)
    assert not refused
    assert source.n_expected == len(records) == 4
    for record in records:
        record.check()
        assert record.source_id == "e1"
        if record.category == "earthquake":
            assert record.p_arrival_sample / 20 == pytest.approx(20.0, abs=0.2)
            assert record.source_magnitude == 3.5


def test_picks_of_the_catalogue_are_kept(tmp_path, archive_importer):
    event = make_event("e1", 150.0)
    path = archive_importer.path(Quake("e1", 32.8, 130.75, 10.0, 3.5, ""), SITES[0])
    p_s, s_s = (event.origin_time_s + arrival_s for arrival_s in (path.p_s + 0.3, path.s_s + 0.5))
    picks = {"e1": [PhasePick("XX", "A", "P", p_s), PhasePick("XX", "A", "S", s_s)]}
    root = write_archive(tmp_path / "s", archive_importer, [event], picks)
    records, _, _ = collect(root, archive_importer)
    record = next(r for r in records if r.station_code == "XX.A" and r.category == "earthquake")
    expected = (s_s - p_s) * 20
    assert record.s_arrival_sample - record.p_arrival_sample == pytest.approx(expected, abs=1e-3)
    assert read_picks(root / "catalogue.xml")["e1"]["XX.A"] == pytest.approx({"P": p_s, "S": s_s}, abs=1e-5)


def test_overlapping_events_are_refused(tmp_path, archive_importer):
    events = [make_event("e1", 100.0), make_event("e2", 104.0), make_event("e3", 200.0)]
    root = write_archive(tmp_path / "s", archive_importer, events)
    records, refused, _ = collect(root, archive_importer)
    assert {record.source_id for record in records} == {"e3"}
    assert {(row[0], row[2]) for row in refused} == {
        ("e1", "overlapped by event e2"),
        ("e2", "overlapped by event e1"),
    }


def test_a_later_event_ends_the_record(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 100.0), make_event("e2", 130.0)])
    records, refused, _ = collect(root, archive_importer)
    first = [r for r in records if r.source_id == "e1" and r.category == "earthquake"]
    assert len(first) == 2
    for record in first:
        after_s = (record.waveform_mps.shape[1] - record.p_arrival_sample) / 20
        assert after_s == pytest.approx(30.0, abs=3.0)
    assert {row[2] for row in refused} == {"overlapped by event e1"}


def test_an_event_without_a_magnitude_is_refused(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0, magnitude=None)])
    records, refused, _ = collect(root, archive_importer)
    assert not records
    assert refused == [("e1", "", "the catalogue event has no magnitude")]


def test_an_event_outside_the_data_is_refused(tmp_path, archive_importer):
    events = [make_event("e1", 150.0), make_event("e2", 50_000.0)]
    root = write_archive(tmp_path / "s", archive_importer, events)
    records, refused, _ = collect(root, archive_importer)
    assert len(records) == 4
    assert refused[0][0] == "e2"
    assert "no miniSEED" in refused[0][2]


def test_a_dead_station_is_refused_alone(tmp_path, archive_importer):
    def kill(code, counts):
        return counts * (code != "B")

    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)], spoil=kill)
    records, refused, _ = collect(root, archive_importer)
    assert {record.station_code for record in records} == {"XX.A"}
    assert [row[:2] for row in refused] == [("e1", "XX.B")]


@pytest.mark.parametrize("name", ["waveforms", "stations.xml", "catalogue.xml"])
def test_missing_parts_are_named(tmp_path, archive_importer, name):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    (root / name).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=f"no {name} in .*: an archive to import needs it"):
        ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)


def test_a_station_without_coordinates_is_refused(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    text = (root / "stations.xml").read_text()
    (root / "stations.xml").write_text(text.replace(">32.9</Latitude>", ">NaN</Latitude>"))
    with pytest.raises(ValueError, match=r"station XX\.B has no latitude \('NaN'\); add it"):
        ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)
