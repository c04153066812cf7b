"""What a link does to packets, and a folder that fills."""

import errno
import io
import json

import numpy as np
import pytest
from made_networks import START_S, make_network

from fcn.stream.sources import directory
from fcn.stream.sources.directory import DirectorySource
from fcn.stream.sources.replay import Link, ReplaySource

LINK = {
    "seed": 0,
    "packet_s": 1.0,
    "latency_s": 1.4,
    "station_latency_s": [0.0, 0.0],
    "jitter_s": 0.0,
    "loss_share": 0.0,
    "duplicate_share": 0.0,
    "late_share": 0.0,
    "late_s": 2.0,
}


@pytest.fixture(scope="module")
def stream():
    return make_network(2, seconds=20.0)[1]


def arrivals(source):
    """(clock, packet) until it is over."""
    found, now_s = [], START_S
    while not source.is_over(now_s):
        found += [(now_s, packet) for packet in source.poll(now_s)]
        now_s += 0.25
    return found


def test_everything_arrives_after_its_latency(stream):
    found = arrivals(ReplaySource(stream, Link(**LINK), None))
    assert len(found) == 6 * 20
    ages_s = [clock_s - (packet.end_time_s - 0.01) for clock_s, packet in found]
    assert min(ages_s) >= 1.4 - 1e-6
    assert max(ages_s) <= 1.65
    for trace in stream:
        counts = np.concatenate([packet.counts for _, packet in found if packet.seed_id == trace.id])
        np.testing.assert_array_equal(counts, trace.data)


def test_without_latency_packets_are_there_when_measured(stream):
    found = arrivals(ReplaySource(stream, Link(**{**LINK, "latency_s": None, "packet_s": None}), None))
    assert [clock_s for clock_s, _ in found] == [START_S] * 6


def test_the_seed_draws_loss_repeats_and_delays(stream):
    changes = {"loss_share": 0.2, "duplicate_share": 0.1, "late_share": 0.1, "jitter_s": 0.3}
    changes["station_latency_s"] = [0.0, 3.0]
    sources = (ReplaySource(stream, Link(**{**LINK, **changes, "seed": seed}), None) for seed in (1, 1, 2))
    first, again, other = (
        [(clock_s, packet.seed_id, packet.start_time_s) for clock_s, packet in arrivals(each)]
        for each in sources
    )
    assert first == again != other
    distinct = {each[1:] for each in first}
    assert 80 < len(distinct) < 110
    assert len(first) > len(distinct)
    starts_s = [each[2] for each in first if each[1] == stream[0].id]
    assert starts_s != sorted(starts_s)


def test_a_replay_goes_on_from_its_state(stream):
    whole = ReplaySource(stream, Link(**LINK), None)
    first, second = (ReplaySource(stream, Link(**LINK), None) for _ in range(2))
    expected = whole.poll(START_S + 30)
    found = first.poll(START_S + 8)
    first.clock.wait_until(START_S + 8)
    second.restore(first.state())
    assert second.clock.now_s() == START_S + 8
    found += second.poll(START_S + 30)
    assert [(p.seed_id, p.start_time_s) for p in found] == [(p.seed_id, p.start_time_s) for p in expected]


@pytest.mark.parametrize(
    "change", [{"loss_share": 1.5}, {"packet_s": 0.0}, {"latency_s": -1.0}, {"station_latency_s": [1.0]}]
)
def test_impossible_links_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))[:5]):
        Link(**{**LINK, **change})


def records(trace) -> bytes:
    file = io.BytesIO()
    trace.write(file, format="MSEED", reclen=512)
    return file.getvalue()


def test_files_that_appear_and_grow_are_read_once(tmp_path, stream):
    (tmp_path / "old.mseed").write_bytes(records(stream[0]))
    source = DirectorySource(tmp_path, "**/*", from_now=True)
    assert source.poll(0.0) == []
    content = records(stream[1])
    path = tmp_path / "XX" / "new.mseed"
    path.parent.mkdir()
    path.write_bytes(content[:1300])  # two records and a part
    found = source.poll(0.0)
    assert source.poll(0.0) == []
    again = DirectorySource(tmp_path, "**/*", from_now=True)
    again.restore(source.state())
    path.write_bytes(content)
    found += again.poll(0.0)
    counts = np.concatenate([packet.counts for packet in found])
    np.testing.assert_array_equal(counts, stream[1].data)
    assert {packet.seed_id for packet in found} == {stream[1].id}


def test_a_file_written_anew_is_read_whatever_size_was_of_no_use_before(tmp_path, stream):
    path, content = tmp_path / "a.mseed", records(stream[0])
    source = DirectorySource(tmp_path, "*.mseed", from_now=False)
    for n_bytes in (512, 512 + 100, 1024):  # a record, a part of the next one, all of it
        path.write_bytes(content[:n_bytes])
        source.poll(0.0)
    path.write_bytes(content[512 : 1024 + 100])  # smaller, and as large as with the part
    assert len(source.poll(0.0)) == 1


def test_damage_costs_its_record(tmp_path, stream):
    content = bytearray(records(stream[0]))
    content[512:1024] = b"garbage " * 64
    (tmp_path / "a.mseed").write_bytes(content)
    source = DirectorySource(tmp_path, "*.mseed", from_now=False)
    found = source.poll(0.0)
    assert 0 < sum(packet.counts.size for packet in found) < stream[0].stats.npts
    assert source.counts.total() >= 1
    with pytest.raises(FileNotFoundError, match=r"source.root"):
        DirectorySource(tmp_path / "none", "*", from_now=True)


def test_a_folder_that_is_away_ends_nothing(tmp_path, stream, monkeypatch):
    source = DirectorySource(tmp_path, "*.mseed", from_now=True)
    (tmp_path / "a.mseed").write_bytes(records(stream[0]))

    def away(self, pattern):
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(type(tmp_path), "glob", away)
        assert source.poll(0.0) == []
    assert source.counts == {"looks in vain: Stale file handle": 1}
    assert len(source.poll(0.0)) >= 1


def test_a_large_folder_is_looked_through_now_and_then_and_what_grows_at_once(tmp_path, stream, monkeypatch):
    monkeypatch.setattr(directory, "FILES_A_POLL", 2)
    for i in range(4):
        (tmp_path / f"old{i}.mseed").write_bytes(b"")
    content = records(stream[0])
    source = DirectorySource(tmp_path, "*.mseed", from_now=True)
    (tmp_path / "new.mseed").write_bytes(content[:512])
    assert len(source.poll(0.0)) == 1  # a look; then two polls without
    (tmp_path / "new.mseed").write_bytes(content[:1024])
    (tmp_path / "other.mseed").write_bytes(records(stream[1])[:512])
    assert [each.seed_id for each in source.poll(0.25)] == [stream[0].id]
    assert source.poll(0.5) == []
    assert [each.seed_id for each in source.poll(0.75)] == [stream[1].id]


def test_files_that_are_gone_for_long_are_forgotten(tmp_path, stream):
    source = DirectorySource(tmp_path, "*.mseed", from_now=True)
    for hour in range(6):
        (tmp_path / f"{hour}.mseed").write_bytes(records(stream[0]))
        source.poll(3600.0 * hour)
        (tmp_path / f"{hour - 1}.mseed").unlink(missing_ok=True)
    assert set(json.loads(source.state()["files"])) <= {"3.mseed", "4.mseed", "5.mseed"}
    (tmp_path / "5.mseed").rename(tmp_path / "aside")  # the folder is away, and comes back
    assert source.poll(3600.0 * 9) == source.poll(3600.0 * 20) == []
    (tmp_path / "aside").rename(tmp_path / "5.mseed")
    assert source.poll(3600.0 * 21) == []


def test_after_an_outage_files_are_read_part_by_part(tmp_path, stream, monkeypatch):
    monkeypatch.setattr(directory, "MOST_BYTES", 1536)
    for trace in stream[:2]:
        (tmp_path / f"{trace.id}.mseed").write_bytes(records(trace))
    source = DirectorySource(tmp_path, "*.mseed", from_now=False)
    polls = [source.poll(0.0) for _ in range(40)]
    assert all(len(each) <= 3 for each in polls)
    for trace in stream[:2]:
        counts = [each.counts for poll in polls for each in poll if each.seed_id == trace.id]
        np.testing.assert_array_equal(np.concatenate(counts), trace.data)


def test_what_is_no_miniseed_costs_nobody_else_anything(tmp_path, stream, monkeypatch):
    monkeypatch.setattr(directory, "LONGEST_BYTES", 2048)
    source = DirectorySource(tmp_path, "*", from_now=True)
    (tmp_path / "a.log").write_bytes(b"a line of text\n" * 1000)
    (tmp_path / "b.txt").write_bytes(b"another one\n" * 10)
    opened: list[str] = []
    new = source._new
    monkeypatch.setattr(source, "_new", lambda name, *more: (opened.append(name), new(name, *more))[1])
    assert source.poll(0.0) == source.poll(0.25) == []
    assert opened == ["a.log", "b.txt"]  # once
    assert source.counts[directory.NO_RECORD] == 1
    (tmp_path / "c.mseed").write_bytes(records(stream[0]))
    counts = np.concatenate([each.counts for each in source.poll(0.5)])
    np.testing.assert_array_equal(counts, stream[0].data)


@pytest.mark.parametrize("pattern", ["", ".", "/etc/*", "../*", "a/../../*"])
def test_patterns_name_files_of_the_folder(tmp_path, pattern):
    with pytest.raises(ValueError, match=r"source\.pattern must name files below source\.root.*"):
        DirectorySource(tmp_path, pattern, from_now=True)
