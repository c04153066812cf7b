import pytest
from made_alarms import T0

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.metrics.by_event import EventOutcome, by_event, read_events, write_events
from fcn.metrics.matching import Matching


def test_a_line_for_every_event_found_or_not(tmp_path):
    found = Event("found", T0, 32.7, 130.8, 10.0, 3.0, "Mj", first_p_time_s=T0 + 2.0)
    lost = Event("lost", T0 + 60.0, 32.7, 130.8, 10.0, None, None)
    said = [
        Update(T0 + 2.0 + after_s, Event("d", T0, 32.7 + north_deg, 130.8, depth_km, 3.4, "M"), 0.9, 0.9)
        for after_s, north_deg, depth_km in ((3.0, 0.09, 14.0), (9.0, 0.009, 8.0))
    ]
    rows = by_event([DeclaredEvent("d", said)], Catalogue("c", (found, lost)), Matching(((0, 0),), (), (1,)))
    assert rows[1] == EventOutcome("lost", None, False, 32.7, 130.8)
    first = rows[0]
    assert (first.event_id, first.found, first.latency_s) == ("found", True, pytest.approx(3.0))
    assert first.epicentre_at_alarm_km == pytest.approx(9.98, abs=0.02)
    assert first.epicentre_km == pytest.approx(0.998, abs=0.002)
    assert first.depth_error_km == pytest.approx(-2.0)
    assert first.magnitude_error == pytest.approx(0.4)
    write_events(rows, tmp_path / "events.csv")
    assert read_events(tmp_path / "events.csv") == rows
    lines = (tmp_path / "events.csv").read_text().replace("latitude_deg,longitude_deg,", "")
    (tmp_path / "events.csv").write_text(lines.replace("32.7,130.8,", ""))
    assert read_events(tmp_path / "events.csv")[1] == EventOutcome("lost", None, found=False)


def test_another_table_is_refused_by_name(tmp_path):
    (tmp_path / "events.csv").write_text("event_id,found\ne1,perhaps\n")
    with pytest.raises(ValueError, match=r"events\.csv is no table of events"):
        read_events(tmp_path / "events.csv")
