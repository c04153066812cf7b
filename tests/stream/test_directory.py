"""Files of a folder that are replaced or written anew, and files that no record can be got from."""

import bz2
import gzip
import io
import os
import shutil
import time

import numpy as np
import pytest
from made_networks import START_S, make_network, make_trace

from fcn.stream.keeping import read_stream, write_stream
from fcn.stream.sources import directory
from fcn.stream.sources.directory import DirectorySource

LONG_AGO_NS = 10**18
A_RECORD = 114  # samples of 4 bytes in a record of 512 bytes


@pytest.fixture(scope="module")
def trace():
    return make_network(1, seconds=60.0)[1][0]


def records(trace, begin_s=0.0, end_s=60.0) -> bytes:
    """Of samples from one second up to another, of the same size for as many."""
    file, rate_hz = io.BytesIO(), trace.stats.sampling_rate
    part = make_trace(trace.id, expected(trace, begin_s, end_s), rate_hz, START_S + begin_s)
    part.write(file, format="MSEED", reclen=512, encoding="INT32")
    return file.getvalue()


def replace(path, content: bytes) -> None:
    """As many writers do: whole, and under its name at once."""
    beside = path.parent.parent / "beside"
    beside.write_bytes(content)
    beside.replace(path)


def write(path, content: bytes) -> None:
    path.write_bytes(content)


def samples(packets) -> np.ndarray:
    return np.concatenate([np.empty(0), *(each.counts for each in packets)])


def expected(trace, begin_s=0.0, end_s=60.0) -> np.ndarray:
    rate_hz = trace.stats.sampling_rate
    return trace.data[round(begin_s * rate_hz) : round(end_s * rate_hz)].astype(np.int32)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "live"
    made.mkdir()
    return made


@pytest.mark.parametrize("put", [replace, write])
@pytest.mark.parametrize("more_s", [0.0, 0.6])
def test_every_content_of_a_file_is_heard_once(folder, trace, put, more_s):
    """Of one size, where it is replaced of one time, too; or larger each time."""
    source, path = DirectorySource(folder, "*", from_now=True), folder / "a.mseed"
    for k in range(6):
        begin_s, end_s = 5.0 * k, 5.0 * k + 2.0 + more_s * k
        put(path, records(trace, begin_s, end_s))
        os.utime(path, ns=(0, LONG_AGO_NS + (10**7 * k if put is write else 0)))
        found = source.poll(0.0)
        assert [each.start_time_s for each in found] == [START_S + begin_s]
        np.testing.assert_array_equal(samples(found), expected(trace, begin_s, end_s))
        assert source.poll(0.0) == []
    assert source.counts == {}


def test_what_is_passed_over_at_the_first_start_is_said(folder, trace, caplog):
    """Else a folder that is full, and a monitor that hears nothing of it, are a riddle."""
    caplog.set_level("INFO")
    write(folder / "a.mseed", records(trace))
    source = DirectorySource(folder, "*", from_now=True)
    for _ in range(2):
        assert source.poll(0.0) == []
    assert caplog.text.count("in 1 files by now is passed over; source.from_now=false reads it") == 1
    again = DirectorySource(folder, "*", from_now=True)
    again.restore(source.state())
    again.poll(0.0)
    DirectorySource(folder, "*", from_now=False).poll(0.0)
    assert caplog.text.count("passed over") == 1


@pytest.mark.parametrize("put", [replace, write])
@pytest.mark.parametrize(("from_now", "n_passed"), [(True, 8 * A_RECORD), (False, 0)])
def test_a_file_that_is_written_whole_with_more_each_time_repeats_nothing(
    folder, trace, put, from_now, n_passed
):
    path, content = folder / "a.mseed", records(trace)
    put(path, content[:4096])
    source = DirectorySource(folder, "*", from_now=from_now)
    found = source.poll(0.0)
    assert bool(found) is not from_now
    for n_bytes in (4096 + 512, 8192 + 100, 8192 + 512, len(content)):
        put(path, content[:n_bytes])
        found += source.poll(0.0)
        assert source.poll(0.0) == []
    np.testing.assert_array_equal(samples(found), expected(trace)[n_passed:])


@pytest.mark.parametrize("put", [replace, write])
@pytest.mark.parametrize("from_now", [True, False])
def test_of_a_file_whose_last_record_is_written_again_with_more_little_is_repeated(
    folder, trace, put, from_now
):
    path = folder / "a.mseed"
    put(path, records(trace, 0.0, 40.0))
    source = DirectorySource(folder, "*", from_now=from_now)
    source.poll(0.0)
    former = 4000
    for end_s in (40.5, 42.0, 42.3, 50.0, 60.0):  # a record is of 1.14 s
        put(path, records(trace, 0.0, end_s))
        counts, whole = samples(source.poll(0.0)), expected(trace, 0.0, end_s)
        assert whole.size - former <= counts.size <= whole.size - former + 8 * A_RECORD
        np.testing.assert_array_equal(counts, whole[-counts.size :])
        former = whole.size


def test_a_file_that_was_cut_and_written_on_is_read_from_its_beginning(folder, trace):
    path = folder / "a.mseed"
    source = DirectorySource(folder, "*", from_now=True)
    path.write_bytes(records(trace, 0.0, 20.0))
    assert samples(source.poll(0.0)).size == 2000
    content = records(trace, 20.0, 60.0)
    found = []
    for n_bytes in (0, 300, 1024, len(content)):
        path.write_bytes(content[:n_bytes])
        found += source.poll(0.0)
    np.testing.assert_array_equal(samples(found), expected(trace, 20.0, 60.0))


def test_of_a_file_that_is_replaced_while_it_is_read_in_parts_the_new_one_is_read(folder, trace, monkeypatch):
    monkeypatch.setattr(directory, "MOST_BYTES", 1536)
    path = folder / "a.mseed"
    source = DirectorySource(folder, "*", from_now=True)
    replace(path, records(trace, 0.0, 30.0))
    assert source.poll(0.0) != [] != source.poll(0.0)
    replace(path, records(trace, 30.0, 60.0))
    found = [packet for _ in range(20) for packet in source.poll(0.0)]
    np.testing.assert_array_equal(samples(found), expected(trace, 30.0, 60.0))


@pytest.mark.parametrize("is_old", [True, False])
def test_what_was_there_before_is_passed_over_and_what_takes_its_place_is_not(
    folder, trace, monkeypatch, is_old
):
    paths = grown, replaced, shorter = [folder / f"{name}.mseed" for name in ("grown", "replaced", "shorter")]
    at_ns = LONG_AGO_NS if is_old else time.time_ns() - 10**10
    for path in paths:
        path.write_bytes(records(trace, 0.0, 20.0))
        os.utime(path, ns=(at_ns, at_ns))
    with monkeypatch.context() as patched:
        if is_old:  # archives may be large: nothing of them is opened
            patched.setattr(type(folder), "open", None)
        source = DirectorySource(folder, "*", from_now=True)
        assert source.poll(0.0) == source.poll(0.25) == []
    with grown.open("ab") as file:
        file.write(records(trace, 20.0, 30.0))
    replace(replaced, records(trace, 30.0, 50.0))
    shorter.write_bytes(records(trace, 50.0, 60.0))
    np.testing.assert_array_equal(samples(source.poll(0.5)), expected(trace, 20.0, 60.0))


def test_after_a_record_that_was_there_in_part_the_next_ones_are_heard(folder, trace):
    path, content = folder / "a.mseed", records(trace)
    path.write_bytes(content[:1300])
    source = DirectorySource(folder, "*", from_now=True)
    path.write_bytes(content)
    counts, whole = samples(source.poll(0.0)), expected(trace)
    assert counts.size == whole.size - 3 * A_RECORD
    np.testing.assert_array_equal(counts, whole[3 * A_RECORD :])


def kept(source, folder):
    """Its state as it comes from the disk."""
    write_stream(folder, {"source": source.state()})
    return read_stream(folder)["source"]


@pytest.mark.parametrize("from_now", [True, False])
def test_after_a_restart_a_copied_folder_goes_on_and_a_replaced_file_begins(
    tmp_path, folder, trace, from_now
):
    content = records(trace)
    (folder / "copied.mseed").write_bytes(content[:2048])
    (folder / "replaced.mseed").write_bytes(records(trace, 0.0, 10.0))
    source = DirectorySource(folder, "*", from_now=from_now)
    assert bool(source.poll(0.0)) is not from_now
    state = kept(source, tmp_path)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    replace(other / "replaced.mseed", records(trace, 50.0, 60.0))
    again = DirectorySource(other, "*", from_now=from_now)
    again.restore(state)
    np.testing.assert_array_equal(samples(again.poll(0.0)), expected(trace, 50.0, 60.0))
    (other / "copied.mseed").write_bytes(content)
    np.testing.assert_array_equal(samples(again.poll(0.0)), expected(trace)[4 * A_RECORD :])


def test_a_state_of_before_goes_on_and_knows_a_file_that_is_replaced_afterwards(folder, trace, monkeypatch):
    content = records(trace, 0.0, 30.0)
    for name in ("grown.mseed", "replaced.mseed"):
        (folder / name).write_bytes(content[:1024])
    source = DirectorySource(folder, "*", from_now=False)
    source.restore({"read": {"grown.mseed": 1024, "replaced.mseed": 1024}})
    with monkeypatch.context() as patched:  # nothing is opened for it
        patched.setattr(type(folder), "open", None)
        assert source.poll(0.0) == []
    (folder / "grown.mseed").write_bytes(content)
    replace(folder / "replaced.mseed", records(trace, 30.0, 60.0))
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace, 0.0, 60.0)[2 * A_RECORD :])


@pytest.mark.parametrize(
    ("spoil", "kind", "remedy"),
    [
        (gzip.compress, "compressed", "decompress it"),
        (bz2.compress, "compressed", "decompress it"),
        (lambda _: b"MS\x03" * 9999, "miniSEED 3", "convert it to miniSEED 2"),
        (lambda _: b"# a line\n" * 999, "not miniSEED at its beginning", "leave it out by source.pattern"),
    ],
    ids=["gzip", "bzip2", "miniSEED 3", "text"],
)
def test_a_file_that_no_record_can_be_got_from_is_warned_of_once(
    folder, trace, caplog, monkeypatch, spoil, kind, remedy
):
    monkeypatch.setattr(directory, "LONGEST_BYTES", 4096)
    content = spoil(records(trace))
    source = DirectorySource(folder, "*", from_now=True)
    assert len(content) > 4096
    for n_bytes in (600, 2000, len(content)):  # it grows
        (folder / "a").write_bytes(content[:n_bytes])
        assert source.poll(0.0) == source.poll(0.0) == []
    replace(folder / "a", content)
    (folder / "b").write_bytes(records(trace))
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace))
    assert source.counts[f"files not read: {kind}"] == 1
    assert caplog.messages == [f"a is {kind}: a folder source takes plain miniSEED 2; {remedy}"]
    replace(folder / "a", records(trace))  # the remedy
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace))


def test_a_folder_that_is_gone_is_told_of_until_it_is_there_again(folder, trace, caplog):
    """As a disk in the network that is away: a pattern finds nothing in it, and raises nothing."""
    caplog.set_level("INFO")
    source = DirectorySource(folder, "**/*", from_now=True)
    folder.rename(folder.with_name("away"))
    assert source.poll(0.0) == source.poll(0.25) == []
    assert source.counts == {"looks in vain: No such file or directory": 2}
    folder.with_name("away").rename(folder)
    (folder / "a").write_bytes(records(trace))
    np.testing.assert_array_equal(samples(source.poll(0.5)), expected(trace))
    assert caplog.messages == [
        f"nothing is heard of {folder} (source.root): No such file or directory",
        f"{folder} is there again",
    ]


def test_a_file_that_may_not_be_read_is_told_of_once_and_read_once_it_may(folder, trace, caplog, monkeypatch):
    source = DirectorySource(folder, "*", from_now=True)
    (folder / "a").write_bytes(records(trace))

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(type(folder), "open", refused)
        assert source.poll(0.0) == source.poll(0.25) == []
    assert caplog.messages == ["a cannot be read: Permission denied; it is tried again and again"]
    np.testing.assert_array_equal(samples(source.poll(0.5)), expected(trace))


@pytest.mark.parametrize("n_bytes", [16, 300])
def test_records_after_a_part_of_one_are_read(folder, trace, caplog, n_bytes):
    source = DirectorySource(folder, "*", from_now=True)
    content = records(trace)
    (folder / "a").write_bytes(content[:n_bytes])
    assert source.poll(0.0) == []
    (folder / "a").write_bytes(content[:n_bytes] + content)  # whoever writes it began again
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace))
    assert source.counts.total() == 1


def test_logs_of_data_loggers_and_rates_that_cannot_be_are_left_out(folder, trace, caplog):
    source = DirectorySource(folder, "*", from_now=True)
    log = make_trace("XX.S00..LOG", np.frombuffer(b"12345, clock locked", "S1"), 1.0, START_S)
    log.write(file := io.BytesIO(), format="MSEED", reclen=512)
    numbers = make_trace("XX.S00..LOG", np.frombuffer(b"12345", "S1"), 1.0, START_S)
    numbers.write(file, format="MSEED", reclen=512)
    content = file.getvalue()
    for factor in (0, 30_000):  # of the rate, in bytes 32 and 33 of the header
        record = records(trace, 0.0, 1.0)
        content += record[:32] + factor.to_bytes(2, "big") + record[34:]
    for n in range(4):
        (folder / "a").write_bytes(content[: 512 * (n + 1)])
        assert source.poll(0.0) == []
    (folder / "a").write_bytes(content + records(trace))
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace))
    assert source.counts == {"no motion": 4}
    assert len(caplog.messages) == 1


def test_a_record_that_is_on_its_way_is_not_warned_of(folder, trace, caplog):
    path, content = folder / "a.mseed", records(trace)
    source = DirectorySource(folder, "*", from_now=True)
    for part in (b"", content[:3], content[:40], bytes(4096), content[:48], content[:511]):
        path.write_bytes(part)
        assert source.poll(0.0) == []
    path.write_bytes(content)
    np.testing.assert_array_equal(samples(source.poll(0.0)), expected(trace))
    assert not caplog.messages
    assert source.counts == {}


def test_a_long_stretch_without_a_record_is_warned_of_once(folder, trace, caplog, monkeypatch):
    monkeypatch.setattr(directory, "LONGEST_BYTES", 2048)
    path, content = folder / "a.mseed", records(trace, 0.0, 30.0)
    source = DirectorySource(folder, "*", from_now=True)
    path.write_bytes(content)
    found = source.poll(0.0)
    for _ in range(3):
        with path.open("ab") as file:
            file.write(b"\x07" * 2085)
        assert source.poll(0.0) == []
    assert source.counts == {directory.NO_RECORD: 3}
    assert caplog.messages == ["a.mseed: no record in 2085 bytes, which are passed over"]
    with path.open("ab") as file:
        file.write(b"\x07" * (-path.stat().st_size % 64) + records(trace, 30.0, 60.0))
    found += source.poll(0.0)
    np.testing.assert_array_equal(samples(found), expected(trace))


def test_a_look_at_many_files_that_are_as_they_were_opens_none(folder, trace, monkeypatch):
    for i in range(3):
        (folder / f"{i}.mseed").write_bytes(records(trace))
    source = DirectorySource(folder, "*", from_now=False)
    assert len(source.poll(0.0)) == 3
    monkeypatch.setattr(type(folder), "open", None)
    assert source.poll(0.25) == []
    again = DirectorySource(folder, "*", from_now=False)
    again.restore(source.state())
    assert again.poll(0.5) == []


def test_what_is_recorded_now_does_not_wait_for_old_files_that_are_copied_in(folder, trace, monkeypatch):
    """Neither a file that was heard before, nor one that is begun meanwhile, as at midnight."""
    monkeypatch.setattr(directory, "MOST_BYTES", 4 * 512)
    source = DirectorySource(folder, "*", from_now=True)
    live, begun, step_s = folder / "2026.mseed", folder / "2027.mseed", 1.14
    live.write_bytes(records(trace, 0.0, step_s))
    assert [each.start_time_s for each in source.poll(0.0)] == [START_S]
    for i in range(10):
        (folder / f"2025.{i}.mseed").write_bytes(records(trace, 20.0, 50.0))
    for k in range(1, 6):
        for path in (live, begun):
            with path.open("ab") as file:
                file.write(records(trace, k * step_s, (k + 1) * step_s))
        found = source.poll(float(k))
        ends_s = [
            each.start_time_s - START_S + each.counts.size / trace.stats.sampling_rate for each in found
        ]
        assert ends_s.count(pytest.approx((k + 1) * step_s)) == (1 if k == 1 else 2)
        assert ends_s[-1] >= 20.0  # the old files are read beside
    n_old = 0
    while found := source.poll(9.0):
        n_old += len(found)
    assert n_old > 10


def test_what_came_while_it_was_down_is_read_in_the_order_of_names(folder, trace, monkeypatch):
    """Hours of a day, the last of which is being written: it does not overtake the others."""
    monkeypatch.setattr(directory, "MOST_BYTES", 1024)
    paths = [folder / f"{hour:02d}.mseed" for hour in range(4)]
    for hour, path in enumerate(paths):
        path.write_bytes(records(trace, 10.0 * hour, 10.0 * hour + 2.28))
    source, heard_s = DirectorySource(folder, "*", from_now=False), []
    for k in range(6):
        heard_s += [each.start_time_s for each in source.poll(float(k))]
        with paths[-1].open("ab") as file:
            file.write(records(trace, 32.28 + 1.14 * k, 32.28 + 1.14 * (k + 1)))
    assert heard_s == sorted(heard_s)
    assert len(heard_s) >= 6
