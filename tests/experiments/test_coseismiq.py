"""The comparison of `experiments/coseismiq` with a peer: who is whose partner, what the table says."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from report_example import START_S, make_sequence

from fcn.build_sequence import describe_stations, read_all
from fcn.catalogue.declared import write_updates_csv
from fcn.catalogue.event import DeclaredEvent, Event, Update
from fcn.data.sequences import Sequence
from fcn.earth.velocity_table import read_velocity_model
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.report.test.outcome import arrivals_s
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.response import Sensitivity
from fcn.waveform.stored import StoredStream

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "coseismiq" / "compare.py"


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("coseismiq_compare", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def event(name, time_s, latitude_deg=64.0, **more):
    return Event(name, START_S + time_s, latitude_deg, -21.4, 4.0, None, None, **more)


def test_each_event_has_one_row_and_one_partner_at_most(compare):
    fcn = [event("f1", 10.0), event("f2", 16.0), event("f3", 60.0)]
    peer = [event("p1", 11.0, 64.01), event("p2", 40.0), event("p3", 60.5, 64.2)]
    alarms = {"f1": START_S + 14.0, "f2": START_S + 20.0, "f3": START_S + 63.0}
    rows = compare.pair(fcn, peer, alarms, {"p1": (9, 7), "p2": (5, 5), "p3": (6, 4)})
    names = [tuple(e and e.event_id for e in (row.fcn, row.peer)) for row in rows]
    # f3 and p3 are half a second apart but 22 km
    assert names == [("f1", "p1"), ("f2", None), (None, "p2"), ("f3", None), (None, "p3")]
    assert [row.n_picks for row in rows] == [(9, 7), None, (5, 5), None, (6, 4)]
    assert rows[2].alarm_s is None
    assert rows[0].alarm_s == START_S + 14.0


def test_the_alarm_is_the_first_thing_said_of_an_event(compare, tmp_path):
    declared = [
        DeclaredEvent(name, [Update(START_S + s, event(name, 1.0), 0.9, 0.5) for s in said])
        for name, said in (("a", (5.0, 5.5, 9.0)), ("b", (7.0, 7.5)))
    ]
    write_updates_csv(declared, tmp_path / "updates.csv")
    assert compare.read_alarms(tmp_path / "updates.csv") == {"a": START_S + 5.0, "b": START_S + 7.0}


def test_the_table_says_what_is_known_and_dashes_where_nothing_is(compare):
    ours = event("f", 10.0, first_p_time_s=START_S + 11.5, depth_uncertainty_km=1.25)
    rows = [
        compare.Row(ours, event("p", 10.004, 64.01), START_S + 14.0, (9, 7), (12, 11)),
        compare.Row(None, event("q", 20.0), None, (5, 4), (8, 6)),
    ]
    header, _, both, alone = compare.to_markdown(rows, 20).splitlines()
    assert "(of 20)" in header
    clock = compare.clock(ours)
    assert both == f"| 1 | {clock} | {clock} | 1.1 | 4.0 ± 1.2 | 4.0 | 2.5 | 9 + 7 | 12, 11 |"
    assert alone == f"| 2 | – | {compare.clock(rows[1].peer)} | – | – | 4.0 | – | 5 + 4 | 8, 6 |"
    text = compare.summarise(rows)
    assert text.startswith("1 events of both, 0 of fcn alone, 1 of the peer alone")
    assert "median 2.5 s" in text


def test_arrivals_are_counted_where_they_are_and_only_there(compare):
    sequence = make_sequence(n_events=1)
    (true,) = sequence.catalogue
    times_s = arrivals_s(sequence, [true])[0] + true.origin_time_s - sequence.start_time_s
    n_samples = round((sequence.end_time_s - sequence.start_time_s) * compare.RATE_HZ)
    counts = np.random.default_rng(1).uniform(-1, 1, (len(sequence.network), 3, n_samples))
    quiet = compare.Records(counts.copy(), sequence.start_time_s)
    for station in range(4):
        start = round(times_s[station, 0] * compare.RATE_HZ)
        counts[station, 0, start : start + 50] += 30.0
    loud = compare.Records(counts, sequence.start_time_s)
    assert compare.count_seen(sequence, quiet, true) == (0, 0)
    assert compare.count_seen(sequence, loud, true) == (4, 0)
    earlier = dataclasses.replace(true, origin_time_s=true.origin_time_s - 20.0)
    assert compare.count_seen(sequence, loud, earlier) == (0, 0)


def test_events_near_the_first_of_a_group_share_its_label(compare):
    place_km = np.array([[0.0, 0.0], [5.0, 0.0], [1.5, 0.0], [3.0, 0.0]])
    assert compare.grouped(place_km) == [[0, 2], [1, 3]]


def test_a_sequence_without_a_velocity_model_is_refused(compare):
    sequence = dataclasses.replace(make_sequence(n_events=1), velocity_model=None)
    with pytest.raises(ValueError, match="velocity_model_file"):
        compare.predicted_s(sequence, sequence.catalogue[0])


@pytest.mark.realdata
def test_the_largest_hengill_event_is_seen_everywhere(compare, shared_dir, tmp_path):
    real = shared_dir / "realdata" / "coseismiq"
    stream = read_all(str(real / "seismic_data" / "*" / "*.mseed"))
    stations = real / "station_inventory" / "stations.csv"
    inventory = describe_stations(
        str(stations), stream, dict.fromkeys((trace.id for trace in stream), Sensitivity(4e8, "velocity"))
    )
    model = read_velocity_model(real / "velocity_model" / "local.txt", None)
    root = tmp_path / "hengill"
    write_sequence_folder(root, stream, inventory, velocity_model=dataclasses.asdict(model))
    network = Network.from_inventory(inventory)
    empty = np.zeros((len(network), 3, 6000), np.float32)
    start_s = min(trace.stats.starttime.timestamp for trace in stream)
    sequence = Sequence(
        "hengill", root, False, network, LocalFrame(*network.centre()), (25.0, 25.0), None, model,
        start_s, 20.0, empty, empty, np.ones((len(network), 3, 6000), bool),
        ((),) * len(network), StoredStream(()), inventory,
    )  # fmt: skip
    records = compare.Records.read(sequence)
    largest = Event("e", start_s + 39.0, 64.033, -21.388, 3.2, None, None)
    assert compare.count_seen(sequence, records, largest) == (20, 20)
    quiet = dataclasses.replace(largest, origin_time_s=start_s + 250.0)
    assert max(compare.count_seen(sequence, records, quiet)) < 10
