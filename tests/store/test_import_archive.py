"""Catalogued events of an archive become records where the catalogue, the picks and the data allow it."""

import shutil

import numpy as np
import obspy
import pytest
from made_networks import COUNTS_PER_MPS, make_site, make_trace
from made_quakes import importer, shaking

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick, write_quakeml
from fcn.geometry.network import Station
from fcn.store.cut import Quake
from fcn.store.import_archive import ArchiveSource, picks_at
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


@pytest.mark.parametrize("lost", ["NE", "E"])
def test_a_vertical_alone_gives_a_record_without_horizontals(tmp_path, archive_importer, lost):
    """With P as picked, S as predicted. Noise records need three components: there is none."""
    event = make_event("e1", 150.0)
    path = archive_importer.path(Quake("e1", 32.8, 130.75, 10.0, 3.5, ""), SITES[1])
    picks = {"e1": [PhasePick("XX", "B", "P", event.origin_time_s + path.p_s + 0.1)]}
    root = write_archive(tmp_path / "s", archive_importer, [event], picks)
    for component in lost:
        shutil.rmtree(next(root.glob(f"waveforms/*/XX/B/HH{component}.D")))
    records, refused, _ = collect(root, archive_importer)
    assert not refused
    made = [(record.station_code, record.category, record.vertical_only) for record in records]
    assert made == [("XX.A", "earthquake", False), ("XX.A", "noise", False), ("XX.B", "earthquake", True)]
    alone = records[-1]
    alone.check()
    assert alone.waveform_mps[0].any()
    assert not alone.waveform_mps[1:].any()
    assert alone.p_arrival_sample / 20 == pytest.approx(20.0, abs=0.2)
    s_minus_p_s = (alone.s_arrival_sample - alone.p_arrival_sample) / 20
    assert s_minus_p_s == pytest.approx(path.s_s - path.p_s, abs=1e-3)


def killed(components, value):
    """Site B with these channels at one value throughout."""

    def spoil(code, counts):
        if code == "B":
            counts = counts.copy()
            counts[["ZNE".index(component) for component in components]] = value
        return counts

    return spoil


@pytest.mark.parametrize("value", [0, 12_345])
def test_a_dead_horizontal_leaves_the_vertical(tmp_path, archive_importer, value):
    event = make_event("e1", 150.0)
    path = archive_importer.path(Quake("e1", 32.8, 130.75, 10.0, 3.5, ""), SITES[1])
    picks = {"e1": [PhasePick("XX", "B", "P", event.origin_time_s + path.p_s + 0.1)]}
    root = write_archive(tmp_path / "s", archive_importer, [event], picks, killed("N", value))
    records, refused, _ = collect(root, archive_importer)
    assert not refused
    made = [(record.station_code, record.category, record.vertical_only) for record in records]
    assert made == [("XX.A", "earthquake", False), ("XX.A", "noise", False), ("XX.B", "earthquake", True)]
    assert records[-1].waveform_mps.any(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("components", "reason"),
    [("Z", "its vertical is missing, or one value throughout"), ("ZNE", "one value throughout, dead")],
)
def test_a_dead_vertical_is_refused(tmp_path, archive_importer, components, reason):
    event = make_event("e1", 150.0)
    root = write_archive(tmp_path / "s", archive_importer, [event], None, killed(components, -77))
    records, refused, _ = collect(root, archive_importer)
    assert {record.station_code for record in records} == {"XX.A"}
    assert [row[1] for row in refused] == ["XX.B"]
    assert reason in refused[0][2]


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


@pytest.mark.parametrize(("network", "hints"), [("", ("IPU0", "ES 3")), ("XX", ("Pn", "eSg"))])
def test_picks_are_kept_however_they_are_spelled(tmp_path, archive_importer, network, hints):
    event = make_event("e1", 150.0)
    path = archive_importer.path(Quake("e1", 32.8, 130.75, 10.0, 3.5, ""), SITES[0])
    s_minus_p_s = path.s_s - path.p_s + 0.25
    times_s = (event.origin_time_s + path.p_s, event.origin_time_s + path.p_s + s_minus_p_s)
    picks = [PhasePick(network, "A", *each) for each in zip(hints, times_s, strict=True)]
    root = write_archive(tmp_path / "s", archive_importer, [event], {"e1": picks})
    records, refused, _ = collect(root, archive_importer)
    record = next(r for r in records if r.station_code == "XX.A" and r.category == "earthquake")
    assert not refused
    assert (record.s_arrival_sample - record.p_arrival_sample) / 20 == pytest.approx(s_minus_p_s, abs=1e-4)


def test_picks_that_could_be_of_two_stations_are_refused():
    sites = [*SITES, Station("YY", "A", "", 33.0, 131.0, 0.0)]
    picks = [PhasePick("", "A", "P", 3.0), PhasePick("YY", "A", "P", 4.0), PhasePick("YY", "B", "P", 5.0)]
    picks += [PhasePick("", "B", "pP", 1.0), PhasePick("", "B", "S", 7.0), PhasePick("XX", "B", "Sg", 6.0)]
    picks += [PhasePick("", "XX.A", "P", 8.0), PhasePick("", "ZZ.A", "P", 1.0)]  # as of HypoDD
    found, unclear = picks_at(sites, picks)
    assert found == {"YY.A": {"P": 4.0}, "XX.B": {"S": 6.0}, "XX.A": {"P": 8.0}}
    assert unclear == [(".A", "its picks state no network, and XX.A and YY.A have this code: state it")]


def test_picks_elsewhere_are_counted(tmp_path, archive_importer, caplog):
    picks = {"e1": [PhasePick("YY", "A", "P", START_S + 155.0), PhasePick("XX", "A", "P", START_S + 153.9)]}
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)], picks)
    ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)
    assert "1 of 2 picks are at stations that stations.xml does not describe, such as YY.A" in caplog.text


@pytest.mark.parametrize(
    ("changes", "after_s"),
    [
        ({"latitude_deg": 10.0, "longitude_deg": 90.0, "depth_km": 33.0}, 60.0),
        ({"latitude_deg": 32.9, "depth_km": 160.0}, 30.0),
        ({"latitude_deg": 36.0}, 230.0),
    ],
)
def test_an_event_beyond_the_table_leaves_the_local_one(tmp_path, archive_importer, changes, after_s):
    """Its P comes minutes later, its S was long before, or it has yet to happen."""
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    far = make_event("far", after_s, 6.0, **changes)
    write_quakeml(Catalogue("c", (make_event("e1", 150.0), far)), root / "catalogue.xml")
    records, refused, _ = collect(root, archive_importer)
    assert {record.station_code for record in records if record.source_id == "e1"} == {"XX.A", "XX.B"}
    assert {row[0] for row in refused} == {"far"}
    assert all("beyond the travel-time table" in row[2] for row in refused)


def test_an_event_beyond_the_table_may_overlap(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    far = make_event("far", 110.0, 6.0, latitude_deg=35.3)  # 280 km: P after 45 s
    write_quakeml(Catalogue("c", (make_event("e1", 150.0), far)), root / "catalogue.xml")
    records, refused, _ = collect(root, archive_importer)
    assert not records
    assert {row[2] for row in refused if row[0] == "e1"} == {"overlapped by event far"}


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


def without_b(code, counts):
    return counts * (code != "B")


@pytest.mark.parametrize(
    ("event", "spoil", "accepted", "refused"),
    [
        (make_event("e2", 300.0, magnitude=None), None, {"XX.A", "XX.B"}, ("e2", "", "has no magnitude")),
        (make_event("e2", 50_000.0), None, {"XX.A", "XX.B"}, ("e2", "", "no miniSEED")),
        (None, without_b, {"XX.A"}, ("e1", "XX.B", "")),
    ],
)
def test_what_cannot_be_used_is_refused_alone(tmp_path, archive_importer, event, spoil, accepted, refused):
    events = [make_event("e1", 150.0), *([event] if event else [])]
    records, found, _ = collect(
        write_archive(tmp_path / "s", archive_importer, events, spoil=spoil), archive_importer
    )
    assert {record.source_id for record in records} == {"e1"}
    assert {record.station_code for record in records} == accepted
    assert [row[0] for row in found] == [refused[0]]
    assert found[0][1].startswith(refused[1])
    assert refused[2] in found[0][2]


@pytest.mark.parametrize("name", ["waveforms", "stations.xml", "catalogue.xml"])
def test_missing_parts_are_named(tmp_path, archive_importer, name):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    (root / name).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=f"no {name} in .*: an archive to import needs it"):
        ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)


def test_motion_beside_stationxml_is_refused(tmp_path, archive_importer):
    """In m/s already: divided by the sensitivity it would be a silent record."""
    spoil = lambda code, counts: counts / COUNTS_PER_MPS if code == "A" else counts  # noqa: E731
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)], spoil=spoil)
    records, refused, _ = collect(root, archive_importer)
    assert {record.station_code for record in records} == {"XX.B"}
    ((_, station_id, reason),) = refused
    assert station_id == "XX.A"
    assert "if they are motion already" in reason


def test_a_station_without_coordinates_is_refused(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    text = (root / "stations.xml").read_text()
    (root / "stations.xml").write_text(text.replace(">32.9</Latitude>", ">NaN</Latitude>"))
    with pytest.raises(ValueError, match=r"station XX\.B has no latitude \('NaN'\); add it"):
        ArchiveSource(root, 2.0, 40.0, 30.0, archive_importer)


def test_a_station_that_moved_between_events_was_where_it_was(tmp_path, archive_importer):
    """Its first event is at the place that is written, the other further north."""
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 120.0), make_event("e2", 280.0)])
    inventory = obspy.read_inventory(root / "stations.xml")
    later, moved = obspy.read_inventory(root / "stations.xml")[0][1], obspy.UTCDateTime(START_S + 210.0)
    for epoch in (later, *later.channels):
        epoch.start_date, epoch.latitude = moved, float(epoch.latitude) + 0.05
    for epoch in (inventory[0][1], *inventory[0][1].channels):
        epoch.end_date = moved
    inventory[0].stations.append(later)
    inventory.write(str(root / "stations.xml"), format="STATIONXML")
    records, _, _ = collect(root, archive_importer)
    away_km = {
        (record.source_id, record.station_code): record.path_ep_distance_km
        for record in records
        if record.category == "earthquake"
    }
    assert away_km["e1", "XX.A"] == away_km["e2", "XX.A"]
    assert away_km["e2", "XX.B"] - away_km["e1", "XX.B"] == pytest.approx(3.8, abs=0.2)  # of 5.5 km


def test_a_recorded_station_that_is_not_described_is_refused(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    inventory = obspy.read_inventory(root / "stations.xml")
    inventory[0].stations = inventory[0].stations[:1]
    inventory.write(str(root / "stations.xml"), format="STATIONXML")
    records, refused, _ = collect(root, archive_importer)
    assert {record.station_code for record in records} == {"XX.A"}
    assert refused == [("", "XX.B", "stations.xml does not describe it: no coordinates")]


def test_where_a_station_stood_before_the_events_does_not_matter(tmp_path, archive_importer):
    root = write_archive(tmp_path / "s", archive_importer, [make_event("e1", 150.0)])
    inventory = obspy.read_inventory(root / "stations.xml")
    former = obspy.read_inventory(root / "stations.xml")[0][1]
    former.latitude = float(former.latitude) + 0.02
    for epoch in (former, *former.channels):
        epoch.start_date, epoch.end_date = obspy.UTCDateTime(2010, 1, 1), obspy.UTCDateTime(2012, 1, 1)
    for epoch in (inventory[0][1], *inventory[0][1].channels):
        epoch.start_date = obspy.UTCDateTime(2012, 1, 1)
    inventory[0].stations.append(former)
    inventory.write(str(root / "stations.xml"), format="STATIONXML")
    records, refused, _ = collect(root, archive_importer)
    assert not refused
    assert len(records) == 4
