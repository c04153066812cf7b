import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.geodetics import gps2dist_azimuth

from fcn.geometry.projection import LocalFrame


@given(
    latitude_deg=st.floats(-80, 80),
    longitude_deg=st.floats(-180, 180),
    east_km=st.floats(-300, 300),
    north_km=st.floats(-300, 300),
)
def test_there_and_back(latitude_deg, longitude_deg, east_km, north_km):
    frame = LocalFrame(latitude_deg, longitude_deg)
    geographic = frame.to_geographic(np.array([east_km]), np.array([north_km]))
    found_km = np.concatenate(frame.to_local_km(*geographic))
    np.testing.assert_allclose(found_km, [east_km, north_km], atol=1e-5)


def test_distance_and_azimuth_from_the_centre_are_geodesic():
    frame = LocalFrame(32.8, 130.7)
    latitude, longitude = np.array([33.4, 32.1, 32.9]), np.array([130.2, 131.5, 130.7])
    east_km, north_km = frame.to_local_km(latitude, longitude)
    for i in range(3):
        distance_m, azimuth_deg, _ = gps2dist_azimuth(32.8, 130.7, latitude[i], longitude[i])
        assert np.hypot(east_km[i], north_km[i]) == pytest.approx(distance_m / 1000, abs=1e-5)
        assert np.degrees(np.arctan2(east_km[i], north_km[i])) % 360 == pytest.approx(azimuth_deg, abs=1e-6)


def test_one_position_is_an_array_without_axes():
    frame = LocalFrame(32.8, 130.7)
    single = frame.to_local_km(np.array(33.4), np.array(130.2))
    several = frame.to_local_km(np.array([33.4]), np.array([130.2]))
    assert [part.shape for part in (*single, *frame.to_geographic(*single))] == [()] * 4
    assert [float(part) for part in single] == [float(part[0]) for part in several]


def test_across_the_date_line():
    east_km, _ = LocalFrame(-18.0, 179.9).to_local_km(np.array([-18.0]), np.array([-179.9]))
    assert east_km[0] == pytest.approx(21.2, abs=0.2)


def test_no_such_place():
    with pytest.raises(ValueError, match="no such centre: latitude 91"):
        LocalFrame(91.0, 0.0)
    with pytest.raises(ValueError, match="no such centre: latitude nan"):
        LocalFrame(float("nan"), 0.0)
    with pytest.raises(ValueError, match="must be finite"):
        LocalFrame(0.0, 0.0).to_local_km(np.array([np.nan]), np.array([0.0]))
