"""Features kept from window to window are those of the window as a whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fcn.arch.migration import MigrationNet
from fcn.batch import Batch
from fcn.scheme.migration.incremental import MOST_NEW, N_WINDOWS, IncrementalEncoder

RATE_HZ, N_SAMPLES, N_STATIONS = 20.0, 200, 4
EVERYBODY = tuple(range(N_STATIONS))


@pytest.fixture(params=[False, True], ids=["full", "separable"])
def network(request) -> MigrationNet:
    torch.manual_seed(0)
    made = MigrationNet(
        series_width=8,
        dilations=[1, 4, 8],
        n_features=4,
        n_depths=3,
        volume_width=8,
        volume_layers=1,
        magnitude_width=8,
        separable=request.param,
        ear_width=0,
        ear_dilations=[],
    ).eval()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    return made


class NoTimes:
    """Travel times that nobody asks for."""

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def to(self, device: torch.device | str) -> "NoTimes":
        return self


class Stream:
    """Motion, levels and what is known of it, of which windows are cut."""

    def __init__(self, n_samples: int = 2000, seed: int = 1) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.motion = torch.randn(N_STATIONS, 3, n_samples, generator=generator)
        self.levels = 0.5 + torch.rand(N_STATIONS, 2, n_samples, generator=generator)
        self.known = torch.rand(N_STATIONS, 3, n_samples, generator=generator) > 0.02

    def window(self, end: int) -> Batch:
        part = slice(end - N_SAMPLES, end)
        motion, levels, known = (each[None, ..., part].clone() for each in vars(self).values())
        return Batch(
            waveforms=motion,
            waveforms_broad=motion,
            station_km=torch.zeros(1, N_STATIONS, 3),
            mask=torch.ones(1, N_STATIONS, dtype=torch.bool),
            known=known,
            background_mps=levels,
            peaks=torch.zeros(1, N_STATIONS, 6, 800),
            travel_time=NoTimes(),
            now_s=torch.tensor([1.6e9 + end / RATE_HZ], dtype=torch.float64),
        )


def agree(
    encoder: IncrementalEncoder, network: MigrationNet, window: Batch, read: tuple[int, ...] = EVERYBODY
) -> int:
    """Of how many stations features were kept; those of all are the whole window's.

    read: the stations whose rows near the beginning a volume reads.
    """
    before = encoder.n_kept
    found = encoder.encode(network, window)
    with torch.no_grad():
        whole = network.encode(window.waveforms, window.background_mps, window.known, window.mask)
    reach = network.series.reach
    torch.testing.assert_close(found.station_p[..., reach:], whole.station_p[..., reach:])
    there = window.mask[0]
    later = found.rows(torch.arange(float(reach), N_SAMPLES + 3.0)).long()
    torch.testing.assert_close(
        found.table[:, there][:, :, :, later],
        whole.table[:, there][:, :, :, whole.rows(torch.arange(float(reach), N_SAMPLES + 3.0)).long()],
    )
    there = there & torch.isin(torch.arange(N_STATIONS), torch.tensor(read))
    pairs = there.nonzero()[:, 0].repeat(2)  # two volumes
    found.complete(pairs, found.rows(torch.zeros(len(pairs), 2, 3)))
    every_row = found.rows(torch.arange(-3.0, N_SAMPLES + 3.0)).long()
    torch.testing.assert_close(
        found.table[:, there][:, :, :, every_row],
        whole.table[:, there][:, :, :, whole.rows(torch.arange(-3.0, N_SAMPLES + 3.0)).long()],
    )
    return encoder.n_kept - before


def test_windows_that_follow_each_other(network):
    """Through more room than is kept at once; the first one is made as a whole."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    kept = [agree(encoder, network, stream.window(end)) for end in range(N_SAMPLES, 2000, 10)]
    assert len(kept) > 10 * N_WINDOWS
    assert kept == [0] + [N_STATIONS] * (len(kept) - 1)


def test_what_few_read_is_made_where_they_do(network):
    """Near the beginning, of other stations each time, after any number of windows, moved back or not."""
    stream, encoder, rng = Stream(), IncrementalEncoder(RATE_HZ), np.random.default_rng(0)
    made = []
    for end in range(N_SAMPLES, 2000, 10):
        read = tuple(rng.permutation(N_STATIONS)[: rng.integers(0, 3)]) if end % 70 < 40 else ()
        agree(encoder, network, stream.window(end), read)
        made.append(int(encoder._kept.is_begun.sum()) - len(read))
    assert made[1:] == [0] * (len(made) - 1)


def test_rows_further_on_make_nothing(network):
    """A volume that reads none near the beginning leaves them; one that reads one makes its station's."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    for end in (200, 210):
        features = encoder.encode(network, stream.window(end))
    row = features.rows(torch.full((3, 2, 5), float(network.series.reach)))
    features.complete(torch.tensor([0, 1, 3]), row)
    assert not encoder._kept.is_begun.any()
    row[1, 1, 2] -= 1
    features.complete(torch.tensor([0, 1, 3]), row)
    assert encoder._kept.is_begun.tolist() == [False, True, False, False]


@pytest.mark.parametrize("step", [2, 24, MOST_NEW, MOST_NEW + 2, N_SAMPLES + 10, 5, -10, 0])
def test_windows_at_any_distance(network, step):
    """What has not moved on by whole steps of the stem, or by too much, is made as a whole."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    ends = [1000 + step * i for i in range(4)]
    kept = [agree(encoder, network, stream.window(end)) for end in ends]
    assert kept[1:] == [N_STATIONS if step in (2, 24, MOST_NEW) else 0] * 3


def test_samples_that_come_late(network):
    """A little late, much too late, and then in time again."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    kept = []
    for number, end in enumerate(range(N_SAMPLES, 600, 10)):
        window = stream.window(end)
        if number % 4 == 1:
            window.waveforms[0, 1, :, -25:] = 0.0
            window.known[0, 1, :, -25:] = False
        if number % 4 == 2:
            window.waveforms[0, 2, 0, 20] += 1.0
        kept.append(agree(encoder, network, window))
    assert kept[1:5] == [N_STATIONS, N_STATIONS - 1, N_STATIONS - 1, N_STATIONS]


def test_under_autocast_it_keeps_the_same_features(network):
    """Of all stations and of some of them; to the two digits that bfloat16 has."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    for end in range(N_SAMPLES, 300, 10):
        window = stream.window(end)
        window.mask[0, 3] = not 220 <= end < 240
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = encoder.encode(network, window)
        with torch.no_grad():
            whole = network.encode(window.waveforms, window.background_mps, window.known, window.mask)
        later = (..., slice(network.series.reach, None))
        torch.testing.assert_close(found.station_p[later], whole.station_p[later], atol=0.1, rtol=0.0)
    assert encoder.n_kept


def test_stations_that_leave_and_return(network):
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    kept = []
    for end in range(N_SAMPLES, 300, 10):
        window = stream.window(end)
        if 220 <= end < 240:
            window.mask[0, 3] = False
        kept.append(agree(encoder, network, window))
    assert kept[1:6] == [4, 3, 3, 3, 4]


def test_a_network_that_was_trained_on_is_another(network):
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    assert [agree(encoder, network, stream.window(end)) for end in (200, 210)] == [0, N_STATIONS]
    with torch.no_grad():
        network.series.blocks[0].layers[3].weight.mul_(1.5)
    assert agree(encoder, network, stream.window(220)) == 0
    network.series.blocks[0].layers[1].running_mean += 1.0
    assert agree(encoder, network, stream.window(230)) == 0
    assert agree(encoder, network, stream.window(240)) == N_STATIONS


def test_weights_may_change_unseen(network):
    """By `.data`, as averages of weights are swapped in; by a fused optimiser; by other tensors."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    agree(encoder, network, stream.window(200))
    network.series.out.weight.data.copy_(1.1 * network.series.out.weight.data)
    assert agree(encoder, network, stream.window(210)) == 0
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, fused=True)
    window = stream.window(220)
    made = network.encode(window.waveforms, window.background_mps, window.known, window.mask)
    made.table.square().sum().backward()
    optimiser.step()
    assert agree(encoder, network, stream.window(220)) == 0
    others = {name: 0.9 * each for name, each in network.state_dict().items()}
    network.load_state_dict(others, assign=True)
    assert agree(encoder, network, stream.window(230)) == 0
    assert agree(encoder, network, stream.window(240)) == N_STATIONS


def test_another_stream_at_the_same_time_is_another(network):
    encoder = IncrementalEncoder(RATE_HZ)
    agree(encoder, network, Stream(seed=1).window(300))
    assert agree(encoder, network, Stream(seed=2).window(310)) == 0


def test_no_feature_knows_what_comes_later(network):
    """Those of a window do not change with the samples after it, nor with what was read before."""
    stream, other = Stream(), Stream()
    other.motion[..., 420:] = 9.0
    found = []
    for each, first in ((stream, 200), (other, 300)):
        encoder = IncrementalEncoder(RATE_HZ)
        for end in range(first, 421, 10):
            features = encoder.encode(network, each.window(end))
        found.append(features.station_p[..., network.series.reach :])
    torch.testing.assert_close(*found)


def test_samples_that_fill_no_step_of_the_stem_are_read_whole(network):
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    for end in (200, 210):
        window = stream.window(end)
        odd = replace(
            window,
            waveforms=window.waveforms[..., 1:],
            waveforms_broad=window.waveforms_broad[..., 1:],
            background_mps=window.background_mps[..., 1:],
            known=window.known[..., 1:],
        )
        assert encoder.encode(network, odd).station_p.shape[-1] == N_SAMPLES - 1
    assert encoder.n_kept == 0


def test_streams_may_go_on_in_another_mode(network):
    """As validations of a training do, and tests."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    for end, mode in ((200, True), (210, False), (220, True)):
        with torch.inference_mode(mode):
            assert agree(encoder, network, stream.window(end)) == (0 if end == 200 else N_STATIONS)
    window = stream.window(230)
    encoder.encode(network, window)
    network.encode(window.waveforms, window.background_mps, window.known, window.mask).table.sum().backward()
    assert network.series.out.weight.grad is not None


def test_a_window_hardly_longer_than_a_feature_sees_is_made_with_its_beginning(network):
    """Else there would be nowhere to look for picks."""
    stream, encoder = Stream(), IncrementalEncoder(RATE_HZ)
    for n_samples, nobodys in ((170, 0), (174, network.series.reach)):
        assert network.series.reach == 58
        for end in (300, 310):
            window = stream.window(end)
            short = {
                name: getattr(window, name)[..., -n_samples:]
                for name in ("waveforms", "waveforms_broad", "background_mps", "known")
            }
            found = encoder.encode(network, replace(window, **short))
            assert (found.nobodys, found.complete is None) == (nobodys, nobodys == 0)
    whole = network.encode(*(short[name] for name in ("waveforms", "background_mps", "known")), window.mask)
    torch.testing.assert_close(found.station_p[..., nobodys:], whole.station_p[..., nobodys:])
