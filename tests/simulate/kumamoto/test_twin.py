import filecmp

import numpy as np
import obspy
import pytest
from simulated_records import build

from fcn.data.sequences import Sequence
from fcn.simulate.kumamoto.catalogue import read_catalogue
from fcn.simulate.recording.counts import to_stream

# One and a half minutes about the main shock: it and what came right after it.
SHORT = [
    "+dataset=kumamoto",
    "dataset.builder.window.start_time_utc=2016-04-14T12:26:20",
    "dataset.builder.window.duration_s=95",
    "dataset.builder.telemetry.faults=[]",
]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The builder of a shortened twin, and the folder it made."""
    root = tmp_path_factory.mktemp("twins") / "short"
    builder = build("dataset.builder", SHORT)
    builder.build(root)
    return builder, root


@pytest.fixture(scope="module")
def loaded(short, recipe):
    return Sequence.load(short[1], recipe.preprocess)


def test_folder_is_an_ordinary_archive(short, loaded):
    builder, root = short
    assert loaded.simulated
    assert loaded.name == "kumamoto"
    assert loaded.box == (41.0, 50.0)
    assert [station.id for station in loaded.network] == [station.id for station in builder.network]
    assert (loaded.frame.latitude_deg, loaded.frame.longitude_deg) == (32.72, 130.8)
    assert loaded.velocity_model == builder.earth.velocity_model
    assert len(list((root / "waveforms").rglob("*.D.*"))) == 36
    assert loaded.start_time_s == pytest.approx(obspy.UTCDateTime("2016-04-14T12:26:20").timestamp)


def test_catalogue_says_what_is_jmas_and_what_was_simulated(loaded):
    main = loaded.catalogue[0]
    assert main.event_id == "jma-20160414212634"
    assert {event.magnitude_type for event in loaded.catalogue} == {"Mw"}
    assert {event.note.split("; ")[1] for event in loaded.catalogue} == {"jma", "completed"}
    assert main.magnitude == pytest.approx(6.15, abs=0.01)
    assert main.note.startswith("simulated; jma; Mj 6.5;")
    assert (main.latitude_deg, main.longitude_deg, main.depth_km) == pytest.approx((32.7417, 130.8087, 11.4))


def test_p_and_s_are_picked_and_energy_comes_with_them(short, loaded):
    catalogue = obspy.read_events(str(short[1] / "catalogue.xml"))
    assert all(len(event.picks) == 24 for event in catalogue)
    picks = {pick.waveform_id.station_code: pick for pick in catalogue[0].picks if pick.phase_hint == "P"}
    for row, station in enumerate(loaded.network):
        p = round((picks[station.code].time.timestamp - loaded.start_time_s) * 20.0)
        level = np.abs(loaded.narrow[row, 0])
        assert level[p + 1 : p + 7].max() > 5.0 * level[p - 40 : p].max()
    first_p_s = min(pick.time.timestamp for pick in picks.values())
    assert loaded.catalogue[0].first_p_time_s == pytest.approx(first_p_s, abs=1e-3)


def test_near_sensors_clip(short, loaded):
    builder, root = short
    stream = obspy.read(str(root / "waveforms/2016/SY/KMH16/HHE.D/*"))
    instrument = builder.recording.instrument
    limit = instrument.clip_mps * instrument.sensitivity_counts_per_mps
    counts = np.abs(np.concatenate([trace.data for trace in stream]))
    assert counts.max() == pytest.approx(limit, abs=1.0)
    assert (counts >= limit - 1.0).sum() > 10


def test_rebuilt_from_its_seed_it_is_the_same_bit_for_bit(short, tmp_path):
    builder, root = short
    builder.build(tmp_path / "again")
    compared = filecmp.cmpfiles(root, tmp_path / "again", ["stations.xml", "sequence.yaml"], shallow=False)
    assert compared[0] == ["stations.xml", "sequence.yaml"]
    first = sorted((root / "waveforms").rglob("*.D.*"))
    second = sorted((tmp_path / "again" / "waveforms").rglob("*.D.*"))
    assert len(first) == 36
    assert all(filecmp.cmp(a, b, shallow=False) for a, b in zip(first, second, strict=True))


def test_an_earthquake_is_the_same_in_a_longer_span(short):
    builder = short[0]
    whole = build("dataset.builder", ["+dataset=kumamoto"])
    row = builder.catalogued()[1]
    here, there = builder.ground().motion(builder.shock(row)), whole.ground().motion(whole.shock(row))
    np.testing.assert_allclose(
        here.velocity_mps, there.velocity_mps, rtol=0.0, atol=1e-3 * np.abs(there.velocity_mps).max()
    )
    shift_s = builder.start_time_s - whole.start_time_s
    np.testing.assert_allclose(here.arrival_s + shift_s, there.arrival_s, atol=1e-3)


def test_the_whole_span_holds_179_events():
    builder = build("dataset.builder", ["+dataset=kumamoto"])
    rows = builder.catalogued()
    assert len(rows) == 179
    assert sum(row.source == "jma" for row in rows) == 22
    assert tuple(rows) == read_catalogue()
    km = np.array([builder.shock(row).position_km for row in rows])
    assert (np.abs(km[:, 0]) < 24.5).all()  # the grid of conf/geometry/paper.yaml
    assert (np.abs(km[:, 1]) < 49.5).all()


def test_what_is_there_is_not_overwritten(short):
    builder, root = short
    with pytest.raises(FileExistsError, match="remove it"):
        builder.build(root)


def test_tables_that_the_configuration_does_not_know_are_refused():
    with pytest.raises(Exception, match=r"builder\.tables_digest"):
        build("dataset.builder", ["+dataset=kumamoto", "dataset.builder.tables_digest=0123456789ab"])


def test_eight_interruptions_silence_whole_stations():
    builder = build("dataset.builder", ["+dataset=kumamoto"])
    counts = np.ones((12, 3, 420_000), np.int32)
    sent = to_stream(counts, builder.network, builder.start_time_s, builder.recording)
    received, faults = builder.telemetry.transmit(sent, builder.seed)
    assert len(faults) == 8
    for fault in faults:
        assert len({seed_id.split(".")[1] for seed_id in fault.seed_ids}) == 1
        assert len(fault.seed_ids) == 3
        assert 0.5 <= fault.end_time_s - fault.start_time_s <= 240.1
    assert len(received) > 36


@pytest.mark.slow
def test_whole_twin_is_built_loaded_and_complete(tmp_path, recipe):
    builder = build("dataset.builder", ["+dataset=kumamoto"])
    builder.build(tmp_path / "whole")
    sequence = Sequence.load(tmp_path / "whole", recipe.preprocess)
    assert len(sequence.catalogue) == 179
    assert len(sequence.network) == 12
    assert 4190.0 < sequence.n_samples / 20.0 <= 4200.1
    lost = 1.0 - sequence.valid.mean()
    assert 0.0 < lost < 0.02
