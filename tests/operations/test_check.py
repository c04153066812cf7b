import time

import pytest
from made_status import sink, status
from toy import resolved

from fcn.alert.heartbeat import LeftOut, Why
from fcn.config import build
from fcn.operations.check import Level, Limits, verdict
from fcn.operations.status import StationListStatus, StationStatus, write_status

LIMITS = build(resolved("check", "folder=x")["limits"])


def said(after_s=0.0, **changes):
    made = status(**changes)
    return verdict(made, made.written_time_s + after_s, LIMITS)


def stations(n_heard, n=10, late_s=0.5):
    return tuple(StationStatus(f"XX.S{i}", late_s if i < n_heard else None) for i in range(n))


def left_out(n, kind, network="XX"):
    return tuple(LeftOut(f"{network}.S{i:02d}", kind, "a reason") for i in range(n))


def test_all_is_well_and_figures_are_told():
    found = said(1.0)
    assert found.level is Level.OK
    assert found.line() == (
        "FCN OK - kyushu hears 10 of 10 stations, 1 events open | age=1s;30;120 behind=0.5s;10;60 "
        "late=0.45s;10;60 silent=0;0.3;0.8 left_out=0;0.3;0.8 sinks_down=0;1;2 waiting=1;20;200"
    )


@pytest.mark.parametrize(
    ("changes", "after_s", "level", "words"),
    [
        ({}, 30.0, Level.WARNING, "said nothing for 30 s"),
        ({}, 121.0, Level.CRITICAL, "said nothing for 121 s"),
        ({}, -50.0, Level.OK, "hears"),
        ({"clock_time_s": status().data_time_s + 12.0}, 0.0, Level.WARNING, "reading is 12.0 s behind"),
        ({"clock_time_s": status().data_time_s + 60.0}, 0.0, Level.CRITICAL, "reading is 60.0 s behind"),
        ({"stations": stations(10, late_s=11.0)}, 0.0, Level.WARNING, "data are 11.0 s late"),
        ({"stations": stations(7)}, 0.0, Level.WARNING, "7 of 10 stations heard"),
        ({"stations": stations(2)}, 0.0, Level.CRITICAL, "2 of 10 stations heard"),
        ({"stations": stations(0)}, 0.0, Level.CRITICAL, "none of 10 stations heard"),
        ({"stations": ()}, 0.0, Level.CRITICAL, "none of 0 stations heard"),
        ({"stations_left_out": left_out(2, Why.UNHEALTHY)}, 0.0, Level.OK, "hears"),
        ({"stations_left_out": left_out(3, Why.UNHEALTHY)}, 0.0, Level.WARNING, "3 of 10 stations left out"),
        ({"stations_left_out": left_out(9, Why.NOT_DESCRIBED)}, 0.0, Level.CRITICAL, "9 of 10 stations left"),
        ({"stations_left_out": left_out(9, Why.UNUSABLE, "YY")}, 0.0, Level.WARNING, "9 of 19 stations left"),
        ({"stations_left_out": left_out(9, Why.NOT_WATCHED, "YY")}, 0.0, Level.OK, "hears"),
        ({"sinks": (sink("a", is_up=False), sink("b"))}, 0.0, Level.WARNING, "out of reach, or refusing: a"),
        ({"sinks": (sink("a", is_up=False), sink("b", is_up=False))}, 0.0, Level.CRITICAL, "refusing: a, b"),
        ({"sinks": (sink("a", waiting=20), sink("b"))}, 0.0, Level.WARNING, "20 alerts wait for a"),
        ({"is_running": False}, 0.0, Level.CRITICAL, "kyushu has ended"),
        ({"station_list": StationListStatus(0.0, 0, 1, "no | XML")}, 0.0, Level.WARNING, "refused: no / XML"),
    ],
)
def test_what_is_wrong_is_said(changes, after_s, level, words):
    found = said(after_s, **changes)
    assert found.level is level
    assert words in found.words
    assert found.line().count("|") == 1
    assert "\n" not in found.line()


def test_the_worst_comes_first():
    found = said(40.0, stations=stations(0))
    assert found.level is Level.CRITICAL
    assert found.words.startswith("none of 10 stations heard")
    assert "said nothing for 40 s" in found.words


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"late_s: a warning comes before what is critical, got \[3, 2\]"):
        Limits(**{**vars(LIMITS), "late_s": [3, 2]})


@pytest.mark.parametrize(
    ("folder", "code", "words"),
    [("live", 0, "FCN OK - "), ("none", 2, "no status.json in none"), ("broken", 3, "is no status")],
)
def test_the_command_ends_with_the_code(tmp_path, folder, code, words, call, capfd):
    for name in ("live", "broken"):
        (tmp_path / name).mkdir()
    write_status(tmp_path / "live", status(written_time_s=time.time()))
    (tmp_path / "broken" / "status.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        call("fcn.check", f"folder={folder}")
    assert ended.value.code == code
    out, err = capfd.readouterr()
    assert words in out + err


def test_a_wrong_command_line_is_no_warning(call):
    with pytest.raises(SystemExit) as ended:
        call("fcn.check", "folderr=x")
    assert ended.value.code == 3


def test_the_status_is_printed(tmp_path, call, capsys):
    write_status(tmp_path, status())
    call("fcn.status", f"folder={tmp_path}")
    assert "kyushu: running" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]
