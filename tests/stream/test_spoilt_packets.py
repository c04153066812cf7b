"""Whatever packets say, a monitor goes on, keeps its memory, and writes in its folder alone."""

import contextlib
import io
import math
import os
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_alarms import estimate
from made_monitors import monitor_of
from made_networks import START_S, make_network
from made_streams import Listener

from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.clock import ReplayClock
from fcn.stream.loop import Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.packet import Packet, note_clock, packets_of
from fcn.stream.sources.seedlink import decoded

SITES, STREAM, INVENTORY = make_network(2, seconds=14.0)
FRAME = LocalFrame(SITES[0].latitude_deg, SITES[0].longitude_deg)
WATCHED = WatchedNetwork("made", Network(tuple(SITES)), INVENTORY, FRAME)
SOUND = sorted(
    (each for trace in STREAM for each in packets_of(trace, 1.0)), key=lambda each: each.start_time_s
)
TICKS = 48  # of a quarter of a second: windows are read from some seconds on
ODD = [0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 2.0**31, -(2.0**31), 8.3e6]
RATES = [100.0, 100.0, 100.0, 99.99, 100.2, 80.0, 200.0, 50.0, 20.0, 1.0, 0.0, -1.0, 1e-9, 1e4, 1e9, math.nan]
OFFSETS = [0.0, 0.0, -0.004, 0.004, 0.5, -0.5, 3.0, -3.0, 40.0, -40.0, 59.0, 4e3, -4e3, 1e9, -1e9, 1e18]
IDS = ["XX.S00..HHZ", "XX.S00..HHN", "XX.S00..HHE", "XX.S01..HHZ", "XX.S01..HHX", "XX.S01.00.HNZ", "YY.S.."]
STRANGE = [
    "",
    "...",
    "XX.S00.HHZ",
    "XX.S00..HHZ\n",
    "../../x..HHZ",
    "XX.S00..",
    "é.S00..HHZ",
    "XX.S00." + "9" * 99,
]


@dataclass(frozen=True)
class Spoilt:
    """What a link says, whether there can be such a packet or not; sent at a tick."""

    tick: int
    seed_id: str
    offset_s: float
    rate_hz: float
    counts: np.ndarray = field(compare=False)


def counts() -> st.SearchStrategy[np.ndarray]:
    lengths = st.sampled_from([0, 1, 2, 3, 7, 99, 100, 101, 1000, 9000])
    values = st.lists(st.sampled_from(ODD), min_size=1, max_size=6)
    return st.builds(lambda n, pattern: np.resize(np.array(pattern), n), lengths, values)


PACKET = st.builds(
    Spoilt,
    st.integers(0, TICKS - 1),
    st.sampled_from(IDS * 3 + STRANGE),
    st.sampled_from(OFFSETS),
    st.sampled_from(RATES),
    counts(),
)
# spoilt packets of a monitor in the long form, among 72 sound ones: to build one costs as much as ten packets
EACH = 20


class Scripted:
    """Sound packets, and spoilt ones among them."""

    def __init__(self, spoilt: list[Spoilt]) -> None:
        self.clock, self.spoilt, self.n_refused = ReplayClock(START_S, None), spoilt, 0
        self.sound = list(SOUND)

    def poll(self, clock_s):
        tick, found = round((clock_s - START_S) * 4), []
        while self.sound and self.sound[0].start_time_s <= clock_s:
            found.append(self.sound.pop(0))
        for each in self.spoilt:
            if each.tick == tick:
                try:
                    packet = Packet(each.seed_id, clock_s + each.offset_s, each.rate_hz, each.counts)
                except ValueError:
                    self.n_refused += 1
                else:
                    found.append(packet)
        return found

    def is_over(self, clock_s):
        return clock_s > START_S + TICKS / 4

    def state(self):
        return {}

    def restore(self, state):
        pass

    def close(self):
        pass


def listens(batch, known):
    """All that a network is given is a number; and an event is found, so that something is said."""
    assert batch.all_finite()
    return [estimate(float(batch.now_s[0]), origin_time_s=START_S + 4.0, falling_s=0.0)]


def made(spoilt, folder):
    return monitor_of(WATCHED, Scripted(spoilt), Listener(listens), folder, state_s=60.0)


def survives(spoilt, root) -> Monitor:
    """A monitor that hears them; and one that goes on from what is left."""
    folder = root / "state"
    for path in folder.glob("*") if folder.exists() else ():
        path.unlink()
    monitor = made(spoilt, folder)
    monitor.run()
    assert monitor.n_windows > 5
    assert monitor.engine.declarer.events
    assert {each.name for each in root.iterdir()} == {"state"}
    known = {"events.json", "stream.pt", "alerts.jsonl", "sites.jsonl"}
    assert {each.name for each in folder.iterdir()} <= known
    again = made([], folder)  # reads its state
    assert again.engine.state()["next"] == monitor.engine.state()["next"]
    again.sinks.close(5.0)
    return monitor


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("count", "least"),
    [(3, 1), pytest.param(10_000, EACH, marks=[pytest.mark.slow, pytest.mark.timeout(0)])],
)
def test_spoilt_packets_stop_nothing_and_leave_no_trace_elsewhere(count, least, tmp_path, monkeypatch):
    """count: packets; each monitor is sent 1 to 8, or `EACH` to twice as many, and goes through them all."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nobody cuts the power here, and disks are slow
    sent: Counter[str] = Counter()

    @settings(
        max_examples=-(-count // least),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(PACKET, min_size=least, max_size=2 * max(least, 4)))
    def one(spoilt):
        n_refused = survives(spoilt, tmp_path).source.n_refused
        sent.update(all=len(spoilt), heard=len(spoilt) - n_refused)

    one()
    assert sent["all"] >= count
    assert sent["heard"] > 0.5 * sent["all"] or count < 100  # the others are no packets


def test_sound_packets_among_spoilt_ones_are_read(tmp_path, caplog):
    zeros = np.zeros(100)
    spoilt = [
        Spoilt(10, "XX.S00..HHZ", 1e9, 100.0, zeros),
        Spoilt(11, "XX.S00..HHZ", -1e9, 100.0, zeros),
        Spoilt(12, "XX.S00..HHZ", math.nan, 100.0, zeros),
        Spoilt(13, "../../x..HHZ", 0.0, 100.0, zeros),
        Spoilt(14, "XX.S00..HHZ", 0.0, 1.0, zeros),
    ]
    found, expected = survives(spoilt, tmp_path), survives([], tmp_path)
    states = [each.engine.state()["stations"]["XX.S00"]["kept"] for each in (found, expected)]
    for name, value in states[1].items():
        np.testing.assert_array_equal(states[0][name], value)
    assert found.source.n_refused == 2  # the time that is no number, and the id that is none
    assert found.engine.counts["from the future"] == found.engine.counts["from long ago"] == 1
    for when in ("the future", "long ago"):
        assert f"packets from {when} are left out, the first is of XX.S00..HHZ" in caplog.text


def test_of_packets_of_another_time_the_first_is_logged(caplog):
    counts = Counter()
    for _ in range(3):
        note_clock(counts, "from long ago", Packet("XX.A..HHZ", 0.0, 100.0, np.zeros(100)))
    assert counts == {"from long ago": 3}
    assert len(caplog.messages) == 1


RECORD = st.tuples(
    st.integers(0, 1), st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), min_size=1, max_size=8)
)


@pytest.mark.parametrize(
    "count", [50, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
)
def test_spoilt_records_are_packets_or_an_error(count):
    MiniSEEDError = pytest.importorskip("pymseed", reason="needs the extra live").MiniSEEDError
    file = io.BytesIO()
    STREAM[:1].write(file, format="MSEED", reclen=512)
    records = [file.getvalue()[at : at + 512] for at in (0, 512)]

    @settings(max_examples=count, derandomize=True, database=None, deadline=None)
    @given(RECORD, st.integers(0, 512))
    def one(spoilt, end):
        content = bytearray(records[spoilt[0]])
        for at, value in spoilt[1]:
            content[at] = value
        with contextlib.suppress(ValueError, MiniSEEDError):  # and nothing else
            assert decoded(bytes(content[: end or 512])).counts.size <= 8 * 512

    one()
    assert decoded(records[0]).counts.size > 10
