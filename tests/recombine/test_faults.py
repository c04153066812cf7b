import numpy as np
import pytest
import torch

from fcn.recombine.damage import begins, damage, known, restarts
from fcn.recombine.faults import OF_STATIONS, SHARES, STARTS, FaultPrior, draw_faults
from fcn.seeding import Purpose, derive_rng

RANGES = {
    "gap_s": (1.0, 4.0),
    "spike_ratio": (20.0, 50.0),
    "step_ratio": (5.0, 10.0),
    "clip_mps": (0.5, 0.6),
    "clock_s": 0.5,
    "clock_off": 0.0,
    "clock_off_s": (0.5, 3.0),
    "absent_horizontals": 0.5,
    "absent_whole": 0.5,
    "start_latest_s": 1.0,
    "start_kinds": dict.fromkeys(STARTS, 1.0),
    "start_scatter_s": 4.0,
    "trigger_s": (3.0, 12.0),
    "trigger_waits": 0.5,
    "common_ratio": (5.0, 500.0),
    "common_stations": (0.5, 1.0),
}
TIME = {"n_lead": 0, "n_samples": 600, "sampling_rate_hz": 20.0}
WINDOW = {"window_s": 30.0, "start_latest_s": 1.0}


def prior(**changes: object) -> FaultPrior:
    return FaultPrior(**(dict.fromkeys(SHARES, 0.0) | RANGES | changes))


def damaged(x, faults):
    return damage(x, faults, noise_mps=torch.ones(x.shape[:2]), sampling_rate_hz=20.0, max_gap_s=1.0)


def always(faults):
    """Stations that began long before the window."""
    return torch.full_like(faults.start, -torch.inf)


def silence(faults):
    return ~known(faults, always(faults), **TIME)


def drawn(n_windows: int = 40, n_stations: int = 10, **changes: object):
    rngs = [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(n_windows)]
    return draw_faults(rngs, prior(**changes), [n_stations] * n_windows)


def noise(n_windows: int = 40, n_stations: int = 10, n: int = 600) -> torch.Tensor:
    return torch.randn(n_windows, n_stations, 3, n, generator=torch.Generator().manual_seed(0))


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Per window, station and component: did anything change?"""
    return (before != after).any(dim=-1)


def test_without_faults_nothing_changes():
    x, faults = noise(), drawn()
    assert torch.equal(damaged(x, faults), x)
    assert not silence(faults).any()
    assert faults.clock_s.abs().max() == 0


@pytest.mark.parametrize("name", OF_STATIONS)
def test_every_fault_befalls_the_share_of_stations_it_should(name):
    faults = drawn(n_windows=400, **{name: 0.2})
    share = float(faults.has[name].float().mean())
    assert share == pytest.approx(0.2, abs=0.03)  # 4000 stations: five standard deviations
    assert not any(faults.has[other].any() for other in SHARES if other != name)


def test_one_component_dies():
    x, faults = noise(), drawn(dead=1.0)
    flat = (damaged(x, faults) == 0).all(dim=-1)
    assert torch.equal(flat.sum(dim=2), torch.ones(40, 10, dtype=torch.long))
    assert torch.equal(flat.long().argmax(dim=2), faults.component)
    counts = torch.bincount(faults.component.flatten(), minlength=3)
    assert ((counts - 400 / 3) ** 2 / (400 / 3)).sum() < 13.8  # 99.9 %, 2 degrees of freedom


def test_one_component_is_reversed_and_horizontals_swapped():
    x = noise()
    reversed_ = drawn(reverse=1.0)
    out = damaged(x, reversed_)
    assert torch.equal(changed(x, out).sum(dim=2), torch.ones(40, 10, dtype=torch.long))
    torch.testing.assert_close(out.abs(), x.abs())
    swapped = damaged(x, drawn(swap=1.0))
    assert torch.equal(swapped, x[:, :, [0, 2, 1]])


def test_a_spike_is_one_sample_and_a_step_lasts():
    x = noise()
    spiked = damaged(x, drawn(spike=1.0)) - x
    assert torch.equal((spiked != 0).sum(dim=(2, 3)), torch.ones(40, 10, dtype=torch.long))
    ratio = spiked.abs().amax(dim=(2, 3)) / x.std(dim=(2, 3))
    assert 19.9 < ratio.min() <= ratio.max() < 50.1
    faults = drawn(step=1.0)
    stepped = damaged(x, faults) - x
    assert stepped[..., -1].abs().amax(dim=2).min() > 4
    start = (stepped.abs().amax(dim=2) > 1).float().argmax(dim=-1)
    assert torch.equal(start, (faults.moment * 600).long())


def test_clipping_limits_all_components_and_nothing_else():
    x, faults = noise(), drawn(clip=1.0)
    out = damaged(x, faults)
    assert (out.abs().amax(dim=(2, 3)) <= faults.clip_mps + 1e-6).all()
    low = x.abs() < 0.5
    assert torch.equal(out[low], x[low])


def test_a_gap_is_silent_for_as_long_as_it_should_be():
    faults = drawn(gap=1.0)
    silent_s = silence(faults)[:, :, 0].sum(dim=-1) / 20
    whole = (faults.moment > 0.1) & (faults.moment < 0.9)
    assert (silent_s - faults.gap_s)[whole].abs().max() <= 0.1


def test_spikes_and_steps_change_nothing_before_their_moment():
    x, faults = noise(), drawn(spike=0.5, step=0.5)
    out = damaged(x, faults)
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
    here, there = damaged(x, faults)[..., :300], damaged(other, faults)[..., :300]
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
        ({"trigger_waits": 2.0}, "trigger_waits"),
        ({"common_stations": (0.5, 1.5)}, "common_stations"),
        ({"start_kinds": {"together": 1.0}}, "start_kinds"),
    ],
)
def test_impossible_faults_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        prior(**change)


def test_faults_are_keyed_by_example():
    first = draw_faults([np.random.default_rng(3)], prior(dead=0.5), [12])
    again = draw_faults([np.random.default_rng(1), np.random.default_rng(3)], prior(dead=0.5), [12, 12])
    assert torch.equal(first.moment[0], again.moment[1])
    assert torch.equal(first.has["dead"][0], again.has["dead"][1])


def test_some_clocks_are_off_by_seconds():
    faults = drawn(n_windows=400, clock=1.0, clock_off=0.4, clock_s=0.1)
    off = faults.clock_s.abs() > 0.5
    assert float(off.float().mean()) == pytest.approx(0.4, abs=0.04)
    assert float(faults.clock_s.abs().max()) == pytest.approx(3.0, abs=0.02)
    assert 0.4 < float((faults.clock_s[off] > 0).float().mean()) < 0.6


def test_windows_suffer_as_a_whole():
    faults = drawn(n_windows=2000, vertical_only=0.2, network_start=0.3, common=0.4)
    for name, share in (("vertical_only", 0.2), ("network_start", 0.3)):
        has = faults.has[name]
        assert torch.equal(has.any(dim=1), has.all(dim=1))
        assert float(has.any(dim=1).float().mean()) == pytest.approx(share, abs=0.05)
    reached = faults.has["common"].float().mean(dim=1)
    hit = reached > 0
    assert float(hit.float().mean()) == pytest.approx(0.4, abs=0.05)
    assert float(reached[hit].mean()) == pytest.approx(0.75, abs=0.03)
    size = faults.pulse.abs().amax(dim=2)[faults.has["common"]]
    assert 4.9 < size.min() <= size.max() < 501
    assert (faults.pulse_at[hit] == faults.pulse_at[hit][:, :1]).all()
    assert not faults.pulse[~faults.has["common"]].any()


def test_absent_components_are_those_that_were_drawn():
    faults = drawn(n_windows=400, absent=1.0, absent_horizontals=0.4, absent_whole=0.5)
    count = faults.lacks.sum(dim=2)
    assert float((count == 2).float().mean()) == pytest.approx(0.4, abs=0.04)
    assert not faults.lacks[count == 2][:, 0].any()
    alone = faults.lacks[count == 1].float().mean(dim=0)
    torch.testing.assert_close(alone, torch.full((3,), 1 / 3), atol=0.05, rtol=0)
    there = known(faults, always(faults), **TIME)
    assert there[~faults.lacks].all()
    lost = there[faults.lacks]
    whole, since, until = ~lost.any(dim=1), lost[:, 0] & ~lost[:, -1], ~lost[:, 0] & lost[:, -1]
    for kind, share in ((whole, 0.5), (since, 0.25), (until, 0.25)):
        assert float(kind.float().mean()) == pytest.approx(share, abs=0.03)


def test_a_start_is_uniform_in_the_window_and_leaves_a_second():
    faults = drawn(n_windows=400, start=1.0)
    begin_s = begins(faults, torch.zeros_like(faults.start), **WINDOW)
    assert 0 <= begin_s.min() < 0.1
    assert 28.9 < begin_s.max() <= 29.0
    assert float(begin_s.mean()) == pytest.approx(14.5, abs=0.5)
    there = known(faults, begin_s, **TIME)
    assert torch.equal(there[:, :, 0].float().argmax(dim=-1), (begin_s * 20).ceil().long())
    first = restarts(faults, begin_s, max_gap_s=1.0, **TIME)
    assert torch.equal(first, (begin_s * 20).ceil().long()[..., None].expand(-1, -1, 3))


@pytest.mark.parametrize("kind", STARTS)
def test_networks_start_together_scattered_or_when_triggered(kind):
    kinds = {name: float(name == kind) for name in STARTS}
    faults = drawn(n_windows=200, network_start=1.0, start_kinds=kinds, trigger_waits=0.5)
    p_s = 20.0 + torch.arange(10.0).expand(200, -1) * 3
    begin_s = begins(faults, p_s, **WINDOW)
    assert begin_s.amin(dim=1).max() <= 29.0
    apart_s = begin_s.amax(dim=1) - begin_s.amin(dim=1)
    if kind == "together":
        assert apart_s.max() == 0
        assert begin_s.min() < 1.0
        assert begin_s.max() > 28.0
    elif kind == "scattered":
        assert 2.0 < apart_s.median() <= apart_s.max() <= 4.0
    else:
        before_s = p_s - begin_s
        assert before_s[:, 0].min() >= 3.0
        assert before_s[:, 0].max() <= 12.0
        untriggered = begin_s[:, -1] > 30.0  # its P comes 17 s after now
        assert float(untriggered.float().mean()) == pytest.approx(0.5, abs=0.12)
        others = begin_s[~untriggered]
        torch.testing.assert_close(others[:, -1], others.amin(dim=1))


def test_a_network_triggered_after_now_has_begun_all_the_same():
    kinds = {name: float(name == "triggered") for name in STARTS}
    faults = drawn(n_windows=50, network_start=1.0, start_kinds=kinds)
    begin_s = begins(faults, torch.full((50, 10), 60.0), **WINDOW)
    torch.testing.assert_close(begin_s.amin(dim=1), torch.full((50,), 29.0))


def test_short_gaps_are_bridged_by_a_straight_line():
    x = noise()
    faults = drawn(gap=1.0, gap_s=(0.3, 0.9))
    out, gap = damaged(x, faults), silence(faults)
    assert torch.equal(out[~gap], x[~gap])
    inner = gap[..., 1:-1] & gap[..., :-2] & gap[..., 2:]
    bend = out[..., 2:] - 2 * out[..., 1:-1] + out[..., :-2]
    assert bend[inner].abs().max() < 1e-5
    assert not restarts(faults, always(faults), max_gap_s=1.0, **TIME).any()
    long = drawn(gap=1.0, gap_s=(2.0, 3.0))
    assert torch.equal(damaged(x, long), x)


def test_common_pulses_take_their_forms():
    x, faults = torch.zeros(300, 4, 3, 600), drawn(n_windows=300, n_stations=4, common=1.0)
    out = damaged(x, faults).abs().amax(dim=2)
    hit = faults.has["common"]
    at = (faults.pulse_at * 600).long()
    touched = (out != 0).sum(dim=-1)
    for kind in range(3):
        here = hit & (faults.pulse_kind == kind)
        assert here.any()
        first = (out[here] != 0).float().argmax(dim=-1)
        assert torch.equal(first, at[here])
        if kind == 0:
            assert (touched[here] == 1).all()
        if kind == 1:
            assert torch.equal(touched[here], 600 - at[here])
        if kind == 2:
            assert (touched[here] > 1)[at[here] < 598].all()
