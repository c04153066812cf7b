"""Memory of a monitor does not grow."""

import tracemalloc

import pytest
from day_of_packets import listened, n_declared


def traced(n_stations, hours, folder):
    tracemalloc.start()
    try:
        return listened(n_stations, hours, folder, say=lambda mark: None)
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("n_stations", "hours"), [(2, 1.0), (24, 24.0)])
def test_it_is_flat(n_stations, hours, tmp_path):
    marks = traced(n_stations, hours, tmp_path)
    settled = marks[len(marks) // 3 :]
    assert len(settled) >= 3
    sizes_mb = [each.traced_mb for each in settled]
    assert max(sizes_mb) - min(sizes_mb) < 0.05 * max(min(sizes_mb), 20.0)


def test_a_shipped_network_listens_to_it_and_declares_its_earthquakes(tmp_path, monkeypatch):
    """The long form is a command; here that it works at all."""
    monkeypatch.setattr("day_of_packets.EVERY_S", 40.0)
    marks = listened(6, 0.02, tmp_path, "generalized", say=lambda mark: None)
    assert len(marks) == 1
    assert n_declared(tmp_path) == 1
