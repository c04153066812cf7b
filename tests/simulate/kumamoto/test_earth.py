import numpy as np
import pytest
import torch
from simulated_records import build

from fcn.earth.travel_time import TravelTimeTable
from fcn.simulate.kumamoto.sites import ColumnLaw, SiteColumn, draw_column, read_sites
from fcn.simulate.source.spectrum import TimeAxis

LAW = ColumnLaw((0.3, 0.6), 0.15, 60.0)


@pytest.fixture(scope="module")
def twin():
    return build("dataset.builder", ["+dataset=kumamoto"])


@pytest.fixture(scope="module")
def ground(twin):
    return twin.ground()


def test_twelve_sites_around_the_epicentre(twin):
    assert len(twin.network) == 12
    km = twin.network.local_km(twin.frame)
    assert (np.abs(km[:, 0]) <= 41.0).all()
    assert (np.abs(km[:, 1]) <= 50.0).all()
    east, north = twin.frame.to_local_km(np.array([32.7417]), np.array([130.8087]))
    azimuth = np.sort(np.degrees(np.arctan2(km[:, 0] - east, km[:, 1] - north)) % 360.0)
    gap = np.diff(np.append(azimuth, azimuth[0] + 360.0)).max()
    assert 75.0 < gap < 82.0  # docs/kumamoto_twin.md says 79


def test_sites_are_those_of_kiknet(shared_dir):
    network, _ = read_sites()
    table = {}
    for line in (shared_dir / "tables" / "stations_kumamoto_110km.csv").read_text().splitlines()[1:]:
        _, code, *_, latitude, longitude, _ = line.split(",")
        table[code] = float(latitude), float(longitude)
    for station in network:
        full = {"KMH": "KMMH", "MYH": "MYZH"}[station.code[:3]] + station.code[3:]
        assert (station.latitude_deg, station.longitude_deg) == table[full]


def test_vs30_of_mashiki():
    """By hand: 400 m/s x 1.35^(-1 / 0.852) = 281 m/s."""
    network, vs30_mps = read_sites()
    at = dict(zip([station.code for station in network], vs30_mps, strict=True))
    assert at["KMH16"] == pytest.approx(281.2, abs=0.2)


@pytest.mark.parametrize("vs30_mps", [200.0, 400.0, 800.0])
def test_column_has_the_vs30_of_its_site(jma2001, vs30_mps):
    column = draw_column(LAW, jma2001, vs30_mps, seed=1, station=0)
    upper = column.thickness_km.cumsum() < 0.0301
    time_s = (column.thickness_km / column.velocity_kmps[1])[upper].sum()
    assert column.thickness_km[upper].sum() == pytest.approx(0.03)
    assert 30.0 / time_s == pytest.approx(vs30_mps)


def test_softer_columns_delay_more_and_s_more_than_p(jma2001):
    soft, hard = (draw_column(LAW, jma2001, vs30, seed=1, station=0).delay_s for vs30 in (250.0, 750.0))
    for p, s in (soft, hard):
        assert 0.0 < p < s
    assert soft[1] > hard[1]


def one_layer(thickness_km, vs_kmps, base_kmps, quality):
    pair = np.array([[2.0 * vs_kmps], [vs_kmps]])
    return SiteColumn(
        np.array([thickness_km]),
        pair,
        np.full((2, 1), quality),
        np.array([2.0]),
        (2 * base_kmps, base_kmps),
        2.0,
        (0.0, 0.0),
    )


def test_one_layer_resonates_at_a_quarter_wavelength():
    """Undamped layer: 1 / sqrt(cos^2 + a^2 sin^2), a the impedance ratio (Kramer 1996, eq. 7.25)."""
    frequency_hz = torch.linspace(0.0, 12.0, 241)
    column = one_layer(0.05, 0.5, 2.0, quality=1e9)
    amplification = column.amplification(frequency_hz, (4.0, 2.0), 2.0)[1]
    angle = 2.0 * torch.pi * frequency_hz * 0.05 / 0.5
    expected = 1.0 / torch.sqrt(angle.cos() ** 2 + (0.25 * angle.sin()) ** 2)
    torch.testing.assert_close(amplification, expected, rtol=1e-4, atol=3e-4)
    assert float(amplification[50]) == pytest.approx(4.0, rel=1e-3)  # 2.5 Hz


def test_slower_rock_at_the_base_amplifies_by_the_root_of_impedance():
    column = one_layer(0.05, 1.0, 1.0, quality=1e9)
    amplification = column.amplification(torch.tensor([0.0, 1.0, 9.0]), (8.0, 4.0), 2.0)
    torch.testing.assert_close(amplification, torch.full((2, 3), 2.0), rtol=1e-4, atol=0.0)


def test_damping_takes_high_frequencies():
    frequency_hz = torch.tensor([40.0])
    lossy, clean = (
        one_layer(0.2, 0.5, 0.5, quality=q).amplification(frequency_hz, (1.0, 0.5), 2.0) for q in (20.0, 1e9)
    )
    assert float(lossy[1] / clean[1]) == pytest.approx(np.exp(-np.pi * 40.0 * 0.4 / 20.0), rel=0.02)


@pytest.mark.parametrize("base_km", [(0.02, 0.5), (0.5, 0.3), (0.3, 2.0)])
def test_impossible_columns_are_refused(base_km):
    with pytest.raises(ValueError, match="base_km"):
        ColumnLaw(base_km, 0.1, 60.0)


def test_arrivals_differ_from_the_layered_ones_by_columns_and_a_few_per_cent(twin, ground):
    table = TravelTimeTable.build(
        twin.earth.velocity_model, max_depth_km=25.0, max_distance_km=120.0, step_km=0.5
    )
    column_s = np.array([column.delay_s for column in ground.columns])
    excess = []
    for row in twin.catalogued()[::6]:
        shock = twin.shock(row)
        source = torch.tensor(shock.position_km)[None]
        layered_s = table.between(source, torch.from_numpy(ground.station_km).float())[:, 0].numpy()
        excess.append((ground.rays(shock).time_s.numpy() - column_s) / layered_s - 1.0)
    excess = np.array(excess)
    assert 0.01 < excess.std() < 0.05
    # Smooth: for one station and phase it changes less between sources than from station to station.
    assert excess.std(0).mean() < 0.8 * excess.std(1).mean()


def test_one_station_alone_has_the_arrivals_and_the_site_it_has_among_all(twin, ground):
    shock = twin.shock(twin.catalogued()[30])
    alone = ground.only(4)
    torch.testing.assert_close(alone.rays(shock).time_s, ground.rays(shock).time_s[4:5])
    axis = TimeAxis.holding(100.0, 20.0, 5.0)
    torch.testing.assert_close(alone.site_amplitudes(axis), ground.site_amplitudes(axis)[4:5])


def test_soft_sites_shake_more(ground):
    axis = TimeAxis.holding(100.0, 20.0, 5.0)
    band = (axis.frequency_hz > 1.0) & (axis.frequency_hz < 5.0)
    _, vs30_mps = read_sites()
    level = ground.site_amplitudes(axis)[:, 1, band].log().mean(1).numpy()
    assert np.corrcoef(np.log(vs30_mps), level)[0, 1] < -0.6
