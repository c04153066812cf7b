from dataclasses import replace

import h5py
import numpy as np
import pytest
from shipped_models import load

from fcn.earth.grid3d import VelocityGrid, grid_of_layers, read_velocity_grid
from fcn.earth.lateral import Basin, RandomMedium, roughened, with_basin
from fcn.geometry.projection import LocalFrame

FRAME = LocalFrame(32.5, 130.5)
MEDIUM = RandomMedium(
    velocity_fraction=0.06, vpvs_fraction=0.02, horizontal_km=8.0, vertical_km=3.0, hurst=0.3
)


def grid(shape=(12, 14, 10)) -> VelocityGrid:
    rng = np.random.default_rng(0)
    vp = rng.uniform(5.0, 6.0, shape)
    return VelocityGrid("g", "test", (-6.0, -7.0, -1.0), (1.0, 1.0, 2.0), vp, vp / 1.75)


def layers(shape=(80, 80, 30)) -> VelocityGrid:
    return grid_of_layers(load("jma2001"), (-40.0, -40.0, -2.0), (1.0, 1.0, 1.0), shape)


@pytest.mark.parametrize(("vpvs", "is_taken"), [(3.0, True), (3.6, False)])
def test_a_node_of_a_tomography_may_be_off(vpvs, is_taken):
    """Further than a layer of a table, whose column may be another one."""
    whole = grid()
    vs = whole.vs_kmps.copy()
    vs[3, 4, 5] = whole.vp_kmps[3, 4, 5] / vpvs
    if is_taken:
        assert replace(whole, vs_kmps=vs).vs_kmps[3, 4, 5] == vs[3, 4, 5]
        return
    with pytest.raises(ValueError, match=r"at node \(3, 4, 5\).*is that column vs"):
        replace(whole, vs_kmps=vs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vs_kmps": np.ones((2, 2, 2))}, "need one shape"),
        ({"vp_kmps": np.ones((1, 5, 5)), "vs_kmps": np.ones((1, 5, 5))}, "at least two nodes"),
        ({"spacing_km": (1.0, 0.0, 1.0)}, "spacing_km must be positive"),
        ({"vs_kmps": np.zeros((12, 14, 10))}, "1680 nodes of vs are not positive"),
        ({"vp_kmps": np.full((12, 14, 10), np.nan)}, "1680 nodes of vp are not positive"),
        ({"vp_kmps": np.full((12, 14, 10), np.inf)}, "1680 nodes of vp are not positive"),
        ({"vp_kmps": np.full((12, 14, 10), 3.0)}, r"at node \(0, 0, 0\) .*bulk modulus"),
        ({"vp_kmps": np.full((12, 14, 10), 5500.0)}, "vp 5500 .*in m/s, divide by 1000"),
        ({"minimum_km": (float("nan"), 0.0, 0.0)}, r"spans \(nan, 0\.0, 0\.0\)"),
        ({"minimum_km": (-75000.0, 0.0, 0.0)}, "units of its axes"),
        ({"spacing_km": (1.0, 1.0, 900.0)}, "units of its axes"),
    ],
)
def test_impossible_grids_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(grid(), **change)


def test_written_and_read_again(tmp_path):
    grid().write(tmp_path / "g.h5")
    again = read_velocity_grid(tmp_path / "g.h5")
    assert (again.name, again.source) == ("g", "test")
    assert again.minimum_km == pytest.approx(grid().minimum_km)
    assert again.spacing_km == pytest.approx(grid().spacing_km)
    np.testing.assert_allclose(again.vs_kmps, grid().vs_kmps)


def write_netcdf(path, axes, volumes):
    """A file as NetCDF-4 lays it out: dimension scales, units, any order of axes."""
    with h5py.File(path, "w") as file:
        for name, (values, units) in axes.items():
            file[name] = values
            file[name].attrs["units"] = units
            file[name].make_scale(name)
        for name, (values, units) in volumes.items():
            file[name] = values
            if units:
                file[name].attrs["units"] = np.bytes_(units)
            for i, axis in enumerate(axes):
                file[name].dims[i].attach_scale(file[axis])


def test_other_units_and_orders(tmp_path):
    east, north, depth = -6.0 + np.arange(12.0), -7.0 + np.arange(14.0), -1.0 + 2 * np.arange(10.0)
    axes = {"depth": (1e3 * depth[::-1], "m"), "north": (north, "km"), "east": (east, "km")}
    volumes = {
        name: (1e3 * getattr(grid(), f"{name}_kmps").transpose(2, 1, 0)[::-1], "m/s") for name in ("vp", "vs")
    }
    write_netcdf(tmp_path / "g.nc", axes, volumes)
    again = read_velocity_grid(tmp_path / "g.nc")
    assert again.minimum_km == pytest.approx(grid().minimum_km)
    np.testing.assert_allclose(again.vp_kmps, grid().vp_kmps)


def test_geographic_grid_is_placed_in_the_frame(tmp_path):
    longitude, latitude, depth = (
        130.0 + 0.05 * np.arange(21),
        32.1 + 0.04 * np.arange(21),
        np.arange(0.0, 20, 2),
    )
    vp = 5.0 + 0.02 * depth[:, None, None] + 0.5 * (latitude[:, None] - 32.5) + 0.2 * (longitude - 130.5)
    axes = {
        "depth": (depth, "km"),
        "latitude": (latitude, "degrees_north"),
        "longitude": (longitude, "degrees_east"),
    }
    write_netcdf(tmp_path / "g.nc", axes, {"vp": (vp, "km.s-1"), "vs": (vp / 1.75, "km.s-1")})
    placed = read_velocity_grid(tmp_path / "g.nc", FRAME)
    assert placed.minimum_km[0] == pytest.approx(-47.0, abs=1.0)
    assert placed.spacing_km[1] == pytest.approx(4.45, abs=0.1)
    at_latitude, at_longitude = np.array([32.63, 32.31]), np.array([130.71, 130.22])
    east_km, north_km = FRAME.to_local_km(at_latitude, at_longitude)
    for i in range(2):
        axes_km = [np.array([value]) for value in (east_km[i], north_km[i], 7.0)]
        expected = 5.0 + 0.14 + 0.5 * (at_latitude[i] - 32.5) + 0.2 * (at_longitude[i] - 130.5)
        assert placed.velocity_kmps("P", axes_km)[0, 0, 0] == pytest.approx(expected, abs=5e-3)
    with pytest.raises(ValueError, match="geographic axes: a local frame"):
        read_velocity_grid(tmp_path / "g.nc")


def test_files_that_are_no_velocity_grid_say_why(tmp_path):
    with pytest.raises(FileNotFoundError, match="no velocity grid at"):
        read_velocity_grid(tmp_path / "none.h5")
    classic = tmp_path / "classic.nc"
    classic.write_bytes(b"CDF\x01" + bytes(100))
    with pytest.raises(ValueError, match="nccopy -k nc4"):
        read_velocity_grid(classic)
    axes = {"east": (np.arange(3.0), "km"), "north": (np.arange(4.0), "km"), "depth": (np.arange(5.0), "km")}
    volume = np.full((3, 4, 5), 5.0)
    cases = {
        "no dataset vs; found": (axes, {"vp": (volume, "km/s")}),
        "vs has units 'None'": (axes, {"vp": (volume, "km/s"), "vs": (volume / 2, None)}),
        "vp has units 'ft/s'": (axes, {"vp": (volume, "ft/s"), "vs": (volume / 2, "km/s")}),
        "axes x, north, depth": (
            {"x": axes["east"], "north": axes["north"], "depth": axes["depth"]},
            {"vp": (volume, "km/s"), "vs": (volume / 2, "km/s")},
        ),
        "axis north is not evenly spaced": (
            axes | {"north": (np.array([0.0, 1.0, 2.0, 4.0]), "km")},
            {"vp": (volume, "km/s"), "vs": (volume / 2, "km/s")},
        ),
        "axis east is not evenly spaced": (
            axes | {"east": (np.array([0.0, np.nan, 2.0]), "km")},
            {"vp": (volume, "km/s"), "vs": (volume / 2, "km/s")},
        ),
        r"vp has shape \(3, 4, 5\) for axes east, north, depth of \(3, 4, 6\) nodes": (
            axes | {"depth": (np.arange(6.0), "km")},
            {"vp": (volume, "km/s"), "vs": (volume / 2, "km/s")},
        ),
        "vs holds .*, not numbers": (
            axes,
            {"vp": (volume, "km/s"), "vs": (np.full((3, 4, 5), b"fast"), "km/s")},
        ),
        "axis latitude spans 0 to 120 deg, beyond the globe": (
            {
                "longitude": (np.arange(3.0), "degrees"),
                "latitude": (40 * np.arange(4.0), "degrees"),
                "depth": axes["depth"],
            },
            {"vp": (volume, "km/s"), "vs": (volume / 2, "km/s")},
        ),
    }
    for number, (message, content) in enumerate(cases.items()):
        path = tmp_path / f"{number}.h5"
        write_netcdf(path, *content)
        with pytest.raises(ValueError, match=message):
            read_velocity_grid(path)
    grid().write(tmp_path / "g.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "g.h5").read_bytes()[:9000])
    with pytest.raises(ValueError, match=r"cut\.h5 cannot be read as HDF5: .*truncated"):
        read_velocity_grid(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file["vp"] = file["vs"] = volume
    with pytest.raises(ValueError, match="vp needs three dimensions with coordinate variables"):
        read_velocity_grid(tmp_path / "bare.h5")


def test_a_volume_too_large_for_memory_is_refused_unread(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        for name in ("vp", "vs"):
            volume = file.create_dataset(name, (10**5, 10**5, 10), "f4", chunks=(1000, 1000, 10))
            volume.attrs["units"] = "km/s"
        for axis, name in enumerate(("east", "north", "depth")):
            file[name] = np.arange(3.0)
            file[name].attrs["units"] = "km"
            file[name].make_scale(name)
            for volume in ("vp", "vs"):
                file[volume].dims[axis].attach_scale(file[name])
    with pytest.raises(ValueError, match=r"huge\.h5: /vp of 100000 x 100000 x 10 nodes is too large"):
        read_velocity_grid(tmp_path / "huge.h5")
    with h5py.File(tmp_path / "folder.h5", "w") as file:
        file.create_group("vp")
    with pytest.raises(ValueError, match="no dataset vp, vs; found vp"):
        read_velocity_grid(tmp_path / "folder.h5")


def test_vs_must_lie_as_vp_does(tmp_path):
    """On a cube the two could be mixed up without anything else noticing."""
    grid((6, 6, 6)).write(tmp_path / "g.h5")
    with h5py.File(tmp_path / "g.h5", "a") as file:
        turned = file["vs"][()].T
        del file["vs"]
        file["vs"] = turned
        file["vs"].attrs["units"] = "km/s"
        for axis, scale in enumerate(("depth", "north", "east")):
            file["vs"].dims[axis].attach_scale(file[scale])
    with pytest.raises(ValueError, match="axes of vp are east, north, depth, those of vs depth, north, east"):
        read_velocity_grid(tmp_path / "g.h5")


def test_layers_on_a_grid_keep_their_vertical_time():
    model = load("iasp91")
    of_layers = grid_of_layers(model, (0.0, 0.0, -1.5), (5.0, 5.0, 1.5), (3, 3, 31))
    column = of_layers.vs_kmps[1, 2]
    np.testing.assert_allclose(of_layers.vs_kmps, np.broadcast_to(column, (3, 3, 31)))
    inside = (of_layers.depth_km > -0.1) & (of_layers.depth_km < 42.1)
    through_s = (1.5 / column[inside]).sum()  # from -0.75 to 42.75 km
    assert through_s == pytest.approx(20.75 / 3.36 + 15 / 3.75 + 7.75 / 4.47, rel=1e-9)
    assert column[0] == pytest.approx(3.36)  # above sea level


def test_random_medium_has_its_strength_and_its_lengths():
    flat = layers()
    varied = roughened(flat, np.random.default_rng(2), MEDIUM)
    log_ratio = np.log(varied.vp_kmps / flat.vp_kmps)
    assert log_ratio.std() == pytest.approx(0.06, rel=0.15)
    vpvs = np.log((varied.vp_kmps / varied.vs_kmps) / (flat.vp_kmps / flat.vs_kmps))
    assert vpvs.std() == pytest.approx(0.02, rel=0.15)

    def correlation(axis, lag):
        ahead = np.take(log_ratio, range(lag, log_ratio.shape[axis]), axis)
        behind = np.take(log_ratio, range(log_ratio.shape[axis] - lag), axis)
        return np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]

    assert correlation(0, 2) > 0.5
    assert correlation(2, 2) < correlation(0, 2)  # shorter in depth
    assert abs(correlation(1, 40)) < 0.35
    assert abs(np.corrcoef(log_ratio[0].ravel(), log_ratio[-1].ravel())[0, 1]) < 0.5  # opposite faces


def test_random_medium_repeats_from_its_seed_and_vanishes_at_zero():
    flat = layers((20, 20, 10))
    first, again = (roughened(flat, np.random.default_rng(3), MEDIUM) for _ in range(2))
    np.testing.assert_array_equal(first.vs_kmps, again.vs_kmps)
    still = roughened(
        flat, np.random.default_rng(3), replace(MEDIUM, velocity_fraction=0.0, vpvs_fraction=0.0)
    )
    np.testing.assert_allclose(still.vs_kmps, flat.vs_kmps)


def test_basin_is_slow_at_its_centre_alone():
    flat = layers()
    basin = with_basin(
        flat, Basin(east_km=5.0, north_km=-10.0, radius_km=12.0, depth_km=3.0, slow_fraction=0.4)
    )
    ratio = basin.vp_kmps / flat.vp_kmps
    assert ratio[45, 30, 2] == pytest.approx(0.6)  # the centre, sea level
    assert ratio[45, 30, 3] == pytest.approx(1 - 0.4 * 2 / 3)
    assert ratio[45, 30, 5] == pytest.approx(1.0)
    assert ratio[45, 43, 2] == pytest.approx(1.0)
    assert (ratio <= 1.0 + 1e-12).all()


def test_no_such_medium_or_basin():
    for change, message in (
        ({"vertical_km": 0.0}, "vertical_km must be a number above 0, got 0"),
        ({"hurst": 1.5}, "hurst must be a number above 0 and at most 1, got 1.5"),
        ({"horizontal_km": np.nan}, "horizontal_km must be .* got nan"),
        ({"velocity_fraction": -0.1}, "velocity_fraction must be a number from 0 to 0.3, got -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(MEDIUM, **change)
    bowl = Basin(0.0, 0.0, 10.0, 2.0, 0.3)
    for change, message in (
        ({"depth_km": 0.0}, "depth_km must be a number above 0, got 0"),
        ({"slow_fraction": 1.0}, "slow_fraction must be a number from 0 to 0.9, got 1.0"),
        ({"east_km": np.nan}, "east_km must be a number, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(bowl, **change)
