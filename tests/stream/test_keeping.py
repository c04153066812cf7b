"""State on the disk comes back as it was, and what is none is named."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from made_alarms import STEP_S, T0, declarer, estimate

from fcn.stream import keeping
from fcn.stream.keeping import read_events, read_stream, write_events, write_stream


def declared(n_steps: int = 6):
    rule = declarer()
    for step in range(n_steps):
        now_s = T0 + 5 + step * STEP_S
        rule.process(now_s, [estimate(now_s, magnitude=4.0 + 0.1 * step)])
    return rule


def test_states_come_back(tmp_path):
    state = {"a": [1, None, "x"], "b": {"c": np.arange(6.0).reshape(2, 3), "d": np.array([True])}, "e": 2**62}
    assert read_stream(tmp_path) is None
    write_stream(tmp_path, state)
    found = read_stream(tmp_path)
    np.testing.assert_array_equal(found["b"]["c"], state["b"]["c"])
    assert found["b"]["d"].dtype == bool
    assert (found["a"], found["e"]) == (state["a"], state["e"])
    events = {"declarer": declared().state(), "reader": {"terms": [0.1, 2.0**-24]}}
    write_events(tmp_path, events)
    assert read_events(tmp_path) == events


@pytest.mark.parametrize(
    ("name", "read", "content"),
    [
        ("stream.pt", read_stream, b"none of ours"),
        ("events.json", read_events, b"none of ours"),
        ("events.json", read_events, b'{"declarer": {}}'),
    ],
)
def test_a_broken_state_is_named(tmp_path, name, read, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s){name} is no state of a monitor .* remove it"):
        read(tmp_path)


def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch):
    """Which the monitor outlives; torch says RuntimeError."""

    @contextmanager
    def full(path):
        yield Path("/dev/full")

    monkeypatch.setattr(keeping, "new_file", full)
    with pytest.raises(OSError, match="No space left"):
        write_stream(tmp_path, {"a": np.zeros(100_000)})
