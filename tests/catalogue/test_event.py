import math

import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update, WindowEstimate


def event(event_id="a", origin_time_s=0.0, magnitude=3.0, **kwargs):
    return Event(event_id, origin_time_s, 32.7, 130.8, 10.0, magnitude, "Mj", **kwargs)


@pytest.mark.parametrize("field", ["origin_time_s", "latitude_deg", "longitude_deg", "depth_km"])
def test_event_refuses_a_position_that_is_not_a_number(field):
    values = {"origin_time_s": 0.0, "latitude_deg": 0.0, "longitude_deg": 0.0, "depth_km": 0.0} | {
        field: math.nan
    }
    with pytest.raises(ValueError, match="'odd' needs a finite"):
        Event("odd", **values, magnitude=None, magnitude_type=None)


def test_event_refuses_a_latitude_off_the_earth():
    with pytest.raises(ValueError, match="not on Earth: latitude 95"):
        Event("odd", 0.0, 95.0, 0.0, 0.0, None, None)


def test_catalogue_orders_by_origin_time_and_cuts_half_open():
    catalogue = Catalogue("c", (event("late", 20.0), event("early", 10.0)))
    assert [each.event_id for each in catalogue] == ["early", "late"]
    assert [each.event_id for each in catalogue.between(10.0, 20.0)] == ["early"]


def test_catalogue_refuses_two_events_of_one_id():
    with pytest.raises(ValueError, match=r"'c' holds several events of one id: \['a'\]"):
        Catalogue("c", (event("a", 1.0), event("a", 2.0)))


def test_declared_event_at_a_time_is_the_last_update_before_it():
    updates = [Update(now_s, event(magnitude=now_s), 0.9, 0.9) for now_s in (5.0, 5.5, 7.0)]
    declared = DeclaredEvent("a", updates)
    assert declared.alarm.now_s == 5.0
    assert declared.final.now_s == 7.0
    assert declared.at(4.9) is None
    assert [declared.at(t).now_s for t in (5.0, 5.6, 6.9, 7.0, 99.0)] == [5.0, 5.5, 5.5, 7.0, 7.0]


@pytest.mark.parametrize(
    "field", ["detection_score", "location_score", "origin_time_s", "depth_km", "magnitude"]
)
def test_estimate_refuses_what_is_not_a_number(field):
    values = dict.fromkeys(
        ["now_s", "detection_score", "first_p_time_s", "location_score", "east_km", "north_km", "depth_km",
         "origin_time_s", "magnitude"], 0.5)  # fmt: skip
    with pytest.raises(ValueError, match=field):
        WindowEstimate(**(values | {field: math.nan}))
