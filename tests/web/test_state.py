"""What a page is told of a small replay."""

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_alerts import alert
from made_networks import START_S
from made_pages import MADE, ORIGIN_S, Watch, pdf_of, watched_monitor
from made_sites import VP_KMPS, VS_KMPS, HalfSpace

from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.stream.sources.replay import Link
from fcn.web import board as boards
from fcn.web.board import Board
from fcn.web.fronts import fronts_of
from fcn.web.state import State


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boards, "LEAST_S", 0.0)
        patch.setattr(boards, "COUNTED_S", 0.0)
        monitor, watch = watched_monitor(tmp_path_factory.mktemp("page"), lambda each: Watch(Board(each)))
        monitor.run()
    return [*watch.seen, watch.board.newest]


def at(seen, after_s):
    return next(each for each in seen if each.clock_s >= ORIGIN_S + after_s)


def plain(snapshot):
    return json.loads(State().text(snapshot))


def test_an_event_is_told_version_by_version(seen):
    assert plain(at(seen, 0.0))["events"] == []
    alarm = plain(at(seen, 3.5))["events"][0]
    assert alarm["is_open"]
    assert [each["version"] for each in alarm["versions"]][:1] == [1]
    assert alarm["versions"][0]["status"] == "new"
    assert (alarm["east_km"], alarm["north_km"]) == pytest.approx((3.0, -4.0), abs=0.01)
    assert alarm["versions"][0]["magnitude"]["value"] == 5.0
    assert alarm["versions"][0]["horizontal_uncertainty_km"] == 2.0
    last = plain(seen[-1])["events"][0]
    east, both, north = alarm["versions"][0]["epicentre_km2"]
    assert (both / east, north / east) == pytest.approx((0.6, 0.5))
    assert last["versions"][-1]["epicentre_km2"][0] < east
    assert len(last["versions"]) > len(alarm["versions"])
    assert last["alarm_s"] == alarm["versions"][0]["data_s"]
    assert 0.4 <= last["versions"][0]["data_latency_s"] <= 1.5  # a link of 0.4 s, packets of 1 s


def pdf_shown(told):
    cells = np.frombuffer(base64.b64decode(told["cells"]), dtype=np.uint8).reshape(told["n_cells"])
    return cells / cells.sum(dtype=np.float64)


def test_what_the_network_says_of_an_epicentre_is_told_while_the_event_is_open(seen):
    for after_s in (3.5, 5.0):
        state = plain(at(seen, after_s))
        told, spread_km = state["events"][0]["pdf"], 9.0 - (state["data_s"] - ORIGIN_S)
        assert (told["first_km"], told["spacing_km"]) == ([-6.0, -19.0], [1.0, 2.0])
        np.testing.assert_allclose(pdf_shown(told), pdf_of(spread_km).probability, atol=5e-4)
        assert told["shares"] == [0.9, 0.5]
        for share, least in zip(told["shares"], told["least"], strict=True):
            cells = np.frombuffer(base64.b64decode(told["cells"]), dtype=np.uint8)
            held = cells[cells >= least].sum(dtype=np.float64) / cells.sum(dtype=np.float64)
            assert held == pytest.approx(share, abs=0.08)  # cells come in fours
    assert seen[-1].stories[0].alerts[-1].is_last
    assert plain(seen[-1])["events"][0]["pdf"] is None


def test_a_hypothesis_has_its_pdf_and_an_alarm_that_of_its_window(seen):
    considered = next(each for each in seen if each.estimates and not each.stories)
    (told,) = plain(considered)["estimates"]
    assert told["pdf"]["n_cells"] == [20, 16]
    alarm = next(each for each in seen if each.stories)
    assert [each.follows for each in alarm.estimates] == [None]
    assert plain(alarm)["events"][0]["pdf"] is not None
    assert plain(alarm)["estimates"] == [], "it is an event now"


def test_a_pdf_of_nothing_is_none(seen):
    snapshot = at(seen, 3.5)
    empty = EpicentrePdf((0.0, 0.0), (1.0, 1.0), np.zeros((3, 3), dtype=np.float32))
    other = replace(snapshot, stories=(replace(snapshot.stories[0], epicentre_pdf=empty),))
    assert plain(other)["events"][0]["pdf"] is None


def test_where_a_radius_alone_is_known_its_epicentre_is_round(seen):
    snapshot = at(seen, 3.5)
    (story,) = snapshot.stories
    origin = story.alerts[-1].origin

    def shown(**changes):
        told = replace(story.alerts[-1], origin=replace(origin, covariance_km2=None, **changes))
        other = replace(snapshot, stories=(replace(story, alerts=(told,)),))
        return plain(other)["events"][0]["versions"][0]["epicentre_km2"]

    assert shown(horizontal_uncertainty_km=2.0) == [2.0, 0.0, 2.0]
    assert shown(horizontal_uncertainty_km=None) is None


def test_fronts_are_where_travel_times_have_them(seen):
    snapshot = at(seen, 3.5)
    fronts = plain(snapshot)["events"][0]["fronts"]
    path_km = np.hypot(fronts["distance_km"], 10.0)
    np.testing.assert_allclose(fronts["p_s"], path_km / VP_KMPS, rtol=1e-3)
    np.testing.assert_allclose(fronts["s_s"], path_km / VS_KMPS, rtol=1e-3)
    offset_km = snapshot.watched.station_km - np.array([3.0, -4.0, 10.0])
    np.testing.assert_allclose(fronts["station_p_s"], np.linalg.norm(offset_km, axis=1) / VP_KMPS, atol=0.02)
    assert plain(at(seen, 0.0))["events"] == []


def test_travel_times_that_do_not_reach_make_no_fronts(seen):
    class Beyond(HalfSpace):
        def between(self, source_km, station_km):
            raise ValueError("source depth outside the table")

    snapshot = replace(at(seen, 3.5), travel_times=Beyond())
    assert fronts_of(snapshot, (0.0, 0.0, 10.0)) is None
    assert plain(snapshot)["events"][0]["fronts"] is None


def test_sites_count_down_to_s(seen):
    near, far = plain(at(seen, 4.0))["sites"]
    assert near["warning"]["intensity"] > 2.5
    depth_km, epicentral_km = 10.0, math.hypot(near["east_km"] - 3.0, near["north_km"] + 4.0)
    arrival_s = ORIGIN_S + math.hypot(depth_km, epicentral_km) / VS_KMPS
    assert near["warning"]["s_arrival_s"] == pytest.approx(arrival_s, abs=0.05)
    assert far == {"name": "far", "east_km": far["east_km"], "north_km": far["north_km"], "warning": None}


def test_traces_are_what_the_network_was_given(seen):
    snapshot = at(seen, 6.0)
    traces = plain(snapshot)["traces"]
    (first, *_) = traces["envelopes"]
    levels = np.frombuffer(base64.b64decode(first), dtype=np.int8).reshape(-1, 2)
    assert len(levels) == traces["n_blocks"] == 240
    known = ~np.isnan(snapshot.traces.extremes_mps[0, :, 0])
    assert known.sum() > 20
    assert (levels[~known] == -128).all()
    made_mps = levels[known] * traces["largest_mps"][0] / 127
    tolerance_mps = traces["largest_mps"][0] / 120
    np.testing.assert_allclose(made_mps, snapshot.traces.extremes_mps[0, known], atol=tolerance_mps)


def test_the_last_snapshot_says_so_and_health_counts(seen):
    assert [each.number for each in seen[:-1]] == list(range(len(seen) - 1))
    assert [each.is_alive for each in seen[-2:]] == [True, False]
    last = plain(seen[-1])
    assert last["health"]["n_windows"] > 10
    assert last["health"]["sinks"]["jsonl"]["failed"] == 0
    assert {each["state"] for each in last["stations"]} == {"delivering"}
    assert last["data_s"] == pytest.approx(START_S + 16.0, abs=1.0)


def test_a_station_that_is_left_out_says_why(seen):
    snapshot = seen[-1]
    ill, *others = [each.id for each in snapshot.watched.stations]
    health = replace(snapshot.health, left_out={ill: "clock 1.3 s late", "XX.NONE": "not watched"})
    rows = {each["id"]: each["left_out"] for each in plain(replace(snapshot, health=health))["stations"]}
    assert rows == {ill: "clock 1.3 s late", **dict.fromkeys(others)}


def test_stations_are_late_and_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "LEAST_S", 0.0)
    link = Link(1, 1.0, 0.4, [0.0, 24.0], 0.0, 0.0, 0.0, 0.0, 0.0)
    monitor, watch = watched_monitor(tmp_path, lambda each: Watch(Board(each)), 12.0, link, lambda *_: [])
    monitor.run()
    states = {each["state"] for snapshot in watch.seen for each in plain(snapshot)["stations"]}
    assert states == {"delivering", "late", "silent"}


def test_what_was_said_before_a_restart_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "LEAST_S", 0.0)
    monitor, watch = watched_monitor(tmp_path, lambda each: Watch(Board(each)))
    monitor.run()
    again, other = watched_monitor(tmp_path, lambda each: Watch(Board(each)))
    other.attend(again, 0.0)
    (before,), (after,) = (plain(each.board.newest)["events"] for each in (watch, other))
    assert [each["version"] for each in after["versions"]] == [each["version"] for each in before["versions"]]
    assert after["versions"][0]["data_latency_s"] is None


def test_nothing_that_goes_wrong_reaches_the_loop(tmp_path, monkeypatch, caplog):
    monitor, watch = watched_monitor(tmp_path, lambda each: Watch(Board(each)))
    monkeypatch.setattr(Board, "_snapshot", lambda *_: 1 / 0)
    monitor.run()
    assert monitor.n_windows > 10
    assert caplog.text.count("the page shows nothing new") == 1
    assert watch.board.is_over


def test_events_and_versions_are_bounded():
    made = Board(MADE)
    for event in range(30):
        for version in range(1, 31):
            made.said(alert(f"e{event}", version))
    stories = made._stories
    assert list(stories) == [f"e{event}" for event in range(10, 30)]
    assert [each.version for each in stories["e29"]] == [1, *range(20, 31)]
