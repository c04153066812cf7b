"""What the engine reads is what a test reads, however data are cut into packets."""

import math

import pytest
import torch
from made_alarms import declarer
from made_streams import SPEC, Listener, NoTravelTimes, clocked, engine_of, faulty_network, in_time

from fcn.data.sequences import Sequence
from fcn.data.windows import WindowDataset
from fcn.waveform.folder import write_sequence_folder


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    _, stream, inventory = faulty_network()
    root = tmp_path_factory.mktemp("faulty") / "made"
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC), stream, inventory


def same(found, expected, **tolerance):
    for name in ("waveforms", "waveforms_broad", "background_mps", "peaks"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), **tolerance)
    for name in ("mask", "known", "station_km", "now_s"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize(("length_s", "partial"), [(0.1, True), (1.0, True), (4.12, False), (math.inf, True)])
def test_windows_are_those_of_a_test(parts, length_s, partial):
    sequence, stream, inventory = parts
    listener = Listener()
    engine = engine_of(sequence, inventory, listener, declarer(), partial=partial)
    for now_s, packets in clocked(in_time(stream, length_s), sequence.end_time_s):
        engine.push(packets)
        engine.advance(now_s)
    windows = WindowDataset(sequence, NoTravelTimes(), step_s=0.5, n_samples=600, partial=partial)
    assert len(listener.batches) == len(windows)
    for found, expected in zip(listener.batches, windows, strict=True):
        same(found, expected, rtol=1e-6, atol=1e-12)
