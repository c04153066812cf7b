"""Stations that do not count are named, each with its reason, and never without bound."""

from dataclasses import replace

from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, engine_of, in_time

from fcn.alert.heartbeat import LeftOut, Why
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.stream.left_out import FORGET_S, MOST_STRANGERS, left_out
from fcn.stream.network import WatchedNetwork
from fcn.waveform.folder import write_sequence_folder


class Doctor(Listener):
    def state(self):
        return {"health": {"left_out": ["stands still", *[None] * 3]}}


def engine(unusable=None):
    sites, stream, inventory = make_network(4, seconds=2.0)
    watched = WatchedNetwork("made", Network(tuple(sites[:3])), inventory, LocalFrame(32.75, 130.8))
    made = engine_of(watched, inventory, Doctor(), declarer())
    made.unusable = unusable or {}
    return made, in_time(stream, 1.0), watched


def test_each_has_its_reason():
    made, packets, watched = engine({"XX.OLD": "no channel\nof it"})
    assert left_out(made) == (LeftOut("XX.OLD", Why.UNUSABLE, "no channel of it"),)
    for each in packets:
        if each.station_id == "XX.S01":
            each = replace(each, seed_id=each.seed_id.replace("HH", "BH"))
        elif each.station_id == "XX.S02":
            each = replace(each, sampling_rate_hz=10.0)
        made.push([each], START_S + 1.0)
    assert made.advance(START_S + 1.5)
    found = {each.id: each for each in left_out(made)}
    assert {name: each.kind for name, each in found.items()} == {
        "XX.OLD": Why.UNUSABLE,
        "XX.S00": Why.UNHEALTHY,
        "XX.S01": Why.NOT_DESCRIBED,
        "XX.S02": Why.UNUSABLE,
        "XX.S03": Why.NOT_WATCHED,
    }
    assert found["XX.S00"].why == "stands still"
    assert "XX.S01..BH" in found["XX.S01"].why
    made.watch(Network((*watched.stations, *make_network(4, seconds=1.0)[0][3:])), watched.inventory, {})
    assert not {"XX.S03", "XX.OLD"} & {each.id for each in left_out(made)}


def test_strangers_are_bounded_and_forgotten():
    made, (packet, *_), _ = engine()
    for i in range(MOST_STRANGERS + 9):
        made.push([replace(packet, seed_id=f"XX.A{i}..HHZ")], START_S)
    assert len(left_out(made)) == MOST_STRANGERS
    later_s = START_S + FORGET_S + 1.0
    made.push([replace(packet, seed_id="XX.B..HHZ", start_time_s=later_s)], later_s)
    assert [each.id for each in left_out(made)] == ["XX.B"]


def test_what_a_recording_has_of_no_use_is_known(tmp_path):
    _, stream, inventory = make_network(3, seconds=8.0)
    for trace in stream.select(station="S02"):
        trace.stats.sampling_rate = 10.0
    write_sequence_folder(tmp_path / "made", stream, inventory)
    watched, _ = WatchedNetwork.of_folder(tmp_path / "made", SPEC)
    assert list(watched.unusable) == ["XX.S02"]
