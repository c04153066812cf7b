"""Packets of many channels together, beside one channel after the other; and an engine, beside whole traces.

Run: pytest benchmarks/bench_engine.py
The ratios are printed at the end.
"""

import sys

import numpy as np
import pytest
from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, replay_of

from fcn.data.sequences import Sequence
from fcn.replay import Replay
from fcn.stream.channel import LiveChannel
from fcn.stream.packet import Packet
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.response import describe
from fcn.waveform.together import together

N_STATIONS, SECONDS = 8, 60
MEDIANS: dict[str, float] = {}  # seconds


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Sequence:
    """Eight stations of three components at 100 Hz."""
    _, stream, inventory = make_network(N_STATIONS, seconds=float(SECONDS))
    root = tmp_path_factory.mktemp("made") / "made"
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC)


def told(benchmark, name: str, against: str) -> None:
    """Keep a median, and print its ratio to another of this run."""
    MEDIANS[name] = benchmark.stats.stats.median
    if name != against:
        sys.stdout.write(f"\n{name}: {MEDIANS[name] / MEDIANS[against]:.2f} times the time of {against}\n")


def one_by_one(channels: list[LiveChannel], seconds: list[list[Packet]]) -> None:
    for packets in seconds:
        for channel, packet in zip(channels, packets, strict=True):
            channel.push(packet, START_S)


def side_by_side(channels: list[LiveChannel], seconds: list[list[Packet]]) -> None:
    for packets in seconds:
        together(c.work([packet], START_S) for c, packet in zip(channels, packets, strict=True))


@pytest.mark.parametrize("name", ["one by one", "together"])
def test_a_minute_of_packets(benchmark, network, name):
    """24 channels, packets of a second."""
    counts = np.random.default_rng(1).normal(0.0, 1e4, (3 * N_STATIONS, SECONDS, 100))
    ids = [trace.id for trace in network.stream]
    seconds = [
        [Packet(seed_id, START_S + i, 100.0, counts[row, i]) for row, seed_id in enumerate(ids)]
        for i in range(SECONDS)
    ]

    def anew() -> tuple[tuple[list[LiveChannel], list[list[Packet]]], dict[str, object]]:
        epochs = [describe(network.inventory, seed_id, START_S, np.inf) for seed_id in ids]
        return ([LiveChannel(each, 100.0, SPEC, 30.0, START_S) for each in epochs], seconds), {}

    do = {"one by one": one_by_one, "together": side_by_side}[name]
    benchmark.pedantic(do, setup=anew, rounds=5, warmup_rounds=1)
    told(benchmark, name, "one by one")


@pytest.mark.parametrize("name", ["windows of whole traces", "windows of packets of 1 s"])
def test_a_minute_of_windows(benchmark, network, name):
    """Of eight stations, two a second, and what makes them."""
    packet_s = {"windows of whole traces": None, "windows of packets of 1 s": 1.0}[name]
    replay: Replay = replay_of(network, Listener(), declarer, packet_s)
    benchmark.pedantic(lambda: sum(1 for _ in replay), rounds=5, warmup_rounds=1)
    told(benchmark, name, "windows of whole traces")
    sys.stdout.write(f"{name}: {SECONDS / MEDIANS[name]:.0f} times as fast as they come\n")
