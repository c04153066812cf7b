import dataclasses
import io

import numpy as np
import pytest
from made_alerts import ORIGIN, alert
from obspy import read_events

from fcn.alert.formats.event_xml import EventXml, ellipse, ellipsoid
from fcn.catalogue.event import Status
from fcn.catalogue.io import read_quakeml


def written(form, *alerts, before=None):
    for each in alerts:
        before = form.render(each, before)
    return before


def read(content):
    (event,) = read_events(io.BytesIO(content))
    return event


SAID = [alert("a", version) for version in (1, 2, 4)]


@pytest.mark.parametrize(
    "form", [EventXml("QUAKEML", "fcn"), EventXml("SCML", "fcn")], ids=["quakeml", "scml"]
)
def test_all_versions_are_one_event_and_the_newest_is_preferred(form):
    event = read(written(form, *SAID))
    assert str(event.resource_id).endswith("/a")
    assert [each.creation_info.version for each in event.origins] == ["1", "2", "4"]
    assert [each.mag for each in event.magnitudes] == [6.5, 6.6, 6.8]
    origin, magnitude = event.preferred_origin(), event.preferred_magnitude()
    assert (origin, magnitude.mag) == (event.origins[-1], 6.8)
    assert magnitude.origin_id == origin.resource_id
    assert (event.event_type, origin.evaluation_mode, origin.evaluation_status) == (
        "earthquake",
        "automatic",
        "preliminary",
    )
    assert str(origin.time) == "2016-04-14T12:26:34.250000Z"
    assert (origin.latitude, origin.longitude) == (32.7417, 130.8087)
    assert origin.depth == pytest.approx(11_400)
    assert origin.time_errors.uncertainty == 0.75
    assert origin.depth_errors.uncertainty == pytest.approx(2250)
    assert origin.quality.used_station_count == 2
    assert magnitude.station_count == 1
    errors = magnitude.mag_errors
    assert (errors.lower_uncertainty, errors.upper_uncertainty) == pytest.approx((0.5, 0.5))
    assert errors.confidence_level == 90
    assert "probability of 0.97" in origin.comments[0].text
    assert origin.creation_info.author == "kyushu"


def test_a_lower_bound_is_said_and_an_unsized_version_has_no_magnitude():
    event = read(written(EventXml("QUAKEML", "fcn"), alert("a"), alert("a", 2, magnitude=None)))
    assert event.magnitudes[0].comments[0].text == "magnitude is a lower bound"
    assert (len(event.origins), len(event.magnitudes)) == (2, 1)
    assert event.preferred_magnitude().mag == 6.5


@pytest.mark.parametrize(
    "form", [EventXml("QUAKEML", "fcn"), EventXml("SCML", "fcn")], ids=["quakeml", "scml"]
)
def test_a_retracted_event_does_not_exist(form, tmp_path):
    content = written(form, alert("a"), alert("a", 2, status=Status.RETRACTED))
    event = read(content)
    assert event.event_type == "not existing"
    assert [each.evaluation_status for each in event.origins] == ["preliminary", "rejected"]
    (tmp_path / "a.xml").write_bytes(content)
    assert len(read_quakeml(tmp_path / "a.xml")) == 0  # nobody counts it
    (tmp_path / "b.xml").write_bytes(written(form, alert("b")))
    assert len(read_quakeml(tmp_path / "b.xml")) == 1


def test_the_same_version_again_changes_nothing_and_an_older_one_is_not_preferred():
    form = EventXml("QUAKEML", "fcn")
    content = written(form, *SAID)
    assert form.render(SAID[-1], content) == content
    late = read(form.render(alert("a", 3, status=Status.RETRACTED), content))
    assert [each.creation_info.version for each in late.origins] == ["1", "2", "3", "4"]
    assert (late.preferred_magnitude().mag, late.event_type) == (6.8, "earthquake")


@pytest.mark.parametrize("before", [b"<", b"", b"not XML", EventXml("SCML", "fcn").render(alert("a"), None)])
def test_a_file_that_cannot_be_read_is_begun_anew(before, caplog):
    event = read(EventXml("QUAKEML", "fcn").render(alert("a", 2), before))
    assert [each.creation_info.version for each in event.origins] == ["2"]
    assert ("begun anew" in caplog.text) == bool(before)


def test_what_obspy_knows_of_the_schemas_holds():
    """A sparse alert and a full one: RelaxNG of QuakeML 1.2, XSD of SCML."""
    sparse = alert(
        "a",
        2,
        magnitude=None,
        origin_stations=None,
        origin=dataclasses.replace(ORIGIN, covariance_km2=None, horizontal_uncertainty_km=None),
    )
    for name in ("QUAKEML", "SCML"):
        catalog = read_events(io.BytesIO(written(EventXml(name, "fcn"), alert("a"), sparse)))
        catalog.write(io.BytesIO(), format=name, validate=True)
        assert catalog[0].origins[1].origin_uncertainty is None


def test_the_ellipse_lies_along_the_larger_axis():
    assert ellipse(((1.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 9.0))) == pytest.approx((1.0, 2.0, 0.0))
    assert ellipse(((9.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 9.0))) == pytest.approx((1.0, 3.0, 90.0))
    least, most, azimuth_deg = ellipse(((2.5, 1.5, 0.0), (1.5, 2.5, 0.0), (0.0, 0.0, 1.0)))
    assert (least, most, azimuth_deg) == pytest.approx((1.0, 2.0, 45.0))  # east and north grow together


def test_the_ellipsoid_has_its_axes_where_the_covariance_has_them():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    covariance = turn @ np.diag([1.0, 4.0, 25.0]) @ turn.T
    found = ellipsoid(tuple(map(tuple, covariance.tolist())))
    lengths = (
        found.semi_major_axis_length,
        found.semi_intermediate_axis_length,
        found.semi_minor_axis_length,
    )
    assert lengths == pytest.approx((5000.0, 2000.0, 1000.0))
    azimuth, plunge, rotation = np.radians(
        [found.major_axis_azimuth, found.major_axis_plunge, found.major_axis_rotation]
    )
    major = np.array([np.cos(plunge) * np.cos(azimuth), np.cos(plunge) * np.sin(azimuth), np.sin(plunge)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    middle = np.cos(rotation) * right + np.sin(rotation) * np.cross(major, right)
    minor = np.cross(major, middle)
    again = sum(size * np.outer(axis, axis) for size, axis in ((25, major), (4, middle), (1, minor)))
    np.testing.assert_allclose(
        again, covariance[np.ix_([1, 0, 2], [1, 0, 2])], atol=1e-9
    )  # north, east, down


def test_ellipsoid_and_stations_are_in_the_file():
    event = read(written(EventXml("QUAKEML", "fcn"), alert("a")))
    uncertainty = event.origins[0].origin_uncertainty
    assert uncertainty.confidence_ellipsoid.semi_major_axis_length == pytest.approx(1000 * 5**0.5)
    assert "stations: JP.KMM, JP.KMH" in [each.text for each in event.origins[0].comments]
    assert "stations: JP.KMM" in [each.text for each in event.magnitudes[0].comments]


@pytest.mark.parametrize("form", [EventXml("QUAKEML", "fcn"), EventXml("SCML", "fcn")])
def test_what_has_no_place_of_its_own_is_said_in_comments(form):
    event = read(written(form, alert("a"), alert("a", 2, first_p_time_s=None, latencies=None)))
    full, sparse = ([each.text for each in origin.comments] for origin in event.origins)
    made = "checkpoint 0123456789ab, configuration ba9876543210"
    assert {
        "first P: 2016-04-14T12:26:36.375000Z",
        "latencies: data 1.40 s, reading 0.10 s, rule 0.00 s, transport 0.50 s",
        made,
    } <= set(full)
    assert made in sparse
    assert not [each for each in sparse if each.startswith(("first P", "latencies"))]


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="format must be one of QUAKEML, SCML, got 'NORDIC'"):
        EventXml("NORDIC", "fcn")
