import numpy as np
import pytest
import torch

from fcn.recombine.faults import SHARES, FaultPrior, damage, draw_faults, silence
from fcn.seeding import Purpose, derive_rng

RANGES = {
    "gap_s": (1.0, 4.0),
    "spike_ratio": (20.0, 50.0),
    "step_ratio": (5.0, 10.0),
    "clip_mps": (0.5, 0.6),
    "clock_s": 0.5,
}


def prior(**shares: float) -> FaultPrior:
    return FaultPrior(**{name: shares.get(name, 0.0) for name in SHARES}, **RANGES)


def drawn(n_windows: int = 40, n_stations: int = 10, **shares: float):
    rngs = [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(n_windows)]
    return draw_faults(rngs, prior(**shares), [n_stations] * n_windows)


def noise(n_windows: int = 40, n_stations: int = 10, n: int = 600) -> torch.Tensor:
    return torch.randn(n_windows, n_stations, 3, n, generator=torch.Generator().manual_seed(0))


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Per window, station and component: did anything change?"""
    return (before != after).any(dim=-1)


def test_without_faults_nothing_changes():
    x, faults = noise(), drawn()
    assert torch.equal(damage(x, faults), x)
    assert not silence(faults, 600, sampling_rate_hz=20.0).any()
    assert faults.clock_s.abs().max() == 0


@pytest.mark.parametrize("name", SHARES)
def test_every_fault_befalls_the_share_of_stations_it_should(name):
    faults = drawn(n_windows=400, **{name: 0.2})
    share = float(faults.has[name].float().mean())
    assert share == pytest.approx(0.2, abs=0.03)  # 4000 stations: five standard deviations
    assert not any(faults.has[other].any() for other in SHARES if other != name)


def test_one_component_dies():
    x, faults = noise(), drawn(dead=1.0)
    flat = (damage(x, faults) == 0).all(dim=-1)
    assert torch.equal(flat.sum(dim=2), torch.ones(40, 10, dtype=torch.long))
    assert torch.equal(flat.long().argmax(dim=2), faults.component)
    counts = torch.bincount(faults.component.flatten(), minlength=3)
    assert ((counts - 400 / 3) ** 2 / (400 / 3)).sum() < 13.8  # 99.9 %, 2 degrees of freedom


def test_one_component_is_reversed_and_horizontals_swapped():
    x = noise()
    reversed_ = drawn(reverse=1.0)
    out = damage(x, reversed_)
    assert torch.equal(changed(x, out).sum(dim=2), torch.ones(40, 10, dtype=torch.long))
    torch.testing.assert_close(out.abs(), x.abs())
    swapped = damage(x, drawn(swap=1.0))
    assert torch.equal(swapped, x[:, :, [0, 2, 1]])


def test_a_spike_is_one_sample_and_a_step_lasts():
    x = noise()
    spiked = damage(x, drawn(spike=1.0)) - x
    assert torch.equal((spiked != 0).sum(dim=(2, 3)), torch.ones(40, 10, dtype=torch.long))
    ratio = spiked.abs().amax(dim=(2, 3)) / x.std(dim=(2, 3))
    assert 19.9 < ratio.min() <= ratio.max() < 50.1
    faults = drawn(step=1.0)
    stepped = damage(x, faults) - x
    assert stepped[..., -1].abs().amax(dim=2).min() > 4
    start = (stepped.abs().amax(dim=2) > 1).float().argmax(dim=-1)
    assert torch.equal(start, (faults.moment * 600).long())


def test_clipping_limits_all_components_and_nothing_else():
    x, faults = noise(), drawn(clip=1.0)
    out = damage(x, faults)
    assert (out.abs().amax(dim=(2, 3)) <= faults.clip_mps + 1e-6).all()
    low = x.abs() < 0.5
    assert torch.equal(out[low], x[low])


def test_a_gap_is_silent_for_as_long_as_it_should_be():
    faults = drawn(gap=1.0)
    silent_s = silence(faults, 600, sampling_rate_hz=20.0).sum(dim=-1) / 20
    whole = (faults.moment > 0.1) & (faults.moment < 0.9)
    assert (silent_s - faults.gap_s)[whole].abs().max() <= 0.1


def test_spikes_and_steps_change_nothing_before_their_moment():
    x, faults = noise(), drawn(spike=0.5, step=0.5)
    out = damage(x, faults)
    moment = (faults.moment * 600).long()[..., None, None]
    before = (torch.arange(600) < moment).expand_as(x)
    assert torch.equal(out[before], x[before])
    befallen = faults.has["spike"] | faults.has["step"]
    at_moment = torch.gather(out - x, 3, moment.expand(-1, -1, 3, -1))[..., 0]
    assert torch.equal((at_moment != 0).any(dim=2), befallen)


@pytest.mark.parametrize("name", ["dead", "clip", "swap", "reverse"])
def test_faults_do_not_reach_back_in_time(name):
    """Another future changes no sample of the past."""
    x, faults = noise(), drawn(**{name: 0.5})
    other = x.clone()
    other[..., 300:] = 5 * x[..., 300:].flip(-1)
    here, there = damage(x, faults)[..., :300], damage(other, faults)[..., :300]
    assert torch.equal(here, there)
    assert torch.equal((here != x[..., :300]).any(dim=-1).any(dim=-1), faults.has[name])


def test_clock_errors_have_their_deviation():
    faults = drawn(n_windows=200, clock=1.0)
    assert float(faults.clock_s.std()) == pytest.approx(0.5, rel=0.08)
    assert abs(float(faults.clock_s.mean())) < 0.06


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": 1.5}, "0-1"),
        ({"clock_s": -1.0}, "clock_s"),
        ({"gap_s": (5.0, 1.0)}, "low <= high"),
        ({"clip_mps": (0.0, 1.0)}, "clip_mps must be positive"),
    ],
)
def test_impossible_faults_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        FaultPrior(**(dict.fromkeys(SHARES, 0.0) | RANGES | change))


def test_faults_are_keyed_by_example():
    first = draw_faults([np.random.default_rng(3)], prior(dead=0.5), [12])
    again = draw_faults([np.random.default_rng(1), np.random.default_rng(3)], prior(dead=0.5), [12, 12])
    assert torch.equal(first.moment[0], again.moment[1])
    assert torch.equal(first.has["dead"][0], again.has["dead"][1])
