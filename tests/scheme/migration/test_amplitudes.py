"""What the magnitude branch sees of a station, against numbers worked out by hand."""

import pytest
import torch

from fcn.scheme.migration.amplitudes import Amplitudes, measure

RATE_HZ = 20.0
WINDOW_S = 30.0
P_S, S_S = 10.0, 17.0
NOISE_MPS = 1e-7
P_VELOCITY, S_VELOCITY, P_DISPLACEMENT, S_DISPLACEMENT, NOISE, P_OVER_NOISE = range(6)


def spikes(*given: tuple[float, float], component: int = 0) -> torch.Tensor:
    """One station's record: at each (seconds, m/s) a sample, and the next one its opposite.

    So its displacement is zero but for that one sample: value / RATE_HZ.
    """
    record = torch.zeros(3, round(WINDOW_S * RATE_HZ))
    for time_s, value in given:
        sample = round(time_s * RATE_HZ)
        record[component, sample] += value
        record[component, sample + 1 : sample + 2] -= value
    return record


def measured(
    *records: torch.Tensor,
    p_s: float = P_S,
    s_s: float = S_S,
    distance_km: float = 30.0,
    depth_km: float = 8.0,
    mask: list[bool] | None = None,
    unknown: slice = slice(0),
) -> Amplitudes:
    """One event, as many stations as records, all with the same arrivals and distance."""
    n = len(records)
    valid = torch.ones(1, n, *records[0].shape, dtype=torch.bool)
    valid[:, :, unknown] = False
    return measure(
        torch.stack(records)[None],
        valid,
        torch.tensor([mask or [True] * n]),
        torch.tensor([p_s, s_s]).expand(1, 1, n, 2),
        torch.full((1, 1, n), distance_km),
        torch.tensor([[depth_km]]),
        sampling_rate_hz=RATE_HZ,
    )


def guess(record: torch.Tensor, **given: float) -> float:
    return measured(record, **given).first_guess.item()


BOTH = spikes((P_S - 4.0, NOISE_MPS), (P_S + 1.0, 1e-4), (S_S + 1.0, 1e-3))


def test_the_first_guess_is_five_for_2_cm_per_s_at_30_km():
    # 4.2 + log10(0.02) + 1.66 log10(30)
    assert guess(spikes((S_S + 1.0, 0.02))) == pytest.approx(4.9531, abs=1e-3)


@pytest.mark.parametrize("component", [0, 1, 2])
def test_the_largest_component_counts(component):
    assert guess(spikes((S_S + 1.0, -1e-3), component=component)) == pytest.approx(guess(BOTH), abs=1e-5)


@pytest.mark.parametrize(
    ("unknown", "p_more", "s_more"),
    [(slice(2, 3), 0.04, 0.06), (slice(1, 3), 0.17, 0.43), (slice(1), 0.0, 0.0)],
)
def test_unknown_horizontals_are_made_up_for(unknown, p_more, s_more):
    """The vertical's peak, by what the largest of three exceeds it in the mean; one that is there counts."""
    whole, part = measured(BOTH).inputs[0, 0, 0], measured(BOTH, unknown=unknown).inputs[0, 0, 0]
    more = 2 * (part - whole)
    for place, expected in ((P_VELOCITY, p_more), (S_VELOCITY, s_more), (NOISE, 0.0)):
        assert more[place].item() == pytest.approx(expected, abs=1e-6)


def test_the_same_amplitude_ten_times_as_far_is_a_larger_event():
    near, far = (guess(BOTH, distance_km=distance_km) for distance_km in (9.0, 90.0))
    assert far - near == pytest.approx(1.66, abs=1e-4)
    # nearer than 1 km is as 1 km
    assert guess(BOTH, distance_km=0.0) == guess(BOTH, distance_km=1.0)


@pytest.mark.parametrize("s_s", [S_S, 29.8, 40.0])
def test_ten_times_the_amplitude_is_one_magnitude_more(s_s):
    assert guess(10 * BOTH, s_s=s_s) - guess(BOTH, s_s=s_s) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("s_s", "has_s"), [(S_S, True), (29.4, True), (29.6, False), (31.0, False)])
def test_until_s_has_come_p_stands_for_it(s_s, has_s):
    """P is taken to be 0.6 units below S, until half a second of S has been seen."""
    p_mps, s_mps = 1e-4, 1e-3
    record = spikes((P_S + 1.0, p_mps), (min(s_s, 29.9), s_mps))
    seen = measured(record, s_s=s_s)
    log_amplitude = -3.0 if has_s else -4.0 + 0.6
    want = 4.2 + log_amplitude + 1.66 * torch.tensor(30.0).log10().item()
    assert seen.first_guess.item() == pytest.approx(want, abs=1e-3)
    assert seen.inputs[0, 0, 0, 11].item() == float(has_s)


def test_a_p_larger_than_s_counts_once_s_has_come():
    swapped = spikes((P_S + 1.0, 1e-3), (S_S + 1.0, 1e-4))
    assert guess(swapped) == pytest.approx(guess(BOTH), abs=1e-5)


@pytest.mark.parametrize(
    ("p_s", "use"), [(-3.0, True), (20.0, True), (29.4, True), (29.6, False), (30.0, False), (45.0, False)]
)
def test_a_station_counts_half_a_second_after_its_p(p_s, use):
    steady = 1e-5 * torch.ones(3, 600)
    assert measured(steady, p_s=p_s, s_s=p_s + 5.0).use.tolist() == [[[use]]]


def test_stations_that_are_dead_or_absent_do_not_count():
    """A record of zeros is dead whatever its mask says, and so is one that ends before P."""
    ended = BOTH.clone()
    ended[:, round((P_S - 1.0) * RATE_HZ) :] = 0.0
    seen = measured(BOTH, torch.zeros_like(BOTH), ended, BOTH, mask=[True, True, True, False])
    assert seen.use.tolist() == [[[True, False, False, False]]]
    assert torch.isfinite(seen.first_guess).all()
    assert torch.isfinite(seen.inputs).all()


@pytest.mark.parametrize("time_s", [P_S - 9.0, P_S - 0.6, P_S + 4.5, S_S - 0.6, S_S + 8.5])
def test_what_is_neither_p_nor_s_nor_noise_changes_nothing(time_s):
    """P: from 0.3 s before it, for 4 s. S: for 8 s. Noise: 8 to 1 s before P."""
    one, two = measured(BOTH), measured(BOTH + spikes((time_s, 1.0)))
    torch.testing.assert_close(two.inputs, one.inputs)
    torch.testing.assert_close(two.first_guess, one.first_guess)


@pytest.mark.parametrize(
    ("time_s", "changed"),
    [
        (P_S - 7.9, {NOISE, P_OVER_NOISE}),
        (P_S - 1.2, {NOISE, P_OVER_NOISE}),
        (P_S - 0.2, {P_VELOCITY, P_DISPLACEMENT, P_OVER_NOISE}),
        (P_S + 3.8, {P_VELOCITY, P_DISPLACEMENT, P_OVER_NOISE}),
        (S_S - 0.2, {S_VELOCITY, S_DISPLACEMENT}),
        (S_S + 7.8, {S_VELOCITY, S_DISPLACEMENT}),
    ],
)
def test_each_peak_is_of_its_own_window(time_s, changed):
    one, two = measured(BOTH).inputs, measured(BOTH + spikes((time_s, 1.0))).inputs
    differ = ((two - one)[0, 0, 0].abs() > 1e-3).nonzero()[:, 0].tolist()
    assert set(differ) == changed


def test_where_s_comes_early_p_ends_with_it():
    record = spikes((P_S + 0.5, 1e-4), (P_S + 3.0, 1e-2))
    p_velocity, s_velocity = measured(record, s_s=P_S + 2.0).inputs[0, 0, 0, :2].tolist()
    assert p_velocity == pytest.approx(-4.0 / 2 + 3, abs=1e-4)
    assert s_velocity == pytest.approx(-2.0 / 2 + 3, abs=1e-4)


def test_the_inputs_are_of_order_one_and_in_their_order():
    seen = measured(BOTH, distance_km=100.0, depth_km=8.0).inputs[0, 0, 0].tolist()
    log_rate = torch.tensor(RATE_HZ).log10().item()
    assert seen == pytest.approx(
        [
            *(-4.0 / 2 + 3, -3.0 / 2 + 3),  # log10 of velocity, P and S
            *((-4.0 - log_rate) / 2 + 4, (-3.0 - log_rate) / 2 + 4),  # of displacement
            *(-7.0 / 2 + 3, 3.0),  # of noise, and of P over it
            *(2.0, 0.4),  # of the distance; depth
            *(2.0, 1.0, 0.7),  # tens of seconds since P, since S (no more than one), between them
            1.0,
        ],
        abs=1e-4,
    )


def test_every_event_and_station_has_its_own_windows():
    """Two events, two stations, every pair with other arrivals: no axis is mistaken for another."""
    records = torch.stack([spikes((6.0, 1e-5), (20.0, 1e-3)), spikes((9.0, 1e-4), (24.0, 1e-2))])
    arrival_s = torch.tensor([[[[5.5, 8.0], [8.5, 12.0]], [[19.5, 25.0], [23.5, 29.0]]]])
    seen = measure(
        records[None],
        torch.ones(1, *records.shape, dtype=torch.bool),
        torch.ones(1, 2, dtype=torch.bool),
        arrival_s,
        torch.full((1, 2, 2), 30.0),
        torch.tensor([[8.0, 8.0]]),
        sampling_rate_hz=RATE_HZ,
    )
    log_p = 2 * (seen.inputs[0, :, :, P_VELOCITY] - 3)
    torch.testing.assert_close(log_p, torch.tensor([[-5.0, -4.0], [-3.0, -2.0]]), rtol=0, atol=1e-4)
