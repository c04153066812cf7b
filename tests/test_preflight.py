"""What is said before minutes are spent."""

import pytest
import torch
from toy import small_training

from fcn.preflight import check_training, check_whole


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A checkpoint after four steps of four."""
    path = tmp_path_factory.mktemp("finished") / "last.ckpt"
    content = {"fcn": {"config": {}}, "state_dict": {}, "global_step": 4}
    content["lr_schedulers"] = [{"total_steps": 4}]
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.batch_size=0"], "data.batch_size must be a whole number of at least 1, got 0"),
        (["data.n_candidates=0"], "data.n_candidates"),
        (["seed=-1"], "seed must be a whole number of at least 0"),
        (["seed=abc"], "seed must be"),
        (["trainer.max_steps=-1"], "trainer.max_steps=-1"),
        (["trainer.max_steps=1"], "before the first validation"),
        (["trainer.max_steps=1e3"], "whole number"),
        (["trainer.max_steps=5"], "take 4 or 6"),
        (["data.events.elapsed_s=[30,60]"], "nothing to detect"),
        (["callbacks=by_sequences", "~validation.sequences.smoke"], "there are none: take validation=quick"),
        (["trainer.max_steps=4", "ckpt={finished}"], "trained 4 steps already"),
        (["trainer.max_steps=8", "ckpt={finished}"], r"planned for \[4\] steps, and .*total_steps=8"),
        (["trainer.max_steps=8", "ckpt=generalized"], "generalized was shipped without the state"),
        (["ckpt=nowhere"], "no checkpoint at nowhere"),
    ],
)
def test_impossible_trainings_name_the_key(finished, overrides, message):
    given = [override.format(finished=finished) for override in overrides]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        check_training(small_training(finished.parent / "store", *given))


def test_possible_ones_pass(finished):
    check_training(small_training(finished.parent / "store", "trainer.max_steps=4"))
    longer = ("trainer.max_steps=6", "optim.scheduler.total_steps=4", f"ckpt={finished}")
    check_training(small_training(finished.parent / "store", *longer))
    check_whole("n", 0, least=0)
