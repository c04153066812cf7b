"""SeisBench data sets become records; what they do not state is asked for, never guessed."""

import csv
import re

import h5py
import numpy as np
import pytest
from made_quakes import importer, shaking

from fcn.geometry.network import Station
from fcn.store.cut import Quake
from fcn.store.import_seisbench import (
    SeisBenchSource,
    _quake,
    _rate_hz,
    _station,
    interpret_unit,
    measurement,
    without_padding,
)

ROW = {
    "trace_start_time": "2007-01-01T01:42:45",
    "source_latitude_deg": "-20.9",
    "source_longitude_deg": "-69.2",
    "source_depth_km": "40",
    "source_magnitude": "2.1",
    "source_magnitude_type": "ML",
    "station_network_code": "CX",
    "station_code": "PB01",
    "station_latitude_deg": "-21.04",
    "station_longitude_deg": "-69.49",
    "station_elevation_m": "900",
    "trace_sampling_rate_hz": "50",
}
COUNTS_PER_MPS = 5e8


@pytest.fixture(scope="module")
def seisbench_importer():
    return importer("seisbench")


@pytest.fixture(scope="module")
def path(seisbench_importer):
    quake = Quake("e", -20.9, -69.2, 40.0, 2.1, "ML")
    return seisbench_importer.path(quake, Station("CX", "PB01", "", -21.04, -69.49, 900.0))


def write_set(folder, waves, rows, data_format=None, order="ENZ", transpose=False, chunk=""):
    """A data set of one bucket and one loose trace: both spellings of a trace name."""
    folder.mkdir(exist_ok=True)
    stated = {"dimension_order": "WC" if transpose else "CW", "component_order": order, "unit": "counts"}
    arranged = [wave[["ZNE".index(c) for c in order]] if order != "ZRT" else wave for wave in waves]
    arranged = [wave.T if transpose else wave for wave in arranged]
    with h5py.File(folder / f"waveforms{chunk}.hdf5", "w") as file:
        file["data/bucket0"] = np.stack(arranged)
        file["data/loose"] = arranged[-1]
        file.create_group("data/group")
        for name, value in {**stated, "measurement": "velocity", **(data_format or {})}.items():
            if value is not None:
                file[f"data_format/{name}"] = value
    names = [f"bucket0${i},:,:" for i in range(len(waves) - 1)] + ["loose"]
    with (folder / f"metadata{chunk}.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, dict.fromkeys(["trace_name", *(key for row in rows for key in row)]))
        writer.writeheader()
        writer.writerows({"trace_name": name, **row} for name, row in zip(names, rows, strict=True))
    return folder


def waves(path, n=2, p_s=20.0):
    return [
        COUNTS_PER_MPS * shaking(60.0, p_s, p_s + path.s_s - path.p_s, 50.0, seed) + 500.0
        for seed in range(n)
    ]


def open_source(folder, seisbench_importer, unit=None, per_mps=COUNTS_PER_MPS, per_mps2=None):
    return SeisBenchSource(folder, unit, per_mps, per_mps2, seisbench_importer)


def collect(source):
    refused = []
    return list(source.records(lambda *row: refused.append(row))), refused


@pytest.mark.parametrize("order", ["ZNE", "ENZ"])
@pytest.mark.parametrize("transpose", [False, True])
def test_records_come_with_picks_of_our_own(tmp_path, seisbench_importer, path, order, transpose):
    folder = write_set(tmp_path / "set", waves(path), [ROW, ROW], order=order, transpose=transpose)
    source = open_source(folder, seisbench_importer)
    records, refused = collect(source)
    assert not refused
    assert source.n_expected == len(records) == 4
    quakes = [record for record in records if record.category == "earthquake"]
    for record in records:
        record.check()
    for record in quakes:
        assert record.p_arrival_sample / 20 == pytest.approx(20.0, abs=0.2)
        assert record.station_code == "CX.PB01"
        assert record.source_id == "-20.9_-69.2_2.1"
        assert np.abs(record.waveform_mps[:, :380]).max() < 1e-6
        assert 1e-6 < np.abs(record.waveform_mps[0]).max() < 2e-5


@pytest.mark.parametrize("stated", ["ENZ", None])
def test_a_record_may_have_an_order_of_its_own(tmp_path, seisbench_importer, path, stated):
    """The same record in the data set's order, if it states one, and in its own."""
    (wave,) = waves(path, n=1)
    as_stored = wave[["ZNE".index(component) for component in "NEZ"]]
    unarranged = as_stored[["ENZ".index(component) for component in "ZNE"]]  # `write_set` brings it into ENZ
    rows = [{**ROW, "trace_component_order": order} for order in ("ENZ", "NEZ")]
    folder = write_set(tmp_path / "set", [wave, unarranged], rows, {"component_order": stated}, order="ENZ")
    records, refused = collect(open_source(folder, seisbench_importer))
    assert not refused
    one, other = (record.waveform_mps for record in records if record.category == "earthquake")
    np.testing.assert_array_equal(one, other)


def test_one_record_of_other_components_is_refused_alone(tmp_path, seisbench_importer, path):
    rows = [{**ROW, "trace_component_order": order} for order in ("Z12", "")]
    folder = write_set(tmp_path / "set", waves(path), rows)
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 2
    assert [row[2] for row in refused] == ["component_order is Z12; importing needs Z, N and E"]


@pytest.mark.parametrize(
    ("row", "stated", "rate_hz"),
    [
        ({"trace_sampling_rate_hz": "50", "trace_dt_s": "0.02"}, "20", 50.0),
        ({"trace_sampling_rate_hz": "", "trace_dt_s": "0.01"}, "20", 100.0),
        ({"trace_sampling_rate_hz": "nan"}, "20", 20.0),
    ],
)
def test_the_rate_of_the_record_comes_first(row, stated, rate_hz):
    assert _rate_hz(row, {"sampling_rate": stated}) == rate_hz


def test_picks_of_the_data_set_are_kept(tmp_path, seisbench_importer, path):
    row = {**ROW, "trace_Pn_arrival_sample": "1012", "trace_P_arrival_sample": "", "source_id": "e7"}
    row["trace_Sg_arrival_sample"] = str(1012 + 50 * (path.s_s - path.p_s))
    folder = write_set(tmp_path / "set", waves(path), [row, row])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert not refused
    assert records[0].p_arrival_sample == pytest.approx(1012 / 50 * 20 - (20.24 - 20.0) * 20, abs=0.51)
    assert records[0].source_id == "e7"


def test_a_pick_of_p_alone_gets_its_s(tmp_path, seisbench_importer, path):
    row = {**ROW, "trace_p_arrival_sample": "1000"}
    folder = write_set(tmp_path / "set", waves(path), [row, row])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert not refused
    assert records[0].p_arrival_sample == 400.0
    s_minus_p_s = (records[0].s_arrival_sample - 400.0) / 20
    assert s_minus_p_s == pytest.approx(path.s_s - path.p_s, abs=0.4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source_magnitude": ""}, "source_magnitude is missing; the catalogue event has no magnitude"),
        ({"source_depth_km": "nan"}, "source_depth_km is missing"),
        ({"station_latitude_deg": ""}, "station_latitude_deg is missing; .* station's coordinates"),
        ({"station_elevation_m": "-12345"}, r"station \w+\.\w+ has elevation -12345 m, and sensors"),
        ({"source_depth_km": "600"}, "beyond the travel-time table"),
        ({"trace_p_arrival_sample": "1000", "trace_s_arrival_sample": "2600"}, "S minus P given is 32.0 s"),
        ({"trace_p_arrival_sample": "None"}, "trace_p_arrival_sample is 'None', not a number"),
        ({"source_magnitude": "?"}, r"source_magnitude is '\?', not a number"),
        ({"trace_sampling_rate_hz": "100 Hz"}, "the sampling rate is '100 Hz', not a number"),
        ({"trace_sampling_rate_hz": ""}, "no sampling rate"),
        ({"trace_sampling_rate_hz": "-20"}, "the sampling rate is -20, must be positive"),
        ({"trace_sampling_rate_hz": "", "trace_dt_s": "0"}, "trace_dt_s is 0, must be positive"),
        ({"trace_sampling_rate_hz": "10"}, "input at 10.0 Hz cannot give 20.0 Hz"),
        ({"trace_name": "bucket7$0,:,:"}, "does not hold bucket7"),
        ({"trace_name": "group"}, "does not hold group: .* a group"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(tmp_path, seisbench_importer, path, changes, reason):
    folder = write_set(tmp_path / "set", waves(path), [{**ROW, **changes}, ROW])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 2
    assert len(refused) == 1
    assert re.search(reason, refused[0][2])


def test_nan_in_a_record_is_a_gap(tmp_path, seisbench_importer, path):
    broken, short = waves(path)
    broken[1, 1000:1100] = np.nan
    short[:, 2800:2830] = np.nan
    folder = write_set(tmp_path / "set", [broken, short], [ROW, ROW])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(refused) == 1
    quake = next(record for record in records if record.category == "earthquake")
    assert quake.waveform_mps.shape[1] <= 2800 / 50 * 20


def test_padding_is_no_onset(tmp_path, seisbench_importer, path):
    padded = waves(path)
    for wave in padded:
        wave[:, :400] = 0.0
        wave[:, 2700:] = wave[:, 2700:2701]
    folder = write_set(tmp_path / "set", padded, [ROW, ROW])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert not refused
    for record in records:
        if record.category == "earthquake":
            assert record.p_arrival_sample / 20 == pytest.approx(12.0, abs=0.2)
            assert record.waveform_mps.shape[1] / 20 == pytest.approx(46.0, abs=0.2)


def test_padding_is_found_at_both_ends():
    wave = np.random.default_rng(0).standard_normal((3, 1000))
    wave[:, :100], wave[:, 900:], wave[:, 500:600] = 0.0, 7.0, 1.0
    valid = np.isfinite(without_padding(wave, 100.0)).all(axis=0)
    assert np.flatnonzero(~valid).tolist() == [*range(100), *range(900, 1000)]
    assert np.isnan(without_padding(np.zeros((3, 10)), 100.0)).all()
    short = wave.copy()
    short[:, 20:] = np.random.default_rng(0).standard_normal((3, 980))
    assert np.isfinite(without_padding(short, 100.0)).all()


def test_noise_stays_noise(tmp_path, seisbench_importer, path):
    noise = {"trace_category": "noise", "trace_sampling_rate_hz": "50", "station_code": "PB01"}
    broken = waves(path)
    broken[1][0, 5] = np.nan
    folder = write_set(tmp_path / "set", broken, [noise, noise])
    (record,), refused = collect(open_source(folder, seisbench_importer))
    record.check()
    assert record.category == "noise"
    assert "a gap in a noise record" in refused[0][2]


@pytest.mark.parametrize("value", [0.0, 77.0])
@pytest.mark.parametrize("component", "NE")
def test_a_dead_horizontal_leaves_the_vertical(tmp_path, seisbench_importer, path, value, component):
    """SeisBench fills a component that is missing with zeros; with P picked, S is as predicted."""
    dead, whole = waves(path)
    dead["ZNE".index(component)] = value
    row = {**ROW, "trace_p_arrival_sample": "1000"}
    folder = write_set(tmp_path / "set", [dead, whole], [row, row])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert not refused
    made = [(record.category, record.vertical_only) for record in records]
    assert made == [("earthquake", True), ("earthquake", False), ("noise", False)]
    assert records[0].waveform_mps.any(axis=1).tolist() == [True, False, False]
    assert (records[0].s_arrival_sample - 400.0) / 20 == pytest.approx(path.s_s - path.p_s, abs=1e-6)


def test_a_row_that_is_listed_twice_is_taken_once(tmp_path, seisbench_importer, path):
    folder = write_set(tmp_path / "set", waves(path), [ROW, ROW])
    listed = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(listed + listed.splitlines()[1] + "\n")
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 4
    assert len(refused) == 1
    assert re.search(r"metadata\.csv, line 4: bucket0\$0,:,: is that of a row before, too", refused[0][2])


def test_a_dead_vertical_is_refused(tmp_path, seisbench_importer, path):
    dead, whole = waves(path)
    dead[0] = 0.0
    row = {**ROW, "trace_p_arrival_sample": "1000"}
    folder = write_set(tmp_path / "set", [dead, whole], [row, row])
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 2
    assert [row[2] for row in refused] == ["its vertical is one value throughout: a dead channel"]


@pytest.mark.parametrize("component", "ZNE")
def test_noise_with_a_dead_component_is_refused(tmp_path, seisbench_importer, path, component):
    dead, whole = waves(path)
    dead["ZNE".index(component)] = 3.0
    folder = write_set(tmp_path / "set", [dead, whole], [{**ROW, "trace_category": "noise"}] * 2)
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 1
    reason = "a component of a noise record is one value throughout: a dead channel"
    assert [row[2] for row in refused] == [reason]


def test_chunks_are_read_in_turn(tmp_path, seisbench_importer, path):
    for chunk in ("_a", "_b"):
        write_set(tmp_path / "set", waves(path), [ROW, ROW], chunk=chunk)
    (tmp_path / "set" / "chunks").write_text("_a\n_b\n")
    records, _ = collect(open_source(tmp_path / "set", seisbench_importer))
    assert len(records) == 8
    (tmp_path / "set" / "chunks").write_text("_a\n/../../etc/x\n")
    with pytest.raises(ValueError, match=r"chunks names '/\.\./\.\./etc/x': chunks lie in its folder"):
        open_source(tmp_path / "set", seisbench_importer)


@pytest.mark.parametrize("listed", [None, "", "_a\n_b\n_a\n"])
def test_chunks_that_nobody_lists_are_found_and_each_is_read_once(tmp_path, seisbench_importer, path, listed):
    for chunk in ("_a", "_b"):
        write_set(tmp_path / "set", waves(path), [ROW, ROW], chunk=chunk)
    if listed is not None:
        (tmp_path / "set" / "chunks").write_text(listed)
    assert len(collect(open_source(tmp_path / "set", seisbench_importer))[0]) == 8


def test_chunks_of_another_format_are_refused(tmp_path, seisbench_importer, path):
    """The first one's would be that of all: accelerations as velocities, north as east."""
    write_set(tmp_path / "set", waves(path), [ROW, ROW], {"sampling_rate": 50}, chunk="_a")
    write_set(tmp_path / "set", waves(path), [ROW, ROW], {"sampling_rate": 50.0, "version": "2"}, chunk="_b")
    assert open_source(tmp_path / "set", seisbench_importer).n_expected == 8
    write_set(tmp_path / "set", waves(path), [ROW, ROW], {"sampling_rate": 50.0}, order="ZNE", chunk="_c")
    message = r"waveforms_c.hdf5: its data_format says component_order ZNE, and that of waveforms_a.hdf5 ENZ"
    with pytest.raises(ValueError, match=message):
        open_source(tmp_path / "set", seisbench_importer)


def test_metadata_of_a_spreadsheet_are_read(tmp_path, seisbench_importer, path):
    folder = write_set(tmp_path / "set", waves(path), [ROW, ROW])
    text = (folder / "metadata.csv").read_text() + "," * len(ROW) + "\n"
    (folder / "metadata.csv").write_text(text, encoding="utf-8-sig")
    source = open_source(folder, seisbench_importer)
    assert source.n_expected == len(collect(source)[0]) == 4
    (folder / "metadata.csv").write_text(text.replace("trace_name", "name"))
    with pytest.raises(ValueError, match=r"metadata\.csv, line 1: no column trace_name; found name"):
        collect(source)


def test_two_components_are_refused(tmp_path, seisbench_importer, path):
    folder = write_set(
        tmp_path / "set",
        [wave[:2] for wave in waves(path)],
        [ROW, ROW],
        order="ZN",
        data_format={"component_order": "ZNE"},
    )
    _, refused = collect(open_source(folder, seisbench_importer))
    assert {reason for *_, reason in refused} == {"2 components instead of 3"}


def gone(folder):
    for path in folder.iterdir():
        path.unlink()


def truncated(folder):
    file = folder / "waveforms.hdf5"
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("data_format", "spoil", "per_mps", "error", "message"),
    [
        ({}, gone, 1.0, FileNotFoundError, "no SeisBench data set at .*metadata.csv, waveforms.hdf5 missing"),
        ({}, truncated, 1.0, OSError, "waveforms.hdf5 is truncated or not HDF5"),
        (
            {"component_order": "ZRT"},
            None,
            1.0,
            ValueError,
            "component_order is ZRT; importing needs Z",
        ),
        ({"component_order": None}, None, 1.0, ValueError, "component_order is not stated; importing needs"),
        (
            {},
            None,
            None,
            ValueError,
            r"counts of velocity, .* source\.seisbench\.sensitivity_counts_per_mps=",
        ),
    ],
)
def test_sets_that_cannot_be_used_say_why(
    tmp_path, seisbench_importer, path, data_format, spoil, per_mps, error, message
):
    folder = write_set(tmp_path / "set", waves(path), [ROW, ROW], data_format)
    if spoil is not None:
        spoil(folder)
    with pytest.raises(error, match=message):
        open_source(folder, seisbench_importer, per_mps=per_mps)


NONE = {"velocity": None, "acceleration": None}
VELOCITY = {"velocity": 2.0, "acceleration": None}
ACCELERATION = {"velocity": None, "acceleration": 3.0}
BOTH = {"velocity": 2.0, "acceleration": 3.0}


@pytest.mark.parametrize(
    ("data_format", "unit", "stated", "expected"),
    [
        ({"unit": "counts", "measurement": "velocity"}, None, VELOCITY, {"velocity": 2.0}),
        ({"unit": "counts"}, None, ACCELERATION, {"acceleration": 3.0}),
        ({"unit": "Counts", "measurement": "acceleration"}, "counts", ACCELERATION, {"acceleration": 3.0}),
        ({}, "counts", VELOCITY, {"velocity": 2.0}),
        ({"unit": "mps"}, None, NONE, {"velocity": 1.0}),
        ({"unit": "cm/s"}, None, NONE, {"velocity": 100.0}),
        ({"unit": "counts"}, None, BOTH, BOTH),
        ({"unit": "counts", "measurement": "velocity"}, None, BOTH, BOTH),
        ({}, "gal", NONE, {"acceleration": 100.0}),
        ({"unit": "m/s**2"}, None, NONE, {"acceleration": 1.0}),
    ],
)
def test_units_that_are_stated(data_format, unit, stated, expected):
    assert interpret_unit(data_format, unit, stated, "set") == expected


@pytest.mark.parametrize(
    ("data_format", "unit", "stated", "message"),
    [
        ({}, None, VELOCITY, r"the unit is not stated; say what it is in with source\.seisbench\.unit="),
        ({"unit": "furlongs"}, None, NONE, "the unit is furlongs"),
        ({"unit": "m/s"}, "counts", NONE, r"source\.seisbench\.unit=counts contradicts it"),
        ({"unit": "m/s"}, None, VELOCITY, "is in m/s, not counts: leave the sensitivity out"),
        ({"unit": "counts"}, None, NONE, "counts of velocity or acceleration"),
        (
            {"unit": "m/s", "measurement": "acceleration"},
            None,
            NONE,
            "set is in m/s, velocity, and its data_format says that it measures acceleration: correct",
        ),
        ({"measurement": "velocity"}, "gal", NONE, "is in gal, acceleration, .* measures velocity"),
        ({"unit": "counts", "measurement": "Displacement"}, None, BOTH, "measures displacement"),
        (
            {"unit": "counts", "measurement": "acceleration"},
            None,
            VELOCITY,
            r"counts of acceleration.*sensitivity_counts_per_mps2",
        ),
    ],
)
def test_units_are_never_guessed(data_format, unit, stated, message):
    with pytest.raises(ValueError, match=message):
        interpret_unit(data_format, unit, stated, "set")


@pytest.mark.parametrize(
    ("channel", "data_format", "per_unit", "expected"),
    [
        ("HH", {}, BOTH, "velocity"),
        ("HNZ", {}, BOTH, "acceleration"),
        ("BG", {"measurement": "velocity"}, BOTH, "acceleration"),
        ("HL", {"measurement": "acceleration"}, BOTH, "acceleration"),
        ("", {}, {"acceleration": 3.0}, "acceleration"),
        ("EL", {"measurement": "velocity"}, {"velocity": 2.0}, "velocity"),
        (None, {}, {"velocity": 2.0}, "velocity"),
    ],
)
def test_the_code_of_a_channel_says_what_is_measured(channel, data_format, per_unit, expected):
    row = {} if channel is None else {"trace_channel": channel}
    assert measurement(row, data_format, per_unit) == expected


@pytest.mark.parametrize(
    ("channel", "per_unit", "message"),
    [
        (
            "HN",
            {"velocity": 2.0},
            "trace_channel HN is an accelerometer's, and what is stated is of velocity",
        ),
        ("HH", {"acceleration": 3.0}, "trace_channel HH is a seismometer's, .* is of acceleration"),
        ("HL", BOTH, "trace_channel HL does not say whether it is a seismometer's or an accelerometer's"),
        ("", BOTH, "trace_channel is empty and does not say whether"),
    ],
)
def test_a_code_against_what_is_stated_is_refused(channel, per_unit, message):
    with pytest.raises(ValueError, match=message):
        measurement({"trace_channel": channel}, {}, per_unit)


def test_a_set_of_two_kinds_of_instruments(tmp_path, seisbench_importer, path):
    """The accelerometer's samples are the derivative of the seismometer's."""
    fast, _ = waves(path)
    slow = np.gradient(fast, 0.02, axis=1)
    rows = [{**ROW, "trace_channel": channel} for channel in ("HH", "HN")]
    folder = write_set(tmp_path / "set", [fast, slow], rows, {"measurement": None})
    records, refused = collect(open_source(folder, seisbench_importer, per_mps2=COUNTS_PER_MPS))
    assert not refused
    one, other = (record.waveform_mps[0] for record in records if record.category == "earthquake")
    assert np.abs(other).max() == pytest.approx(np.abs(one).max(), rel=0.3)
    records, refused = collect(open_source(folder, seisbench_importer))
    assert len(records) == 2
    assert "trace_channel HN is an accelerometer's" in refused[0][2]


@pytest.mark.realdata
def test_real_set_of_deep_earthquakes(shared_dir, seisbench_importer):
    """Its traces start at the origin time, which is not used: P must fall where the velocity model has it."""
    source = open_source(shared_dir / "realdata" / "cx_seisbench", seisbench_importer, per_mps=6.29e8)
    residuals_s = []
    for row, read_samples in source._folder.rows():
        try:
            quake, *_ = source._row_records(row, read_samples())
        except ValueError:
            continue
        predicted = seisbench_importer.path(_quake(row), _station(row))
        cut_s = max(0.0, predicted.p_s - seisbench_importer.cut.before_p_s)
        residuals_s.append(quake.p_arrival_sample / 20 + cut_s - predicted.p_s)
    residuals_s = np.abs(residuals_s)
    assert len(residuals_s) >= 90
    assert np.median(residuals_s) < 0.35
    assert (residuals_s > 1.5).mean() < 0.03
