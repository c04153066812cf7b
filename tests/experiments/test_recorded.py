"""`experiments/recorded`: what its table says of a small simulated set, and of sets that are not there."""

import csv
import dataclasses
import importlib
import math
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import obspy
import pytest
import yaml
from made_networks import make_trace
from obspy.clients.fdsn.header import URL_MAPPINGS
from report_example import MODEL, START_S, make_sequence
from toy import resolved

from fcn import config as configuration
from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import iso, read_csv
from fcn.earth.velocity_table import read_velocity_model
from fcn.metrics.matching import MatchTolerance
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.inventory import described_ids, make_inventory, read_stations
from fcn.waveform.response import Sensitivity

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "recorded"
MODULES = ("alone", "known", "pictures", "table")
COUNTS_PER_MPS = 4e8
TOLERANCE = MatchTolerance(4.0, 25.0, 1.0)


@pytest.fixture(scope="module")
def scripts():
    """The modules of the experiment by name; none is left for others to find."""
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def table(scripts):
    return scripts["table"]


@pytest.fixture(scope="module")
def known(scripts):
    return scripts["known"]


@pytest.fixture(scope="module")
def sequence():
    return make_sequence(n_events=1, duration_s=90.0)


def told(sequence, name, later_s=0.0, north_deg=0.0, after_p_s=5.0):
    """A row of peers.csv: the sequence's event, moved."""
    (true,) = sequence.catalogue
    origin_s = true.origin_time_s + later_s
    return {
        "set": "made",
        "event_id": name,
        "origin_time_utc": iso(origin_s),
        "latitude_deg": f"{true.latitude_deg + north_deg}",
        "longitude_deg": f"{true.longitude_deg}",
        "depth_km": f"{true.depth_km + 2.0}",
        "first_p_time_utc": iso(true.first_p_time_s + later_s),
        "enough_picks_utc": iso(true.first_p_time_s + later_s + after_p_s),
        "n_p": "7",
        "n_s": "5",
        "note": "",
    }


def write_set(sequence, folder):
    """As a recorded set lies in its folder: waveforms/, stations.xml, catalogue.xml."""
    stream, start_s = obspy.Stream(), sequence.start_time_s
    for station, motion in zip(sequence.network, sequence.broad, strict=True):
        for letter, mps in zip("ZNE", motion, strict=True):
            counts = np.round(mps * COUNTS_PER_MPS).astype(np.int32)
            stream.append(make_trace(f"{station.id}..HH{letter}", counts, 20.0, start_s))
    sensitivity = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    inventory = make_inventory(sequence.network, stream, sensitivity)
    write_sequence_folder(
        folder, stream, inventory, sequence.catalogue, velocity_model=dataclasses.asdict(MODEL)
    )


def test_a_set_has_a_row_of_each_side_and_one_that_is_missing_says_so(table, sequence, tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "made").mkdir(parents=True)
    write_set(sequence, out / "sequences" / "made")
    sets = {name: {"title": f"A {name} set", "from": "here"} for name in ("made", "absent")}
    (tmp_path / "sets.yaml").write_text(yaml.safe_dump(sets, sort_keys=False))
    rows = [told(sequence, "a"), told(sequence, "b", later_s=15.0)]
    with (tmp_path / "peers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table.PEER_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    given = {"root": root, "out": out, "ckpt": "lite", "sets": tmp_path / "sets.yaml"}
    given["peers-table"] = tmp_path / "peers.csv"
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["table.py", *words])
    table.main()
    head, _, fcn, peer, absent = (out / "table.md").read_text().splitlines()[:5]
    assert head == table.HEAD
    assert {line.count("|") for line in (fcn, peer, absent)} == {head.count("|")}
    assert fcn.startswith("| A made set | fcn | 1 of 1 | 0 |")
    assert peer.startswith(
        f"| A made set | {table.PEER} | 1 of 1 | 1: 0 fcn's too, 1 not | enough picks: 5.0 s"
    )
    assert "| 0.0 km | +2.0 km | - | - |" in peer
    assert "not run: no folder" in absent
    assert absent.startswith("| A absent set |")
    short = (out / "headline.md").read_text().splitlines()
    assert short[0] == table.HEADLINE
    assert len(short) == 3  # of the set that is there
    assert "| 1 of 1 + 1 (0 of them known) |" in short[2]
    assert short[2].count("|") == short[0].count("|")
    listed = list(csv.DictReader((out / "declared.csv").read_text().splitlines()))
    assert [row["is"] for row in listed if row["by"] == table.PEER] == ["shared", "alone"]
    assert (out / "map.png").stat().st_size > 1000
    assert (out / "magnitudes.png").stat().st_size > 1000
    assert (out / "stories.png").stat().st_size > 1000


def side(known, name, events, **metrics):
    alarms = {event.event_id: event.origin_time_s + 6.0 for event in events}
    return known.Side(name, events, alarms, {"n_retracted": 0, **metrics}, [])


def event(name, time_s, north_deg=0.0):
    first_p_s = START_S + time_s + 2.0
    return Event(name, START_S + time_s, 32.7 + north_deg, 130.8, 8.0, None, None, first_p_s)


def test_what_is_besides_the_catalogue_is_told_apart(table, known, sequence):
    """In the list, else the other side's too, else of nobody; the catalogue's own event is none of them."""
    sequence = dataclasses.replace(sequence, catalogue=Catalogue("own", (event("own", 10.0),)))
    listed = [(START_S + 10.0, 2.0), (START_S + 31.0, 1.5), (START_S + 99.0, 0.2), (START_S + 120.0, 1.0)]
    a_set = known.Known(sequence, listed, "the list")
    fcn = side(known, "fcn", [event(f"f{s}", s) for s in (10.0, 30.0, 50.0, 70.0)], n_retracted=1)
    peer = side(known, known.PEER, [event("p50", 51.0), event("p70", 70.0, north_deg=0.2)])
    assert table.besides(a_set, fcn, peer, TOLERANCE) == (
        "3: 1 in the list, 1 the peer's too, 1 neither; 1 more withdrawn"
    )
    assert table.besides(a_set, fcn, None, TOLERANCE) == "3: 1 in the list, 2 not; 1 more withdrawn"
    assert table.besides(a_set, peer, fcn, TOLERANCE) == "2: 0 in the list, 1 fcn's too, 1 neither"
    fcn.metrics.update(n_catalogued=1, n_matched=1)
    assert table.found(a_set, fcn) == "1 of 1; 2 of 3 in the list of M ≥ 1"


@pytest.fixture(scope="module")
def pictures(scripts):
    return scripts["pictures"]


def update(event, after_s, magnitude, north_deg):
    said = {"event_id": event.event_id, "now_utc": iso(event.first_p_time_s + after_s)}
    place = {"latitude_deg": f"{event.latitude_deg + north_deg}", "longitude_deg": f"{event.longitude_deg}"}
    return {**said, **place, "magnitude": magnitude}


def test_the_story_is_of_the_largest_event_that_the_catalogue_has(known, pictures, sequence, tmp_path):
    sized = {name: dataclasses.replace(event(name, s), magnitude=m) for name, s, m in (
        ("small", 10.0, 2.0), ("large", 40.0, 4.5), ("larger, of nobody", 60.0, 6.0))}  # fmt: skip
    true = tuple(dataclasses.replace(sized[name], event_id=f"true {name}") for name in ("small", "large"))
    a_set = known.Known(
        dataclasses.replace(sequence, catalogue=Catalogue("own", true)),
        [(START_S + 10.0, 2.0)],
        "the list",
        listed_deg=[(32.7, 130.8)],
    )
    fcn = side(known, "fcn", list(sized.values()))
    fcn.updates.extend(update(sized["large"], *each) for each in ((3.0, "", 0.05), (8.0, "4.1", 0.01)))
    peer = side(known, known.PEER, [event("p", 41.0)])
    assert pictures.largest(a_set, fcn, TOLERANCE) == (sized["large"], true[1])
    bare = dataclasses.replace(a_set, sequence=dataclasses.replace(sequence, catalogue=None))
    assert pictures.largest(bare, fcn, TOLERANCE) == (sized["larger, of nobody"], None)
    assert pictures.largest(a_set, None, TOLERANCE) == (None, None)
    shown = [("A set", a_set, {"fcn": fcn, known.PEER: peer}), ("Silent", bare, {})]
    figure = pictures.draw_stories(shown, TOLERANCE)
    upper, lower = (each for each in figure.axes if each.get_xlim()[1] == 10.0)
    (said,) = (line for line in upper.lines if line.get_label() == "fcn")
    np.testing.assert_allclose(said.get_xdata(), [3.0, 8.0])
    np.testing.assert_allclose(said.get_ydata(), [np.nan, 4.1])
    np.testing.assert_allclose(lower.lines[0].get_ydata(), [5.545, 1.109], atol=0.005)
    (enough,) = (line for line in upper.lines if line.get_label().startswith(known.PEER))
    assert enough.get_xdata()[0] == pytest.approx(41.0 + 6.0 - 42.0)
    pictures.write(figure, tmp_path / "stories.png")
    maps = pictures.draw_maps(shown)
    assert [line.get_label() for line in maps.axes[0].lines].count("another list") == 1


def test_without_a_catalogue_alarms_count_from_the_first_p_a_side_states(table, known, sequence):
    bare = known.Known(dataclasses.replace(sequence, catalogue=None), [(START_S + 10.0, math.nan)], "a list")
    fcn, peer = (side(known, name, [event("e", 10.0)]) for name in ("fcn", known.PEER))
    assert table.alarm(fcn, is_known=False) == "4.0 s (own P)"
    assert table.alarm(peer, is_known=False) == "4.0 s (own P)"
    assert table.found(bare, fcn) == "no catalogue; 1 of 1 in a list"
    line = table.side_line("A set", bare, peer, fcn, TOLERANCE)
    assert "| enough picks: 4.0 s (own P) | 0.0 km from fcn's |" in line


def test_the_peer_has_enough_when_its_last_condition_is_met(known):
    p = [(float(i), f"S{i}", "P") for i in range(8)]
    s = [(10.0 + i, f"S{i}", "S") for i in range(2)]
    assert known.enough_s([*p, *s, (15.0, "S7", "S"), (30.0, "S5", "S")]) == 15.0
    elsewhere = (15.0, "S9", "S")  # an S, but no third station with both
    assert known.enough_s([*p, *s, elsewhere, (30.0, "S5", "S")]) == 30.0
    assert known.enough_s([*p[:5], *s, (15.0, "S2", "S"), (16.0, "S3", "S"), (30.0, "S4", "S")]) == 30.0
    with pytest.raises(ValueError, match="needs"):
        known.enough_s([*p, *s])


def test_a_computed_first_p_is_the_earliest_at_any_station(known, sequence, tmp_path):
    (true,) = sequence.catalogue
    unknown = dataclasses.replace(true, first_p_time_s=None)
    bare = dataclasses.replace(sequence, catalogue=Catalogue("bare", (unknown,)))
    write_set(bare, tmp_path / "made")
    (computed,) = known.Known.read(tmp_path / "made", tmp_path, {}, tmp_path).sequence.catalogue
    assert computed.first_p_is_computed
    assert computed.first_p_time_s == pytest.approx(true.first_p_time_s, abs=0.02)


def run_of(table, tmp_path, **more):
    return table.Run(
        **{"root": tmp_path, "out": tmp_path / "out", "ckpt": "lite", "kept": False, "peers": None,
           "peers_table": tmp_path / "peers.csv", "tolerance": TOLERANCE, "names": ("made", "other")} | more
    )  # fmt: skip


def test_a_set_is_built_from_the_files_it_names(table, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(table, "command", lambda *words: said.append(words[2:]))
    monkeypatch.setattr(table.Known, "read", lambda *_: None)
    (tmp_path / "coseismiq").mkdir()
    sets = yaml.safe_load((FOLDER / "sets.yaml").read_text(encoding="utf-8"))
    table.prepare("coseismiq", sets["coseismiq"], run_of(table, tmp_path))
    ((module, *overrides),) = said
    assert module == "fcn.build_sequence"
    assert f"waveforms='{tmp_path}/coseismiq/seismic_data/*/*.mseed'" in overrides
    assert f"velocity_model_file='{tmp_path}/coseismiq/velocity_model/local.txt'" in overrides
    assert "sensitivity_counts_per_mps=400000000.0" in overrides
    assert not [each for each in overrides if each.startswith("catalogue=")]


def test_every_set_is_told_how_to_be_had_and_the_commands_ask_what_they_may():
    text = (FOLDER / "get.md").read_text(encoding="utf-8")
    sets = yaml.safe_load((FOLDER / "sets.yaml").read_text(encoding="utf-8"))
    assert re.findall(r"^## (\w+)$", text, flags=re.M) == list(sets)
    names = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, flags=re.M)))
    assert names == list(sets), "the table of terms"
    commands = re.findall(r"^    python -m fcn\.build_sequence ((?:.*\\\n)*.*)$", text, flags=re.M)
    assert len(commands) == len(sets)
    asked = [resolved("build_sequence", *shlex.split(each.replace("\\\n", " "))) for each in commands]
    assert [Path(each["out"]).name.removesuffix("_fetched") for each in asked] == list(sets)
    centres = [configuration.build(each["source"]).client for each in asked if each["source"]]
    assert centres == ["SCEDC", "EARTHSCOPE", "ETH", "RESIF", "RESIF"]
    assert set(centres) <= set(URL_MAPPINGS)


def test_the_events_that_are_printed_are_a_catalogue(tmp_path):
    text = (FOLDER / "get.md").read_text(encoding="utf-8")
    found = []
    for lines in re.findall(r"^    event_id,.*\n(?:    .*\n)+", text, flags=re.M):
        (tmp_path / "catalogue.csv").write_text(textwrap.dedent(lines), encoding="utf-8")
        found += [event.magnitude for event in read_csv(tmp_path / "catalogue.csv")]
    assert found == [5.8, 6.5, 7.6, 3.45, 2.53, None, 2.4]


@pytest.mark.realdata
def test_event_folders_become_sets(shared_dir, tmp_path):
    folder = shared_dir / "realdata" / "corinth"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    subprocess.run(
        [sys.executable, FOLDER / "corinth.py", "--folder", folder, "--out", tmp_path],
        check=True,
        timeout=240,
    )
    sets = yaml.safe_load((FOLDER / "sets.yaml").read_text(encoding="utf-8"))
    printed = (FOLDER / "get.md").read_text(encoding="utf-8")
    for name, n_stations in (("corinth_18", 14), ("corinth_20", 15)):
        made, given = tmp_path / name, sets[name]
        described = described_ids(read_stations(made / "stations.xml"))
        delivered = {trace.id for trace in obspy.read(str(made / given["waveforms"]))}
        assert delivered <= described
        assert len({each.rsplit(".", 2)[0] for each in delivered}) == n_stations
        assert textwrap.indent((made / given["catalogue"]).read_text(encoding="utf-8"), "    ") in printed
        model = read_velocity_model(made / given["velocity_model_file"], None)
        assert (model.vp_kmps[0], model.vs_kmps[0]) == pytest.approx((4.8, 4.8 / 1.8), abs=1e-3)


def test_a_peer_that_cannot_run_has_its_reason_and_leaves_the_table_as_it_is(
    table, known, sequence, tmp_path
):
    a_set = known.Known(sequence)
    run = run_of(table, tmp_path)
    with pytest.raises(RuntimeError, match="nothing of it; --peers"):
        table.found_by_peer("made", {}, a_set, run)
    run.peers_table.write_text("set,event_id\nother,x\n")
    broken = dataclasses.replace(run, peers=(sys.executable, "no weights"))  # has no PyOcto
    with pytest.raises(RuntimeError, match="Error"):
        table.found_by_peer("made", {}, a_set, broken)
    assert run.peers_table.read_text() == "set,event_id\nother,x\n"


def test_a_peer_that_found_nothing_is_no_peer_that_was_not_run(table, known, sequence, tmp_path):
    (tmp_path / "out" / "peers" / "made").mkdir(parents=True)
    (tmp_path / "out" / "peers" / "made" / "catalogue.csv").write_text(
        ",".join(table.PEER_COLUMNS[1:]) + "\n"
    )
    run = run_of(table, tmp_path, peers=("python", "weights"))
    nothing = table.found_by_peer("made", {}, known.Known(sequence), run)
    assert nothing.events == []
    assert nothing.metrics["n_matched"] == 0
    assert table.found_by_peer("made", {}, known.Known(sequence), run_of(table, tmp_path)).events == []


def test_an_event_in_no_list_is_known_by_the_waveforms_of_its_swarm(scripts):
    """A catalogued event that comes again, a hundred times smaller, fits its template there alone."""
    alone, start = scripts["alone"], obspy.UTCDateTime(START_S)
    rng, rate_hz, n = np.random.default_rng(7), 50.0, 10_000
    record = obspy.Stream()
    for code in ("HHZ", "HHN", "HHE"):
        wavelet = rng.normal(size=300) * np.exp(-np.arange(300) / 60)
        data = 0.02 * rng.normal(size=n)
        data[2_000:2_300] += 10 * wavelet
        data[6_000:6_300] += 0.1 * wavelet
        header = {"station": "S01", "channel": code, "sampling_rate": rate_hz, "starttime": start}
        record += obspy.Trace(data, header)
    template = obspy.Stream([trace.slice(start + 40.0, start + 44.0) for trace in record])
    fits = alone.Correlation.of(record, [(start + 38.0, template)])
    assert fits.best(START_S + 118.0) > 1.5 * alone.LEAST_MADS
    assert fits.best(START_S + 118.0 + 2 * alone.NEAR_S) < 0.5 * alone.LEAST_MADS
    assert fits.best(START_S - 100.0) == 0.0


CARDS = """\
TRZ EPU0 100118170409.79       12.51ES 2
AGE IPU0 100118170410.80       14.11IS 3
DIM EPU0 100118170459.91
TRZ EP.1 100118170409.68       12.47ES 1
KALEEP.4 100118170410.48       13.79ES 2
PSA IP.1 100118170411.16       15.18IS 4
                 10
"""


def test_cards_have_p_and_some_have_s(tmp_path):
    """Of two cards of a station the first counts; S counts from the minute of P; weight 4 is no pick."""
    sys.path.insert(0, str(FOLDER))
    picks = importlib.import_module("picks")
    sys.path.remove(str(FOLDER))
    (tmp_path / "cards.phs").write_text(CARDS)
    times = picks.by_hand(tmp_path / "cards.phs")
    start_s = obspy.UTCDateTime(2010, 1, 18, 17, 4).timestamp
    assert {name: set(of) for name, of in times.items()} == {
        **{"TRZ": {"P", "S"}, "AGE": {"P", "S"}, "DIM": {"P"}},
        **{"KALE": {"S"}, "PSA": {"P"}},
    }
    assert times["TRZ"] == pytest.approx({"P": start_s + 9.79, "S": start_s + 12.51}, abs=1e-4, rel=0)
    assert times["DIM"] == pytest.approx({"P": start_s + 59.91}, abs=1e-4, rel=0)
    assert picks.row("S", 0.5, 4, np.array([0.1, 0.2, 0.9])) == "| S | 0.5 | 3 of 4 | +0.20 s | 0.15 s | 1 |"
    del sys.modules["picks"]
