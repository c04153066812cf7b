"""`python -m fcn.report`: which page a command line asks for, and of what."""

import sys

import pytest
import torch
from hydra import compose, initialize_config_dir
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.config import CONF_DIR
from fcn.report import __main__ as command
from fcn.report.examples import page as examples_page
from fcn.seeding import Purpose


def test_the_first_word_chooses_the_command(monkeypatch):
    called = []
    monkeypatch.setattr(command, "pages_main", lambda: called.append(("pages", sys.argv[1:])))
    monkeypatch.setitem(command.COMMANDS, "examples", lambda: called.append(("examples", sys.argv[1:])))
    for words in (["examples", "count=1"], ["store=x"], []):
        monkeypatch.setattr(sys, "argv", ["fcn-report", *words])
        command.main()
    assert called == [("examples", ["count=1"]), ("pages", ["store=x"]), ("pages", [])]


def test_it_asks_for_something_to_report(tmp_path):
    nothing = {"sweep": None, "run": None, "store": None, "examples": 4, "out": None}
    with pytest.raises(
        ValueError, match="give sweep=<multirun folder>, run=<run folder> or store=<base store>"
    ):
        command.report(nothing)
    with pytest.raises(ValueError, match="cannot hold several reports"):
        command.report(nothing | {"sweep": "a", "store": "b", "out": str(tmp_path)})


def test_the_configuration_takes_folders_and_rejects_unknown_keys():
    with initialize_config_dir(str(CONF_DIR / "report"), version_base="1.3"):
        for name in ("sweep", "run", "store"):
            assert compose("report", overrides=[f"{name}=/some/folder"])[name] == "/some/folder"
        with pytest.raises(Exception, match="swep"):
            compose("report", overrides=["swep=/some/folder"])


def test_the_first_examples_of_a_training_are_drawn(toy_store, tmp_path, monkeypatch):
    small = ("experiment=smoke", f"store.path={toy_store}", "data.velocity.count=2")
    config = resolved("examples", *small, "count=2")
    assert config["name"] == "examples"  # the folder of a report is no training's
    drawn = []

    def write(batches, folder, **_):
        drawn.extend(batches)
        return folder

    monkeypatch.setattr(examples_page, "write_examples_report", write)
    command.examples(config, tmp_path)
    training = build_datamodule(resolved("train", *small), toy_store).recombined(Purpose.TRAIN, "train")
    for example, batch in enumerate(drawn):
        torch.testing.assert_close(batch.waveforms, training[0, example].waveforms)
    assert len(drawn) == 2


@pytest.mark.parametrize(("name", "key"), [("examples", "count"), ("recombination", "scenes")])
@pytest.mark.parametrize("count", ["0", "1.5", "null"])
def test_impossible_counts_are_refused_before_a_store_is_built(tmp_path, name, key, count):
    with pytest.raises(ValueError, match=f"{key} must be a whole number of at least [01], got"):
        getattr(command, name)(resolved(name, f"{key}={count}", f"cache={tmp_path}"), tmp_path)
    assert not (tmp_path / "stores").exists()
