import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_alerts import alert, heartbeat

from fcn.alert.alert import Alert
from fcn.alert.formats.table import EventTable
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.folder import EventFolder


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_file_for_each_event_and_the_heartbeat(tmp_path):
    sink = EventFolder(str(tmp_path / "new"), EventTable())
    for event_id, version in (("a", 1), ("b.1", 1), ("a", 2)):
        sink.deliver(alert(event_id, version))
    sink.beat(heartbeat())
    assert names(tmp_path / "new") == ["a.txt", "b.1.txt", "heartbeat.json"]
    assert len((tmp_path / "new" / "a.txt").read_text().splitlines()) == 3 + 2
    assert Heartbeat.from_json((tmp_path / "new" / "heartbeat.json").read_text()) == heartbeat()


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    sink = EventFolder(str(tmp_path), EventTable())
    sink.deliver(alert("a", 1))
    before = (tmp_path / "a.txt").read_bytes()

    def full(self, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            sink.deliver(alert("a", 2))
    assert (tmp_path / "a.txt").read_bytes() == before
    assert names(tmp_path) == ["a.txt"]


LINE = alert().to_json()
HOSTILE = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(["..", "/", ".", "a", "\\", "\0", "~", "con", " ", "\n", "%2e", "-"])).map(
        "".join
    ),
)


@settings(max_examples=30, derandomize=True)
@given(event_id=HOSTILE)
def test_no_event_id_leads_out_of_the_folder(tmp_path_factory, event_id):
    try:
        said = Alert.from_json(LINE.replace('"fcn20160414T122634"', json.dumps(event_id)))
    except ValueError:
        return
    outside = tmp_path_factory.mktemp("outside")
    EventFolder(str(outside / "folder"), EventTable()).deliver(said)
    assert names(outside) == ["folder"]
    assert names(outside / "folder") == [f"{event_id}.txt"]
