import pytest
from made_alerts import alert, heartbeat

from fcn.alert.alert import Alert
from fcn.alert.sinks.jsonl import JsonLines


def sink(path, largest_mb=1.0, n_old=2, heartbeats=True):
    return JsonLines(str(path), largest_mb, n_old, None, heartbeats)


def versions(path):
    return [Alert.from_json(line).version for line in path.read_text().splitlines()]


def test_a_line_for_each_alert_and_heartbeat(tmp_path):
    path = tmp_path / "new" / "alerts.jsonl"
    made = sink(path)
    made.deliver(alert())
    made.beat(heartbeat())
    assert path.read_text() == f"{alert().to_json()}\n{heartbeat().to_json()}\n"
    sink(path, heartbeats=False).beat(heartbeat())
    assert len(path.read_text().splitlines()) == 2


def test_a_large_file_makes_way_and_so_many_old_ones_are_kept(tmp_path):
    path = tmp_path / "alerts.jsonl"
    made = sink(path, largest_mb=0.0015)  # a line has 1000 bytes
    for version in range(1, 9):
        made.deliver(alert("a", version))
    assert [versions(each) for each in (path, tmp_path / "alerts.jsonl.1", tmp_path / "alerts.jsonl.2")] == [
        [7, 8],
        [5, 6],
        [3, 4],
    ]
    assert len(list(tmp_path.iterdir())) == 3
    path.write_bytes(b"x" * 2000)
    sink(path, largest_mb=0.0015, n_old=0).deliver(alert("a", 9))
    assert versions(path) == [9]


def test_a_line_cut_short_spoils_no_other(tmp_path):
    path = tmp_path / "alerts.jsonl"
    made = sink(path)
    made.deliver(alert("a", 1))
    path.write_bytes(path.read_bytes()[:-30])
    made.deliver(alert("a", 2))
    assert Alert.from_json(path.read_text().splitlines()[1]) == alert("a", 2)


def test_a_file_that_was_moved_is_begun_anew_and_one_that_cannot_be_written_says_so(tmp_path):
    path = tmp_path / "alerts.jsonl"
    made = sink(path)
    made.deliver(alert("a", 1))
    path.rename(tmp_path / "taken")
    made.deliver(alert("a", 2))
    assert versions(path) == [2]
    with pytest.raises(OSError, match="directory"):
        sink(tmp_path).deliver(alert())
