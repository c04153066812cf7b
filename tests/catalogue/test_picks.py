"""P and S that cannot be of the event they are listed with."""

import dataclasses
import logging

import pytest
from obspy import UTCDateTime
from obspy.core.event import Arrival, Catalog, Origin, Pick, WaveformStreamID
from obspy.core.event import Event as QuakeMLEvent

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import read_csv, read_picks, read_quakeml, read_with_picks, write_csv, write_quakeml
from fcn.catalogue.phase import LATEST_S, SOONEST_S, PhasePick

T0 = 1_460_636_794.25
EVENTS = tuple(
    Event(name, T0 + after_s, 32.7, 130.8, 11.4, 4.5, "Mw") for name, after_s in (("a", 0.0), ("b", 60.0))
)
TRAVEL_S = {"P": (2.5, 6.0), "S": (4.5, 10.0)}


def write(path, off_s):
    """Two events at two stations; off_s: of the picks of each."""
    picks = {
        event.event_id: [
            PhasePick("XX", f"S{i}", phase, event.origin_time_s + travel_s + off_s[event.event_id])
            for phase, travels_s in TRAVEL_S.items()
            for i, travel_s in enumerate(travels_s)
        ]
        for event in EVENTS
    }
    write_quakeml(Catalogue("c", EVENTS), path, picks)
    return path


@pytest.mark.parametrize(
    ("off_s", "off"), [(9 * 3600.0, "32402.5 s after"), (3600.0, "3602.5 s after"), (-15.0, "12.5 s before")]
)
def test_picks_in_local_time_or_before_the_origin_are_left_out_and_said(tmp_path, caplog, off_s, off):
    catalogue, picks = read_with_picks(write(tmp_path / "c.xml", {"a": 0.0, "b": off_s}))
    assert [event.event_id for event in catalogue] == ["a", "b"]
    assert [event.first_p_time_s for event in catalogue] == [T0 + 2.5, None]
    assert [len(picks[name]) for name in "ab"] == [4, 0]
    (said,) = caplog.messages
    assert "c.xml: 4 of 8 picks left out" in said
    assert f"times must be UTC; the first: P of event 'b' at XX.S0, {off} its origin" in said


def test_what_may_be_stays_unsaid(tmp_path, caplog):
    for off_s in (SOONEST_S - 2.5, 0.0, LATEST_S - 10.0):
        path = write(tmp_path / "c.xml", {"a": off_s, "b": 0.0})
        assert [len(found) for found in read_picks(path).values()] == [4, 4]
        assert read_quakeml(path)[0].first_p_time_s == pytest.approx(T0 + 2.5 + off_s)
    assert not caplog.messages


@pytest.mark.parametrize("off_s", [SOONEST_S - 2.6, LATEST_S - 9.9])
def test_only_what_cannot_be_is_left_out(tmp_path, caplog, off_s):
    picks = read_picks(write(tmp_path / "c.xml", {"a": off_s, "b": 0.0}))
    assert [len(picks[name]) for name in "ab"] == [3, 4]
    assert "1 of 8 picks left out" in caplog.text


def test_other_phases_and_rejected_picks_are_not_judged(tmp_path, caplog):
    """Surface waves may come later than any S."""
    picks = [
        Pick(
            time=UTCDateTime(T0 + after_s),
            waveform_id=WaveformStreamID("N", "S"),
            phase_hint=hint,
            evaluation_status=status,
        )
        for after_s, hint, status in ((2500.0, "LR", None), (-90.0, "P", "rejected"), (2500.0, "Lg", None))
    ]
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    event = QuakeMLEvent(resource_id="quakeml:net/ev7", origins=[origin], picks=picks)
    Catalog([event]).write(str(tmp_path / "c.xml"), format="QUAKEML")
    assert [pick.phase for pick in read_picks(tmp_path / "c.xml")["quakeml:net/ev7"]] == ["LR", "Lg"]
    assert not caplog.messages


def test_a_pick_without_hint_or_network_is_judged_by_its_arrival(tmp_path, caplog):
    pick = Pick(time=UTCDateTime(T0 - 90.0), waveform_id=WaveformStreamID(station_code="S"))
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    origin.arrivals = [Arrival(pick_id=pick.resource_id, phase="Pn")]
    event = QuakeMLEvent(resource_id="quakeml:net/ev7", origins=[origin], picks=[pick])
    Catalog([event]).write(str(tmp_path / "c.xml"), format="QUAKEML")
    assert read_quakeml(tmp_path / "c.xml")[0].first_p_time_s is None
    assert "P of event 'quakeml:net/ev7' at .S, 90.0 s before its origin" in caplog.text


@pytest.mark.parametrize(("after_s", "off"), [(32_403.0, "32403.0 s after"), (-15.0, "15.0 s before")])
def test_a_first_p_of_a_table_that_cannot_be_is_left_out_and_said(tmp_path, caplog, after_s, off):
    caplog.set_level(logging.WARNING)
    first, second = EVENTS
    first = dataclasses.replace(first, first_p_time_s=T0 + 2.5, first_p_uncertainty_s=0.1)
    second = dataclasses.replace(
        second,
        first_p_time_s=second.origin_time_s + after_s,
        first_p_uncertainty_s=0.1,
        first_p_is_computed=True,
    )
    write_csv(Catalogue("c", (first, second)), tmp_path / "c.csv")
    assert read_csv(tmp_path / "c.csv").events == (first, EVENTS[1])
    (said,) = caplog.messages
    assert "c.csv: 1 of 2 first P left out" in said
    assert f"times must be UTC; the first: of event 'b', {off} its origin" in said
