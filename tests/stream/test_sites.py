"""What a monitor tells sites, and that nothing about it stops the monitor."""

import json
from dataclasses import replace

import obspy
from made_alerts import PRODUCER
from made_networks import make_site
from made_pages import Watch, watched_monitor
from made_sites import FRAME, HalfSpace, north, said

from fcn.alert.site_warning import ToldWarning
from fcn.geometry.network import Network
from fcn.rotated import RotatedFile
from fcn.shaking.expected import SiMidorikawa
from fcn.shaking.intensity import JmaScale
from fcn.shaking.plum import Plum
from fcn.shaking.site import station_sites
from fcn.shaking.site_warnings import SiteWarnings, WarningRule
from fcn.stream.sites import Unbatched, WarnedSites
from fcn.web.board import Board


def nobody(told):
    """Is told."""


class InBatches(HalfSpace):
    def between(self, source_km, station_km):
        assert source_km.ndim == station_km.ndim == 3
        assert station_km.shape[0] == 1
        return super().between(source_km, station_km)


def warned(path) -> WarnedSites:
    warnings = SiteWarnings(
        ground_motion=SiMidorikawa(),
        scale=JmaScale(),
        rule=WarningRule((2.5, 3.5), pause_s=10.0, felt_s=20.0),
        plum=None,
        sites=[north(20.0, "near"), north(400.0, "far")],
        stations=[],
        travel_times=Unbatched(InBatches()),
        frame=FRAME,
    )
    return WarnedSites(warnings, RotatedFile(path, 1.0, 1, None, flushes=False), PRODUCER)


def test_a_warning_is_told_once_and_is_a_line(tmp_path):
    sites, told = warned(tmp_path / "sites.jsonl"), []
    for now_s in (1003.0, 1003.5, 1004.0):
        sites.process(now_s, [said(6.0, magnitude_uncertainty=0.3)], now_s + 0.1, told.append)
    assert [each.to_json() for each in told] == sites.file.path.read_text().splitlines()
    (line,) = map(json.loads, sites.file.path.read_text().splitlines())
    assert (line["schema"], line["schema_version"]) == ("fcn-site-warning", 2)
    assert line["issued_time_utc"] == "1970-01-01T00:16:43.100000Z"
    assert (line["warning"]["site"], line["warning"]["basis"]) == ("near", "source")
    assert line["producer"]["is_simulated"] is False
    assert ToldWarning.from_json(told[0].to_json()) == told[0]
    shown = told[0].words()
    assert shown.startswith("00:16:43 site near: intensity ")
    assert "S in 3 s, 1" in shown


def test_a_monitor_tells_its_sinks(tmp_path, capsys):
    monitor, _ = watched_monitor(tmp_path, lambda each: Watch(Board(each)))
    told, monitor.sinks.warn = [], lambda each: told.append(each)
    monitor.run()
    assert [each.warning.site for each in told] == ["near"]
    assert [each.to_json() for each in told] == (tmp_path / "sites.jsonl").read_text().splitlines()
    assert "near" not in capsys.readouterr().out, "what is printed is a sink's matter, which nobody waits for"


def test_a_full_disk_stops_nothing(tmp_path, caplog):
    (tmp_path / "sites.jsonl").mkdir()
    sites, told = warned(tmp_path / "sites.jsonl"), []
    sites.process(1003.0, [said(6.0)], 1003.0, told.append)
    assert [each.warning.site for each in told] == ["near"]
    assert "sites.jsonl" in caplog.text


def test_a_source_beyond_all_tables_is_logged_once_and_stops_nothing(tmp_path, caplog, monkeypatch):
    sites = warned(tmp_path / "sites.jsonl")

    def beyond(self, source_km, station_km):
        raise ValueError("source depth outside the table")

    with monkeypatch.context() as patch:
        patch.setattr(InBatches, "between", beyond)
        assert sites.standing(1003.0, [said(6.0)]) == [None, None]
        for now_s in (1003.0, 1003.5):
            sites.process(now_s, [said(6.0)], now_s, nobody)
    assert caplog.text.count("outside the table") == 1
    sites.process(1004.0, [said(6.0)], 1004.0, nobody)
    assert len(sites.file.path.read_text().splitlines()) == 1


def test_a_source_beyond_all_tables_does_not_silence_others_or_plum(tmp_path, monkeypatch):
    real, within = InBatches.between, []

    def beyond(self, source_km, station_km):
        if float(source_km[..., 2].max()) > 500.0:
            raise ValueError("source depth outside the table")
        within.append(source_km)
        return real(self, source_km, station_km)

    monkeypatch.setattr(InBatches, "between", beyond)
    sites = warned(tmp_path / "sites.jsonl")
    deep = said(6.0)
    deep = replace(deep, event=replace(deep.event, event_id="deep", depth_km=600.0))
    sites.process(1003.0, [deep, said(6.0)], 1003.0, nobody)
    (line,) = map(json.loads, sites.file.path.read_text().splitlines())
    assert line["warning"]["event_id"] != "deep"
    assert [each is None for each in sites.standing(1003.0, [deep, said(6.0)])] == [False, True]
    other = replace(deep, event=replace(deep.event, event_id="other", depth_km=20.0))
    n_made = len(within)
    for now_s in (1003.25, 1003.5, 1003.75):
        sites.process(now_s, [said(6.0), deep, other], now_s, nobody)
    assert len(within) <= n_made + 2, "what reaches the sites is computed once"


def test_stations_that_join_speak_for_sites_and_nothing_is_told_again(tmp_path):
    def of_stations(stations):
        return SiteWarnings(
            ground_motion=SiMidorikawa(),
            scale=JmaScale(),
            rule=WarningRule((2.5,), pause_s=10.0, felt_s=20.0),
            plum=Plum(radius_km=30.0, most_over_second=None),
            sites=[north(20.0, "near"), north(400.0, "far")],
            stations=station_sites(stations, {}, 600.0),
            travel_times=Unbatched(InBatches()),
            frame=FRAME,
        )

    one, other = make_site("S00", FRAME.latitude_deg, FRAME.longitude_deg), make_site("S01", 36.3)
    sites = warned(tmp_path / "sites.jsonl")
    sites.warnings, sites.of_stations = of_stations(Network((one,))), of_stations
    sites.observed = Observed({one.id: 5.0})
    sites.process(1003.0, [], 1003.0, nobody)
    both = Network((other, one))
    sites.watch(sites.prepared(both), both, obspy.Inventory())
    assert sites.observed.ids == [other.id, one.id]
    sites.observed.intensity[other.id] = 5.0
    sites.process(1003.5, [], 1003.5, nobody)
    lines = map(json.loads, sites.file.path.read_text().splitlines())
    assert [each["warning"]["site"] for each in lines] == ["near", "far"]


def test_a_clock_that_is_set_back_silences_no_site(tmp_path):
    sites = warned(tmp_path / "sites.jsonl")
    sites.process(5000.0, [], 5000.0, nobody)
    sites.reset()
    sites.process(1003.0, [said(6.0)], 1003.0, nobody)
    assert len(sites.file.path.read_text().splitlines()) == 1


class Observed:
    """Intensities that are given, and the stations that are asked for."""

    def __init__(self, intensity):
        self.intensity, self.ids = intensity, []

    def observed(self, now_s):
        return dict(self.intensity)

    def watch(self, ids, inventory):
        self.ids = ids
