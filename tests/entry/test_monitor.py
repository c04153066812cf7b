"""The monitor's command line: what it says of a sequence is what a test says."""

import csv
import json
import os
import re
from dataclasses import replace

import obspy
import pytest
import torch
from command_lines import SHORT_SEQUENCE, run
from made_alerts import alert
from made_networks import make_network
from made_sites import HalfSpace, said
from made_streams import SPEC, in_records
from toy import resolved

from fcn.alert.alert import Alert
from fcn.assemble import velocity_models
from fcn.catalogue.io import iso
from fcn.checkpoint import load
from fcn.earth.eikonal import GridModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.replay import plain_link
from fcn.run_monitor import (
    build_monitor,
    build_observed,
    build_sinks,
    build_sites,
    crust_digest,
    listen,
    velocity_model,
)
from fcn.saying import make_folder, owned
from fcn.stream.network import WatchedNetwork
from fcn.stream.sources.replay import ReplaySource
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import STATIONS, WAVEFORMS, write_sequence_folder
from fcn.waveform.inventory import read_stations

WATCHED = ("source=directory", "source.root=x", "station_file=x.xml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "n_stations", "packets_s"),
    [
        (SHORT_SEQUENCE, 8, ("0.1", "512 bytes", "1.0", "null")),
        (("dataset=kumamoto",), 12, ("5.12", "512 bytes", "1.0")),
    ],
    ids=["smoke", "the whole twin"],
)
def test_the_catalogue_is_that_of_a_test(tmp_path, dataset, n_stations, packets_s):
    """The test reads packets of another length; simulating and replaying the twin takes half an hour."""
    given = ("ckpt=generalized", "logger=csv", "hydra.run.dir=tested", f"packet_s={packets_s[-1]}", *dataset)
    run("fcn.test", *given, cwd=tmp_path, timeout_s=7200.0)
    (root,) = (each for each in (tmp_path / "cache" / "sequences").iterdir() if each.is_dir())
    with (tmp_path / "tested" / "updates.csv").open() as file:
        expected = [(row["now_utc"], row["event_id"], row["status"]) for row in csv.DictReader(file)]
    assert expected
    for packet_s in packets_s[:-1]:
        folder = tmp_path / f"live-{packet_s}"
        replay = ("ckpt=generalized", "source=replay", f"source.root={root}", f"folder={folder}")
        if packet_s == "512 bytes":
            monitor_records(root, replay, folder)
        else:
            link = f"source.link.packet_s={packet_s}"
            output = run("fcn.monitor", *replay, link, cwd=tmp_path, timeout_s=7200.0)
            assert re.search(rf"listening to {n_stations} stations", output)
        lines = (folder / "alerts.jsonl").read_text().splitlines()
        alerts = [Alert.from_json(line) for line in lines if json.loads(line)["schema"] == "fcn-alert"]
        found = [(iso(each.data_time_s), each.event_id, str(each.status)) for each in alerts]
        assert found == expected
        assert all(each.producer.is_simulated for each in alerts)


@pytest.mark.slow
def test_sites_are_told_when_a_test_says(tmp_path):
    """By sources: what a station observes itself counts in a monitor, and in a test it does not."""
    given = ("ckpt=generalized", "logger=csv", "hydra.run.dir=tested", *SHORT_SEQUENCE)
    levels = ("shaking.plum=null", "shaking.rule.levels=[0.0]")  # its earthquake is small
    scored = ("site_scores=stations", *(f"site_scores.{each}" for each in levels))
    run("fcn.test", *given, *scored, cwd=tmp_path)
    with (tmp_path / "tested" / "sites.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["told_utc"]]
    expected = {row["site"]: row["told_utc"] for row in rows}
    assert len(expected) == len(rows) > 3
    (root,) = (each for each in (tmp_path / "cache" / "sequences").iterdir() if each.is_dir())
    sites = [
        f"+sites.{each.code}={{_target_: fcn.shaking.site.Site, name: {each.id}, vs30_mps: 600.0, "
        f"latitude_deg: {each.latitude_deg}, longitude_deg: {each.longitude_deg}, elevation_m: "
        f"{each.elevation_m}}}"
        for each in Network.from_inventory(read_stations(root / STATIONS))
        if each.id in expected
    ]
    replay = ("ckpt=generalized", "source=replay", f"source.root={root}", "folder=live")
    run("fcn.monitor", *replay, *levels, *sites, cwd=tmp_path)
    lines = (tmp_path / "live" / "sites.jsonl").read_text().splitlines()
    told = [json.loads(line)["warning"] for line in lines]
    assert {each["site"]: iso(each["now_s"]) for each in reversed(told)} == expected


def monitor_records(root, overrides, folder):
    """As the command line does, of the records of a data logger: none is as long as another."""
    config = resolved("monitor", *overrides)
    monitor = build_monitor(config, folder, load(config["ckpt"], reading=config["reading"]))
    records = in_records(read_sds(root / WAVEFORMS))
    assert len({each.stats.npts for each in records}) > 99
    monitor.source = ReplaySource(records, plain_link(None, None), pace=None)
    with torch.no_grad():
        monitor.run()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ("source=directory", "source.root=x", "source.kind=archive"),
            r"source= of a monitor is one of replay, dir",
        ),
        (("source=directory", "source.root=x"), r"source=directory needs a station list: station_file="),
        (("source=replay", "source.root=none"), r"none is no sequence folder: waveforms is missing"),
        (
            ("source=replay", "source.root=none", "source.pace=x"),
            r"source\.pace must be a number or null, got 'x'",
        ),
        ((*WATCHED, "source.from_now=5"), r"source\.from_now must be true or false, got 5"),
        ((*WATCHED, "station_ids=SY.S01"), r"station_ids must be a list of values: 'SY\.S01'"),
        ((*WATCHED, "station_ids=[]"), r"station_ids=\[\] leaves no station: name some"),
        (
            ("source=replay", "source.root=none", "station_file=s.xml"),
            r"station_file=s\.xml is for live sources: a replay has its own list, stations\.xml in none",
        ),
    ],
)
def test_what_it_cannot_listen_to_is_said(overrides, told):
    config = resolved("monitor", "ckpt=x", *overrides)
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        listen(config, SPEC)


def test_a_replay_is_of_the_stations_asked_for(tmp_path):
    _, stream, inventory = make_network(4)
    write_sequence_folder(tmp_path / "made", stream, inventory)

    def listening(*overrides):
        replay = ("source=replay", f"source.root={tmp_path / 'made'}")
        return listen(resolved("monitor", "ckpt=x", *replay, *overrides), SPEC)

    assert len(listening()[0].stations) == 4
    watched, source = listening("station_ids=[XX.S03,XX.S01,XX.S02]")
    assert {each.id for each in watched.stations} == {"XX.S01", "XX.S02", "XX.S03"}
    assert {packet.station_id for packet in source.poll(1e12)} == {each.id for each in watched.stations}
    for named, told in (("[]", "leaves no station"), ("[XX.S01,XX.NONE]", r"stations XX\.NONE are not in")):
        with pytest.raises(ValueError, match=told):
            listening(f"station_ids={named}")


@pytest.mark.parametrize(
    "source", [("source=seedlink", "source.server=x:18000"), ("source=directory", "source.root=x")]
)
def test_a_live_monitor_has_a_velocity_model_where_nobody_tells_one(source):
    """A StationXML states none, and a shipped network was trained in several."""
    family = velocity_models(resolved("train"))
    stations = Network((Station("JP", "A", "", 32.8, 130.7, 0.0),))
    silent = WatchedNetwork("made", stations, obspy.Inventory(networks=[]), LocalFrame(0.0, 0.0))
    given = ("monitor", "ckpt=x", *source, "station_file=b.xml")
    assert velocity_model(resolved(*given), silent, family).name == "iasp91"
    assert velocity_model(resolved(*given), silent, {"fnet": family["fnet"]}).name == "fnet"
    stating = replace(silent, velocity_model=family["prem"])
    assert velocity_model(resolved(*given), stating, family).name == "prem"
    assert velocity_model(resolved(*given, "velocity_model=jma2001"), silent, family).name == "jma2001"
    with pytest.raises(ValueError, match="choose one with velocity_model="):
        velocity_model(resolved("monitor", "ckpt=x", "source=replay", "source.root=x"), silent, family)


def test_a_crust_is_its_numbers_whatever_its_name(tmp_path):
    model = velocity_models(resolved("train"))["prem"]
    assert crust_digest(replace(model, name="other", source="made")) == crust_digest(model)
    faster = replace(model, vp_kmps=tuple(1.01 * each for each in model.vp_kmps))
    assert crust_digest(faster) != crust_digest(model)
    (tmp_path / "a.nc").write_bytes(b"a")
    grid = GridModel(str(tmp_path / "a.nc"), 1.0)
    before = crust_digest(grid)
    (tmp_path / "a.nc").write_bytes(b"b")
    assert crust_digest(grid) != before


@pytest.mark.parametrize(
    "source", [("source=seedlink", "source.server=x:18000"), ("source=directory", "source.root=x")]
)
def test_no_store_is_made_of_what_a_monitor_listens_to(source):
    """And who asks for one is told so: the file composes everywhere."""
    kind = resolved("build_store", *source)["source"]["kind"]
    assert source[0] == f"source={kind}"


def test_what_is_written_lies_in_the_folder(tmp_path):
    config = resolved("monitor", "ckpt=x", "source=directory", "source.root=x", "sinks=[jsonl,table]")
    sinks = build_sinks(config, tmp_path)
    sinks.say(alert())
    assert sinks.close(20.0)
    assert (tmp_path / "alerts.jsonl").is_file()
    assert (tmp_path / "journal.jsonl").is_file()
    assert len(list((tmp_path / "tables").glob("*.txt"))) == 1


def test_without_sinks_the_journal_has_it(tmp_path):
    config = resolved("monitor", "ckpt=x", "source=directory", "source.root=x", "sinks=[]")
    sinks = build_sinks(config, tmp_path)
    assert sinks.say(alert())
    assert sinks.close(20.0)
    assert '"fcn-alert"' in (tmp_path / "journal.jsonl").read_text()


@pytest.mark.parametrize("where", ["a file", "a file/below"])
def test_a_folder_that_cannot_be_is_named(tmp_path, where):
    (tmp_path / "a file").write_text("")
    with pytest.raises(ValueError, match=rf"folder=.*{where} cannot be written to \(.*\): give one"):
        make_folder(tmp_path / where)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_others_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match=r"cannot be written to \(Permission denied\)"):
        make_folder(tmp_path)


def test_without_a_journal_there_is_none(tmp_path):
    config = resolved("monitor", "ckpt=x", "source=directory", "source.root=x", "alerts.journal=null")
    sinks = build_sinks(config, tmp_path)
    assert sinks.say(alert())
    assert sinks.close(20.0)
    assert [each.name for each in tmp_path.iterdir()] == ["alerts.jsonl"]


def test_sites_are_warned_of_sources_wherever_they_are(caplog):
    frame = LocalFrame(32.8, 130.7)
    stations = Network((Station("JP", "A", "", 32.8, 130.7, 0.0), Station("JP", "B", "", 33.0, 130.9, 100.0)))
    watched = WatchedNetwork("made", stations, obspy.Inventory(networks=[], source="made"), frame)
    given = ("ckpt=x", "source=directory", "source.root=x")
    asked = []
    config = resolved("monitor", *given, "sites=kumamoto")
    warnings = build_sites(config, frame, lambda km: asked.append(km) or HalfSpace(), stations)
    assert asked[0].shape == (5, 3)
    told = warnings.process(1003.0, [said(7.0)], {})
    assert {each.site for each in told} == {"Kumamoto castle", "Mashiki town hall", "Aso"}
    assert build_observed(resolved("monitor", *given), watched) is None
    assert build_observed(config, watched) is not None
    told = build_sites(config, frame, lambda km: HalfSpace(), stations).process(
        1003.0, [], {"JP.A": 6.0, "JP.B": 6.0}
    )
    assert {(each.site, each.basis) for each in told} >= {("Kumamoto castle", "plum")}
    config["shaking"]["plum"] = None
    assert build_observed(config, watched) is None
    config["observe"]["ground"]["vs30_mps"] = {"JP.C": 300.0}
    build_sites(config, frame, lambda km: HalfSpace(), stations)  # a list may come to have it
    assert "observe.ground: JP.C are not in the station list" in caplog.text
    config["source"]["kind"] = "replay"
    with pytest.raises(ValueError, match=r"JP.C are no stations"):
        build_sites(config, frame, lambda km: HalfSpace(), stations)


def test_a_folder_is_one_monitors(tmp_path):
    """Of another process, too: a lock of this one lets nobody in twice either."""
    lock = owned(tmp_path)
    with pytest.raises(ValueError, match=rf"folder={re.escape(str(tmp_path))} is another monitor's"):
        owned(tmp_path)
    lock.release()
    owned(tmp_path).release()
