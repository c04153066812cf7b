import csv
import dataclasses

import pytest
from obspy import read_events

from fcn.catalogue.declared import read_updates_csv, write_declared, write_updates_csv
from fcn.catalogue.event import DeclaredEvent, Event, Status, Update
from fcn.catalogue.io import read_csv, read_quakeml, read_with_picks
from fcn.catalogue.phase import PhasePick

T0 = 1_460_636_794.25
FULL = Event("fcn-1", T0, 32.7417, 130.8087, 11.4, 6.5, "M", T0 + 2.125, 1.5, 2.25, 0.75, 0.25, "noted")
OTHER = dataclasses.replace(FULL, event_id="b", origin_time_s=T0 - 9)


def test_updates_are_written_in_order_of_time(tmp_path):
    first = DeclaredEvent("fcn-1", [Update(T0 + t, FULL, 0.9, 0.8) for t in (5.0, 6.0)])
    second = DeclaredEvent("b", [Update(T0 + 5.5, OTHER, 0.7, 0.6, is_lower_bound=True, status=Status.NEW)])
    write_updates_csv([first, second], tmp_path / "updates.csv")
    header, *rows = (tmp_path / "updates.csv").read_text().splitlines()
    assert header.startswith("now_utc,detection_score,location_score,event_id,origin_time_utc")
    assert header.endswith("status,is_lower_bound")
    assert [row.split(",")[3] for row in rows] == ["fcn-1", "b", "fcn-1"]
    assert rows[0].startswith(
        "2016-04-14T12:26:39.250000+00:00,0.9,0.8,fcn-1,2016-04-14T12:26:34.250000+00:00"
    )
    assert [row.split(",")[-2:] for row in rows] == [
        ["update", "false"],
        ["new", "true"],
        ["update", "false"],
    ]


def test_updates_are_read_as_they_were_written(tmp_path):
    first = [Update(T0 + t, FULL, 0.9, 0.8, is_lower_bound=t < 6) for t in (5.0, 6.5)]
    second = [Update(T0 + 5.5, OTHER, 0.7, 0.6, status=Status.RETRACTED)]
    path = tmp_path / "updates.csv"
    write_updates_csv([DeclaredEvent("fcn-1", first), DeclaredEvent("b", second)], path)
    assert read_updates_csv(path) == [first[0], second[0], first[1]]
    path.write_text(path.read_text().replace("retracted", "lost"))
    with pytest.raises(ValueError, match="line 3: status is 'lost'"):
        read_updates_csv(path)
    with pytest.raises(FileNotFoundError, match=r"fcn\.test"):
        read_updates_csv(tmp_path / "none.csv")


def test_the_last_word_is_kept_in_order_of_origin_and_a_retracted_event_is_rejected(tmp_path, caplog):
    said = [
        DeclaredEvent("fcn-1", [Update(T0 + 5, FULL, 0.9, 0.8), Update(T0 + 6, FULL, 0.9, 0.8, True)]),
        DeclaredEvent("b", [Update(T0 + 5, OTHER, 0.9, 0.8, status=Status.RETRACTED)]),
    ]
    write_declared("made", said, tmp_path)
    with (tmp_path / "catalogue.csv").open(newline="") as file:
        rows = [(row["event_id"], row["status"], row["is_lower_bound"]) for row in csv.DictReader(file)]
    assert rows == [("b", "retracted", "false"), ("fcn-1", "update", "true")]
    assert list(read_csv(tmp_path / "catalogue.csv")) == [FULL]  # columns more are no harm
    assert "catalogue.csv: 1 of 2 events left out, which were retracted" in caplog.text
    edited = (tmp_path / "catalogue.csv").read_text().replace("retracted", " Retracted")
    (tmp_path / "edited.csv").write_text(edited)
    assert list(read_csv(tmp_path / "edited.csv")) == [FULL]
    quakeml = {event.origins[0].evaluation_status for event in read_events(str(tmp_path / "catalogue.xml"))}
    assert quakeml == {None, "rejected"}
    (left,) = read_quakeml(tmp_path / "catalogue.xml")
    assert (left.event_id, left.note) == ("fcn-1", "noted; magnitude is a lower bound")


def test_arrivals_are_the_picks_that_the_place_stands_on(tmp_path):
    picks = (
        PhasePick("XX", "A", "P", T0 + 2.25, residual_s=0.125, correction_s=-0.0625, weight=0.75),
        PhasePick("", "B", "S", T0 + 3.5, residual_s=-0.5, correction_s=0.0, weight=0.5),
    )
    said = [DeclaredEvent("fcn-1", [Update(T0 + 5, FULL, 0.9, 0.8)], picks)]
    said += [DeclaredEvent("b", [Update(T0 + 5, OTHER, 0.9, 0.8)], picks[1:])]
    write_declared("made", said, tmp_path)
    _, event = read_events(str(tmp_path / "catalogue.xml"))
    arrivals = event.preferred_origin().arrivals
    numbers = [(each.phase, each.time_residual, each.time_correction, each.time_weight) for each in arrivals]
    assert numbers == [("P", 0.125, -0.0625, 0.75), ("S", -0.5, 0.0, 0.5)]
    assert [each.pick_id for each in arrivals] == [each.resource_id for each in event.picks]
    catalogue, read = read_with_picks(tmp_path / "catalogue.xml")
    times = [(each.network, each.station, each.phase, each.time_s) for each in read["fcn-1"]]
    assert times == [("XX", "A", "P", T0 + 2.25), ("", "B", "S", T0 + 3.5)]
    assert catalogue[1].first_p_time_s == T0 + 2.25, "of the picks, not of the velocity model"
    assert catalogue[0].first_p_time_s is None, "S alone: nothing is made up beside it"
