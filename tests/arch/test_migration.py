"""The migration network: what it sums, and what must not matter to it."""

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from toy import resolved

from fcn.arch.migration import N_CONDITIONS, N_MAGNITUDE_INPUTS, MigrationNet
from fcn.arch.series import MOST_LATE, series_inputs, until_the_end
from fcn.arch.series import _asinh as compressed
from fcn.arch.summed import (
    Summed,
    arranged_at_once,
    arranged_one_by_one,
    collected_at_once,
    collected_one_by_one,
)
from fcn.assemble import build_module
from fcn.checkpoint import load

N_SAMPLES = 200


@pytest.fixture(params=[False, True], ids=["full", "separable"])
def network(request) -> MigrationNet:
    torch.manual_seed(0)
    return MigrationNet(
        series_width=8,
        dilations=[1, 4],
        n_features=4,
        n_depths=3,
        volume_width=8,
        volume_layers=1,
        magnitude_width=8,
        separable=request.param,
        ear_width=4,
        ear_dilations=[1],
    ).eval()


def made(n_batch: int, n_stations: int, seed: int = 1):
    """Motion over levels near one, arrivals at every cell of two anchors' volumes, conditions."""
    generator = torch.Generator().manual_seed(seed)
    waveforms = torch.randn(n_batch, n_stations, 3, N_SAMPLES, generator=generator)
    background = 0.5 + torch.rand(n_batch, n_stations, 2, N_SAMPLES, generator=generator)
    arrival = 220 * torch.rand(n_batch, n_stations, 2, 6, 5, 3, 2, generator=generator) - 10
    condition = torch.randn(n_batch, 2, N_CONDITIONS, generator=generator)
    return waveforms, background, arrival, condition


def encode(network, waveforms, background, mask):
    with torch.no_grad():
        return network.encode(waveforms, background, torch.ones_like(waveforms, dtype=torch.bool), mask)


def volume(network, waveforms, background, mask, arrival, condition, near=None):
    """near: (batch, anchor, station) that judge each volume, else all that exist."""
    near = mask[:, None].expand(-1, 2, -1) if near is None else near
    pairs = near.nonzero()
    with torch.no_grad():
        features = encode(network, waveforms, background, mask)
        at = arrival.transpose(1, 2)[near].movedim(-1, 1)
        return network.volume(features, pairs, at, condition)


def test_a_cell_gets_the_mean_over_its_stations_of_the_rows_its_arrivals_point_at(network):
    """The stations that judge its anchor's volume, which are others for other anchors."""
    mask = torch.tensor([[True, True, False], [True, True, True]])
    near = torch.tensor(
        [[[True, True, False], [False, True, False]], [[True, False, True], [True, True, True]]]
    )
    waveforms, background, arrival, condition = made(2, 3)
    seen = {}
    handle = network.volumes.register_forward_pre_hook(lambda _, args: seen.update(migrated=args[0]))
    volume(network, waveforms, background, mask, arrival, condition, near)
    handle.remove()
    features = encode(network, waveforms, background, mask)
    for b, a, x, y, z in ((0, 0, 0, 0, 0), (0, 1, 5, 4, 2), (1, 0, 3, 2, 1), (1, 1, 1, 0, 2)):
        rows = []
        for n in near[b, a].nonzero()[:, 0].tolist():
            place = arrival[b, n, a, x, y, z].round().clamp(0, N_SAMPLES).long()
            rows.append(features.table[b, n, 0, place[0]] + features.table[b, n, 1, place[1]])
        want = torch.stack(rows).mean(dim=0)
        got = seen["migrated"].view(2, 2, 6, 5, 3, 4)[b, a, x, y, z]
        torch.testing.assert_close(got, want)


def test_what_lies_after_the_window_reads_the_learned_row(network):
    mask = torch.ones(1, 2, dtype=torch.bool)
    waveforms, background, _, _ = made(1, 2)
    table = encode(network, waveforms, background, mask).table
    assert table.shape[3] == N_SAMPLES + 1
    torch.testing.assert_close(table[0, 1, :, -1], network.after)


@pytest.mark.parametrize("collected", [collected_one_by_one, collected_at_once])
def test_gradients_equal_those_of_embedding_bag(monkeypatch, collected):
    """Also by the way that another device takes."""
    monkeypatch.setattr("fcn.arch.summed.collected_one_by_one", collected)
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(3, 2, 11, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    row = torch.randint(0, 11, (3, 2, 20), generator=generator, dtype=torch.int32)
    station, count = torch.tensor([0, 2, 1]), torch.tensor([2, 1])
    weight = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    (Summed.apply(table, row, station, count) * weight).sum().backward()
    got, table.grad = table.grad, None
    flat = row.long() + (2 * station[:, None] + torch.arange(2))[..., None] * 11
    first = functional.embedding_bag(flat[:2].flatten(0, 1).T, table.flatten(0, 2), mode="sum")
    second = functional.embedding_bag(flat[2].T, table.flatten(0, 2), mode="sum")
    (torch.cat([first, second]) * weight).sum().backward()
    torch.testing.assert_close(got, table.grad)


def test_rows_are_arranged_at_once_as_one_by_one():
    """The way of another device: also of volumes that no station judges."""
    count = torch.tensor([0, 2, 0, 1, 3])
    flat = torch.randperm(6 * 2 * 5).view(6, 2, 5)
    assert torch.equal(arranged_at_once(flat, count), arranged_one_by_one(flat, count))


def test_levels_go_as_far_as_late_data():
    """Of a station with all, one with a gap, one late in one component and later in two, one that stopped."""
    known = torch.ones(1, 4, 3, 50, dtype=torch.bool)
    known[0, 1, :, 30:35] = False
    known[0, 2, :2, 34:], known[0, 2, 2, 37:] = False, False
    known[0, 3, :, 50 - MOST_LATE - 1 :] = False
    levels = until_the_end(torch.full((1, 4, 2, 50), 1e-7), known)
    assert [(row > 0).sum(dim=1).tolist() for row in levels[0]] == [[50, 50], [50, 50], [37, 37], [50, 50]]
    assert (levels[0, 2, :, :37] == 1e-7).all()


def test_data_that_have_not_come_make_no_arrivals():
    """Noise of 24 stations, read by the shipped network as a whole and as if half a second had not come."""
    network = load("generalized").module.network.eval()
    assert isinstance(network, MigrationNet)
    generator, n_late = torch.Generator().manual_seed(0), 10
    waveforms = 1e-7 * torch.randn(8, 24, 3, 600, generator=generator)
    background = torch.full((8, 24, 2, 600), 1e-7)
    known = torch.ones(8, 24, 3, 600, dtype=torch.bool)
    late = known.clone()
    late[..., -n_late:] = False
    with torch.no_grad():
        whole, cut = (
            network.encode(waveforms * each, background, each, each[:, :, 0, 0]).station_p.sigmoid()
            for each in (known, late)
        )
    of_whole, of_cut = (float(each[..., -60:-n_late].amax(dim=-1).mean()) for each in (whole, cut))
    assert of_cut < 3 * of_whole  # 8 times with levels beyond the data


def test_the_order_of_stations_does_not_matter(network):
    mask = torch.tensor([[True, False, True, True, True]])
    waveforms, background, arrival, condition = made(1, 5)
    order = torch.tensor([4, 2, 0, 1, 3])
    one = volume(network, waveforms, background, mask, arrival, condition)
    turned = (each[:, order] for each in (waveforms, background, mask, arrival))
    for a, b in zip(one, volume(network, *turned, condition), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_padding_does_not_matter(network):
    mask = torch.tensor([[True, True, True, False, False]])
    waveforms, background, arrival, condition = made(1, 5)
    one = volume(network, waveforms, background, mask, arrival, condition)
    fewer = (each[:, :3] for each in (waveforms, background, mask, arrival))
    for a, b in zip(one, volume(network, *fewer, condition), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    wild = waveforms.clone()
    wild[:, 3:] = 1e3
    for a, b in zip(one, volume(network, wild, background, mask, arrival, condition), strict=True):
        torch.testing.assert_close(a, b)


def test_units_of_amplitude_enter_only_as_a_level():
    """Motion is read against what came before it: 1e3 times louder changes the levels' own inputs alone."""
    waveforms, background, _, _ = made(1, 3)
    known = torch.ones(3, 3, N_SAMPLES, dtype=torch.bool)
    quiet, loud = (series_inputs(gain * waveforms[0], gain * background[0], known) for gain in (1e-7, 1e-4))
    torch.testing.assert_close(quiet[:, :9], loud[:, :9])
    torch.testing.assert_close(loud[:, 9:] - quiet[:, 9:], torch.full_like(loud[:, 9:], 1.5))


def test_motion_is_compressed_as_asinh_does():
    x = torch.cat([torch.zeros(1), torch.logspace(-8, 15, 2000)])
    for values in (x, -x):
        assert torch.allclose(compressed(values), torch.asinh(values.double()).float(), rtol=3e-7, atol=0.0)


def test_what_is_not_known_is_not_read():
    waveforms, background, _, _ = made(1, 3)
    known = torch.ones(3, 3, N_SAMPLES, dtype=torch.bool)
    known[1, 2, 50:100] = False
    one, two = (series_inputs(w[0], background[0], known) for w in (waveforms, waveforms.clone()))
    waveforms[0, 1, 2, 50:100] = 1e6
    torch.testing.assert_close(one, series_inputs(waveforms[0], background[0], known))
    torch.testing.assert_close(one, two)
    assert not one[1, [2, 5, 8], 50:100].any()


def test_a_dead_network_stays_finite(network):
    mask = torch.ones(1, 3, dtype=torch.bool)
    waveforms, background, arrival, condition = made(1, 3)
    nothing = torch.zeros_like(waveforms), torch.zeros_like(background)
    logits, evidence = volume(network, *nothing, mask, arrival, condition)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(evidence).all()
    nobody = torch.zeros_like(mask)
    logits, evidence = volume(network, waveforms, background, nobody, arrival, condition)
    assert torch.isfinite(logits).all()


def sized(network, n_stations: int, use: list[bool]):
    generator = torch.Generator().manual_seed(0)
    guess = torch.tensor([[3.0, 4.0, 5.0]])[:, :n_stations]
    inputs = torch.randn(1, 3, N_MAGNITUDE_INPUTS, generator=generator)[:, :n_stations]
    with torch.no_grad():
        return network.magnitude(guess, inputs, torch.tensor([use]))


def test_stations_not_used_say_nothing_of_the_magnitude(network):
    """Neither by themselves nor through what all say together."""
    one, two = sized(network, 3, [True, True, False]), sized(network, 2, [True, True])
    for name in ("magnitude", "deviation", "growing"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))
    three = sized(network, 3, [True, True, True])
    assert abs(three.magnitude - one.magnitude).item() > 1e-3


def test_without_stations_a_magnitude_owns_up_to_it(network):
    assert sized(network, 3, [False, False, False]).deviation.item() > 5


def test_compact_takes_a_tenth_of_the_operations():
    """Of a window of twelve stations, and of a volume; what sizes events is the same, and a trifle."""
    counts = {}
    for name in ("generalized", "compact"):
        net = build_module(resolved("train", f"experiment={name}"), trainable=False).network.eval()
        waveforms, background = torch.randn(1, 12, 3, 600), torch.rand(1, 12, 2, 600)
        known, mask = torch.ones(1, 12, 3, 600, dtype=torch.bool), torch.ones(1, 12, dtype=torch.bool)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.encode(waveforms, background, known, mask)
            encoded = counter.get_total_flops()
            net.volumes(torch.randn(1, 20, 20, net.volumes.mix.in_channels), torch.randn(1, N_CONDITIONS))
        counts[name] = encoded, counter.get_total_flops() - encoded
    assert all(few <= 0.1 * many for few, many in zip(counts["compact"], counts["generalized"], strict=True))
