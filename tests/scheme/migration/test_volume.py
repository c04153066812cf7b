"""Search volumes, and the travel times from their cells."""

from dataclasses import replace

import pytest
import torch
from small_migration import single

from fcn.batch import Batch
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.volume import CoarseTimes, VolumeSpec, travel_times


@pytest.fixture
def volume(module) -> VolumeSpec:
    return module.scheme.volume


def test_travel_times_of_a_batch_are_those_of_its_windows(volume, batch):
    lattice = volume.coarse(batch.station_km, batch.mask).shared(1)
    together = travel_times(batch, lattice)
    row = 0
    for b in range(len(batch)):
        one = replace(lattice, first_km=lattice.first_km[b : b + 1], spacing_km=lattice.spacing_km[b : b + 1])
        alone = travel_times(single(batch, b), one)
        torch.testing.assert_close(together[row : row + len(alone)], alone)
        row += len(alone)
    assert row == len(together)


def test_coarse_volumes_hold_the_network(volume, batch):
    lattice = volume.coarse(batch.station_km, batch.mask)
    for b in range(len(batch)):
        cells_km = lattice.cells_km()[b]
        stations_km = batch.station_km[b, batch.mask[b]]
        assert (cells_km[:, :2].amin(dim=0) - lattice.spacing_km[b, :2] / 2 <= stations_km[:, :2]).all()
        assert (cells_km[:, :2].amax(dim=0) + lattice.spacing_km[b, :2] / 2 >= stations_km[:, :2]).all()
    assert (lattice.first_km[:, 2] == volume.min_depth_km).all()


def test_fine_volumes_stay_inside_the_coarse_one(volume):
    """So that no event, however deep or far, leads them to where no travel time is known."""
    volume = replace(volume, shape=(20, 20, 10), fine_km=(1.2, 1.6), min_depth_km=0.0)
    coarse = Lattice(torch.tensor([[-48.0, -48.0, 0.0]]), torch.tensor([[5.0, 5.0, 4.0]]), (20, 20, 10))
    places_km = torch.tensor([[0.0, 0.0, 12.0], [300.0, -300.0, 80.0], [45.0, 0.0, 0.0]])
    fine = volume.fine(places_km, coarse)
    half_km = fine.spacing_km / 2
    low_km = fine.first_km - half_km
    high_km = fine.first_km + fine.spacing_km * torch.tensor([20.0, 20.0, 10.0]) - half_km
    assert (low_km >= torch.tensor([-50.5, -50.5, -2.0]) - 1e-3).all()
    assert (high_km <= torch.tensor([49.5, 49.5, 38.0]) + 1e-3).all()
    middle_km = (low_km + high_km) / 2
    torch.testing.assert_close(middle_km[0], places_km[0])  # where there is room nothing moves
    small = Lattice(torch.tensor([[-5.0, -5.0, 0.0]]), torch.tensor([[0.5, 0.5, 4.0]]), (20, 20, 10))
    about = volume.fine(places_km[1:2], small)
    assert float(about.first_km[0, 0]) == pytest.approx(-0.25 - 9.5 * 1.2)  # about its middle


class Counted:
    """Travel times that count how often they are asked for."""

    def __init__(self, times) -> None:
        self.times, self.n = times, 0

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return self.times.between(source_km, station_km)

    def to(self, device) -> "Counted":
        return self


def test_coarse_travel_times_are_kept_until_the_network_or_the_model_changes(volume, batch):
    window = single(batch, 0)
    times, coarse = Counted(window.travel_time), CoarseTimes(volume)

    def asked(window: Batch) -> bool:
        """Whether travel times were asked for; what is told must be this window's."""
        before = times.n
        lattice, times_s = coarse.of(window)
        torch.testing.assert_close(
            times_s, window.travel_time.between(lattice.cells_km(), window.station_km)[0]
        )
        want = volume.coarse(window.station_km, torch.ones_like(window.mask))
        assert torch.equal(lattice.first_km, want.first_km)
        return times.n - before == 2

    window = replace(window, travel_time=times)
    silent = window.mask.clone()
    silent[0, window.station_km[0, :, 0].argmax()] = False  # the easternmost
    moved = window.station_km + torch.tensor([5.0, 0.0, 0.0])
    assert asked(replace(window, mask=silent))
    assert not asked(replace(window, station_km=window.station_km.clone()))
    assert asked(replace(window, station_km=moved))
    assert asked(replace(single(batch, 1), travel_time=times))
    assert asked(window)
    times = Counted(times.times)
    assert asked(replace(window, travel_time=times))


def test_coarse_travel_times_are_kept_for_tables_of_the_same_content(volume, batch):
    """A table that was moved to the device with its batch is another object every time."""
    window, coarse = single(batch, 0), CoarseTimes(volume)
    table = window.travel_time
    _, times_s = coarse.of(window)
    assert coarse.of(replace(window, travel_time=replace(table)))[1] is times_s
    slower = replace(table, values=1.1 * table.values, digest="")
    assert (coarse.of(replace(window, travel_time=slower))[1] > times_s).all()
