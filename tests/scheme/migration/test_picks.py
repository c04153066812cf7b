"""The picks of a stream: peaks of the P series, and none where data return."""

import json

import pytest
import torch

from fcn.batch import Batch
from fcn.scheme.migration.picks import PicksOfStream, find_picks

RATE_HZ = 20.0
N_SAMPLES = 600


def test_picks_are_separate_peaks_in_order_of_probability():
    logits = torch.full((3, N_SAMPLES), -8.0)
    logits[0, 99:102] = torch.tensor([0.0, 2.0, 1.0])
    logits[0, 104] = 1.5  # within half a second of a higher one
    logits[1, 300] = 3.0
    logits[2, 400] = 9.0  # a station that does not exist
    silent = torch.zeros(3, N_SAMPLES, dtype=torch.bool)
    silent[2] = True
    picks = find_picks(
        logits,
        silent,
        first=0,
        least_probability=0.3,
        apart_s=0.5,
        sampling_rate_hz=RATE_HZ,
    )
    assert picks.station.tolist() == [1, 0]
    assert picks.time_s[0].item() == pytest.approx(15.0)
    assert 5.0 < picks.time_s[1].item() < 5.025  # towards the higher neighbour
    assert picks.probability.tolist() == sorted(picks.probability.tolist(), reverse=True)


def test_data_that_return_are_no_arrival():
    """For a second after a gap; equal samples are one pick, the first."""
    logits = torch.full((1, N_SAMPLES), -8.0)
    silent = torch.zeros(1, N_SAMPLES, dtype=torch.bool)
    silent[0, 100:200] = True
    logits[0, 203] = logits[0, 219] = 4.0  # 0.2 and 1 s after the gap
    logits[0, 240] = logits[0, 241] = 3.0
    picks = find_picks(logits, silent, first=0, least_probability=0.3, apart_s=0.5, sampling_rate_hz=RATE_HZ)
    assert len(picks) == 1
    assert 12.0 <= picks.time_s.item() <= 12.05


@pytest.mark.parametrize(("at", "n_picks"), [(99, 0), (105, 0), (110, 1), (130, 1)])
def test_what_lies_before_the_first_sample_that_counts_changes_nothing(at, n_picks):
    """Neither a peak there, nor one that could be the slope of one, nor logits that are nobody's."""
    silent = torch.zeros(1, N_SAMPLES, dtype=torch.bool)
    found = []
    for nobody in (-8.0, 9.0, torch.nan):
        logits = torch.full((1, N_SAMPLES), -8.0)
        logits[0, at] = 3.0
        logits[0, :100] = nobody if at > 99 else logits[0, :100]
        found.append(
            find_picks(
                logits, silent, first=100, least_probability=0.3, apart_s=0.5, sampling_rate_hz=RATE_HZ
            )
        )
    assert [len(each) for each in found] == 3 * [n_picks]
    assert len({tuple(each.time_s.tolist()) for each in found}) == 1


def batch_of(ids, end_s, silent=()):
    """A window of 30 s of these stations; silent: those without data."""
    known = torch.ones(1, len(ids), 3, N_SAMPLES, dtype=torch.bool)
    for row in silent:
        known[0, row] = False
    motion = torch.zeros(1, len(ids), 3, N_SAMPLES)
    return Batch(
        waveforms=motion,
        waveforms_broad=motion,
        station_km=torch.zeros(1, len(ids), 3),
        mask=torch.ones(1, len(ids), dtype=torch.bool),
        known=known,
        background_mps=torch.ones(1, len(ids), 2, N_SAMPLES),
        peaks=torch.zeros(1, len(ids), 6, 800),
        travel_time=NoTimes(),
        now_s=torch.tensor([end_s], dtype=torch.float64),
        station_ids=tuple(ids),
    )


class NoTimes:
    """Travel times that nobody asks for."""

    def between(self, source_km, station_km):
        raise NotImplementedError

    def to(self, device):
        return self


def logits_at(end_s, picks, nobody=-8.0):
    """Of two stations, with peaks at (station, POSIX time); what lies in the first 5 s is nobody's."""
    logits = torch.full((2, N_SAMPLES), -8.0)
    for station, time_s in picks:
        sample = round((time_s - end_s) * RATE_HZ) + N_SAMPLES
        if 0 <= sample < N_SAMPLES:
            logits[station, sample] = 3.0 - station
    logits[:, :100] = nobody
    return logits


@pytest.mark.parametrize("restored", [False, True])
def test_picks_that_are_too_old_to_be_found_are_those_of_before(restored):
    """Until the window has passed them, in a stream that is restored, too; whatever the logits there say."""
    true = [(0, 1000.0), (1, 1001.3), (0, 1004.0), (1, 1020.0)]
    stream = PicksOfStream(0.3, 0.5, RATE_HZ)
    for step in range(100):
        end_s = 1002.0 + step / 2
        if restored:
            last = [tuple(each) for each in json.loads(json.dumps(stream.last))]
            stream = PicksOfStream(0.3, 0.5, RATE_HZ, last)
        nobody = 9.0 if step % 3 else torch.nan
        found = stream.find(
            logits_at(end_s, true, nobody),
            batch_of("AB", end_s),
            torch.ones(2, dtype=torch.bool),
            start_s=end_s - 30.0,
            first=100,
        )
        inside = [(station, at_s) for station, at_s in true if end_s - 30.0 <= at_s < end_s]
        times = sorted(zip(found.station.tolist(), found.time_s.tolist(), strict=True))
        assert [station for station, _ in times] == [station for station, _ in sorted(inside)]
        assert [at_s + end_s - 30.0 for _, at_s in times] == pytest.approx(
            [at_s for _, at_s in sorted(inside)], abs=0.01
        )
        assert found.probability.tolist() == sorted(found.probability.tolist(), reverse=True)


def test_picks_of_before_are_those_of_stations_that_are_there():
    """In whatever order they come, and not of one that may say nothing now."""
    stream = PicksOfStream(0.3, 0.5, RATE_HZ, [("A", 1000.0, 0.9), ("B", 1001.0, 0.8), ("C", 1001.0, 0.7)])
    nothing = torch.full((2, N_SAMPLES), -8.0)
    for there, expected in (([True, True], [1, 0]), ([True, False], [])):
        found = PicksOfStream(0.3, 0.5, RATE_HZ, list(stream.last)).find(
            nothing, batch_of("BA", 1029.0), torch.tensor(there), start_s=999.0, first=100
        )
        assert found.station.tolist() == (expected if all(there) else [0])


def test_a_station_that_may_say_nothing_for_a_moment_has_its_picks_again():
    stream = PicksOfStream(0.3, 0.5, RATE_HZ, [("A", 1000.0, 0.9), ("B", 1001.0, 0.8)])
    nothing, found = torch.full((2, N_SAMPLES), -8.0), []
    for end_s, there in ((1028.0, [True, True]), (1028.5, [True, False]), (1029.0, [True, True])):
        picks = stream.find(
            nothing, batch_of("AB", end_s), torch.tensor(there), start_s=end_s - 30.0, first=100
        )
        found.append(sorted(picks.station.tolist()))
    assert found == [[0, 1], [0], [0, 1]]
    stream.find(nothing, batch_of("AB", 1040.0), torch.ones(2, dtype=torch.bool), start_s=1010.0, first=100)
    assert stream.last == []
