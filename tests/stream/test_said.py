"""The journal says everything once, whatever a kill has left of it."""

import json

import numpy as np
import pytest
from made_alarms import STEP_S, T0, declarer, estimate

from fcn.stream.keeping import read_events, read_stream, write_events, write_stream
from fcn.stream.said import Said


def declared(n_steps: int = 6):
    rule = declarer()
    for step in range(n_steps):
        now_s = T0 + 5 + step * STEP_S
        rule.process(now_s, [estimate(now_s, magnitude=4.0 + 0.1 * step)])
    return rule


def test_every_version_is_said_once(tmp_path):
    rule, said = declared(), Said(tmp_path)
    said.write(said.missing(rule.events, T0 + 9))
    assert said.missing(rule.events, T0 + 10) == []
    assert Said(tmp_path).missing(rule.events, T0 + 10) == []
    lines = [json.loads(line) for line in said.path.read_text().splitlines()]
    assert [each["version"] for each in lines] == list(range(1, 6))
    assert [each["status"] for each in lines] == ["new", *["update"] * 4]
    assert lines[0]["id"] == rule.events[0].event_id
    assert lines[0]["latency_s"] == {"after_first_p": 7.0, "after_window": 3.5}


def test_a_line_cut_short_is_said_again(tmp_path):
    rule, said = declared(), Said(tmp_path)
    said.write(said.missing(rule.events, T0 + 9))
    said.path.write_bytes(said.path.read_bytes()[:-7])
    again = Said(tmp_path)
    assert [each["version"] for each in again.missing(rule.events, T0 + 9)] == [5]
    again.write(again.missing(rule.events, T0 + 9))
    assert [json.loads(line)["version"] for line in said.path.read_text().splitlines()] == list(range(1, 6))


def test_a_journal_of_something_else_is_refused(tmp_path):
    (tmp_path / "alerts.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(ValueError, match=r"alerts.jsonl, line 1 is no alert"):
        Said(tmp_path)


def test_what_is_no_number_is_null(tmp_path):
    rule = declarer()
    for step in range(2):
        rule.process(T0 + 5 + step, [estimate(T0 + 5 + step, horizontal_uncertainty_km=float("inf"))])
    (found,) = Said(tmp_path).missing(rule.events, T0 + 9)
    assert found["horizontal_uncertainty_km"] is None


def test_states_come_back(tmp_path):
    state = {"a": [1, None, "x"], "b": {"c": np.arange(6.0).reshape(2, 3), "d": np.array([True])}, "e": 2**62}
    assert read_stream(tmp_path) is None
    write_stream(tmp_path, state)
    found = read_stream(tmp_path)
    np.testing.assert_array_equal(found["b"]["c"], state["b"]["c"])
    assert found["b"]["d"].dtype == bool
    assert (found["a"], found["e"]) == (state["a"], state["e"])
    write_events(tmp_path, declared().state())
    assert read_events(tmp_path) == declared().state()


@pytest.mark.parametrize(("name", "read"), [("stream.pt", read_stream), ("events.json", read_events)])
def test_a_broken_state_is_named(tmp_path, name, read):
    (tmp_path / name).write_bytes(b"none of ours")
    with pytest.raises(ValueError, match=rf"(?s){name} is no state of a monitor .* remove it"):
        read(tmp_path)
