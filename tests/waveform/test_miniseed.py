"""A damaged record costs itself."""

import functools
import io
import tracemalloc

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_networks import START_S, make_trace

from fcn.waveform import miniseed
from fcn.waveform.miniseed import decode_miniseed

N = 5000


@functools.cache
def written(record_bytes=512):
    """Samples, and the file that holds them."""
    rng = np.random.default_rng(1)
    trace = make_trace("XX.A..HHZ", np.cumsum(rng.integers(-100, 100, N)).astype(np.int32))
    buffer = io.BytesIO()
    trace.write(buffer, format="MSEED", reclen=record_bytes)
    return trace.data, buffer.getvalue()


@pytest.fixture
def content():
    return written()


def read(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    return decode_miniseed(path.read_bytes())


def test_a_whole_file_is_read_whole(tmp_path, content):
    (trace,), refused = read(tmp_path, content[1])
    np.testing.assert_array_equal(trace.data, content[0])
    assert not refused


def test_samples_that_do_not_end_as_stated_cost_their_record(tmp_path, content):
    data, good = content
    bad = bytearray(good)
    bad[3 * 512 + 200] ^= 0x10  # a bit of the fourth record's differences
    (before, after), refused = read(tmp_path, bytes(bad))
    assert (before.stats.starttime.timestamp, sum(refused.values())) == (START_S, 1)
    assert dict(refused) == {"whose samples do not end as stated": 1}
    np.testing.assert_array_equal(before.data, data[: before.stats.npts])
    np.testing.assert_array_equal(after.data, data[-after.stats.npts :])
    assert 0 < N - before.stats.npts - after.stats.npts < 600


@pytest.mark.parametrize("n_lost", [100, 512, 700])
def test_what_is_no_record_is_stepped_over(tmp_path, content, n_lost):
    data, good = content
    stream, refused = read(tmp_path, good[: 2 * 512] + b"\xff" * n_lost + good[3 * 512 + n_lost - 512 :])
    assert sum(refused.values()) >= 1
    np.testing.assert_array_equal(stream[0].data, data[: stream[0].stats.npts])
    np.testing.assert_array_equal(stream[-1].data, data[-stream[-1].stats.npts :])
    assert sum(trace.stats.npts for trace in stream) > 0.6 * N


@pytest.mark.parametrize(
    ("place", "written_there"), [(39, b"\x02"), (28, (10_000).to_bytes(2, "big"))], ids=["count", "fraction"]
)
def test_headers_that_are_not_strictly_valid_cost_nothing(tmp_path, content, place, written_there):
    data, good = content
    bad = bytearray(good)
    for start in range(0, len(good), 512):  # the number of blockettes; the fraction of a second
        bad[start + place : start + place + len(written_there)] = written_there
    stream, refused = read(tmp_path, bytes(bad))
    assert not refused
    np.testing.assert_array_equal(np.concatenate([each.data for each in stream]), data)


@pytest.mark.parametrize("n_kept", [100, 301, 511])
def test_what_is_written_after_half_a_record_is_read(tmp_path, content, n_kept):
    data, good = content
    (before, after), refused = read(tmp_path, good[: 3 * 512 + n_kept] + good[4 * 512 :])
    assert refused == {"cut short": 1}
    np.testing.assert_array_equal(before.data, data[: before.stats.npts])
    np.testing.assert_array_equal(after.data, data[-after.stats.npts :])
    assert N - before.stats.npts - after.stats.npts < 600


@pytest.fixture
def calls(monkeypatch):
    """One item for each time that records are decoded."""
    made, decode = [], miniseed._decode
    monkeypatch.setattr(miniseed, "_decode", lambda *args: made.append(None) or decode(*args))
    return made


def test_a_damaged_record_is_found_by_halves(tmp_path, calls):
    _, good = written(256)
    bad = bytearray(good)
    bad[15 * 256 + 120] ^= 0x10
    stream, refused = read(tmp_path, bytes(bad))
    assert (len(stream), refused.total()) == (2, 1)
    assert len(calls) < 15 < len(good) // 256


@pytest.mark.parametrize("tail", [b"", bytes(64_000)], ids=["alone", "before zeros"])
def test_records_of_several_lengths_are_read_at_once(tmp_path, calls, tail):
    data, good = written(512)
    longer = make_trace("XX.A..HHE", data)
    longer.write(str(tmp_path / "longer"), format="MSEED", reclen=1024)
    stream, refused = read(tmp_path, good + (tmp_path / "longer").read_bytes() + good[:512] + tail)
    assert [trace.stats.npts for trace in stream.select(channel="HHE")] == [N]
    assert max(trace.stats.npts for trace in stream.select(channel="HHZ")) == N
    assert refused.total() == bool(tail)
    assert len(calls) <= 2


def test_room_that_is_made_for_a_file_takes_little_memory(content):
    whole = content[1] + bytes(2**23)
    tracemalloc.start()
    decode_miniseed(whole)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(whole)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (54, 11, "cut short"),  # 2 kB instead of 512 bytes: over the three records behind
        (54, 8, "whose samples do not end as stated"),  # 256 bytes
        (54, 40, "whose header or data cannot be read"),
        (24, 31, "whose header or data cannot be read"),  # o'clock
        (52, 3, "whose header or data cannot be read"),  # integers: there is no room for so many
        (52, 14, "whose header or data cannot be read"),  # GEOSCOPE's, likewise
    ],
)
def test_a_header_that_makes_no_sense_costs_its_record(tmp_path, content, place, value, reason):
    data, good = content
    bad = bytearray(good)
    bad[3 * 512 + place] = value
    (before, after), refused = read(tmp_path, bytes(bad))
    assert dict(refused) == {reason: 1}
    np.testing.assert_array_equal(before.data, data[: before.stats.npts])
    np.testing.assert_array_equal(after.data, data[-after.stats.npts :])
    assert N - before.stats.npts - after.stats.npts < 600


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
def test_a_record_has_room_from_where_its_data_begins(tmp_path, kind):
    n = (512 - 56) // np.dtype(kind).itemsize  # after the header and blockette 1000
    make_trace("XX.A..HHZ", np.arange(2 * n, dtype=kind)).write(
        str(tmp_path / "a"), "MSEED", reclen=512, encoding=np.dtype(kind).name.upper()
    )
    good = bytearray((tmp_path / "a").read_bytes())
    ((trace,), refused), good[31] = read(tmp_path, bytes(good)), good[31] + 1  # one that would be the next's
    assert (trace.stats.npts, dict(refused)) == (2 * n, {})
    ((trace,), refused) = read(tmp_path, bytes(good))
    assert dict(refused) == {"whose header or data cannot be read": 1}
    assert trace.data[0] == n


def test_a_record_of_another_rate_stays_apart(tmp_path, content):
    """A flipped bit in the header, and one in another record's data, so that each is read by itself."""
    _, good = content
    bad = bytearray(good)
    bad[3 * 512 + 33] ^= 0x02  # the factor of the sampling rate, 100
    bad[7 * 512 + 200] ^= 0x10
    stream, _ = read(tmp_path, bytes(bad))
    assert sorted({trace.stats.sampling_rate for trace in stream}) == [100.0, 102.0]
    assert sum(trace.stats.npts for trace in stream if trace.stats.sampling_rate == 100.0) > 0.8 * N


def test_a_file_that_is_being_written_ends_early(tmp_path, content):
    data, good = content
    (trace,), _ = read(tmp_path, good[: 4 * 512 + 300])
    np.testing.assert_array_equal(trace.data, data[: trace.stats.npts])


@pytest.mark.parametrize("nothing", [b"", b"x", b"garbage" * 1000])
def test_nothing_is_found_where_nothing_is(tmp_path, nothing):
    stream, refused = read(tmp_path, nothing)
    assert not len(stream)
    assert bool(refused) == (len(nothing) > 48)


@pytest.mark.parametrize("place", range(8, 20))
@pytest.mark.parametrize("n_struck", [1, 2])
def test_codes_that_are_no_letters_cost_their_record(tmp_path, place, n_struck):
    """Of the station, location, channel and network (SEED 2.4, fixed header); and its data as well."""
    _, good = written()
    bad = bytearray(good)
    bad[1024 + place] ^= 0x80
    if n_struck == 2:
        bad[1024 + 200] ^= 0x40  # libmseed has something to say of it
    stream, refused = read(tmp_path, bytes(bad))
    assert refused == {"whose header or data cannot be read": 1}
    assert {trace.id for trace in stream} == {"XX.A..HHZ"}
    assert N - 600 <= sum(trace.stats.npts for trace in stream) < N


@settings(max_examples=60, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 6655), st.integers(0, 7)), min_size=1, max_size=8))
def test_any_flipped_bits_leave_the_other_records_alone(tmp_path_factory, flips):
    """What comes back is, but for the struck records, what was written."""
    data, good = written()
    bad = bytearray(good)
    for place, bit in flips:
        bad[place % len(bad)] ^= 1 << bit
    stream, _ = read(tmp_path_factory.mktemp("flipped"), bytes(bad))
    struck = {place % len(bad) // 512 for place, _ in flips}
    right = 0
    for trace in stream:
        assert isinstance(trace, obspy.Trace)
        first = round((trace.stats.starttime.timestamp - START_S) * 100.0)
        if (
            trace.id == "XX.A..HHZ"
            and trace.stats.sampling_rate == 100.0
            and 0 <= first <= N - trace.stats.npts
        ):
            wanted = data[first : first + trace.stats.npts]
            right += int((wanted == trace.data[: len(wanted)]).sum())
    assert right >= N - 600 * len(struck)
