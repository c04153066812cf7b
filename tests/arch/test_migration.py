"""The migration network: what it sums, and what must not matter to it."""

import pytest
import torch
from torch.nn import functional

from fcn.arch.migration import N_CONDITIONS, MigrationNet, _Migrate

N_SAMPLES = 200


@pytest.fixture
def network() -> MigrationNet:
    torch.manual_seed(0)
    return MigrationNet(
        series_width=8,
        dilations=[1, 4],
        n_features=4,
        n_depths=3,
        volume_width=8,
        volume_layers=1,
        magnitude_width=8,
    ).eval()


def made(n_batch: int, n_stations: int, mask: torch.Tensor, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    waveforms = torch.randn(n_batch, n_stations, 3, N_SAMPLES, generator=generator)
    arrival = 220 * torch.rand(n_batch, n_stations, 2, 6, 5, 3, 2, generator=generator) - 10
    condition = torch.randn(n_batch, 2, N_CONDITIONS, generator=generator)
    return waveforms, arrival, condition


def volume(network, waveforms, mask, arrival, condition):
    with torch.no_grad():
        features = network.encode(waveforms, mask)
        return network.volume(features, mask.nonzero(), arrival[mask], condition)


def test_a_cell_gets_the_mean_over_stations_of_the_rows_its_arrivals_point_at(network):
    mask = torch.tensor([[True, True, False], [True, True, True]])
    waveforms, arrival, condition = made(2, 3, mask)
    seen = {}
    handle = network.volumes.register_forward_pre_hook(lambda _, args: seen.update(migrated=args[0]))
    volume(network, waveforms, mask, arrival, condition)
    handle.remove()
    features = network.encode(waveforms, mask)
    for b, a, x, y, z in ((0, 0, 0, 0, 0), (0, 1, 5, 4, 2), (1, 0, 3, 2, 1), (1, 1, 1, 0, 2)):
        rows = []
        for n in mask[b].nonzero()[:, 0].tolist():
            place = arrival[b, n, a, x, y, z].round().clamp(0, N_SAMPLES).long()
            rows.append(features.table[b, n, 0, place[0]] + features.table[b, n, 1, place[1]])
        want = torch.stack(rows).mean(dim=0)
        got = seen["migrated"].view(2, 2, 6, 5, 3, 4)[b, a, x, y, z]
        torch.testing.assert_close(got, want)


def test_what_lies_after_the_window_reads_the_learned_row(network):
    mask = torch.ones(1, 2, dtype=torch.bool)
    waveforms, _, _ = made(1, 2, mask)
    table = network.encode(waveforms, mask).table
    assert table.shape[3] == N_SAMPLES + 1
    torch.testing.assert_close(table[0, 1, :, -1], network.after)


def test_gradients_equal_those_of_embedding_bag():
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(3, 2, 11, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    row = torch.randint(0, 11, (3, 2, 20), generator=generator, dtype=torch.int32)
    station, count = torch.tensor([0, 2, 1]), torch.tensor([2, 1])
    weight = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    (_Migrate.apply(table, row, station, count) * weight).sum().backward()
    got, table.grad = table.grad, None
    flat = row.long() + (2 * station[:, None] + torch.arange(2))[..., None] * 11
    first = functional.embedding_bag(flat[:2].flatten(0, 1).T, table.flatten(0, 2), mode="sum")
    second = functional.embedding_bag(flat[2].T, table.flatten(0, 2), mode="sum")
    (torch.cat([first, second]) * weight).sum().backward()
    torch.testing.assert_close(got, table.grad)


def test_the_order_of_stations_does_not_matter(network):
    mask = torch.tensor([[True, False, True, True, True]])
    waveforms, arrival, condition = made(1, 5, mask)
    order = torch.tensor([4, 2, 0, 1, 3])
    one = volume(network, waveforms, mask, arrival, condition)
    two = volume(network, waveforms[:, order], mask[:, order], arrival[:, order], condition)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_padding_does_not_matter(network):
    mask = torch.tensor([[True, True, True, False, False]])
    waveforms, arrival, condition = made(1, 5, mask)
    one = volume(network, waveforms, mask, arrival, condition)
    two = volume(network, waveforms[:, :3], mask[:, :3], arrival[:, :3], condition)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    wild = waveforms.clone()
    wild[:, 3:] = 1e3
    for a, b in zip(one, volume(network, wild, mask, arrival, condition), strict=True):
        torch.testing.assert_close(a, b)


def test_units_of_amplitude_enter_only_as_a_level(network):
    """Series are scaled by their own amplitude: 1e3 times louder stays in the range of the network."""
    mask = torch.ones(1, 3, dtype=torch.bool)
    waveforms, _, _ = made(1, 3, mask)
    quiet = network.encode(1e-7 * waveforms, mask)
    loud = network.encode(1e-4 * waveforms, mask)
    torch.testing.assert_close(quiet.station_p, loud.station_p, rtol=1e-3, atol=1e-4)
    shift = (loud.table - quiet.table)[0, :, :, :-1]
    torch.testing.assert_close(shift, shift[:1, :, :1].expand_as(shift), rtol=1e-2, atol=1e-3)


def test_a_dead_network_stays_finite(network):
    mask = torch.ones(1, 3, dtype=torch.bool)
    waveforms, arrival, condition = made(1, 3, mask)
    logits, evidence = volume(network, torch.zeros_like(waveforms), mask, arrival, condition)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(evidence).all()
    nobody = torch.zeros_like(mask)
    logits, evidence = volume(network, waveforms, nobody, arrival, condition)
    assert torch.isfinite(logits).all()


def test_magnitudes_are_a_product_of_gaussians(network):
    guess = torch.tensor([[3.0, 4.0, 5.0]])
    inputs = torch.randn(1, 3, 12, generator=torch.Generator().manual_seed(0))
    use = torch.tensor([[True, True, False]])
    with torch.no_grad():
        magnitude, deviation = network.magnitude(guess, inputs, use)
        single = [network.magnitude(guess[:, i : i + 1], inputs[:, i : i + 1], use[:, :1]) for i in (0, 1)]
        common = (2 * network.magnitude.common).exp()
    precision = [1 / (s**2 - common) for _, s in single]
    want = sum(p * m for p, (m, _) in zip(precision, single, strict=True)) / sum(precision)
    torch.testing.assert_close(magnitude, want, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(deviation**2, 1 / sum(precision) + common, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        none = network.magnitude(guess, inputs, torch.zeros_like(use))
    assert none[1].item() > 5
