"""Lines of files that grow and make way."""

import pytest
from made_alerts import alert, heartbeat

from fcn.alert.sinks.jsonl import JsonLines
from fcn.operations.listening import Files, FollowedFile


def test_alerts_and_heartbeats_are_heard_once_through_rotations(tmp_path):
    path = tmp_path / "alerts.jsonl"
    files = Files([str(path), str(tmp_path / "other.jsonl")])
    assert files.heard() == []
    sink = JsonLines(str(path), 0.003, 3, None, True)  # a line has 1000 bytes
    JsonLines(str(tmp_path / "other.jsonl"), 1.0, 1, None, True).deliver(alert("other"))
    sink.beat(heartbeat())
    assert files.heard() == [heartbeat(), alert("other")]
    heard = []
    for version in range(1, 12):
        sink.deliver(alert("a", version))
        if version % 2 == 0:
            heard += files.heard()
    heard += files.heard()
    assert (tmp_path / "alerts.jsonl.2").exists()
    assert [each.version for each in heard] == list(range(1, 12))
    files.close()


def test_a_line_that_is_not_whole_is_waited_for_and_a_bad_one_passed_over(tmp_path):
    path = tmp_path / "alerts.jsonl"
    files = Files([str(path)])
    line = alert().to_json()
    path.write_text(line[:50])
    assert files.heard() == []
    with path.open("a") as file:
        file.write(f"{line[50:]}\nnothing\n\n" + '{"schema": "fcn-site-warning"}\n')
    assert files.heard() == [alert()]
    assert files.counts == {"no alert": 2}
    files.close()


def test_a_file_that_is_cut_short_or_replaced_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "x"
    followed = FollowedFile(path)
    path.write_text("one\ntwo\n")
    assert list(followed.lines()) == ["one", "two"]
    path.write_text("3\n")  # in place
    assert list(followed.lines()) == ["3"]
    path.rename(tmp_path / "y")
    with (tmp_path / "y").open("a") as file:
        file.write("four\n")
    path.write_text("five\n")
    assert list(followed.lines()) == ["four", "five"]
    path.unlink()
    assert list(followed.lines()) == []
    followed.close()


def test_files_that_are_not_there_or_cannot_be_read_are_told_once(tmp_path, caplog):
    """Else a path that is mistyped costs the merger a monitor without a word."""
    caplog.set_level("INFO")
    path = tmp_path / "alerts.jsonl"
    (tmp_path / "folder").mkdir()
    files = Files([str(path), str(tmp_path / "folder")])
    for _ in range(3):
        assert files.heard() == []
    assert caplog.messages == [
        f"nothing is heard of {path}: not there yet",
        f"nothing is heard of {tmp_path / 'folder'}: Is a directory",
    ]
    caplog.clear()
    path.write_text(f"{alert().to_json()}\n")
    assert files.heard() == [alert()]
    path.rename(tmp_path / "alerts.jsonl.1")  # as logrotate does
    for _ in range(3):
        assert files.heard() == []
    assert caplog.messages == [f"{path} is heard"]
    files.close()


def test_no_file_or_one_twice_is_refused():
    for paths in ([], ["a", "a"]):
        with pytest.raises(ValueError, match=r"listen.paths must name files, each once"):
            Files(paths)
