"""The picks of a stream: peaks of the P series, and none where data return."""

import pytest
import torch

from fcn.scheme.migration.picks import find_picks

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
