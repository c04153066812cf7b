import pytest

from fcn.catalogue.coda import CodaReach, coda_duration_s, rupture_length_km


def test_published_values():
    assert coda_duration_s(3.13) == pytest.approx(100.0)  # 2 log10(100) - 0.87
    assert rupture_length_km(7.0) == pytest.approx(48.98, abs=0.01)  # 10^1.69
    assert rupture_length_km(6.0) == pytest.approx(12.6, abs=0.02)


@pytest.mark.parametrize(
    ("magnitude", "after_s", "apart_km", "holds"),
    [
        (7.0, 60.0, 90.0, True),
        (7.0, 60.0, 100.0, False),  # 49 + 50 km
        (7.0, 0.0, 0.0, True),
        (7.0, -4.1, 0.0, False),  # before it
        (7.0, -3.9, 0.0, True),
        (7.0, 180.0, 0.0, True),
        (7.0, 180.1, 0.0, False),
        (3.13, 99.0, 0.0, True),
        (3.13, 101.0, 0.0, False),
        (2.9, 1.0, 0.0, False),
        (None, 1.0, 0.0, False),
    ],
)
def test_what_may_be_an_earthquakes_own(magnitude, after_s, apart_km, holds):
    assert CodaReach(3.0, 180.0, 4.0, 50.0).holds(magnitude, after_s, apart_km) == holds


def test_a_reach_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="longest_s > 0, before_s >= 0 and margin_km >= 0"):
        CodaReach(3.0, 0.0, 4.0, 50.0)
