import numpy as np
import pytest

from fcn.simulate.source.seismicity import Aftershocks, Background, gutenberg_richter, merged, omori_utsu

BACKGROUND = Background(
    n_events=200,
    magnitude=(2.0, 5.0),
    b_value=1.0,
    centre_km=(10.0, -5.0),
    half_size_km=(20.0, 30.0),
    depth_km=(5.0, 15.0),
    quiet_s=30.0,
)
AFTERSHOCKS = Aftershocks(
    at_s=100.0,
    main_magnitude=6.5,
    n_events=500,
    magnitude=(1.5, 5.0),
    b_value=0.9,
    omori_c_s=100.0,
    omori_p=1.1,
    centre_km=(0.0, 0.0),
    strike_deg=45.0,
    depth_km=(3.0, 15.0),
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_magnitudes_follow_gutenberg_richter():
    magnitude = gutenberg_richter(rng(), 50_000, (2.0, 6.0), 0.9)
    assert magnitude.min() >= 2.0
    assert magnitude.max() <= 6.0
    # Aki (1965): b = log10(e) / (mean - smallest), up to the cut at the top.
    assert np.log10(np.e) / (magnitude.mean() - 2.0) == pytest.approx(0.9, rel=0.02)


@pytest.mark.parametrize("p", [1.0, 1.1, 1.5])
def test_aftershock_rates_follow_omori_utsu(p):
    times_s = omori_utsu(rng(), 200_000, 3600.0, 60.0, p)
    assert (np.diff(times_s) >= 0).all()
    counts = [((times_s >= t) & (times_s < t + 20.0)).sum() for t in (0.0, 1000.0)]
    assert counts[0] / counts[1] == pytest.approx((1070.0 / 70.0) ** p, rel=0.1)
    assert times_s.max() <= 3600.0


def test_background_fills_its_box_and_span():
    found = BACKGROUND.draw(rng(), 1000.0)
    assert (np.diff(found.origin_time_s) >= 0).all()
    assert 30.0 <= found.origin_time_s.min() < 60.0
    assert 940.0 < found.origin_time_s.max() <= 970.0
    assert np.abs(found.east_km - 10.0).max() == pytest.approx(20.0, abs=1.0)
    assert np.abs(found.north_km + 5.0).max() == pytest.approx(30.0, abs=1.5)
    assert found.depth_km.min() >= 5.0


def test_aftershocks_lie_along_the_fault_behind_the_main_shock():
    found = AFTERSHOCKS.draw(rng(), 3700.0)
    assert len(found) == 501
    assert found.magnitude[0] == 6.5
    assert found.origin_time_s.min() == found.origin_time_s[0] == 100.0
    along, across = found.east_km + found.north_km, found.east_km - found.north_km
    assert along.std() > 3 * across.std()


def test_merging_keeps_all_in_order():
    both = merged([AFTERSHOCKS.draw(rng(), 3700.0), BACKGROUND.draw(rng(1), 3700.0)])
    assert len(both) == 701
    assert (np.diff(both.origin_time_s) >= 0).all()
    assert both.magnitude[np.searchsorted(both.origin_time_s, 100.0)] == 6.5


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="quiet"):
        BACKGROUND.draw(rng(), 50.0)
    with pytest.raises(ValueError, match="outside a sequence"):
        AFTERSHOCKS.draw(rng(), 50.0)
