from dataclasses import replace

import pytest
from made_alarms import T0

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.metrics.by_event import EventOutcome, by_event, read_events, write_events
from fcn.metrics.matching import Matching
from fcn.metrics.moments import ELAPSED_S


def test_a_line_for_every_event_found_or_not(tmp_path):
    found = Event("found", T0, 32.7, 130.8, 10.0, 3.0, "Mj", first_p_time_s=T0 + 2.0)
    lost = Event("lost", T0 + 60.0, 32.7, 130.8, 10.0, None, None)
    said = [
        Update(T0 + 2.0 + after_s, Event("d", T0, 32.7 + north_deg, 130.8, depth_km, 3.4, "M"), 0.9, 0.9)
        for after_s, north_deg, depth_km in ((3.0, 0.09, 14.0), (9.0, 0.009, 8.0))
    ]
    rows = by_event([DeclaredEvent("d", said)], Catalogue("c", (found, lost)), Matching(((0, 0),), (), (1,)))
    unsaid = (None,) * len(ELAPSED_S)
    assert rows[1] == EventOutcome(
        "lost", None, False, 32.7, 130.8, None, None, None, None, None, unsaid, unsaid
    )
    first = rows[0]
    assert (first.event_id, first.found, first.latency_s) == ("found", True, pytest.approx(3.0))
    assert first.epicentre_at_alarm_km == pytest.approx(9.98, abs=0.02)
    assert first.epicentre_km == pytest.approx(0.998, abs=0.002)
    assert first.depth_error_km == pytest.approx(-2.0)
    assert first.magnitude_error == pytest.approx(0.4)
    early, late = pytest.approx(9.98, abs=0.02), pytest.approx(0.998, abs=0.002)
    assert first.timed_epicentre_km == (
        None,
        early,
        early,
        late,
        late,
        late,
    )  # said 3 and 9 s after the first P
    assert first.timed_magnitude_error == (None, *[pytest.approx(0.4)] * 5)
    write_events(rows, tmp_path / "events.csv")
    assert read_events(tmp_path / "events.csv") == rows
    lines = (tmp_path / "events.csv").read_text().replace("latitude_deg,longitude_deg,", "")
    (tmp_path / "events.csv").write_text(lines.replace("32.7,130.8,", ""))
    bare = EventOutcome("lost", None, found=False)
    assert read_events(tmp_path / "events.csv")[1] == replace(
        bare, timed_epicentre_km=unsaid, timed_magnitude_error=unsaid
    )


def test_tables_from_before_moments_were_written_are_read(tmp_path):
    said = EventOutcome("a", 3.0, True, latency_s=2.0, timed_epicentre_km=(1.0,) * 6)
    write_events([said], tmp_path / "events.csv")
    header, row = (line.split(",") for line in (tmp_path / "events.csv").read_text().splitlines())
    assert header[10:12] == ["epicentre_at_2s_km", "epicentre_at_4s_km"]
    assert header[-1] == "magnitude_error_at_30s"
    assert row[10:] == ["1.0"] * 6 + [""] * 6
    (tmp_path / "events.csv").write_text(f"{','.join(header[:10])}\n{','.join(row[:10])}\n")
    assert read_events(tmp_path / "events.csv") == [EventOutcome("a", 3.0, True, latency_s=2.0)]


def test_another_table_is_refused_by_name(tmp_path):
    (tmp_path / "events.csv").write_text("event_id,found\ne1,perhaps\n")
    with pytest.raises(ValueError, match=r"events\.csv is no table of events"):
        read_events(tmp_path / "events.csv")
