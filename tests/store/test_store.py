"""A store is written whole or not at all, and read back exactly."""

import csv
import pickle
import re

import h5py
import numpy as np
import pytest
from store_records import make_noise, make_record

from fcn.constants import RELEASED
from fcn.store.reader import BaseStore
from fcn.store.schema import LATER_COLUMNS, StoreRecord
from fcn.store.writer import StoreWriter, snr_db

FRACTIONS = {"train": 0.6, "dev": 0.2, "test": 0.2}


@pytest.fixture
def records():
    return [make_record(i, n_samples=600 if i < 7 else 500) for i in range(12)] + [
        make_noise(90, n_samples=600)
    ]


@pytest.fixture
def store_path(tmp_path, records):
    path = tmp_path / "store"
    with StoreWriter(path, 20.0, FRACTIONS, seed=3) as writer:
        for record in records:
            writer.add(record)
        writer.refuse("event99", "XX.BAD", "no P found", "made")
    return path


def test_what_was_written_is_read_back(store_path, records):
    store = BaseStore.open(store_path)
    assert len(store) == 13
    assert store.sampling_rate_hz == 20.0
    assert store.n_samples == 600
    indices = np.array([12, 3, 8, 3])
    waveforms = store.waveforms(indices)
    for row, index in enumerate(indices):
        expected = records[index].waveform_mps
        np.testing.assert_array_equal(waveforms[row, :, : expected.shape[1]], expected)
        assert not waveforms[row, :, expected.shape[1] :].any()
    np.testing.assert_allclose(store.magnitude[:12], [record.source_magnitude for record in records[:12]])
    np.testing.assert_allclose(store.distance_km[4], 25.5)
    np.testing.assert_allclose(store.p_sample[:12], 200.5)
    np.testing.assert_allclose(store.s_sample[:12], 260.25)
    assert np.isnan(store.magnitude[12])
    assert np.isnan(store.snr_db[12])
    assert store.category.tolist() == ["earthquake"] * 12 + ["noise"]
    assert store.source_id[4] == "event1"
    assert store.station_code[4] == "S004"
    assert set(store.origin.tolist()) == {"made"}


def test_short_records_that_stand_alone_are_read_back(tmp_path):
    """HDF5 packs small arrays densely: among texts they would lie at addresses that no float has."""
    rng = np.random.default_rng(0)
    waves_mps = [rng.standard_normal((3, n)).astype(np.float32) for n in (100, 120, 101, 600)]
    records = [StoreRecord.noise(wave, f"event{i}", "XX.A", "made") for i, wave in enumerate(waves_mps)]
    with StoreWriter(tmp_path / "store", 20.0, FRACTIONS, seed=3) as writer:
        for record in records:
            writer.add(record)
    store = BaseStore.open(tmp_path / "store")
    for index, record in enumerate(records):
        read = store.waveforms(np.array([index]))[0, :, : record.waveform_mps.shape[1]]
        np.testing.assert_array_equal(read, record.waveform_mps)


def test_stretches_are_those_of_the_whole(store_path, records):
    store = BaseStore.open(store_path)
    indices, first, last = np.array([2, 5, 12]), np.array([100, -7, 590]), np.array([180, 40, 900])
    stretches = store.waveforms(indices, first, last)
    assert stretches.shape == (3, 3, 80)
    np.testing.assert_array_equal(stretches[0], records[2].waveform_mps[:, 100:180])
    np.testing.assert_array_equal(stretches[1, :, :40], records[5].waveform_mps[:, :40])
    end = records[12].waveform_mps[:, 590:]
    np.testing.assert_array_equal(stretches[2, :, : end.shape[1]], end)
    assert not stretches[1, :, 40:].any()
    assert not stretches[2, :, end.shape[1] :].any()


def test_releases_are_read_back_and_absent_where_they_are_not_known(tmp_path):
    release_s = tuple(0.25 * i for i in range(len(RELEASED)))
    with StoreWriter(tmp_path / "store", 20.0, FRACTIONS, seed=3) as writer:
        writer.add(make_record(0))
        writer.add(make_record(1, source_release_s=release_s, path_p_travel_s=12.3456))
    store = BaseStore.open(tmp_path / "store")
    assert np.isnan(store.release_s[0]).all()
    np.testing.assert_allclose(store.release_s[1], release_s)
    assert np.isnan(store.p_travel_s[0])
    assert store.p_travel_s[1] == 12.346
    table = tmp_path / "store" / "metadata.csv"
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [name for name in rows[0] if name not in LATER_COLUMNS])
        writer.writeheader()
        writer.writerows([{k: v for k, v in row.items() if k not in LATER_COLUMNS} for row in rows])
    assert np.isnan(BaseStore.open(tmp_path / "store").release_s).all()


def test_records_without_horizontals_say_so(tmp_path):
    waveform_mps = make_record().waveform_mps.copy()
    with pytest.raises(ValueError, match=r"without horizontals is of an earthquake, and zero in R and T"):
        make_record(vertical_only=True).check()
    waveform_mps[1:] = 0.0
    with StoreWriter(tmp_path / "store", 20.0, FRACTIONS, seed=3) as writer:
        writer.add(make_record(0))
        writer.add(make_record(1, vertical_only=True, waveform_mps=waveform_mps))
    assert BaseStore.open(tmp_path / "store").vertical_only.tolist() == [False, True]


@pytest.mark.parametrize("times", [(1.0,), (-1.0,) * len(RELEASED), tuple(range(len(RELEASED), 0, -1))])
def test_releases_out_of_order_are_refused(times):
    with pytest.raises(ValueError, match="source_release_s"):
        make_record(source_release_s=times).check()


def test_many_buckets_are_read_like_one(tmp_path, records, monkeypatch):
    monkeypatch.setattr("fcn.store.writer.BUCKET_BYTES", 3 * 600 * 4 * 2)
    with StoreWriter(tmp_path / "store", 20.0, FRACTIONS, seed=3) as writer:
        for record in records:
            writer.add(record)
    with h5py.File(tmp_path / "store" / "waveforms.hdf5") as file:
        assert len(file["data"]) > 3
    waveforms = BaseStore.open(tmp_path / "store").waveforms(np.arange(13))
    for row, record in zip(waveforms, records, strict=True):
        np.testing.assert_array_equal(row[:, : record.waveform_mps.shape[1]], record.waveform_mps)


def test_refusals_are_listed_with_reasons(store_path):
    with (store_path / "refused.csv").open() as stream:
        assert list(csv.DictReader(stream)) == [
            {"origin": "made", "source_id": "event99", "station_code": "XX.BAD", "reason": "no P found"}
        ]


def test_select_by_split_and_category(store_path):
    store = BaseStore.open(store_path)
    every = np.sort(np.concatenate([store.select(split=name) for name in ("train", "dev", "test")]))
    np.testing.assert_array_equal(every, np.arange(13))
    np.testing.assert_array_equal(store.select(category="noise"), [12])
    with pytest.raises(ValueError, match="unknown split 'valid'"):
        store.select(split="valid")
    with pytest.raises(ValueError, match="unknown category 'quake'"):
        store.select(category="quake")


def test_same_records_give_the_same_digest(tmp_path, records):
    digests = []
    for name in ("a", "b", "c"):
        with StoreWriter(tmp_path / name, 20.0, FRACTIONS, seed=3) as writer:
            for record in records[: 12 if name == "c" else 13]:
                writer.add(record)
        digests.append(BaseStore.open(tmp_path / name).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_pickled_store_opens_its_file_itself(store_path, records):
    store = BaseStore.open(store_path)
    before = store.waveforms(np.array([5]))
    sent = pickle.dumps(store)
    assert len(sent) < 100_000  # not the mapped waveforms
    np.testing.assert_array_equal(pickle.loads(sent).waveforms(np.array([5])), before)


def _write_and_fail(path):
    with StoreWriter(path, 20.0, FRACTIONS, 0) as writer:
        writer.add(make_record())
        raise RuntimeError("on purpose")


def test_an_error_leaves_no_store(tmp_path):
    with pytest.raises(RuntimeError, match="on purpose"):
        _write_and_fail(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_replaced(tmp_path):
    left = tmp_path / ".s.0123abcd.partial"
    left.mkdir()
    (left / "waveforms.hdf5").write_text("half")
    with StoreWriter(tmp_path / "s", 20.0, FRACTIONS, 0) as writer:
        writer.add(make_record())
    assert len(BaseStore.open(tmp_path / "s")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_store_whose_table_was_cut_is_refused(tmp_path):
    with StoreWriter(tmp_path / "s", 20.0, FRACTIONS, 0) as writer:
        for _ in range(3):
            writer.add(make_record())
    table = tmp_path / "s" / "metadata.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=r"metadata\.csv lists 2 records, waveforms\.hdf5 holds 3"):
        BaseStore.open(tmp_path / "s")


def test_an_existing_store_is_not_overwritten(store_path):
    with pytest.raises(FileExistsError, match="remove it or give another folder"):
        StoreWriter(store_path, 20.0, FRACTIONS, 0).__enter__()


def _refuse_everything(path):
    with StoreWriter(path, 20.0, FRACTIONS, 0) as writer:
        for number in range(5):
            writer.refuse(f"e{number}", "A", f"P begins {number}.5 s after the record's end")
        writer.refuse("e2", "A", "no P found")


def test_nothing_accepted_is_an_error_that_says_why(tmp_path):
    with pytest.raises(ValueError, match=r"5 x P begins 0\.5 s after .* \(e0 A\); 1 x no P found \(e2 A\)"):
        _refuse_everything(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 1.0}, "needs exactly train, dev, test"),
        ({"train": 0.9, "dev": 0.2, "test": 0.1}, "sum to 1"),
        ({"train": 1.2, "dev": -0.1, "test": -0.1}, "fractions.train must be a number from 0 to 1, got 1.2"),
        ({"train": float("nan"), "dev": 0.1, "test": 0.1}, "fractions.train must be .* got nan"),
    ],
)
def test_impossible_fractions(tmp_path, fractions, message):
    with pytest.raises(ValueError, match=message):
        StoreWriter(tmp_path / "s", 20.0, fractions, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"waveform_mps": np.full((3, 600), np.nan, np.float32)}, "1800 samples are NaN or infinite"),
        ({"waveform_mps": np.zeros((3, 600), np.float32)}, "every sample is zero"),
        ({"waveform_mps": np.ones((2, 600), np.float32)}, r"shape \(2, 600\), expected \(3, npts\)"),
        ({"source_magnitude": float("nan")}, "event0 at XX.S000: the catalogue event has no magnitude"),
        ({"source_depth_km": float("inf")}, "source_depth_km is inf"),
        ({"path_ep_distance_km": -1.0}, "path_ep_distance_km is -1.0"),
        ({"path_azimuth_deg": float("nan")}, "path_azimuth_deg is nan"),
        ({"p_arrival_sample": 300.0}, "P before S"),
        ({"s_arrival_sample": 600.0}, "must lie in the record of 600 samples"),
        ({"p_arrival_sample": float("nan")}, "P at sample nan"),
        ({"source_magnitude": 42.0}, "source_magnitude is 42.0, must be -5 to 10"),
        ({"source_depth_km": 8250.0}, "source_depth_km is 8250.0, must be -10 to 800"),
        ({"waveform_mps": np.full((3, 600), 4e5, np.float32)}, r"moves at 4e\+05 m/s.*unit or sensitivity"),
        ({"source_id": "x" * 250}, r"record of 'x{100,}\.\.\.: a name of 258 characters, 256 at most"),
        ({"source_id": ""}, "unnamed source at XX.S000: source_id, station_code and origin must not"),
        ({"station_code": "XX."}, "source_id, station_code and origin must not be empty"),
        ({"origin": ""}, "source_id, station_code and origin must not be empty"),
        ({"s_arrival_sample": 599.99999}, "must lie in the record of 600 samples"),
        (
            {"category": "noise"},
            "noise has no source, and this has source_magnitude, source_depth_km, .*_arrival_sample: Store",
        ),
    ],
)
def test_records_that_may_not_enter(tmp_path, changes, message):
    with StoreWriter(tmp_path / "s", 20.0, FRACTIONS, 0) as writer:
        writer.add(make_record())
        with pytest.raises(ValueError, match=message):
            writer.add(make_record(**changes))
    assert len(BaseStore.open(tmp_path / "s")) == 1


def test_a_category_that_is_none_may_not_enter():
    record = make_record()
    object.__setattr__(record, "category", "Earthquake")  # types are checked in tests alone
    with pytest.raises(ValueError, match="category is 'Earthquake', must be earthquake or noise"):
        record.check()


def test_records_of_twice_the_precision_are_read_back(tmp_path):
    """What NumPy makes unless told otherwise; readers map the file as float32."""
    waveform_mps = make_record().waveform_mps
    with StoreWriter(tmp_path / "s", 20.0, FRACTIONS, 0) as writer:
        writer.add(make_record(waveform_mps=waveform_mps.astype(np.float64)))
    read = BaseStore.open(tmp_path / "s").waveforms(np.array([0]))[0]
    np.testing.assert_array_equal(read, waveform_mps)


def test_snr_is_the_power_ratio():
    record = make_record()
    assert snr_db(record, 20.0) == pytest.approx(40.0, abs=1.0)
    louder = make_record(waveform_mps=(record.waveform_mps * 1e3).astype(np.float32))
    assert snr_db(louder, 20.0) == pytest.approx(snr_db(record, 20.0), abs=1e-3)
    early = make_record(p_arrival_sample=5.0)
    assert np.isnan(snr_db(early, 20.0))
    silent = record.waveform_mps.copy()
    silent[:, :200] = 0.0
    assert snr_db(make_record(waveform_mps=silent), 20.0) == float("inf")


def without(name):
    return lambda store: (store / name).unlink()


def cut_after(n_bytes):
    def spoil(store):
        path = store / "waveforms.hdf5"
        path.write_bytes(path.read_bytes()[:n_bytes])

    return spoil


def with_metadata(change):
    def spoil(store):
        path = store / "metadata.csv"
        path.write_text(change(path.read_text()))

    return spoil


def in_counts(store):
    with h5py.File(store / "waveforms.hdf5", "r+") as file:
        del file["data_format/unit"]
        file["data_format/unit"] = "counts"


def with_waveforms_of_another(store):
    with StoreWriter(store.with_name("short"), 20.0, FRACTIONS, 0) as writer:
        writer.add(make_record())
    (store.with_name("short") / "waveforms.hdf5").replace(store / "waveforms.hdf5")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            without("metadata.csv"),
            FileNotFoundError,
            "no base store at .*metadata.csv is miss.*fcn.build_store",
        ),
        (
            without("waveforms.hdf5"),
            FileNotFoundError,
            "no base store at .*waveforms.hdf5 is miss.*fcn.build",
        ),
        (cut_after(100), OSError, "truncated"),
        (cut_after(2000), OSError, "truncated"),
        (cut_after(60_000), OSError, "truncated"),
        (
            with_waveforms_of_another,
            ValueError,
            r"record 2 .*: trace_name .*waveforms.hdf5 does not hold it",
        ),
        (
            with_metadata(lambda text: text.replace("path_azimuth_deg", "path_backazimuth_deg")),
            ValueError,
            r"lacks the columns path_azimuth_deg.*source=seisbench",
        ),
        (with_metadata(lambda text: text.splitlines()[0] + "\n"), ValueError, "lists no records"),
        (in_counts, ValueError, "holds ZRT in counts"),
    ],
)
def test_what_is_no_base_store_is_refused(store_path, spoil, error, message):
    spoil(store_path)
    with pytest.raises(error, match=message):
        BaseStore.open(store_path)


def with_cell(row, column, value):
    """One value of the table changed; row 12 is noise."""

    def spoil(store):
        with (store / "metadata.csv").open(newline="") as stream:
            header, *rows = csv.reader(stream)
        rows[row][header.index(column)] = value
        with (store / "metadata.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])

    return spoil


@pytest.mark.parametrize(
    ("row", "column", "value", "why"),
    [
        (3, "path_p_travel_s", "-1", "it must not be negative"),
        (12, "path_p_travel_s", "3", "noise has no source"),
        (3, "source_release_s", "1 2 3", "it must be 14 times after origin in order"),
        (3, "source_release_s", "5", "it must be 14 times after origin in order"),
        (3, "source_release_s", "9 1 1 1 1 1 1 1 1 1 1 1 1 1", "it must be 14 times after origin in order"),
        (12, "source_release_s", "1 1 1 1 1 1 1 1 1 1 1 1 1 1", "noise has no source"),
        (3, "split", "banana", "it must be train or dev or test"),
        (3, "trace_category", "quake", "it must be earthquake or noise"),
        (3, "trace_unit", "counts", "it must be m/s"),
        (3, "trace_component_order", "ZNE", "it must be ZRT"),
        (3, "trace_vertical_only", "maybe", "it must be empty or yes"),
        (3, "trace_sampling_rate_hz", "0", "it must be 1 to 1000"),
        (3, "trace_sampling_rate_hz", "-20", "it must be 1 to 1000"),
        (3, "trace_sampling_rate_hz", "nan", "it must be 1 to 1000"),
        (3, "trace_sampling_rate_hz", "inf", "it must be 1 to 1000"),
        (3, "trace_sampling_rate_hz", "100.0", "the waveform file says 20 Hz for all"),
        (3, "trace_npts", "600.5", "it must be a whole number"),
        (3, "trace_s_arrival_sample", "200", "S must lie after P and in the record"),
        (3, "trace_p_arrival_sample", "-1", "P must lie in the record"),
        (3, "trace_p_arrival_sample", "", "P must lie in the record"),
        (3, "trace_s_arrival_sample", "600", "S must lie after P and in the record"),
        (3, "path_ep_distance_km", "-1", "it must be 0 to 20038"),
        (3, "path_ep_distance_km", "", "it must be 0 to 20038"),
        (3, "path_azimuth_deg", "1e308", "it must be -360 to 360"),
        (3, "source_depth_km", "8250", "it must be -10 to 800"),
        (3, "source_magnitude", "42", "it must be -5 to 10"),
        (3, "source_magnitude", "inf", "it must be -5 to 10"),
        (3, "source_id", "", "it must not be empty"),
        (3, "station_code", "", "it must not be empty"),
        (12, "trace_p_arrival_sample", "20", "noise has no source"),
        (3, "trace_name", "bucket0$99,:3,:600", "waveforms.hdf5 does not hold it"),
        (3, "trace_name", "bucket0$-1,:3,:600", "waveforms.hdf5 does not hold it"),
        (3, "trace_name", "../x", "waveforms.hdf5 does not hold it"),
        (3, "trace_name", "bucket0$1,:3,:600", "another record has that name"),
    ],
)
def test_a_record_that_is_none_is_named_with_its_value(store_path, row, column, value, why):
    with_cell(row, column, value)(store_path)
    where = rf"metadata\.csv, record {row + 1} \('.*'\): {column} is '{re.escape(value)}': {re.escape(why)}"
    with pytest.raises(ValueError, match=f"{where}.*build it again"):
        BaseStore.open(store_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("200.5000", "early", 1),
            "record 1: trace_p_arrival_sample is 'early', no number",
        ),
        (lambda text: text.replace("\n", "\nextra,", 3), "record 1 has 25 values for 24 columns"),
        (
            lambda text: text.replace(",event0,", f",{'x' * 257},", 1),
            "line 2, record 1: source_id has 257 characters, 256 at most",
        ),
        (
            lambda text: text.replace(",event0,", ',"event\n0",', 1).replace(",S002,", f",{'x' * 5000},", 1),
            "line 5, record 3: station_code has 5000 characters, 256 at most",
        ),
        (lambda text: text.replace("\n", ",\n").replace("split,", "split,split"), "columns of the same name"),
        (lambda text: "", "is empty: build the store again"),
    ],
)
def test_a_table_that_is_none_is_refused(store_path, change, message):
    with_metadata(change)(store_path)
    with pytest.raises(ValueError, match=rf"metadata\.csv.* {message}"):
        BaseStore.open(store_path)


@pytest.mark.parametrize("content", [b"\xff\xfe" + "trace_name".encode("utf-16"), b'"' + 200_000 * b"x"])
def test_a_table_that_is_no_text_is_refused(store_path, content):
    (store_path / "metadata.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"metadata\.csv is no CSV in UTF-8"):
        BaseStore.open(store_path)


def in_hdf5(change):
    def spoil(store):
        with h5py.File(store / "waveforms.hdf5", "r+") as file:
            change(file)

    return spoil


def put(name, value):
    def change(file):
        del file[name]
        if value is not None:
            file[name] = value

    return in_hdf5(change)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put("data_format/sampling_rate", 0.0), "sampling_rate must be a number from 1 to 1000, got 0"),
        (put("data_format/sampling_rate", np.nan), "sampling_rate must be a number from 1 to 1000, got nan"),
        (put("data_format/sampling_rate", "20"), "sampling_rate must be a number"),
        (put("data_format/sampling_rate", 100.0), "waveform file says 100 Hz for all"),
        (put("data_format/sampling_rate", None), "truncated or not the HDF5 of a base store .*sampling_rate"),
        (put("data_format/unit", 7), "holds ZRT in .*7.*not contiguous float32 ZRT in m/s"),
        (put("data_format", None), "truncated or not the HDF5 of a base store"),
        (put("data", None), "truncated or not the HDF5 of a base store"),
        (put("data", [1.0]), "truncated or not the HDF5 of a base store"),
        (
            put("data/bucket0", np.zeros((7, 2, 600), "f4")),
            r"bucket0 has shape \(7, 2, 600\), not",
        ),
        (put("data/bucket0", np.zeros(9, "f4")), r"bucket0 has shape \(9,\)"),
        (put("data/bucket0", np.zeros((7, 3, 600), "f8")), "not contiguous float32"),
        (put("data/bucket0", None), "trace_name is 'bucket0"),
        (
            in_hdf5(lambda file: file.create_group("data/bucket9")),
            "truncated or not the HDF5 of a base store",
        ),
    ],
)
def test_a_waveform_file_that_is_none_is_refused(store_path, spoil, message):
    spoil(store_path)
    with pytest.raises((ValueError, OSError), match=rf"(?s)(waveforms\.hdf5|metadata\.csv).*{message}"):
        BaseStore.open(store_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9])
def test_waveforms_that_are_none_are_refused_when_they_are_read(store_path, value):
    def change(file):
        file["data/bucket0"][4, 1, 77] = value

    in_hdf5(change)(store_path)
    store = BaseStore.open(store_path)
    store.waveforms(np.array([3, 5]))
    with pytest.raises(ValueError, match=r"\.hdf5: record 5 \(event1 at S004\) moves at (nan|inf|1e\+09)"):
        store.waveforms(np.array([3, 4]))


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas 3.1 about SeisBench's own code
def test_seisbench_opens_it(store_path, records):
    seisbench_data = pytest.importorskip("seisbench.data")
    dataset = seisbench_data.WaveformDataset(store_path, component_order="ZRT")
    assert len(dataset) == 13
    waveform, metadata = dataset.get_sample(8)
    np.testing.assert_array_equal(waveform, records[8].waveform_mps)
    assert metadata["source_magnitude"] == pytest.approx(2.58)
    assert metadata["trace_component_order"] == "ZRT"
    assert metadata["trace_p_arrival_sample"] == 200.5
    assert metadata["station_network_code"] == "XX"
    assert len(dataset.train()) + len(dataset.dev()) + len(dataset.test()) == 13
