"""Traces whose samples stay in their files are the traces that a file holds, to the last digit."""

import io
import itertools

import numpy as np
import obspy
import pytest
from made_networks import START_S, make_network, make_trace

from fcn.waveform import miniseed
from fcn.waveform.archive import open_sds, read_sds, write_sds
from fcn.waveform.stored import StoredSamples, StoredTrace

SEED_ID, N = "XX.A..HHZ", 6000


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch):
    """Many of them in a short file."""
    monkeypatch.setattr(miniseed, "LARGEST_PIECE", 900)


def counts(n=N, kind=np.int32, seed=1):
    return np.cumsum(np.random.default_rng(seed).integers(-100, 100, n)).astype(kind)


def file_of(root, *traces, reclen=512) -> None:
    """A day file that holds the records of traces in this order."""
    (path,) = write_sds(obspy.Stream([traces[0]]), root)
    with path.open("wb") as file:
        for trace in traces:
            content = io.BytesIO()
            trace.write(content, format="MSEED", reclen=reclen)
            file.write(content.getvalue())


def same(stored, whole, *, in_files=True):
    assert [(a.id, a.stats.starttime, a.stats.npts, a.stats.sampling_rate) for a in stored] == [
        (b.id, b.stats.starttime, b.stats.npts, b.stats.sampling_rate) for b in whole
    ]
    for a, b in zip(stored, whole, strict=True):
        assert isinstance(a.data, StoredSamples) == in_files
        for found in (np.asarray(a.data), a.data[:]):
            assert found.dtype == b.data.dtype
            np.testing.assert_array_equal(found, b.data)
        for first, end in itertools.pairwise([0, 1, 700, 901, 3000, 10 * N]):
            np.testing.assert_array_equal(a.data[first:end], b.data[first:end])


def gap():
    return [make_trace(SEED_ID, counts()), make_trace(SEED_ID, counts(seed=2), start_s=START_S + 63.0)]


def overlap():
    return [make_trace(SEED_ID, counts()), make_trace(SEED_ID, counts(), start_s=START_S + 31.7)]


def out_of_order():
    return gap()[::-1]


def drifting():
    """A clock that is corrected with every record: by 0.3 samples, which is no gap."""
    data = counts()
    return [
        make_trace(SEED_ID, data[i : i + 200], start_s=START_S + i / 100.0 + 0.003 * i / 200)
        for i in range(0, N, 200)
    ]


def floats():
    data = counts(kind=np.float64)
    data[3000:3010] = np.nan
    return [make_trace(SEED_ID, data)]


@pytest.mark.parametrize("make", [gap, overlap, out_of_order, drifting, floats])
@pytest.mark.parametrize("span", [(None, None), (START_S + 13.374, START_S + 41.9)])
def test_traces_are_those_of_the_file(tmp_path, make, span):
    file_of(tmp_path, *make())
    same(open_sds(tmp_path, None, *span), read_sds(tmp_path, None, *span))


def test_gaps_that_were_filled_are_gaps(tmp_path, caplog):
    """As of a data centre or an acquisition, which ask nobody; whatever part of it is read at once."""
    data = 50_000 + counts() // 10
    data[2000:2600], data[5000:5200] = 0, -9999
    file_of(tmp_path, make_trace(SEED_ID, data))
    assert [trace.stats.npts for trace in read_sds(tmp_path)] == [2000, 2400, 800]
    assert "6.0 s of 0" in caplog.text
    assert "2.0 s of -9999" in caplog.text
    same(open_sds(tmp_path), read_sds(tmp_path))


def test_records_that_are_left_out_stay_out(tmp_path, caplog):
    file_of(tmp_path, *gap())
    (path,) = tmp_path.rglob("*.105")
    content = bytearray(path.read_bytes())
    content[3 * 512 + 200] ^= 0x10  # samples that do not end as stated
    content[9 * 512 : 9 * 512] = b"garbage!" * 96  # no record
    path.write_bytes(bytes(content))
    whole = read_sds(tmp_path)
    assert len(whole) == 3
    same(open_sds(tmp_path), whole)
    first, second = (record.message for record in caplog.records)
    assert first == second


def test_what_is_of_several_channels_stays_in_memory(tmp_path):
    file_of(tmp_path, make_trace(SEED_ID, counts()), make_trace("XX.A..HHN", counts(seed=2)))
    same(open_sds(tmp_path), read_sds(tmp_path), in_files=False)


def test_days_and_stations_come_in_order(tmp_path):
    _, stream, _ = make_network(3)
    for trace in stream:
        trace.stats.starttime += 41_580.0  # over a midnight
    write_sds(stream, tmp_path)
    whole, stored = read_sds(tmp_path), open_sds(tmp_path)
    same(stored, whole)
    assert len(stored) == 18
    some = [trace for each in ("S02", "S00") for trace in whole.select(station=each)]
    same(stored.of_stations(["XX.S02", "XX.S00"]), some)
    start, end = (trace.stats.starttime + 10.003 for trace in (whole[0], whole[1]))
    same(
        stored.between(start.timestamp, end.timestamp),
        whole.slice(start, end, nearest_sample=False),
    )


def test_a_slice_beyond_a_trace_is_empty():
    trace = make_trace(SEED_ID, counts())
    held = StoredTrace(trace.stats, trace.data)
    after = obspy.UTCDateTime(START_S + 100.0)
    assert held.slice(after, after + 10.0).stats.npts == held.slice(after, None).data.size == 0


@pytest.mark.parametrize("what", ["cut", "written anew", "gone"])
def test_a_file_that_changes_meanwhile_is_named(tmp_path, what):
    file_of(tmp_path, *gap())
    trace, _ = open_sds(tmp_path)
    (path,) = tmp_path.rglob("*.105")
    trace.data[:10]
    content = path.read_bytes()
    path.unlink()
    if what != "gone":
        path.write_bytes(content[:2000] if what == "cut" else content)
    assert trace.data[:10].size == 10  # of the piece that was read
    with pytest.raises(ValueError, match=r"HHZ.D.2016.105: no longer what it was when it was opened"):
        trace.data[3000:3010]
