import os
import shutil

import pytest
from made_alerts import alert, until

from fcn.alert.journal import Journal


def opened(path, sinks=("one", "two"), largest_mb=1.0, kept_events=100):
    """A journal, and what its sinks lack, by event and version."""
    journal = Journal(str(path), largest_mb, kept_events)
    owed = journal.open(sinks)
    return journal, {sink: [(each.event_id, each.version) for each in owed[sink]] for sink in owed}


def test_what_was_not_delivered_is_owed_after_a_restart_in_its_newest_version(tmp_path):
    journal, owed = opened(tmp_path / "journal")
    assert owed == {"one": [], "two": []}
    for event_id, version in (("a", 1), ("b", 1), ("a", 2)):
        assert journal.say(alert(event_id, version))
    journal.delivered("one", alert("a", 1))
    journal.delivered("one", alert("b", 1))
    journal.delivered("two", alert("a", 2))
    journal.close()
    for _ in range(2):  # it says the same however often it is opened
        journal, owed = opened(tmp_path / "journal")
        assert owed == {"one": [("a", 2)], "two": [("b", 1)]}
        journal.close()


def test_an_alert_that_is_owed_is_the_one_that_was_said(tmp_path):
    journal, _ = opened(tmp_path / "journal", ("one",))
    journal.say(alert("a", 3, probability=0.125))
    journal.close()
    again = Journal(str(tmp_path / "journal"), 1.0, 100)
    assert again.open(("one",)) == {"one": [alert("a", 3, probability=0.125)]}
    again.close()


def test_a_version_is_said_once_whatever_is_said_under_it(tmp_path):
    journal, _ = opened(tmp_path / "journal")
    assert journal.say(alert("a", 2))
    journal.close()
    journal, _ = opened(tmp_path / "journal")
    assert not journal.say(alert("a", 2, probability=0.5))
    assert not journal.say(alert("a", 1))
    assert journal.newest_version("a") == 2
    assert journal.newest_version("b") == 0
    assert journal.say(alert("a", 3))
    journal.close()


def test_a_new_sink_lacks_nothing_and_one_that_is_gone_is_forgotten(tmp_path):
    journal, _ = opened(tmp_path / "journal", ("one",))
    journal.say(alert("a"))
    journal.close()
    journal, owed = opened(tmp_path / "journal", ("two",))
    assert owed == {"two": []}
    journal.close()
    journal, owed = opened(tmp_path / "journal", ("one", "two"))
    assert owed == {"one": [], "two": []}
    assert not journal.say(alert("a"))
    journal.close()


def test_a_line_that_was_cut_short_was_not_said_and_the_next_is_whole(tmp_path, caplog):
    path = tmp_path / "journal"
    journal, _ = opened(path, ("one",))
    journal.say(alert("a"))
    journal.say(alert("b"))
    journal.close()
    path.write_bytes(path.read_bytes()[:-10])
    journal, owed = opened(path, ("one",))
    assert owed == {"one": [("a", 1)]}
    assert not caplog.text  # a kill is no damage
    assert journal.say(alert("b"))
    journal.close()
    assert opened(path, ("one",))[1] == {"one": [("a", 1), ("b", 1)]}


def test_a_damaged_line_costs_a_delivery_twice_and_no_event(tmp_path, caplog):
    path = tmp_path / "journal"
    journal, _ = opened(path, ("one",))
    journal.say(alert("a"))
    journal.delivered("one", alert("a"))
    journal.say(alert("b"))
    journal.close()
    lines = path.read_bytes().splitlines()
    assert b"sinks" in lines[0]
    path.write_bytes(b"\n".join([b"\xff\xfe{", *lines[1:], b""]))
    journal, owed = opened(path, ("one",))
    assert owed["one"][-1] == ("b", 1)
    assert "1 lines cannot be read" in caplog.text
    journal.close()


def test_it_is_written_anew_while_it_grows_and_keeps_what_matters(tmp_path):
    path = tmp_path / "journal"
    journal, _ = opened(path, largest_mb=0.005)
    for version in range(1, 41):
        journal.say(alert("a", version))
        journal.delivered("one", alert("a", version))
    journal.say(alert("b"))
    until(lambda: path.stat().st_size < 12_000)  # a line has 1000 bytes
    journal.say(alert("c"))
    journal.close()
    journal, owed = opened(path)
    assert owed == {"one": [("b", 1), ("c", 1)], "two": [("a", 40), ("b", 1), ("c", 1)]}
    assert not journal.say(alert("a", 40))
    journal.close()


def test_what_is_said_while_it_is_written_anew_is_in_the_new_file(tmp_path, monkeypatch):
    journal, _ = opened(tmp_path / "journal", ("one",))
    journal.say(alert("a"))
    flush = os.fsync

    def flush_and_say(handle):
        flush(handle)
        journal.say(alert("b"))

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", flush_and_say)
        journal._write_anew()
    shutil.copy(tmp_path / "journal", tmp_path / "copy")  # as a kill would leave it
    journal.close()
    journal, owed = opened(tmp_path / "copy", ("one",))
    assert owed == {"one": [("a", 1), ("b", 1)]}
    journal.close()


def test_what_is_said_while_it_is_written_anew_counts_as_growth(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    journal, _ = opened(path, ("one",), largest_mb=0.005)
    flush = os.fsync

    def flush_and_say_much(handle):  # as on a disk so slow that all is said meanwhile
        flush(handle)
        if journal._since is not None:
            for version in range(10, 50):
                journal.say(alert("a", version))

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", flush_and_say_much)
        for version in range(1, 10):
            journal.say(alert("a", version))
        until(lambda: journal.newest_version("a") == 49)
    until(lambda: path.stat().st_size < 12_000)  # a line has 1000 bytes
    journal.close()
    assert opened(path, ("one",))[1] == {"one": [("a", 49)]}


def test_of_more_events_than_it_keeps_the_oldest_is_forgotten(tmp_path, caplog):
    journal, _ = opened(tmp_path / "journal", ("one",), kept_events=3)
    for event_id in "abcd":
        journal.say(alert(event_id))
    journal.delivered("one", alert("b"))
    assert "a sink missed an event" in caplog.text
    caplog.clear()
    journal.say(alert("e"))  # b goes, which nobody lacks
    assert not caplog.text
    journal.close()
    _, owed = opened(tmp_path / "journal", ("one",), kept_events=3)
    assert owed == {"one": [("c", 1), ("d", 1), ("e", 1)]}


def test_a_full_disk_is_said_and_the_version_counts_as_said(tmp_path, monkeypatch):
    journal, _ = opened(tmp_path / "journal", ("one",))
    write = "fcn.alert.journal._write"

    def full(file, data):
        file.write(data[:20])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(write, full)
        with pytest.raises(OSError, match="No space left"):
            journal.say(alert("a"))
    assert not journal.say(alert("a"))
    assert journal.say(alert("b"))
    journal.close()
    assert opened(tmp_path / "journal", ("one",))[1] == {"one": [("b", 1)]}


def test_a_disk_that_is_full_at_a_start_starts_it_all_the_same(tmp_path, monkeypatch, caplog):
    path = tmp_path / "journal"
    journal, _ = opened(path, ("one",))
    journal.say(alert("a"))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"cut short')
    with monkeypatch.context() as patched:
        patched.setattr("fcn.alert.journal._write", lambda file, data: full(file))
        journal, owed = opened(path, ("one",))
    assert owed == {"one": [("a", 1)]}
    assert "goes on as it is" in caplog.text
    assert journal.say(alert("b"))
    journal.close()
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []
    assert opened(path, ("one",))[1] == {"one": [("a", 1), ("b", 1)]}


def full(file):
    raise OSError(28, "No space left on device")


def test_a_journal_has_one_monitor(tmp_path):
    journal, _ = opened(tmp_path / "journal")
    with pytest.raises(ValueError, match="another monitor's journal"):
        opened(tmp_path / "journal")
    journal.close()
    opened(tmp_path / "journal")[0].close()
    journal.close()  # once more does no harm
    journal.delivered("one", alert("a"))  # by a thread that hung: nobody is there to note it
