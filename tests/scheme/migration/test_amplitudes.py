"""What the magnitude branch sees of a station, against numbers worked out by hand."""

import math

import pytest
import torch

from fcn.scheme.migration.amplitudes import Amplitudes, Motion, measure
from fcn.waveform.amplitude import AMPLITUDES, BLOCK_S

PAST = 400  # blocks: 100 s
P_S, S_S = 20.0, 13.0  # ago
NOISE_MPS = 1e-7
VELOCITY = AMPLITUDES.index("broad velocity m/s")
LONG = AMPLITUDES.index("long-period displacement m")
N = len(AMPLITUDES)
LASTS, ABOVE_NOISE, OTHER = 3 * N, 3 * N + 2, 3 * N + 4
LOG_KM, DEPTH, SINCE_P, SINCE_S, TO_S, S_MINUS_P, HAS_S, HORIZONTALS, FALLING = range(OTHER, OTHER + 9)


def blocks(*given: tuple[float, float], channel: int = VELOCITY) -> torch.Tensor:
    """One station's peaks: at each (seconds ago, amplitude) the block that holds that moment."""
    record = torch.zeros(N, PAST)
    for ago_s, value in given:
        record[channel, PAST - 1 - math.floor(ago_s / BLOCK_S)] = value
    return record


def measured(
    *records: torch.Tensor,
    since_p_s: float = P_S,
    since_s_s: float = S_S,
    distance_km: float = 30.0,
    depth_km: float = 8.0,
    mask: list[bool] | None = None,
    horizontals: float = 2.0,
    since_next_s: list[float] | None = None,
) -> Amplitudes:
    """One event, as many stations as records, all with the same arrivals and distance."""
    n = len(records)
    motion = Motion(
        torch.stack(records)[None], torch.full((1, n), horizontals), torch.tensor([mask or [True] * n])
    )
    since_s = torch.tensor([since_p_s, since_s_s]).expand(1, 1, n, 2)
    since_next = None if since_next_s is None else torch.tensor([[since_next_s]])
    return measure(
        motion,
        since_s,
        torch.full((1, 1, n), distance_km),
        torch.tensor([[depth_km]]),
        since_next_s=since_next,
    )


def guess(record: torch.Tensor, **given: float) -> float:
    return measured(record, **given).first_guess.item()


def log10(value: float) -> float:
    return 2 * (value - 3)


BOTH = blocks((P_S + 4.0, NOISE_MPS), (P_S - 1.0, 1e-4), (S_S - 1.0, 1e-3))


def test_the_first_guess_is_five_for_2_cm_per_s_at_30_km():
    # 4.2 + log10(0.02) + 1.66 log10(30)
    assert guess(blocks((S_S - 1.0, 0.02))) == pytest.approx(4.9531, abs=1e-3)


def test_the_same_amplitude_ten_times_as_far_is_a_larger_event():
    near, far = (guess(BOTH, distance_km=distance_km) for distance_km in (9.0, 90.0))
    assert far - near == pytest.approx(1.66, abs=1e-4)
    # nearer than 1 km is as 1 km
    assert guess(BOTH, distance_km=0.0) == guess(BOTH, distance_km=1.0)


@pytest.mark.parametrize("since_s_s", [S_S, 0.2, -10.0])
def test_ten_times_the_amplitude_is_one_magnitude_more(since_s_s):
    one, ten = (guess(gain * BOTH, since_s_s=since_s_s) for gain in (1, 10))
    assert ten - one == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("since_s_s", "has_s"), [(S_S, True), (0.6, True), (0.4, False), (-1.0, False)])
def test_until_s_has_come_p_stands_for_it(since_s_s, has_s):
    """P is taken to be 0.6 units below S, until half a second of S has been seen."""
    record = blocks((P_S - 1.0, 1e-4), (max(since_s_s, 0.0), 1e-3 if has_s else 0.0))
    seen = measured(record, since_s_s=since_s_s)
    want = 4.2 + (-3.0 if has_s else -4.0 + 0.6) + 1.66 * math.log10(30.0)
    assert seen.first_guess.item() == pytest.approx(want, abs=1e-3)
    assert seen.inputs[0, 0, 0, HAS_S].item() == float(has_s)


def test_a_p_larger_than_s_counts_once_s_has_come():
    swapped = blocks((P_S - 1.0, 1e-3), (S_S - 1.0, 1e-4))
    assert guess(swapped) == pytest.approx(guess(BOTH), abs=1e-5)


@pytest.mark.parametrize(
    ("since_p_s", "use"), [(90.0, True), (20.0, True), (0.6, True), (0.4, False), (0.0, False), (-9.0, False)]
)
def test_a_station_counts_half_a_second_after_its_p(since_p_s, use):
    steady = 1e-5 * torch.ones(N, PAST)
    assert measured(steady, since_p_s=since_p_s, since_s_s=since_p_s - 5).use.tolist() == [[[use]]]


def test_stations_that_are_dead_or_absent_do_not_count():
    """A record of zeros is dead whatever its mask says, and so is one that ended before P."""
    ended = blocks((P_S + 4.0, NOISE_MPS))
    seen = measured(BOTH, torch.zeros_like(BOTH), ended, BOTH, mask=[True, True, True, False])
    assert seen.use.tolist() == [[[True, False, False, False]]]
    for each in (seen.first_guess, seen.inputs, seen.falling_s, seen.rise):
        assert torch.isfinite(each).all()


def test_a_band_that_is_not_known_is_as_of_a_quiet_station():
    """Of the long-period band after a start in shaking; the others go on."""
    silent = measured(BOTH).inputs[0, 0, 0]
    for place in (LONG, N + LONG, 2 * N + LONG):
        assert log10(silent[place].item()) == pytest.approx(-7.0)
    assert log10(silent[VELOCITY].item()) == pytest.approx(-4.0)


@pytest.mark.parametrize("channel", range(N))
@pytest.mark.parametrize(
    ("ago_s", "changed"),
    [
        (P_S + 8.6, None),  # before P: noise from 8 to 1 s
        (P_S + 7.4, 2),
        (P_S + 1.3, 2),
        (P_S + 0.7, None),
        (P_S + 0.1, 0),  # P: from 0.3 s before it until S
        (S_S + 0.7, 0),
        (S_S + 0.1, 1),  # S: from 0.3 s before it until now
        (0.1, 1),
    ],
)
def test_each_peak_is_of_its_own_window(channel, ago_s, changed):
    """However long ago: what was felt since P is never forgotten."""
    one, two = measured(BOTH).inputs[0, 0, 0], measured(BOTH + blocks((ago_s, 1.0), channel=channel)).inputs
    differ = ((two[0, 0, 0, : 3 * N] - one[: 3 * N]).abs() > 1e-3).nonzero()[:, 0].tolist()
    assert differ == ([] if changed is None else [changed * N + channel])


def test_the_other_inputs_are_in_their_order():
    seen = measured(BOTH, distance_km=100.0, depth_km=8.0, horizontals=1.0).inputs[0, 0, 0]
    assert len(seen) == FALLING + 1
    assert seen[ABOVE_NOISE].item() == pytest.approx(4.0, abs=1e-5)
    assert seen[LOG_KM].item() == pytest.approx(2.0)
    assert seen[DEPTH].item() == pytest.approx(0.4)
    assert seen[SINCE_P].item() == pytest.approx(math.log(21.0))
    assert seen[SINCE_S].item() == pytest.approx(math.log(14.0))
    assert seen[TO_S].item() == pytest.approx(1.0)  # no more than one
    assert seen[S_MINUS_P].item() == pytest.approx(0.7)
    assert seen[HORIZONTALS].item() == pytest.approx(0.5)


def test_strong_motion_lasts_while_it_is_above_a_third_of_its_peak():
    record = blocks(*((10.0 - 0.25 * n, 1e-3) for n in range(8)), (5.0, 3.1e-4), (4.0, 2.9e-4))
    seen = measured(record).inputs[0, 0, 0]
    assert seen[LASTS].item() == pytest.approx(math.log1p(9 * BLOCK_S), abs=1e-5)


@pytest.mark.parametrize(
    ("last", "falling_s"), [((3.1, 1.2e-3), 3.0), ((3.1, 1.02e-3), 12.0), ((3.1, 1e-4), 12.0)]
)
def test_motion_falls_from_its_last_growth_on(last, falling_s):
    """Growth by less than a twentieth is none."""
    seen = measured(blocks((12.1, 1e-3), last))
    assert seen.falling_s.item() == pytest.approx(falling_s)
    # either kind of motion may grow
    slow = measured(blocks((12.1, 1e-3)) + blocks((2.1, 1e-2), channel=LONG))
    assert slow.falling_s.item() == pytest.approx(2.0)


def test_the_rise_is_that_above_what_came_before():
    assert measured(BOTH).rise.item() == pytest.approx(1e4, rel=1e-3)


def test_motion_falls_when_it_does_at_most_stations():
    """However many there are; at four in five of those that P has reached."""
    records = [blocks((float(ago_s), 1e-3), (P_S + 4, 1e-4)) for ago_s in range(1, 16)]
    seen = measured(*records, mask=[True] * 10 + [False] * 5)
    falling_s, _ = seen.course(torch.zeros(1, 1, 15))
    assert falling_s.item() == pytest.approx(3.0)  # of 1 to 10


def test_the_first_stations_say_by_how_much_motion_rose():
    records = [blocks((1.0, rise * 1e-4), (P_S + 4, 1e-4)) for rise in range(2, 17)]
    _, rise = measured(*records).course(torch.arange(15.0)[None, None])  # the first one first
    assert rise.item() == pytest.approx(5.0, rel=1e-3)  # of 2 to 9, the lower of the two in the middle
    nobody = measured(BOTH, mask=[False]).course(torch.zeros(1, 1, 1))
    assert [each.item() for each in nobody] == [0.0, 0.0]


def test_every_event_and_station_has_its_own_windows():
    """Two events, two stations, every pair with other arrivals: no axis is mistaken for another."""
    records = torch.stack([blocks((24.1, 1e-5), (10.1, 1e-3)), blocks((21.1, 1e-4), (6.1, 1e-2))])
    since_s = torch.tensor([[[[24.5, 22.0], [21.5, 18.0]], [[10.5, 5.0], [6.5, 1.0]]]])
    seen = measure(
        Motion(records[None], torch.full((1, 2), 2.0), torch.ones(1, 2, dtype=torch.bool)),
        since_s,
        torch.full((1, 2, 2), 30.0),
        torch.tensor([[8.0, 8.0]]),
    )
    log_p = 2 * (seen.inputs[0, :, :, VELOCITY] - 3)
    torch.testing.assert_close(log_p, torch.tensor([[-5.0, -4.0], [-3.0, -2.0]]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("n_past", [120, 800])
def test_noise_does_not_grow_however_little_of_it_is_given(n_past):
    """Windows of training hold 30 s, streams and histories 200 s: they must not tell them apart by this."""
    seen = measured(1e-5 * torch.ones(N, n_past), since_p_s=12.0, since_s_s=8.0)
    assert seen.falling_s.item() == 200.0
    assert seen.inputs[0, 0, 0, FALLING].item() == pytest.approx(math.log(201.0))


def test_motion_after_p_of_a_larger_event_is_not_this_one_s():
    own = blocks((P_S + 4.0, NOISE_MPS), (P_S - 1.0, 1e-4), (S_S - 1.0, 1e-3))
    hidden = own + blocks((5.0, 1.0))
    for since_next_s in (6.0, 10.9):
        seen, alone = measured(hidden, since_next_s=[since_next_s]), measured(own)
        assert torch.equal(seen.first_guess, alone.first_guess)
        assert torch.equal(seen.falling_s, alone.falling_s)
        assert torch.equal(seen.inputs, alone.inputs)
    # it is yet to come, or there is none
    for since_next_s in (-3.0, -torch.inf):
        assert torch.equal(measured(hidden, since_next_s=[since_next_s]).inputs, measured(hidden).inputs)


def test_a_station_where_a_larger_event_comes_too_soon_is_left_to_it():
    """Where S was not over: but for that there is nobody else."""
    hidden = BOTH + blocks((5.0, 1.0))
    soon, late = S_S - 1.9, S_S - 2.1
    assert measured(hidden, BOTH, since_next_s=[soon, late]).use.tolist() == [[[False, True]]]
    both = measured(hidden, hidden, since_next_s=[soon, soon])
    assert both.use.all()
    assert torch.equal(both.first_guess, measured(hidden, hidden).first_guess)
