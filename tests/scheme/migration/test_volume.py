"""Search volumes, and the travel times from their cells."""

from dataclasses import replace

import pytest
import torch
from small_migration import single

from fcn.assemble import reach_km
from fcn.batch import Batch
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.neighbourhood import Neighbourhood, pairs_of
from fcn.scheme.migration.volume import (
    Coarse,
    VolumesOfStations,
    VolumeSpec,
    travel_times,
    travel_times_of,
    two_witnesses,
)


@pytest.fixture
def volume(module) -> VolumeSpec:
    return module.scheme.volume


@pytest.fixture
def neighbourhood(module) -> Neighbourhood:
    return module.scheme.neighbourhood


def all_stations(batch: Batch) -> torch.Tensor:
    """Two volumes a window, the second judged by all stations but its first."""
    near = batch.mask[:, None].repeat(1, 2, 1)
    near[:, 1, 0] = False
    return near


def test_travel_times_of_a_batch_are_those_of_its_windows(volume, batch):
    near = all_stations(batch)
    lattice = volume.coarse(batch.station_km, near, batch.station_km[:, :2])
    together = travel_times(batch, lattice, pairs_of(near))
    row = 0
    for b in range(len(batch)):
        one = replace(lattice, first_km=lattice.first_km[b : b + 1], spacing_km=lattice.spacing_km[b : b + 1])
        window = single(batch, b)
        alone = travel_times(window, one, pairs_of(all_stations(window)))
        torch.testing.assert_close(together[row : row + len(alone)], alone)
        row += len(alone)
    assert row == len(together)


def test_coarse_volumes_hold_the_stations_that_judge_them(volume, batch):
    volume = replace(volume, widest_km=500.0)
    near = all_stations(batch)
    lattice = volume.coarse(batch.station_km, near, batch.station_km[:, :2])
    half_km = lattice.spacing_km[..., :2] / 2
    for b in range(len(batch)):
        for a in (0, 1):
            cells_km = lattice.cells_km()[b, a]
            stations_km = batch.station_km[b, near[b, a]]
            assert (cells_km[:, :2].amin(dim=0) - half_km[b, a] <= stations_km[:, :2]).all()
            assert (cells_km[:, :2].amax(dim=0) + half_km[b, a] >= stations_km[:, :2]).all()
    assert (lattice.first_km[..., 2] == volume.min_depth_km).all()


def test_coarse_volumes_are_no_wider_than_those_of_training(volume):
    """Of a sparse network they lie about the anchor's station; others over all that judge them."""
    volume = replace(volume, widest_km=100.0, margin=1.15)
    east_km = torch.tensor([[0.0, 80.0, 240.0]])
    station_km = torch.stack([east_km, torch.zeros(1, 3), torch.zeros(1, 3)], dim=-1)
    near = torch.tensor([[[True, True, True], [True, True, False]]])
    lattice = volume.coarse(station_km, near, station_km[:, [2, 0]])
    n = volume.cells[0]
    assert (lattice.spacing_km[0, :, 0] * n).tolist() == pytest.approx([100.0, 80.0 * volume.margin])
    assert lattice.middle_km()[0, :, 0].tolist() == pytest.approx([240.0, 40.0])


def test_fine_volumes_stay_inside_the_coarse_one_and_what_lies_outward(volume):
    """So that no event, however deep or far, leads them to where no travel time is known."""
    volume = replace(volume, shape=(20, 20, 10), fine_km=(1.2, 1.6), min_depth_km=0.0)
    coarse = Lattice(torch.tensor([[-48.0, -48.0, 0.0]]), torch.tensor([[5.0, 5.0, 4.0]]), (20, 20, 10))
    places_km = torch.tensor([[0.0, 0.0, 12.0], [300.0, -300.0, 80.0], [45.0, 0.0, 0.0]])
    fine = volume.fine(places_km, coarse, outward=True)
    half_km = fine.spacing_km / 2
    low_km = fine.first_km - half_km
    high_km = fine.first_km + fine.spacing_km * torch.tensor([20.0, 20.0, 10.0]) - half_km
    assert (low_km >= torch.tensor([-100.5, -100.5, -2.0]) - 1e-3).all()
    assert (high_km <= torch.tensor([99.5, 99.5, 38.0]) + 1e-3).all()
    assert float(high_km[1, 0]) == pytest.approx(99.5) == -float(low_km[1, 1]) - 1.0
    inside = volume.fine(places_km, coarse, outward=False)  # where travel times end with the volume
    assert (inside.first_km - half_km >= torch.tensor([-50.5, -50.5, -2.0]) - 1e-3).all()
    last_km = inside.first_km + fine.spacing_km * torch.tensor([20.0, 20.0, 10.0]) - half_km
    assert (last_km <= torch.tensor([49.5, 49.5, 38.0]) + 1e-3).all()
    middle_km = (low_km + high_km) / 2
    # where there is room nothing moves by more than half a cell
    assert ((middle_km[0] - places_km[0]).abs() <= half_km[0] + 1e-4).all()
    small = Lattice(torch.tensor([[-5.0, -5.0, 0.0]]), torch.tensor([[0.5, 0.5, 4.0]]), (20, 20, 10))
    about = volume.fine(places_km[1:2], small, outward=True)
    assert float(about.first_km[0, 0]) == pytest.approx(-0.25 - 9.5 * 1.2)  # about its middle


def test_where_a_peak_lies_at_the_edge_the_volume_further_out_is_looked_at(volume):
    """East, north, or both; neither below nor where the peak lies within."""
    volume = replace(volume, shape=(20, 20, 10), min_depth_km=0.0)
    first_km, spacing_km = torch.tensor([[-38.0, -38.0, 0.0]]), torch.tensor([[4.0, 4.0, 4.0]])
    lattice = Lattice(first_km.expand(5, 3), spacing_km.expand(5, 3), (20, 20, 10))
    peaks_km = torch.tensor(
        [[0.0, 0.0, 36.0], [37.0, 0.0, 8.0], [-35.0, 36.0, 8.0], [33.0, -33.0, 8.0], [0.0, -38.0, 0.0]]
    )
    further, at_edge = volume.outward(lattice, peaks_km)
    assert at_edge.tolist() == [False, True, True, False, True]
    moved_km = further.first_km - lattice.first_km
    assert moved_km[at_edge].tolist() == [[40.0, 0.0, 0.0], [-40.0, 40.0, 0.0], [0.0, -40.0, 0.0]]
    assert further.contains(peaks_km).all()  # none is lost by moving


def test_fine_volumes_about_nearly_one_place_are_the_same(volume):
    """Their first cells are on one grid, in steps of a cell."""
    volume = replace(volume, shape=(20, 20, 10), fine_km=(1.2, 1.6), min_depth_km=0.0)
    coarse = Lattice(torch.tensor([[-95.0, -95.0, 0.0]]), torch.tensor([[10.0, 10.0, 4.0]]), (20, 20, 10))
    spacing_km = torch.tensor([1.2, 1.2, 1.6])
    places_km = torch.tensor([3.3, -7.7, 15.0]) + spacing_km * torch.linspace(0.0, 3.0, 301)[:, None]
    origin_km = torch.tensor([-95.0, -95.0, 0.0])
    cells = (volume.fine(places_km, coarse, outward=False).first_km - origin_km) / spacing_km
    torch.testing.assert_close(cells, cells.round(), atol=1e-4, rtol=0)
    assert [len(each.round().unique()) for each in cells.T] == [4, 4, 4]


class Counted:
    """Travel times that count how often they are asked for."""

    def __init__(self, times) -> None:
        self.times, self.n = times, 0

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return self.times.between(source_km, station_km)

    def to(self, device) -> "Counted":
        return self


def test_coarse_volumes_are_kept_until_the_network_or_the_model_changes(volume, neighbourhood, batch):
    window = single(batch, 0)
    times, coarse = Counted(window.travel_time), VolumesOfStations(volume, neighbourhood)

    def asked(window: Batch, station: int = 0) -> bool:
        """Whether travel times were asked for; what is told must be this window's."""
        before = times.n
        (told,) = coarse.coarse(window, window, [station])
        near = neighbourhood.of(window.station_km[:, [station]], window.station_km, window.mask)
        want = volume.coarse(window.station_km, near, window.station_km[:, [station]])
        assert torch.equal(told.near, near[0, 0])
        assert torch.equal(told.lattice.first_km, want.first_km)
        asked = times.n - before == 1
        torch.testing.assert_close(told.travel_s, travel_times(window, want, pairs_of(near)))
        return asked

    window = replace(window, travel_time=times)
    silent = window.mask.clone()
    silent[0, window.station_km[0, :, 0].argmax()] = False  # the easternmost
    moved = window.station_km + torch.tensor([5.0, 0.0, 0.0])
    assert asked(window)
    assert not asked(replace(window, station_km=window.station_km.clone()))
    assert asked(window, station=1)
    assert not asked(window)
    assert asked(replace(window, mask=silent))
    assert asked(replace(window, station_km=moved))
    assert asked(replace(single(batch, 1), travel_time=times))
    assert asked(window)
    times = Counted(times.times)
    assert asked(replace(window, travel_time=times))


def test_coarse_volumes_are_kept_for_tables_of_the_same_content(volume, neighbourhood, batch):
    """A table that was moved to the device with its batch is another object every time."""
    window, coarse = single(batch, 0), VolumesOfStations(volume, neighbourhood)
    table = window.travel_time
    kept: Coarse = coarse.coarse(window, window, [0])[0]
    again = replace(window, travel_time=replace(table))
    assert coarse.coarse(again, again, [0])[0] is kept
    slower = replace(table, values=1.1 * table.values, digest="")
    window = replace(window, travel_time=slower)
    assert (coarse.coarse(window, window, [0])[0].travel_s > kept.travel_s).all()


def test_travel_times_of_a_fine_volume_are_kept(volume, neighbourhood, batch):
    """Of volumes in the same place with the same judges."""
    window = single(batch, 0)
    times = Counted(window.travel_time)
    window, kept = replace(window, travel_time=times), VolumesOfStations(volume, neighbourhood)
    near = window.mask[:, None].repeat(1, 2, 1)
    fewer = near.clone()
    fewer[0, 1, int(window.mask[0].nonzero()[0])] = False
    km = window.station_km[:, :2] * torch.tensor([1.0, 1.0, 0.0])
    lattice = Lattice(km, torch.ones(1, 2, 3), volume.cells)
    for judges, place_km, n in ((near, km, 2), (near, km, 0), (fewer, km, 1), (near, km + 0.1, 2)):
        before, at = times.n, replace(lattice, first_km=place_km)
        told = kept.travel_times(window, window, at, judges)
        assert times.n - before == n
        torch.testing.assert_close(told, travel_times(window, at, pairs_of(judges)))


def test_sensors_nearer_than_a_sample_of_p_are_one_witness(volume, neighbourhood, batch):
    """Also one above the other; of a chain the ends are two, and another network is another."""
    window = single(batch, 0)
    station_km = window.station_km.clone()
    station_km[0, 1] = station_km[0, 0] + torch.tensor([0.0, 0.0, 0.25])
    station_km[0, 2] = station_km[0, 1] + torch.tensor([0.0, 0.0, 0.25])
    volumes = VolumesOfStations(volume, neighbourhood)
    near = replace(window, station_km=station_km)
    assert volumes.witnesses(near, near).nonzero().tolist() == [[0, 2], [2, 0]]
    assert volumes.witnesses(window, window).int().sum() == 3 * 2


def test_witnesses_among_many_stations_far_from_the_origin_are_as_exact():
    km = 300.0 + 5.0 * torch.arange(40.0)[:, None].expand(40, 3).clone()
    km[1] = km[0] + torch.tensor([0.29, 0.0, 0.0])
    km[3] = km[2] + torch.tensor([0.31, 0.0, 0.0])
    alike = [pair for pair in (~two_witnesses(km)).nonzero().tolist() if pair[0] != pair[1]]
    assert alike == [[0, 1], [1, 0]]


def test_no_source_is_seen_by_two_stations_further_apart_than_they_are(volume, neighbourhood, batch):
    """The triangle inequality, by the tables."""
    window = single(batch, 0)
    apart_s = VolumesOfStations(volume, neighbourhood).apart_s(window, window)
    assert (apart_s - apart_s.T).abs().max() < 0.02
    generator = torch.Generator().manual_seed(0)
    places_km = torch.rand(400, 3, generator=generator) * torch.tensor([120.0, 120.0, 30.0])
    travel_s = travel_times_of(window, places_km)[..., 0]
    later_s = (travel_s[:, :, None] - travel_s[:, None]).abs()
    assert (later_s <= apart_s + 0.05).all()
    assert (later_s > 0.7 * apart_s).any(dim=0).float().mean() > 0.3  # it is a bound that is reached


def test_a_place_far_outside_leads_no_volume_away(volume):
    """A followed event beyond a sparse network: its volumes end where those of the stations would."""
    volume = replace(volume, shape=(20, 20, 10), fine_km=(1.2, 1.6), widest_km=170.0, margin=1.15)
    axis_km = torch.linspace(0.0, 300.0, 4)
    grid_km = torch.cartesian_prod(axis_km, axis_km)
    station_km = torch.cat([grid_km, torch.zeros(16, 1)], dim=1)[None]
    place_km = torch.tensor([[[-60.0, -60.0, 10.0]]])
    near = torch.ones(1, 1, 16, dtype=torch.bool)
    for _ in range(30):  # the peak lies in the outermost corner every time
        within = volume.coarse(station_km, near, place_km)
        fine = volume.fine(place_km[0], within.flat(), outward=True)
        place_km = fine.first_km[:, None]
    assert (place_km[..., :2] >= -170.0).all()  # half a volume beyond a station, and half outward
    assert (place_km[..., :2] < -165.0).all()


@pytest.mark.parametrize(("extent_km", "n"), [(2.0, 2), (60.0, 3), (200.0, 4), (300.0, 4), (600.0, 7)])
def test_travel_times_of_a_network_reach_whatever_is_searched(volume, neighbourhood, extent_km, n):
    """Every cell of every station's coarse volume, to the farthest station."""
    axis_km = torch.linspace(0.0, extent_km, n)
    grid_km = torch.cartesian_prod(axis_km, axis_km)
    station_km = torch.cat([grid_km, torch.zeros(n * n, 1)], dim=1)[None]
    near = neighbourhood.of(station_km, station_km, torch.ones(1, n * n, dtype=torch.bool))
    within = volume.coarse(station_km, near, station_km)
    outward, _ = volume.outward(within.flat(), within.flat().first_km)
    cells_km = torch.cat([within.cells_km().flatten(0, 2), outward.cells_km().flatten(0, 1)])
    farthest_km = torch.cdist(cells_km[:, :2], grid_km).amax()
    assert farthest_km < reach_km(station_km[0].numpy())
