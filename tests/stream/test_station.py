"""What a stream's windows hold: what came before in blocks of the clock, and from the start on."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import obspy
import pytest
import torch
from made_alarms import declarer
from made_networks import COUNTS_PER_MPS, START_S, make_network
from made_streams import SPEC, Listener, Whole, replay_of

from fcn.batch import Batch
from fcn.constants import FIRST_S
from fcn.data.sequences import Sequence
from fcn.stream.packet import Packet
from fcn.stream.station import LiveStation
from fcn.waveform.amplitude import block_peaks
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.level import RunningLevels

EVENT_S = 60.0  # after the start


@pytest.fixture(scope="module")
def parts():
    """Two minutes of noise, and from `EVENT_S` on ten seconds of strong motion."""
    sites, stream, inventory = make_network(3, seconds=120.0)
    time_s = np.arange(12_000) / 100.0 - EVENT_S
    shaking = 1e-3 * np.sin(2 * np.pi * 3.0 * time_s) * ((time_s > 0) & (time_s < 10))
    for trace in stream:
        trace.data = (trace.data + COUNTS_PER_MPS * shaking).astype(np.int32)
    return sites, stream, inventory


@pytest.fixture(scope="module")
def whole(tmp_path_factory, parts) -> Sequence:
    return written(tmp_path_factory.mktemp("whole") / "made", parts[1], parts[2])


def written(root: Path, stream: obspy.Stream, inventory: obspy.Inventory) -> Sequence:
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC)


@lru_cache
def windows(sequence: Sequence, *, partial: bool = True, step_s: float = 0.25) -> list[Batch]:
    return list(replay_of(sequence, Listener(), declarer, partial=partial, step_s=step_s))


def at(sequence: Sequence, now_s: float) -> Batch:
    (found,) = (each for each in windows(sequence) if abs(float(each.now_s[0]) - now_s) < 1e-3)
    return found


def test_peaks_and_levels_are_those_of_the_bands(whole):
    last = windows(whole)[-1]
    known = torch.tensor(whole.known)
    peaks = block_peaks(*[torch.tensor(whole.broad)] * 3, known, sampling_rate_hz=20.0)
    assert last.peaks.shape[-1] == 800
    assert not last.peaks[..., :320].any()
    torch.testing.assert_close(last.peaks[0, :, :2, 320:], peaks[:, :2], rtol=1e-6, atol=0.0)
    levels = RunningLevels(3, 20.0).process(np.array(whole.narrow), np.array(whole.known)).repeat(10, axis=-1)
    np.testing.assert_allclose(last.background_mps[0], levels[..., -600:], rtol=1e-4)
    # 1 mm/s at 3 Hz: 0.05 mm in both bands of displacement
    largest_m = last.peaks[0, :, [2, 4]].amax(dim=-1).numpy()
    assert (np.abs(largest_m / (1e-3 / (6 * np.pi)) - 1.4) < 0.5).all()  # up to twice where it sets in


def test_nothing_after_now_is_in_a_window(tmp_path, parts, whole):
    """The same stream without its last half."""
    ended = parts[1].copy().trim(endtime=obspy.UTCDateTime(START_S + 65.2))
    early = written(tmp_path / "made", ended, parts[2])
    for after_s in (40.0, 62.25, 65.0):
        one, other = at(whole, START_S + after_s), at(early, START_S + after_s)
        for name in ("waveforms", "waveforms_broad", "known", "background_mps", "peaks"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_the_first_windows_are_read_where_a_scheme_reads_them(whole):
    batch, *rest = windows(whole)
    assert batch.now_s.tolist() == [START_S + FIRST_S]
    assert windows(whole, partial=False)[0].now_s.tolist() == [START_S + 30.0]
    assert batch.mask.all()
    assert not batch.waveforms[..., :580].any()
    assert batch.waveforms[..., 580:].any()
    assert not batch.known.any()  # of nothing is known what came before
    later = rest[7]  # 3 s
    assert not later.known[..., :560].any()
    assert later.known[..., 560:].all()


def test_a_start_in_noise_is_no_onset(whole):
    """Peak over slow level, of the first two seconds in which a level is known and of later ones."""
    samples = np.abs(whole.narrow[..., :1100]).max(axis=1).reshape(3, -1, 10).max(axis=-1)
    level = Whole.of(whole).levels[:, 0, :110]
    assert not level[:, :2].any()
    ratio = samples[:, 2:] / level[:, 2:]
    assert ratio[:, :4].max() < 1.2 * ratio[:, 4:].max()
    assert 2.0 < np.median(ratio[:, :4]) < 1.3 * np.median(ratio[:, 4:])


def test_a_stream_begun_before_an_event_gives_what_a_masked_whole_one_does(tmp_path, parts, whole):
    begun_s = START_S + EVENT_S - 3.0
    begun = written(tmp_path / "made", parts[1].copy().trim(obspy.UTCDateTime(begun_s)), parts[2])
    masked = Whole.of(whole)
    first = round((begun_s - START_S) * 20)
    for array, per_s in ((masked.narrow, 20), (masked.broad, 20), (masked.known, 20), (masked.peaks, 4)):
        array[..., : first * per_s // 20] = 0
    masked.levels[...] = RunningLevels(3, 20.0).process(masked.narrow, masked.known)
    for after_s in (2.0, 3.5, 6.0, 20.0):
        one, other = at(begun, begun_s + after_s), masked.at(begun_s + after_s)
        assert torch.equal(one.mask, other.mask)
        assert torch.equal(one.known, other.known)
        atol = 2e-6  # of 1 mm/s
        torch.testing.assert_close(one.waveforms, other.waveforms, rtol=0.0, atol=atol)
        torch.testing.assert_close(one.waveforms_broad, other.waveforms_broad, rtol=0.0, atol=atol)
        torch.testing.assert_close(one.peaks[:, :, :4], other.peaks[:, :, :4], rtol=0.02, atol=atol)
        torch.testing.assert_close(one.background_mps, other.background_mps, rtol=0.1, atol=1e-7)


def test_windows_end_on_blocks_of_the_clock(tmp_path, parts):
    """A stream that begins 0.13 s after a full second."""
    late = parts[1].copy()
    for trace in late:
        trace.stats.starttime += 0.13
    sequence = written(tmp_path / "made", late, parts[2])
    assert sequence.start_time_s == START_S
    assert not sequence.known[..., :3].any()
    assert sequence.known[..., 3:].all()
    for partial in (True, False):
        now_s = torch.cat([each.now_s for each in windows(sequence, partial=partial, step_s=0.75)])
        assert np.allclose(now_s % 0.25, 0.0)
        np.testing.assert_allclose(np.diff(now_s), 0.75)


@pytest.mark.parametrize("step_s", [0.1, 0.3, 1.1, 0.01])
def test_steps_between_blocks_are_refused(whole, step_s):
    with pytest.raises(ValueError, match=rf"{step_s} s \(step_s\), which is no multiple of 0.25 s"):
        windows(whole, step_s=step_s)


def test_a_station_takes_part_while_it_has_known_samples(tmp_path, parts):
    silent = obspy.Stream(
        [
            trace.slice(endtime=obspy.UTCDateTime(START_S + 20.0)) if trace.stats.station == "S01" else trace
            for trace in parts[1]
        ]
    )
    sequence = written(tmp_path / "made", silent, parts[2])
    assert at(sequence, START_S + 49.75).mask[0].tolist() == [True, True, True]
    assert at(sequence, START_S + 50.25).mask[0].tolist() == [True, False, True]
    assert at(sequence, START_S + 50.25).peaks[0, 1].any()  # of the past


def test_rates_that_a_clock_measured_are_of_one_channel(parts):
    station = LiveStation("XX.S00", parts[2], SPEC, 600, 30.0)
    rng, counts = np.random.default_rng(1), np.zeros(100)
    packets = [Packet("XX.S00..HHZ", START_S + i, 100 + rng.uniform(-0.05, 0.05), counts) for i in range(200)]
    found = {id(station.channel(each)) for each in packets}
    assert len(found) == 1
    assert station.counts == {}
