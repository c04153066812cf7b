import io
import json
from dataclasses import replace

import pytest
from made_status import status
from rich.console import Console

from fcn.alert.heartbeat import LeftOut, Why
from fcn.alert.sinks.lane import Counts
from fcn.operations.show import show_status
from fcn.operations.status import Count, StationStatus, Status, counted, of_sinks, read_status, write_status


def test_what_is_written_is_read(tmp_path):
    for each in (status(), status(data_time_s=None, station_list=None, stations=(), left_out=(), sinks=())):
        write_status(tmp_path, each)
        assert read_status(tmp_path) == each
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]


def test_stations_that_are_left_out_are_kept_and_older_files_read(tmp_path):
    made = status(stations_left_out=(LeftOut("XX.S01", Why.UNHEALTHY, "clock 1.3 s late"),))
    assert Status.from_json(made.to_json()) == made
    node = json.loads(status().to_json()) | {"schema_version": 1}
    del node["stations_left_out"]
    assert Status.from_json(json.dumps(node)) == status()


def test_counts_are_taken_while_others_count():
    class Growing(dict):
        def items(self):
            raise RuntimeError("dictionary changed size during iteration")

    assert counted(Growing(late=2)) == (Count("late", 2),)


def test_what_is_no_status_is_said_with_its_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no status.json in .*folder="):
        read_status(tmp_path)
    (tmp_path / "status.json").write_text('{"schema": "fcn-heartbeat"}')
    with pytest.raises(ValueError, match=r"status.json is no status.*schema must be 'fcn-status'"):
        read_status(tmp_path)


def test_figures_are_those_of_the_fields():
    made = status()
    assert made.behind_s == 0.5
    assert made.window_ms == pytest.approx(20.0)
    assert made.median_late_s == pytest.approx(0.45)
    silent = status(stations=(StationStatus("XX.A", None),), n_windows=0, data_time_s=None)
    assert (silent.behind_s, silent.window_ms, silent.median_late_s) == (None, None, None)


def test_counts_are_added_and_bounded():
    found = counted({"late": 2, "a\nb": 1}, {"late": 3}, {f"kind {i}": 1 for i in range(500)})
    assert (found[0].what, found[0].n) == ("late", 5)
    assert len(found) == 100
    assert found[1].what == "a?b"
    assert replace(status(), left_out=found) == Status.from_json(status(left_out=found).to_json())


def test_sinks_keep_their_counts():
    (found,) = of_sinks({"mqtt": Counts(delivered=3, waiting=2, is_up=False)})
    assert (found.name, found.delivered, found.waiting, found.is_up) == ("mqtt", 3, 2, False)


def test_all_of_it_is_shown():
    text = io.StringIO()
    made = status(stations=(StationStatus("XX.A", 1.25), StationStatus("XX.B", None)))
    made = replace(made, stations_left_out=(LeftOut("YY.C", Why.UNHEALTHY, "clock 1.3 s late"),))
    show_status(made, made.written_time_s + 3.0, Console(file=text, width=200))
    said = text.getvalue()
    for each in ("kyushu: running, pid 4711", "said 3 s ago", "0123456789ab", "0.5 s behind", "20.0 ms each"):
        assert each in said
    rows = [row.split() for row in said.splitlines() if row.strip().startswith("XX")]
    assert rows == [["XX.B", "silent"], ["XX.A", "1.2"]]
    assert "from the future" in said
    assert "clock 1.3 s late" in said
    assert "mqtt" in said
