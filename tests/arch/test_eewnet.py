import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from toy import resolved

from fcn.arch.prediction import Prediction
from fcn.assemble import build_network, build_scheme
from fcn.config import digest

SMALL = (
    "experiment=smoke",
    "arch.location_channels=[4,4,8,8,8]",
    "arch.detection_channels=[4,4,4,4]",
    "arch.magnitude_channels=[4,4,4,4]",
)


class NoTravelTimes:
    """EEWNet asks for none."""

    def between(self, source_km, station_km):
        raise AssertionError("EEWNet must not ask for travel times")

    def to(self, device):
        return self


def network(*overrides: str) -> torch.nn.Module:
    config = resolved("train", *overrides)
    return build_network(config, build_scheme(config)).eval()


def inputs(n_stations: int, batch: int = 2, seed: int = 0) -> dict:
    generator = torch.Generator().manual_seed(seed)
    station_km = 60 * torch.rand(batch, n_stations, 3, generator=generator) - 30
    return {
        "waveforms": 1e-6 * torch.randn(batch, n_stations, 3, 600, generator=generator),
        "waveforms_broad": 1e-6 * torch.randn(batch, n_stations, 3, 600, generator=generator),
        "station_km": station_km,
        "mask": torch.ones(batch, n_stations, dtype=torch.bool),
    }


@pytest.fixture(scope="module")
def small() -> torch.nn.Module:
    net = network(*SMALL).train()
    with torch.no_grad():
        for seed in range(30):  # normalisation learns the scale of its input, else little passes through
            net(**inputs(9, seed=seed), travel_time=NoTravelTimes())
    return net.eval()


def predict(net: torch.nn.Module, given: dict) -> Prediction:
    with torch.no_grad():
        return net(**given, travel_time=NoTravelTimes())


@pytest.mark.parametrize("n_stations", [3, 12, 20])
def test_any_number_of_stations_gives_the_three_predictions(small, n_stations):
    out = predict(small, inputs(n_stations))
    assert out.station_p.shape == (2, n_stations, 600)
    assert out.first_p.shape == (2, 600)
    assert out.location.shape == (2, 32, 32, 8)
    assert out.magnitude.shape == (2, 101)
    for logits in (out.station_p, out.first_p, out.location, out.magnitude):
        assert torch.isfinite(logits).all()


def test_the_order_of_the_stations_does_not_matter(small):
    given = inputs(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = {name: value[:, order] for name, value in given.items()}
    first, second = predict(small, given), predict(small, shuffled)
    torch.testing.assert_close(second.location, first.location, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.magnitude, first.magnitude, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.first_p, first.first_p, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.station_p, first.station_p[:, order], atol=1e-4, rtol=1e-4)


def test_masked_stations_change_nothing(small):
    given = inputs(7)
    rubbish = inputs(3, seed=5)
    padded = {name: torch.cat([value, rubbish[name]], dim=1) for name, value in given.items()}
    padded["mask"][:, 7:] = False
    first, second = predict(small, given), predict(small, padded)
    torch.testing.assert_close(second.location, first.location, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.magnitude, first.magnitude, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.first_p, first.first_p, atol=1e-4, rtol=1e-4)


def test_station_positions_and_waveforms_both_matter(small):
    given = inputs(8)
    moved = {**given, "station_km": given["station_km"].flip(2).roll(3, dims=1)}
    louder = {**given, "waveforms": given["waveforms"] * torch.linspace(0.1, 3, 8)[:, None, None]}
    reference = predict(small, given).location
    assert (predict(small, moved).location - reference).abs().max() > 1e-3
    assert (predict(small, louder).location - reference).abs().max() > 1e-3


@pytest.mark.parametrize(("compression", "largest"), [(0.0, (0.9e-4, 1.1e-4)), (1000.0, (0.01, 0.02))])
def test_compression_shows_faint_stations_beside_strong_ones(compression, largest):
    """asinh(0.1) / asinh(1000) = 0.0131 for a trace a ten-thousandth as strong as the strongest."""
    given = inputs(6)
    given["waveforms"] = given["waveforms"].clamp(-1e-6, 1e-6)
    given["waveforms"][:, 1] *= 1e-4
    net, seen = network(*SMALL, f"arch.compression={compression}"), []
    net.location.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    predict(net, given)
    peak = seen[0][0, :3].abs().amax(dim=(0, 2))  # of each row, sorted by x
    rows = given["station_km"][0, :, 0].argsort()
    assert float(peak.max()) == pytest.approx(1.0)
    assert largest[0] < float(peak[int((rows == 1).nonzero())]) < largest[1]


def test_compression_keeps_the_maximum_and_refuses_what_is_below_zero():
    assert network(*SMALL, "arch.compression=1000").compression == 1000
    with pytest.raises(ValueError, match="compression"):
        network(*SMALL, "arch.compression=-1")


def test_a_decoder_without_coordinates_is_the_same_everywhere_but_at_the_edges():
    """One with them is not: a constant image at the bottleneck becomes a slope."""
    spread = {}
    for coordinates in (False, True):
        net = network(*SMALL, f"arch.coordinates={coordinates}").location
        with torch.no_grad():
            out = net.decoder(torch.ones(1, 8, 2, 2))
        inside = out[0, :, 13:19, 13:19]
        spread[coordinates] = float((inside.amax(dim=(1, 2)) - inside.amin(dim=(1, 2))).max())
    assert spread[True] > 10 * spread[False]


def test_an_encoder_with_coordinates_knows_when_something_was():
    """One without them says the same of a pulse wherever it lies, but at the edges."""
    pulse = torch.randn(10, 12, 1, generator=torch.Generator().manual_seed(0))
    images = torch.zeros(4, 10, 12, 1024)
    for image, sample in zip(images, (200, 400, 600, 800), strict=True):
        image[..., sample : sample + 1] = 10 * pulse  # stands above any slope
    spread = {}
    for coordinates in (False, True):
        net, first = network(*SMALL, f"arch.coordinates={coordinates}").location, []
        pool = next(layer for layer in net.encoder.modules() if isinstance(layer, torch.nn.MaxPool2d))
        pool.register_forward_pre_hook(lambda _, given, first=first: first.append(given[0]))
        with torch.no_grad():
            net(images)
        highest = first[0].amax(dim=(2, 3))  # (image, channel)
        spread[coordinates] = float((highest.amax(dim=0) - highest.amin(dim=0)).max())
    assert spread[False] < 1e-4
    assert spread[True] > 0.05


def test_ten_times_the_amplitude_is_one_magnitude_more(small):
    """The input is scaled by its maximum: only the amplitude channel and the sliding bins know the size."""
    given = inputs(6)
    larger = {**given, "waveforms_broad": 10 * given["waveforms_broad"], "waveforms": given["waveforms"]}
    level = small.station_magnitude
    relative = torch.zeros(1, 1, 101)
    relative[0, 0, 40] = 5.0
    slid = [small._slide(relative, torch.tensor([[v]]))[0, 0].argmax() for v in (0.6, 0.7)]
    assert int(slid[1] - slid[0]) == 10  # bins of 0.1
    assert level is not None
    assert (predict(small, larger).magnitude - predict(small, given).magnitude).abs().max() > 1e-3


def test_a_dead_network_stays_finite(small):
    given = inputs(5)
    given["waveforms"].zero_()
    given["waveforms_broad"].zero_()
    out = predict(small, given)
    assert torch.isfinite(out.location).all()
    assert torch.isfinite(out.magnitude).all()


def test_every_parameter_learns(small):
    given = inputs(6)
    small.train()
    out = small(**given, travel_time=NoTravelTimes())
    total = sum(t.square().mean() for t in (out.station_p, out.first_p, out.location, out.magnitude))
    total.backward()
    silent = [n for n, p in small.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    small.zero_grad()
    small.eval()
    # a bias before batch normalisation is subtracted again
    assert [n for n in silent if not n.endswith("bias")] == []


def test_the_seed_of_the_configuration_makes_the_weights():
    first, again = network(*SMALL), network(*SMALL)
    other = network(*SMALL, "seed=2")
    weights = [torch.cat([p.flatten() for p in n.parameters()]) for n in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_papers_size():
    """96 x 192 x 64 grid from twelve stations, 1024 magnitude bins; layers after FCNloca."""
    net = network("arch=eewnet")
    out = predict(net, inputs(12, batch=1))
    assert out.location.shape == (1, 96, 192, 64)
    assert out.magnitude.shape == (1, 1024)
    encoder = net.location.encoder(torch.zeros(1, 10, 12, 1024))
    assert encoder.shape == (1, 1024, 2, 4)


def test_lite_is_a_tenth_of_the_papers_size_and_of_the_trained_one():
    """In parameters and in operations; the trained EEWNet is narrower than the paper's."""
    counts = {}
    for name in ("arch=eewnet", "experiment=eewnet", "experiment=lite"):
        net = network(name)
        with FlopCounterMode(display=False) as operations:
            predict(net, inputs(12, batch=1))
        counts[name] = sum(p.numel() for p in net.parameters()), operations.get_total_flops()
    for big in ("arch=eewnet", "experiment=eewnet"):
        assert all(
            few <= 0.1 * many for few, many in zip(counts["experiment=lite"], counts[big], strict=True)
        )


@pytest.mark.parametrize("by_station", [0, 2])
def test_levels_by_station_look_along_time_only(by_station):
    """A change of one row is seen by no other one before the third level; without them by its neighbours."""
    net, seen = network(*SMALL, f"arch.levels_by_station={by_station}").location, []
    pools = [layer for layer in net.encoder.modules() if isinstance(layer, torch.nn.MaxPool2d)]
    pools[1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # after the second level
    image = torch.randn(1, 10, 12, 1024, generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[:, :, 5] += 1
    with torch.no_grad():
        net(image), net(changed)
    rows = (seen[0] - seen[1]).abs().amax(dim=(0, 1, 3)) > 1e-4
    assert rows.nonzero().flatten().tolist() == ([5] if by_station else list(range(1, 10)))


def test_interpolation_reaches_the_same_grid_with_straight_lines_between_coarse_cells():
    overrides = ("arch.up_factors=[2,2,2]", "arch.interpolation=4")
    net = network(*SMALL, *overrides).location
    with torch.no_grad():
        out = net(torch.randn(1, 10, 12, 1024, generator=torch.Generator().manual_seed(0)))
    assert out.shape == (1, 32, 32, 8)
    bend = out.diff(n=2, dim=1).abs().amax(dim=(0, 2, 3))  # at cells 1 to 30
    # coarse centres lie between cells 1 and 2, 5 and 6 ...: straight between them
    straight = [i - 1 for i in range(1, 31) if i % 4 in (0, 3)]
    assert bend[straight].max() < 1e-5 < bend.max()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("arch.interpolation=0", "arch.interpolation.*got"),
        ("arch.interpolation=-4", "arch.interpolation.*got"),
        ("arch.interpolation=true", "arch.interpolation.*got"),
        ("arch.up_factors=[]", "arch.up_factors.*got"),
        ("arch.up_factors=[0,2]", "arch.up_factors.*got"),
        ("arch.row_pools=[1,1,2,0]", "arch.row_pools.*got"),
        ("arch.row_pools=[1,1,2]", "arch.row_pools takes one number fewer"),
        ("arch.levels_by_station=true", "arch.levels_by_station must be .*, got"),
    ],
)
def test_impossible_levels_are_refused_by_name(override, message):
    with pytest.raises(ValueError, match=message):
        network(*SMALL, override)


@pytest.mark.parametrize(("pools", "rows"), [("[1,1,2,3]", 2), ("[1,1,1,2]", 6), ("[1,1,1,1]", 12)])
def test_row_pools_leave_so_many_rows_to_the_deepest_level(pools, rows):
    net = network(*SMALL, f"arch.row_pools={pools}").location
    with torch.no_grad():
        assert net.encoder(torch.zeros(1, 10, 12, 1024)).shape == (1, 8, rows, 4)


@pytest.mark.parametrize("levels", [-1, 6])
def test_more_levels_by_station_than_levels_are_refused(levels):
    with pytest.raises(Exception, match=f"0 to 5.*got {levels}"):
        network(*SMALL, f"arch.levels_by_station={levels}")


def test_a_grid_the_decoder_cannot_reach_is_refused():
    with pytest.raises(Exception, match="multiples of 16"):
        network(*SMALL, "geometry.grid.shape=[30,32,8]")


def test_digests_name_configurations():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


@pytest.mark.parametrize("occupancy", [False, True])
def test_an_image_may_say_which_rows_are_stations(occupancy):
    """Else a silent station in the middle of the box looks like a row without one."""
    silent, seen = inputs(5), []
    silent["station_km"] = -silent["station_km"].abs()  # so that it is the last one along both axes
    for name in ("station_km", "waveforms", "waveforms_broad"):
        silent[name][:, 4] = 0.0
    absent = {**silent, "mask": silent["mask"].clone()}
    absent["mask"][:, 4] = False
    net = network(*SMALL, f"arch.occupancy={occupancy}")
    net.location.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    for each in (silent, absent):
        predict(net, each)
    assert seen[0].shape[1] == 2 * (5 + occupancy)
    differs = (seen[0] != seen[1]).any(dim=3).nonzero()[:, 1:].unique(dim=0).tolist()
    assert differs == ([[5, 4], [11, 4]] if occupancy else [])  # of both orders, that row
