"""What is learnt of stations, as a whole: healthy ones are read as if nobody watched over them."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from small_migration import configured

from fcn import config as configuration
from fcn.assemble import build_replay, build_windows, choose_velocity_model
from fcn.cache import sequence_root
from fcn.checkpoint import load
from fcn.data.sequences import Sequence
from fcn.scheme.migration.learnt import Learnt


def test_a_part_without_a_law_is_passed_over(module):
    reading = module.scheme.reading
    whole = Learnt.by(reading.terms, reading.health)
    assert set(whole.state()) == {"terms", "health"}
    for terms, health in ((None, reading.health), (reading.terms, None), (None, None)):
        part = Learnt.by(terms, health)
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
        scheme = replace(restored.module.scheme)
        windows = build_windows(
            sequence,
            choose_velocity_model(None, sequence, restored.velocity_models),
            restored.config["data"]["table"],
            step_s=config["windows"]["step_s"],
            window_s=restored.window_s,
            partial=scheme.partial,
        )
        replay = build_replay(windows, restored.declare, config["matching"])
        for batch in windows:
            now_s = float(batch.now_s[0])
            (estimates,) = scheme.estimates(restored.module.network, batch, replay.declarer.known(now_s))
            replay.process(now_s, estimates, 0.0)
        said.append([copy.copy(update) for event in replay.declared for update in event.updates])
    assert len(said[0]) > 20
    assert said[0] == said[1]
