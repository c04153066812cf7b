"""Sites from configuration."""

import numpy as np
import pytest

from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.shaking.site import Site, Sites, station_sites


def site(**changed):
    return Site(
        **{"name": "school", "latitude_deg": 32.8, "longitude_deg": 130.7, "vs30_mps": 300.0, **changed}
    )


def test_ground_is_known_by_vs30_or_by_amplification():
    assert site(vs30_mps=600.0).amplification == pytest.approx(1.0)
    # Fujimoto & Midorikawa (2006): 10 ** (2.367 - 0.852 log10 300) = 1.8055
    assert site().amplification == pytest.approx(1.8055, rel=5e-3)
    assert site(vs30_mps=None, amplification=site().amplification).vs30_mps == pytest.approx(300.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vs30_mps": None},
        {"amplification": 1.5},
        {"vs30_mps": 5.0},
        {"vs30_mps": None, "amplification": -1.0},
        {"latitude_deg": 91.0},
        {"longitude_deg": 400.0},
        {"elevation_m": float("nan")},
        {"name": " "},
    ],
)
def test_what_is_no_site_is_refused(wrong):
    with pytest.raises(ValueError, match="site"):
        site(**wrong)


def test_arrays_are_in_order_and_names_differ():
    sites = Sites.of(
        [site(), site(name="hospital", latitude_deg=32.9, elevation_m=500.0)], LocalFrame(32.8, 130.7)
    )
    assert sites.names == ("school", "hospital")
    np.testing.assert_allclose(sites.position_km, [[0, 0, 0], [0, 11.09, -0.5]], atol=0.01)
    for wrong in ([], [site(), site()]):
        with pytest.raises(ValueError, match="names"):
            Sites.of(wrong, LocalFrame(32.8, 130.7))


def test_stations_are_sites():
    network = Network((Station("XX", "A", "", 32.8, 130.7, 10.0), Station("XX", "B", "", 32.9, 130.8, 20.0)))
    found = station_sites(network, {"XX.A": 400.0}, 600.0)
    assert [(each.name, each.vs30_mps, each.elevation_m) for each in found] == [
        ("XX.A", 400.0, 10.0),
        ("XX.B", 600.0, 20.0),
    ]
    with pytest.raises(ValueError, match=r"XX\.B have none"):
        station_sites(network, {"XX.A": 400.0})
    with pytest.raises(ValueError, match=r"XX\.C are no stations"):
        station_sites(network, {"XX.C": 400.0}, 600.0)
