"""What neighbours observe."""

import math

import numpy as np
import pytest
from made_sites import FRAME, north

from fcn.shaking.intensity import JmaScale, MercalliScale
from fcn.shaking.plum import Plum, PlumSites
from fcn.shaking.site import Sites


def plum(stations, sites, scale=None, **changed):
    rule = Plum(**{"radius_km": 30.0, "most_over_second": None, **changed})
    return PlumSites(rule, stations, Sites.of(sites, FRAME), FRAME, scale or JmaScale())


def test_the_strongest_within_the_radius_counts():
    stations = [north(0.0, "A"), north(20.0, "B"), north(70.0, "C")]
    found = plum(stations, [north(10.0), north(45.0), north(120.0)]).expected({"A": 4.0, "B": 3.0, "C": 5.0})
    np.testing.assert_allclose(found, [4.0, 5.0, -math.inf], atol=0.03)


def test_the_ground_of_station_and_site_counts():
    """Of the station's velocity, 3 (1.0 cm/s has 2.165: 2.34 cm/s) to the site's, 1.8055 / 1.0 times it."""
    stations, site = [north(0.0, "A", 600.0)], [north(5.0, vs30_mps=300.0)]
    found = plum(stations, site).expected({"A": 3.0})
    assert found[0] == pytest.approx(3.0 + 2.262 * math.log10(1.8055), abs=0.01)
    back = plum([north(0.0, "A", 300.0)], [north(5.0, vs30_mps=600.0)]).expected({"A": 3.0})
    assert back[0] == pytest.approx(3.0 - 2.262 * math.log10(1.8055), abs=0.01)


def test_on_another_scale():
    # JMA 4.392 is 10 cm/s, which is MMI 6.05
    found = plum([north(0.0, "A")], [north(5.0)], MercalliScale()).expected({"A": 4.392})
    assert found[0] == pytest.approx(6.05, abs=0.01)


def test_one_broken_station_warns_of_nothing():
    stations = [north(0.0, "A"), north(20.0, "B"), north(80.0, "C")]
    careful = plum(stations, [north(10.0), north(80.0)], most_over_second=2.5)
    np.testing.assert_allclose(careful.expected({"A": 6.0, "B": -1.0, "C": 6.0}), [1.5, -math.inf], atol=0.03)
    np.testing.assert_allclose(careful.expected({"A": 6.0, "B": 4.0, "C": -1.0})[0], 6.0, atol=0.03)
    np.testing.assert_allclose(careful.expected({"A": 6.0, "B": 2.0, "C": 6.0})[0], 4.5, atol=0.03)


def test_what_is_not_known_says_nothing():
    stations = [north(0.0, "A"), north(20.0, "B")]
    found = plum(stations, [north(10.0)]).expected({"A": math.nan})
    assert found[0] == -math.inf
    with pytest.raises(ValueError, match="unknown stations: Z"):
        plum(stations, [north(10.0)]).expected({"Z": 3.0})


@pytest.mark.parametrize("wrong", [{"radius_km": 0.0}, {"most_over_second": -1.0}])
def test_rules_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="plum"):
        plum([north(0.0)], [north(1.0)], **wrong)
