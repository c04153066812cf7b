"""What a link does to packets, and a folder that fills."""

import errno
import io

import numpy as np
import pytest
from made_networks import START_S, make_network

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


@pytest.mark.parametrize("change", [{"loss_share": 1.5}, {"packet_s": 0.0}, {"latency_s": -1.0}])
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
