"""What `conf/` says of operations is what is built."""

import logging

import pytest
from made_alerts import T0
from made_merged import made
from made_networks import make_network
from made_streams import SPEC
from toy import resolved

from fcn import check
from fcn.alert.alert import Alert
from fcn.alert.sinks.jsonl import JsonLines
from fcn.config import build
from fcn.geometry.projection import LocalFrame
from fcn.operations.status import read_status
from fcn.run_merge import build_merging
from fcn.run_monitor import build_attendants, in_frame_of, listen
from fcn.saying import log_to
from fcn.stream.attendants import StatusKeeper, Systemd
from fcn.stream.keeping import write_stream
from fcn.stream.network import WatchedNetwork
from fcn.stream.station_list import StationList

LIVE = ("ckpt=x", "source=directory", "source.root=x")


@pytest.fixture
def stations(tmp_path):
    path = tmp_path / "stations.xml"
    make_network(2, seconds=1.0)[2].write(str(path), format="STATIONXML")
    return path


def test_a_live_monitor_follows_its_station_list(tmp_path, stations):
    config = resolved("monitor", *LIVE, f"station_file={stations}", "operations.stations_s=7.0")
    systemd, listed, keeper = build_attendants(config, tmp_path, None)
    assert (type(systemd), type(listed), type(keeper)) == (Systemd, StationList, StatusKeeper)
    assert (listed.path, listed.look_s, keeper.every_s, keeper.write) == (stations, 7.0, 5.0, ())
    assert len(listed.read().stations) == 2
    assert keeper.station_list() == listed.status()


def test_a_replay_has_none_and_figures_go_to_the_folder(tmp_path):
    pytest.importorskip("prometheus_client")
    config = resolved(
        "monitor", "ckpt=x", "source=replay", "source.root=x", "operations.metrics=metrics.prom"
    )
    _, keeper = build_attendants(config, tmp_path, None)
    assert keeper.station_list() is None
    (write,) = keeper.write
    assert write.args == (tmp_path / "metrics.prom",)


def test_the_page_hears_the_status_before_the_disk_which_may_be_full(tmp_path):
    class Made:
        def hear(self, status):
            """Nothing."""

        attend = leave = hear

    page = Made()
    config = resolved("monitor", "ckpt=x", "source=replay", "source.root=x")
    *_, keeper, last = build_attendants(config, tmp_path, page)
    assert (keeper.write, last) == ((page.hear,), page)


def test_limits_of_the_page_are_those_of_the_check():
    given = ("monitor", "ckpt=x", "source=replay", "source.root=x", "limits.late_s=[3,20]")
    limits = build(resolved(*given)["limits"])
    assert limits == build(resolved("check", "folder=x", "limits.late_s=[3,20]")["limits"])
    assert limits.late_s == [3, 20]


def test_events_of_a_state_are_in_its_frame(tmp_path, stations):
    given = f"station_file={stations}", f"source.root={tmp_path}"
    watched, _ = listen(resolved("monitor", *LIVE, *given), SPEC)
    assert isinstance(watched, WatchedNetwork)
    assert in_frame_of(tmp_path, watched) is watched
    write_stream(tmp_path, {"frame": [33.0, 131.5], "of": {}})
    found = in_frame_of(tmp_path, watched)
    assert found.frame == LocalFrame(33.0, 131.5)
    assert found.stations is watched.stations
    write_stream(tmp_path, {"frame": [38.0, 22.0], "of": {}})
    message = (
        r"state of a monitor about latitude 38\.00, .* lies \d{4} km from there, 1000 at most: .* folder="
    )
    with pytest.raises(ValueError, match=message):
        in_frame_of(tmp_path, watched)


def test_the_log_lies_in_the_folder(tmp_path):
    before = list(logging.getLogger().handlers)
    log_to(resolved("monitor", *LIVE)["log"], tmp_path)
    log_to(None, tmp_path)
    (handler,) = set(logging.getLogger().handlers) - set(before)
    logging.getLogger().removeHandler(handler)
    logging.getLogger("made").addHandler(handler)
    logging.getLogger("made").warning("a word")
    logging.getLogger("made").removeHandler(handler)
    assert (tmp_path / "monitor.log").read_text().endswith("[made][WARNING] - a word\n")


def test_a_merger_is_that_of_its_configuration(tmp_path):
    paths = [tmp_path / "north.jsonl", tmp_path / "south.jsonl"]
    for path, alert in zip(paths, (made("north", "x"), made("south", "y")), strict=True):
        JsonLines(str(path), 1.0, 1, None, False).deliver(alert)
    given = ("listen=files", f"listen.paths=[{','.join(map(str, paths))}]", "sinks=jsonl", "name=both")
    running = build_merging(resolved("merge", *given), tmp_path / "merged")
    running.now_s = lambda: T0 + 60.0
    running.look()
    running.sinks.close(20.0)
    running.listening.close()
    lines = (tmp_path / "merged" / "alerts.jsonl").read_text().splitlines()
    (alert,) = (Alert.from_json(line) for line in lines if "fcn-alert" in line)
    assert alert.producer.monitor == "both"
    assert read_status(tmp_path / "merged").n_events_open == 1


def test_of_a_status_that_is_damaged_the_check_says_so_on_its_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "status.json").write_text('{"a|')
    monkeypatch.setattr("sys.argv", ["fcn.check", f"folder={tmp_path}"])
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"FCN UNKNOWN - {tmp_path}/status.json is no status of a monitor: ")
    assert "|" not in line
