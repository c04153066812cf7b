"""What is learnt of stations, as a whole: healthy ones are read as if nobody watched over them."""

import copy
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from small_migration import configured

from fcn import config as configuration
from fcn.assemble import TimesTo, build_replay, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import load
from fcn.data.sequences import Sequence
from fcn.scheme.migration.learnt import Learnt


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
