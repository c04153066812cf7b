import numpy as np
import pytest

from fcn.geometry.layouts import TableLayout, clustered_layout, grid_layout, random_layout
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame

HALF_SIZE_KM = (40.0, 60.0)
ELEVATION_KM = (0.1, 1.2)


def draw(layout, rng, n_stations=12):
    more = {
        random_layout: {},
        clustered_layout: {"n_clusters": 3, "cluster_radius_km": 30.0},
        grid_layout: {"jitter_fraction": 1.0},
    }[layout]
    return layout(rng, n_stations, HALF_SIZE_KM, ELEVATION_KM, **more)


@pytest.mark.parametrize("layout", [random_layout, clustered_layout, grid_layout])
@pytest.mark.parametrize("n_stations", [1, 3, 7, 64])
def test_stations_lie_in_the_box_at_their_elevation(layout, n_stations):
    position_km = draw(layout, np.random.default_rng(n_stations), n_stations)
    assert position_km.shape == (n_stations, 3)
    assert (np.abs(position_km[:, :2]) <= HALF_SIZE_KM).all()
    assert (position_km[:, 2] <= -0.1).all()
    assert (position_km[:, 2] >= -1.2).all()


@pytest.mark.parametrize("layout", [random_layout, clustered_layout, grid_layout])
def test_every_part_of_the_box_is_reached_and_drawing_repeats(layout):
    rng = np.random.default_rng(0)
    position_km = np.concatenate([draw(layout, rng) for _ in range(300)])
    counts, *_ = np.histogram2d(*(position_km[:, :2] / HALF_SIZE_KM).T, bins=4, range=[[-1, 1], [-1, 1]])
    assert counts.min() > 0.4 * counts.mean()
    np.testing.assert_array_equal(*(draw(layout, np.random.default_rng(5)) for _ in range(2)))


def test_clusters_are_tight_and_equally_full():
    rng = np.random.default_rng(1)
    position_km = clustered_layout(rng, 12, HALF_SIZE_KM, ELEVATION_KM, n_clusters=3, cluster_radius_km=0.5)
    near = np.linalg.norm(position_km[:, None, :2] - position_km[None, :, :2], axis=-1) < 5
    assert (near.sum(1) == 4).all()


def test_grid_without_jitter_is_even():
    position_km = grid_layout(np.random.default_rng(2), 6, HALF_SIZE_KM, ELEVATION_KM, jitter_fraction=0.0)
    assert sorted(set(position_km[:, 0].round(6))) == [-20.0, 20.0]
    assert sorted(set(position_km[:, 1].round(6))) == [-40.0, 0.0, 40.0]


def test_no_clusters_is_refused():
    with pytest.raises(ValueError, match="n_clusters must be at least 1, got 0"):
        clustered_layout(np.random.default_rng(0), 5, HALF_SIZE_KM, ELEVATION_KM, 0, 1.0)


def station_table(path, n: int = 200, width_deg: float = 2.0):
    rng = np.random.default_rng(0)
    place = np.array([38.0, 140.0]) + width_deg * rng.uniform(-1, 1, (n, 2))
    rows = [f"XX,S{i:03d},{north:.5f},{east:.5f},{i}" for i, (north, east) in enumerate(place)]
    path.write_text("network,station,latitude,longitude,elevation_m\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("rotate", [False, True])
def test_parts_of_real_networks_keep_their_shape_and_elevation(tmp_path, rotate):
    path = station_table(tmp_path / "net.csv")
    layout = TableLayout([path], rotate=rotate)
    network = Network.from_csv(path)
    real_km = network.local_km(LocalFrame(*network.centre()))
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(200):
        part_km = layout(rng, 8, HALF_SIZE_KM, ELEVATION_KM)
        assert 3 <= len(part_km) <= 8
        assert (np.abs(part_km[:, :2]) <= HALF_SIZE_KM).all()
        index = np.round(-1000 * part_km[:, 2]).astype(int)  # elevations name the stations
        seen.update(index.tolist())
        between = np.linalg.norm(part_km[0, :2] - part_km[1:, :2], axis=1)
        real = np.linalg.norm(real_km[index[0], :2] - real_km[index[1:], :2], axis=1)
        np.testing.assert_allclose(between, real, atol=1e-9)
        turned = np.abs((part_km[1, :2] - part_km[0, :2]) - (real_km[index[1], :2] - real_km[index[0], :2]))
        assert (turned.max() < 1e-9) != rotate
    assert len(seen) == 200


def test_parts_of_networks_in_stationxml(tmp_path):
    from obspy.core.inventory import Inventory, Station
    from obspy.core.inventory import Network as ObspyNetwork

    stations = [Station(f"S{i}", 38 + 0.1 * i, 140.0, 100.0 * i) for i in range(5)]
    Inventory([ObspyNetwork("XX", stations)], source="test").write(str(tmp_path / "net.xml"), "STATIONXML")
    part_km = TableLayout([tmp_path / "net.xml"], rotate=True)(
        np.random.default_rng(0), 12, HALF_SIZE_KM, ELEVATION_KM
    )
    assert 3 <= len(part_km) <= 5


def test_stations_whose_elevation_none_can_have_are_left_out(tmp_path, caplog):
    path = station_table(tmp_path / "net.csv", n=9)
    path.write_text(path.read_text() + "XX,LOST,38.0,140.0,-12345\n")
    layout = TableLayout([path], rotate=False)
    drawn = [layout(np.random.default_rng(seed), 12, HALF_SIZE_KM, ELEVATION_KM) for seed in range(30)]
    assert max(abs(float(each[:, 2].max())) for each in drawn) < 0.1
    assert "XX.LOST (-12345 m)" in caplog.text
    path.write_text("network,station,latitude,longitude,elevation_m\nXX,LOST,38.0,140.0,-12345\n")
    with pytest.raises(ValueError, match=r"net.csv: no station has an elevation .* XX.LOST \(-12345 m\)"):
        TableLayout([path], rotate=False)


def test_networks_too_sparse_for_the_box_are_refused(tmp_path):
    layout = TableLayout([station_table(tmp_path / "net.csv", n=5)], rotate=True)
    with pytest.raises(ValueError, match=r"none of .* holds 3 stations"):
        layout(np.random.default_rng(0), 8, (5.0, 5.0), ELEVATION_KM)
    with pytest.raises(ValueError, match="at least one"):
        TableLayout([], rotate=True)
