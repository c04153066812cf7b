"""The P series of single stations: what is asked for, and what a picker could argue about."""

import pytest
import torch

from fcn.scheme.station_p import StationP

RATE_HZ, N_SAMPLES = 20.0, 600
P_AT_S = 10.0
MASK = torch.tensor([[True, True, False]])


def loss(snr: list[float], *, picked: bool, absent: float = -12.0) -> float:
    """Three stations, one absent: the first has P of so many events at `P_AT_S`, and says it or not."""
    p_s, p_snr = torch.full((1, 3, 2), torch.inf), torch.zeros(1, 3, 2)
    p_s[0, 0, : len(snr)], p_snr[0, 0, : len(snr)] = P_AT_S, torch.tensor(snr)
    logits = torch.full((1, 3, N_SAMPLES), -12.0)
    logits[0, 2] = absent
    if picked:
        at = round(P_AT_S * RATE_HZ)
        logits[0, 0, at - 1 : at + 2] = 12.0
    asked = StationP(visible_snr=3.0, sigma_s=0.1, positive_weight=8.0, sampling_rate_hz=RATE_HZ)
    return float(asked.loss(logits, MASK, p_s, p_snr))


@pytest.mark.parametrize(
    ("snr", "wanted"),
    [
        ([0.0], False),  # P is yet to come
        ([0.1], None),
        ([3.0], None),
        ([3.1], True),
        ([3.1, 1.0], True),  # a doubtful one beside a visible one takes nothing away
        ([0.0, 1.0], None),
    ],
)
def test_samples_about_a_doubtful_p_do_not_count(snr, wanted):
    """None: neither picking it nor leaving it costs anything."""
    picked, left = (loss(snr, picked=each) for each in (True, False))
    wrong = 12.0 / (2 * N_SAMPLES)  # of one sample
    if wanted is None:
        assert picked == pytest.approx(left, abs=1e-3 * wrong)
        assert left < 0.1 * wrong
    elif wanted:
        assert left > picked + 3 * wrong
    else:
        assert picked > left + 2 * wrong


def test_absent_stations_do_not_count():
    assert loss([3.1], picked=True, absent=50.0) == loss([3.1], picked=True)
