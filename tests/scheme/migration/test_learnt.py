"""What is learnt of stations, as a whole: healthy ones are read as if nobody watched over them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from small_migration import configured, hears, single

from fcn import config as configuration
from fcn.arch.migration import Sized
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import load
from fcn.data.sequences import Sequence
from fcn.scheme.migration.arrivals import Heard, phase_picks
from fcn.scheme.migration.learnt import Learnt
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_health import Sound
from fcn.scheme.migration.station_terms import Terms


def test_a_part_without_a_law_is_passed_over(module):
    reading = module.scheme.reading
    whole = Learnt.by(reading.terms, reading.health, reading.moveout)
    assert set(whole.state()) == {"terms", "health", "pulses"}
    for terms, health, moveout in (
        (None, reading.health, reading.moveout),
        (reading.terms, None, reading.moveout),
        (reading.terms, reading.health, None),
        (None, None, None),
    ):
        part = Learnt.by(terms, health, moveout)
        part.restore(whole.state())
        assert part.state() == {name: each for name, each in whole.state().items() if name in part.state()}
    whole.restore({})


@pytest.mark.slow
def test_the_updates_of_a_healthy_network_are_the_same_with_and_without(toy_store):
    """The smoke sequence through the shipped checkpoint, all of it."""
    laws = configured(toy_store)["scheme"]["reading"]
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", ["ckpt=none", "dataset=smoke"]))
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    said = []
    for names in ((), ("moveout", "health")):
        restored = load(
            "generalized", reading={"moveout": None, "health": None} | {n: laws[n] for n in names}
        )
        sequence = Sequence.load(root, restored.preprocess)
        module = restored.module
        replay = build_replay(
            sequence,
            module.network,
            module.scheme,
            partial=module.scheme.partial,
            preprocess=restored.preprocess,
            travel_times=TimesTo(
                choose_velocity_model(None, sequence, restored.velocity_models),
                restored.config["data"]["table"],
                sequence.frame,
            ),
            declare=restored.declare,
            matching=config["matching"],
            window_s=restored.window_s,
            step_s=config["windows"]["step_s"],
        )
        for batch in replay:
            replay.read(batch)
        said.append([copy.copy(update) for event in replay.declared for update in event.updates])
    assert len(said[0]) > 20
    assert said[0] == said[1]


HEARD_S = 15.0


WITHIN_S = (0.2, 0.5)


@pytest.fixture
def seen(module, batch, monkeypatch) -> Seen:
    """A window of six stations or more; P of one event is due after 10 s, S when it is heard, or nearly."""
    window = next(each for each in map(partial(single, batch), range(10)) if each.station_km.shape[1] >= 6)
    n = window.station_km.shape[1]
    with torch.no_grad():
        features = module.network.encode(window.waveforms, window.background_mps, window.known, window.mask)
    known = torch.ones_like(window.known)
    known[0, 4] = False  # nothing came of it
    there = torch.ones(1, n, dtype=torch.bool)
    there[0, 5] = False  # its clock is false
    names = tuple(f"XX.S{number}" for number in range(n))
    here = replace(window, mask=there, known=known, station_ids=names)
    p_s, s_late_s = torch.full((n,), 10.0), torch.tensor([0.0, 0.3, -0.3, 0.7, 0.0, 0.0] + [0.0] * (n - 6))
    due_s = torch.stack([p_s, HEARD_S - s_late_s], dim=1)[None]
    picks = Picks(torch.arange(n), p_s, torch.full((n,), 0.9))
    terms, sound = Terms.none(window.station_km[0]), Sound.all(there[0])
    monkeypatch.setattr(Seen, "arrivals", lambda self, place_km, origin_s: due_s)
    listener = hears(module.network.ear, here, torch.tensor([10.0, HEARD_S]).expand(n, 2))
    return Seen(here, here, module.network, features, picks, picks, 970.0, terms, sound, listener)


def test_what_is_heard_of_s_at_stations_that_may_be_heard_is_learnt(module, seen):
    """Through `observe`: where S is due, within its own tolerance, of what is there and has data."""
    n = seen.here.station_km.shape[1]
    learnt = Learnt.by(replace(module.scheme.reading.terms, fewest=3), None, None)
    learnt.begin(seen.here, [])
    said = Sized(torch.full((1,), 3.0), torch.ones(1), torch.zeros(1), torch.full((1, n), 3.0))
    nobody = torch.zeros(1, n, dtype=torch.bool)
    places, due_s = places_of("a", n), torch.zeros(0, n, 2)
    heard = Heard.of(seen, places, module.scheme.core, WITHIN_S)
    learnt.observe(seen, places, heard, said, nobody, [], due_s, WITHIN_S)
    (table,) = learnt.terms.state()["open"].values()
    weights = torch.tensor(table)[:, 3]
    assert (weights > 0.5).tolist() == [True, True, True, False, False, False] + [True] * (n - 6)


def test_catalogues_are_given_p_that_agrees_and_s_that_terms_learn_from(module, seen):
    """At the stations that judge the place, by name; when due by the velocity model and the terms."""
    n = seen.here.station_km.shape[1]
    delay_s = torch.tensor([0.125, 0.25]).repeat(n, 1)
    window = replace(seen, terms=replace(seen.terms, delay_s=delay_s))
    places, near = places_of("a", n), torch.ones(1, n, dtype=torch.bool)
    places.has_p[0, 1] = False  # P is too late there
    near[0, 0] = False  # too far away to judge the place
    heard = replace(Heard.of(window, places, module.scheme.core, WITHIN_S), near=near)
    law = module.scheme.reading.terms
    (picks,) = phase_picks(window, places, heard, law)
    said = {(each.station, each.phase) for each in picks}
    assert said == {(f"S{i}", "P") for i in range(n) if i not in (1, 4, 5)} | {
        (f"S{i}", "S") for i in range(n) if i not in (0, 3, 4, 5)
    }
    assert [each.time_s for each in picks] == sorted(each.time_s for each in picks)
    (s,) = (each for each in picks if (each.station, each.phase) == ("S1", "S"))
    assert (s.network, s.correction_s) == ("XX", 0.25)
    assert {each.correction_s for each in picks if each.phase == "P"} == {0.125}
    assert s.time_s == pytest.approx(970.0 + HEARD_S, abs=0.03)
    assert s.residual_s == pytest.approx(0.3, abs=0.03)
    assert s.weight == pytest.approx(float(heard.probability[0, 1, 1]))
    (picks,) = phase_picks(window, places, heard, None)
    assert {each.phase for each in picks} == {"P"}, "S is heard for terms"
    nameless = replace(window, batch=replace(window.batch, station_ids=None))
    assert phase_picks(nameless, places, heard, law) == [()]


def places_of(name: str, n: int) -> Places:
    """One event that is well located, in the middle."""
    one = torch.ones(1)
    return Places(
        (name,),
        (None,),
        torch.tensor([[0.0, 0.0, 8.0]]),
        *(5 * one, 0.1 * one, 9 * one, 0.95 * one, 0.9 * one, one, one),
        one > 0,
        torch.eye(3)[None],
        torch.ones(1, n, dtype=torch.bool),
        torch.zeros(1, dtype=torch.long),
        0 * one,
    )
