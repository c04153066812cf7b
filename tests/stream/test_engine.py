"""What the engine reads is what a test reads, however data are cut into packets."""

from dataclasses import replace

import pytest
import torch
from made_alarms import declarer
from made_streams import (
    SPEC,
    Listener,
    Whole,
    clocked,
    engine_of,
    faulty_network,
    in_records,
    in_time,
    replay_of,
)

from fcn.data.sequences import Sequence
from fcn.stream.sources import replay
from fcn.waveform import miniseed
from fcn.waveform.archive import open_sds, read_sds
from fcn.waveform.folder import WAVEFORMS, write_sequence_folder
from fcn.waveform.stored import StoredStream, StoredTrace


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    _, stream, inventory = faulty_network()
    root = tmp_path_factory.mktemp("faulty") / "made"
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC), stream, inventory


def same(found, expected, **tolerance):
    for name in ("waveforms", "waveforms_broad", "background_mps", "peaks"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), **tolerance)
    for name in ("mask", "known", "station_km", "now_s"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


TENTHS = pytest.param(0.1, True, marks=pytest.mark.slow)


@pytest.mark.parametrize(("packet_s", "partial"), [TENTHS, (1.0, True), (4.12, False), (None, True)])
def test_windows_are_those_of_the_whole_recording(parts, packet_s, partial):
    sequence, whole = parts[0], Whole.of(parts[0])
    a_pass = replay_of(sequence, Listener(), declarer, packet_s, partial=partial)
    found = list(a_pass)
    first_s = sequence.start_time_s + (1.0 if partial else 30.0)
    assert found[0].now_s.tolist() == [first_s]
    assert len(found) == len(a_pass) == (sequence.end_time_s - first_s) // 0.5 + 1
    for k, each in enumerate(found):
        same(each, whole.at(first_s + 0.5 * k), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("packet_s", [0.37, 1.0])
def test_windows_do_not_depend_on_packets(parts, packet_s):
    """To the last digit."""
    pairs = zip(*(replay_of(parts[0], Listener(), declarer, each) for each in (None, packet_s)), strict=True)
    for one, other in pairs:
        same(one, other, rtol=0.0, atol=0.0)


def test_windows_do_not_depend_on_records(parts):
    """Of 512 bytes, whose lengths in time are what the samples compress to; to the last digit."""
    sequence, stream, _ = parts
    records = StoredStream(StoredTrace(each.stats, each.data) for each in in_records(stream))
    assert len({each.stats.npts for each in records}) > 9
    passes = (
        replay_of(replace(sequence, stream=each), Listener(), declarer) for each in (sequence.stream, records)
    )
    for one, other in zip(*passes, strict=True):
        same(one, other, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("packet_s", [None, 1.0])
def test_windows_of_samples_in_files_are_those_of_samples_in_memory(parts, packet_s, monkeypatch):
    """To the last digit, though files are read piece by piece and long traces come in several packets."""
    sequence = parts[0]
    held = StoredStream(StoredTrace(each.stats, each.data) for each in read_sds(sequence.root / WAVEFORMS))
    monkeypatch.setattr(miniseed, "LARGEST_PIECE", 700)
    in_files = replace(sequence, stream=open_sds(sequence.root / WAVEFORMS))
    in_memory = replace(sequence, stream=held)
    expected = list(replay_of(in_memory, Listener(), declarer, packet_s))
    monkeypatch.setattr(replay, "LONGEST_S", 7.0)
    found = list(replay_of(in_files, Listener(), declarer, packet_s))
    for one, other in zip(found, expected, strict=True):
        same(one, other, rtol=0.0, atol=0.0)


def test_a_late_station_holds_up_nobody_and_is_used_when_it_comes(parts):
    sequence, stream, inventory = parts
    late_s, listener = 5.0, Listener()
    engine = engine_of(sequence, inventory, listener, declarer())
    packets = in_time(stream, 1.0)
    waiting = [each for each in packets if each.station_id == "XX.S00"]
    end_s = sequence.start_time_s + 25.0
    for now_s, come in clocked([each for each in packets if each.station_id != "XX.S00"], end_s):
        engine.push(come)
        while waiting and waiting[0].end_time_s + late_s <= now_s:
            engine.push([waiting.pop(0)])
        engine.advance(now_s)
    whole = Whole.of(sequence)
    for found in listener.batches[20:]:
        expected = whole.at(float(found.now_s[0]))
        torch.testing.assert_close(found.waveforms[:, 1:], expected.waveforms[:, 1:], rtol=1e-6, atol=1e-12)
        torch.testing.assert_close(found.peaks[:, 1:], expected.peaks[:, 1:], rtol=1e-6, atol=1e-12)
        last = 600 - round(20 * (late_s + 1.0)) - 1
        for name in ("waveforms", "waveforms_broad", "background_mps"):
            old = getattr(found, name)[:, 0, :, :last], getattr(expected, name)[:, 0, :, :last]
            torch.testing.assert_close(*old, rtol=1e-6, atol=1e-12)
        assert not found.known[:, 0, :, 600 - round(20 * late_s) + 1 :].any()
        assert found.known[:, 0, :, last - 20 : last].all()


def test_an_outage_costs_what_it_lasts(parts):
    """Longer than the patience, of a station whose data are late: it is heard from its first packet on."""
    sequence, stream, inventory = parts
    late_s, begin_s, back_s = 1.4, sequence.start_time_s + 10.0, sequence.start_time_s + 20.0
    packets = [
        each
        for each in in_time(stream, 1.0)
        if each.station_id != "XX.S00" or not begin_s <= each.start_time_s < back_s
    ]
    listener = Listener()
    engine = engine_of(sequence, inventory, listener, declarer(), patience_s=5.0)
    for now_s, _ in clocked(packets, sequence.start_time_s + 30.0):
        come = [each for each in packets if each.end_time_s + late_s <= now_s]
        packets = [each for each in packets if each.end_time_s + late_s > now_s]
        engine.push(come)
        engine.advance(now_s)
    found = listener.batches[-1]
    known = found.known[0, 0].any(dim=0)
    start_s = float(found.now_s[0]) - 30.0
    outage = known[round(20 * (begin_s - start_s)) : round(20 * (back_s - start_s)) + 1]
    after = known[round(20 * (back_s - start_s)) + 2 : -round(20 * (late_s + 1.0)) - 2]
    assert not outage[2:-2].any()
    assert after.all()
    assert after.sum() > 120


def test_packets_of_another_time_or_station_are_left_out_and_counted(parts):
    sequence, stream, inventory = parts
    engine = engine_of(sequence, inventory, Listener(), declarer())
    (packet, *_) = in_time(stream, 1.0)
    now_s = packet.start_time_s
    for change in (
        {"start_time_s": now_s + 100.0},
        {"start_time_s": now_s - 1e8},
        {"seed_id": "XX.NONE..HHZ"},
    ):
        engine.push([replace(packet, **change)], now_s)
    engine.push([replace(packet, seed_id="XX.S00..BHZ"), replace(packet, sampling_rate_hz=10.0)])
    assert engine.counts.total() == 3
    assert engine.live["XX.S00"].counts.total() == 2
    assert engine.advance(now_s + 10.0) == []
