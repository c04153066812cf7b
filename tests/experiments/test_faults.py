"""`experiments/faults`: what each fault does to packets, and how a table is made of runs."""

import errno
import importlib
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Status, Update
from fcn.metrics.matching import MatchTolerance
from fcn.stream.packet import Packet

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "faults"
START_S, SECONDS, RATE_HZ = 1.6e9, 40, 100.0
A, B, C = "XX.A", "XX.B", "XX.C"
NOISE = 50.0
# rows that strike the monitor, begin later than these packets end, or need more than noise
UNSEEN = ("none", "full", "down", "killed", "teleseism", "restarting", "calibration", "clipped")


@pytest.fixture(scope="module")
def scripts():
    """The modules of the experiment by name; none is left for others to find."""
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in ("faults", "run")}
    sys.path.remove(str(FOLDER))
    for name in ("faults", "run"):
        del sys.modules[name]


@pytest.fixture
def faults(scripts):
    return scripts["faults"]


@pytest.fixture
def come(faults):
    """Three stations, two components, packets of a second."""
    rng, found = np.random.default_rng(2), []
    for seed_id in (f"{station}..HH{letter}" for station in (A, B, C) for letter in "ZN"):
        for second in range(SECONDS):
            counts = 1000.0 + NOISE * rng.standard_normal(round(RATE_HZ))
            packet = Packet(seed_id, START_S + second, RATE_HZ, counts)
            found.append(faults.Come(packet.end_time_s + 0.5, packet))
    return found


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def whole(come, seed_id: str) -> np.ndarray:
    """Counts of a channel in order of time."""
    mine = sorted((e.packet for e in come if e.packet.seed_id == seed_id), key=lambda p: p.start_time_s)
    return np.concatenate([each.counts for each in mine])


def unlike(come, other) -> set[str]:
    """Channels that are not the same in both."""
    ids = {each.packet.seed_id for each in come}
    return {name for name in ids if not np.array_equal(whole(come, name), whole(other, name))}


def test_a_tenth_of_packets_is_lost(faults, come):
    left = faults.lost(come, rng(), 0.1)
    assert 0.8 * len(come) < len(left) < 0.97 * len(come)
    assert {id(each) for each in left} <= {id(each) for each in come}


def test_jitter_delays_and_keeps_the_order_of_a_channel(faults, come):
    late = faults.jittered(come, rng(), 2.0)
    arrivals_s = {id(each.packet): each.arrival_s for each in late}
    delays_s = [arrivals_s[id(each.packet)] - each.arrival_s for each in come]
    assert min(delays_s) >= 0.0
    assert 2.0 < np.mean(delays_s) < 8.0  # who waits for one that is late is late, too
    starts_s = [each.packet.start_time_s for each in late if each.packet.seed_id == f"{A}..HHZ"]
    assert starts_s == sorted(starts_s)


def test_the_dead_say_nothing_from_a_moment_on(faults, come):
    left = faults.died(come, (A, B), START_S + 10.0)
    assert len(left) == len(come) - 4 * (SECONDS - 10)
    assert all(e.packet.station_id == C for e in left if e.packet.start_time_s >= START_S + 10.0)


def test_all_are_silent_for_a_while(faults, come):
    left = faults.silent(come, START_S + 10.0, START_S + 30.0)
    assert len(left) == len(come) // 2
    assert not any(START_S + 10.0 <= each.packet.start_time_s < START_S + 30.0 for each in left)


def test_a_link_that_restarts_repeats_and_loses_nothing(faults, come):
    found = faults.restarted(come, 20.0, 5.0, 3.0)
    assert {id(each.packet) for each in found} == {id(each.packet) for each in come}
    assert len(found) == len(come) + 6 * 3 * 2  # before either break
    first_s = min(each.arrival_s for each in come)
    assert not any(15.0 < (each.arrival_s - first_s) % 20.0 < 19.999 for each in found)
    assert all(each.arrival_s >= each.packet.end_time_s + 0.5 for each in found)


def test_a_clock_is_off(faults, come):
    found = faults.clock_off(come, A, 1.3)
    assert unlike(come, found) == set()
    off_s = {each.packet.station_id: each.packet.start_time_s % 1.0 for each in found}
    assert off_s == pytest.approx({A: 0.3, B: 0.0, C: 0.0}, abs=1e-3)


def test_a_gain_jumps(faults, come):
    found = faults.amplified(come, A, 1000.0, START_S + 20.5)
    assert unlike(come, found) == {f"{A}..HHZ", f"{A}..HHN"}
    ratio = whole(found, f"{A}..HHZ") / whole(come, f"{A}..HHZ")
    assert np.allclose(ratio, np.repeat([1.0, 1000.0], [2050, 1950]))


def test_a_station_clips(faults, come):
    quake = faults.added(come, {A: lambda time_s: np.where(time_s > START_S + 38.0, 100.0, 0.0)})
    found = whole(faults.clipped(quake, A, 30.0), f"{A}..HHN")
    assert found.max() == pytest.approx(1000.0 + 30 * NOISE, rel=0.1)
    assert np.array_equal(found[:3700], whole(come, f"{A}..HHN")[:3700])


def test_a_station_stands_still(faults, come):
    found = faults.constant(come, A, START_S + 20.5)
    counts = whole(found, f"{A}..HHZ")
    assert unlike(come, found) == {f"{A}..HHZ", f"{A}..HHN"}
    assert np.array_equal(counts[:2051], whole(come, f"{A}..HHZ")[:2051])
    assert np.unique(counts[2050:]).size == 1


def test_spikes_are_single_samples(faults, come):
    found = faults.spiked(come, rng(), B, 2.0, 1000.0)
    assert unlike(come, found) == {f"{B}..HHZ", f"{B}..HHN"}
    off = np.abs(whole(found, f"{B}..HHZ") - whole(come, f"{B}..HHZ"))
    assert 8 <= (off > 0).sum() <= 40
    assert np.allclose(off[off > 0], 1000.0 * NOISE, rtol=0.05)


def test_components_are_swapped(faults, come):
    found = faults.swapped(come, B)
    assert np.array_equal(whole(found, f"{B}..HHZ"), whole(come, f"{B}..HHN"))
    assert np.array_equal(whole(found, f"{B}..HHN"), whole(come, f"{B}..HHZ"))
    assert unlike(come, found) == {f"{B}..HHZ", f"{B}..HHN"}


def test_noise_is_what_signals_are_measured_by(faults, come):
    assert faults.noise_counts(come)[f"{A}..HHZ"] == pytest.approx(NOISE, rel=0.05)


def test_signals_last_as_long_as_they_should(faults):
    time_s = START_S + np.arange(0, 400, 0.01)
    pulses = faults.pulses(START_S + 20.0, 30.0, 300.0)(time_s)
    assert np.flatnonzero(pulses)[0] == 2000
    assert (pulses != 0).sum() == pytest.approx(5 * 13, abs=13)  # 50 ms, 13 times
    steps = faults.calibration(START_S + 20.0, 60.0, 10.0)(time_s)
    assert steps[2000:].max() == pytest.approx(10.0)
    assert not steps[:2000].any()
    assert np.abs(faults.hum(5.0, 2.0)(time_s)).max() == pytest.approx(2.0, rel=1e-3)
    wave = faults.teleseism(START_S + 60.0, 1000.0)(time_s)
    assert not wave[:6000].any()
    assert 5.0 < np.abs(wave[6000:18000]).max() < 20.0
    assert np.abs(wave).max() == pytest.approx(1000.0, rel=0.1)


def test_a_source_gives_everything_once_and_goes_on_after_a_restart(faults, come):
    source = faults.ComingSource(come)
    first = source.poll(START_S + 10.0)
    other = faults.ComingSource(come)
    other.restore(source.state())
    rest = other.poll(START_S + 100.0)
    assert len(first) + len(rest) == len(come)
    assert {id(each) for each in first}.isdisjoint({id(each) for each in rest})
    assert other.is_over(START_S + 100.0)
    assert not source.is_over(START_S + 100.0)


def declared(
    origin_s: float,
    alarm_s: float,
    east_deg: float = 0.0,
    status: Status = Status.FINAL,
    size: float = 3.0,
) -> DeclaredEvent:
    event = Event(f"e{origin_s:g}", START_S + origin_s, 30.0, 130.0 + east_deg, 10.0, size, "M")
    update = Update(START_S + alarm_s, event, 0.9, 0.9, status=Status.NEW)
    return DeclaredEvent(event.event_id, [update, replace(update, status=status)])


def test_runs_are_compared(scripts):
    run = scripts["run"]
    true = Catalogue("true", tuple(declared(t, t).final.event for t in (10.0, 60.0, 120.0)))
    stretch = run.Stretch("validation-0", Path(), [], START_S, START_S + 200.0, (A,), {}, true)
    plain = run.Said([declared(10, 14), declared(60, 64), declared(90, 94)], 0)
    withdrawn = declared(30, 34, status=Status.RETRACTED)
    said = run.Said([declared(10, 15, 0.01, size=3.4), declared(120, 124), declared(90, 94), withdrawn], 1)
    figures = run.compared(said, plain, plain, stretch, "checkpoint", MatchTolerance(4.0, 25.0, 1.0))
    moved_km, code = figures.pop("moved_km"), figures.pop("code")
    assert figures.pop("resized") == pytest.approx(0.4)
    assert len(code.rstrip("+")) == 7
    assert moved_km == pytest.approx(111.2 * 0.01 * math.cos(math.radians(30.0)), rel=0.01)
    assert figures == {
        **{"sequence": "validation-0", "rules": "checkpoint", "found": 2, "lost": 1, "found_without": 2},
        **{"lost_without": 1, "false": 1, "later_s": 1.0, "undelivered": 1},
    }
    outside = Catalogue("outside", (declared(91, 91).final.event, declared(10, 10).final.event))
    beyond = replace(stretch, outside=outside)  # an earthquake that is nobody's to find was made, too
    figures = run.compared(said, plain, None, beyond, "checkpoint", MatchTolerance(4.0, 25.0, 1.0))
    assert (figures["found"], figures["false"]) == (2, 0)
    recorded = replace(stretch, name="swarm")  # whose catalogue lacks most
    figures = run.compared(said, plain, None, recorded, "checkpoint", MatchTolerance(4.0, 25.0, 1.0))
    assert (figures["found"], figures["lost"], figures["false"]) == (3, 1, 1)
    assert (figures["found_without"], figures["lost_without"]) == (None, None)


def test_what_became_of_the_lost_is_said(scripts, tmp_path):
    run = scripts["run"]
    stretch = run.Stretch("swarm", Path(), [], START_S, START_S + 200.0, (A,), {}, None)
    reference = run.Said([declared(t, t + 4) for t in (10, 60, 90, 120)], 0)
    said = run.Said([declared(10, 15), declared(61, 65, status=Status.RETRACTED), declared(90, 94, 2.0)], 0)
    named = {"rules": "configuration", "fault": "gaps", "run": "none"}
    lost = run.losses(said, reference, stretch, MatchTolerance(4.0, 25.0, 1.0), **named)
    assert [(each.origin_time[14:19], each.became) for each in lost] == [
        ("27:40", "withdrawn"),
        ("28:10", "elsewhere"),
        ("28:40", "nothing"),
    ]
    for _ in range(2):
        run.Table(tmp_path).add_lost(lost)
    assert len((tmp_path / "lost.csv").read_text().splitlines()) == 1 + 2 * 3


def test_a_disk_is_full_and_is_not(scripts, tmp_path):
    run = scripts["run"]
    disk, written = run.Disk(), run.RotatedFile(tmp_path / "a.jsonl", 1.0, 1, None, flushes=False)
    with disk.beneath():
        written.add("one")
        disk.is_full = True
        with pytest.raises(OSError, match="no space") as told:
            written.add("two")
        assert told.value.errno == errno.ENOSPC
    written.add("three")
    assert (tmp_path / "a.jsonl").read_text() == "one\nthree\n"


def test_every_row_is_made(scripts, come, faults):
    """Packets of each fault differ from those of none, as far as the fault is one of packets."""
    run = scripts["run"]
    km = {A: (0.0, 0.0), B: (10.0, 0.0), C: (0.0, 20.0)}
    ends = (START_S, START_S + SECONDS)
    stretch = run.Stretch("validation-0", Path(), come, *ends, (A, B, C), km, None)
    for name, row in run.ROWS.items():
        made = row.packets(stretch, rng())
        same = len(made) == len(come) and not unlike(come, made)
        times_alike = sorted(e.arrival_s for e in made) == sorted(e.arrival_s for e in come)
        clocks_alike = sorted(e.packet.start_time_s for e in made) == sorted(
            e.packet.start_time_s for e in come
        )
        if name not in UNSEEN:
            assert not (same and times_alike and clocks_alike), name
        assert set(row.strikes(stretch)) <= {A, B, C}


def test_a_table_goes_on_with_its_rows_and_with_no_others(scripts, tmp_path):
    run = scripts["run"]
    row = run.Outcome(
        "validation-0", "configuration", "none", 3, 0, None, None, 1, math.nan, 0.1, 0.25, 2, "4c0ffee"
    )
    table = run.Table(tmp_path)
    table.add(row)
    table.add(replace(row, fault="gaps", found_without=2, lost_without=1, moved_km=1.5))
    again = run.Table(tmp_path)
    assert again.lines() == table.lines()
    assert again.rows[1] == table.rows[1]
    assert again.holds("validation-0", "configuration", "gaps")
    assert not again.holds("validation-0", "checkpoint", "gaps")
    path = tmp_path / "faults.csv"
    path.write_text(path.read_text().replace("found_without,", ""))
    with pytest.raises(ValueError, match="take another folder, --out"):
        run.Table(tmp_path)
    of = {"ckpt": "a", "minutes": 10.0, "seed": 1}
    for _ in range(2):
        run.begin(tmp_path, of)
    with pytest.raises(ValueError, match="take another folder, --out"):
        run.begin(tmp_path, {**of, "ckpt": "b"})
