"""State on the disk comes back as it was, and what is none is named."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
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
    state = {
        "a": [1, None, "x"],
        "b": {"c": np.arange(6.0).reshape(2, 3), "d": np.array([True])},
        "e": 2**62,
        "f": [np.array(7.5), np.zeros((0, 3), np.float32), np.arange(12)[::2].reshape(2, 3).T],
    }
    assert read_stream(tmp_path) is None
    write_stream(tmp_path, state)
    found = read_stream(tmp_path)
    np.testing.assert_array_equal(found["b"]["c"], state["b"]["c"])
    assert found["b"]["d"].dtype == bool
    assert (found["a"], found["e"]) == (state["a"], state["e"])
    for got, want in zip(found["f"], state["f"], strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(got, want)
        got[...] = 1  # filters go on in them
    events = {"declarer": declared().state(), "reader": {"terms": [0.1, 2.0**-24]}}
    write_events(tmp_path, events)
    assert read_events(tmp_path) == events


def test_a_state_of_an_earlier_monitor_is_read(tmp_path):
    """Of before all arrays were one: who updates a monitor goes on."""
    torch.save({"a": [1, {"b": torch.arange(3)}]}, tmp_path / "stream.pt")
    found = read_stream(tmp_path)
    np.testing.assert_array_equal(found["a"][1]["b"], np.arange(3))
    write_stream(tmp_path, {"a": 1})  # of no arrays
    assert read_stream(tmp_path) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "read", "content"),
    [
        ("stream.pt", read_stream, b"none of ours"),
        ("events.json", read_events, b"none of ours"),
        ("events.json", read_events, b'{"declarer": {}}'),
        ("events.json", read_events, b"\xff\xfe"),
        ("events.json", read_events, b""),
        ("stream.pt", read_stream, b""),
    ],
)
def test_a_broken_state_is_set_aside(tmp_path, caplog, name, read, content):
    """And found there; the next one that breaks takes its place."""
    for _ in range(2):
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path) is None
    assert read(tmp_path) is None
    assert [each.name for each in tmp_path.iterdir()] == [f"{name}.damaged"]
    assert (tmp_path / f"{name}.damaged").read_bytes() == content
    assert len(caplog.messages) == 2
    assert re.search(rf"{name} is no state of a monitor \(.{{5,}}\): it is kept as", caplog.messages[0])


def test_a_state_cut_short_is_set_aside(tmp_path):
    write_stream(tmp_path, {"a": np.arange(1000)})
    whole = (tmp_path / "stream.pt").read_bytes()
    (tmp_path / "stream.pt").write_bytes(whole[: len(whole) // 2])
    assert read_stream(tmp_path) is None
    write_stream(tmp_path, {"a": np.arange(3)})
    np.testing.assert_array_equal(read_stream(tmp_path)["a"], np.arange(3))


def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch):
    """Which the monitor outlives; torch says RuntimeError."""

    @contextmanager
    def full(path):
        yield Path("/dev/full")

    monkeypatch.setattr(keeping, "new_file", full)
    with pytest.raises(OSError, match="No space left"):
        write_stream(tmp_path, {"a": np.zeros(100_000)})
