"""Training that begins with the weights of another one."""

from pathlib import Path

import pytest
import torch
from toy import resolved

from fcn.assemble import build_module
from fcn.callbacks.frozen import Frozen
from fcn.checkpoint import begin_with, find, load, read


def test_a_network_takes_over_shipped_weights():
    config = read(find("lite"))["fcn"]["config"]
    module = build_module(config, trainable=False)
    digest = begin_with(module, "lite")
    assert digest.startswith("sha256:")
    for name, value in read(find("lite"))["state_dict"].items():
        assert torch.equal(module.state_dict()[name], value.to(module.state_dict()[name].dtype)), name


def test_weights_of_another_network_are_refused():
    module = build_module(resolved("train", "experiment=smoke"), trainable=False)
    with pytest.raises(ValueError, match="weights=generalized are not those of this arch"):
        begin_with(module, "generalized")


def test_a_file_that_is_not_there_is_named():
    module = build_module(resolved("train", "experiment=smoke"), trainable=False)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.ckpt"):
        begin_with(module, Path("nowhere.ckpt"))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    content = torch.load(find("lite"), weights_only=True)
    next(iter(content["state_dict"].values())).fill_(torch.nan)
    torch.save(content, tmp_path / "broken.ckpt")
    module = build_module(read(find("lite"))["fcn"]["config"], trainable=False)
    with pytest.raises(ValueError, match="weights that are not numbers"):
        begin_with(module, tmp_path / "broken.ckpt")


def test_a_part_that_no_network_had_then_begins_anew():
    """What times arrivals, of weights from before; a part that there always was may not be missing."""
    config = read(find("compact"))["fcn"]["config"]
    config = {**config, "arch": {**config["arch"], "ear_width": 8, "ear_dilations": [1]}}
    config["loss"] = resolved("train", "experiment=generalized")["loss"]
    module = build_module(config, trainable=False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    begin_with(module, "compact")
    known = read(find("compact"))["state_dict"]
    assert not any("ear" in name for name in known)
    for name, value in module.state_dict().items():
        assert torch.equal(value, known[name].to(value.dtype) if name in known else before[name]), name
    assert {name for name, _ in module.network.ear.named_parameters(prefix="ear")} < set(module.begun_anew)
    assert all(name.startswith("ear.") for name in module.begun_anew)
    with pytest.raises(ValueError, match=r"what weights= does not have: ear\.stem\.0"):
        Frozen(["volumes"]).setup(None, module, "fit")
    Frozen(["volumes", "ear"]).setup(None, module, "fit")
    assert module.network.ear.stem[0].weight.requires_grad


def test_a_part_that_would_stay_as_drawn_is_refused():
    """It would say that arrivals come at any time, and be believed."""
    config = read(find("compact"))["fcn"]["config"]
    config = {**config, "arch": {**config["arch"], "ear_width": 8, "ear_dilations": [1]}}
    module = build_module(config, trainable=False)
    assert module.loss.weights["arrivals"] == 0
    with pytest.raises(ValueError, match=r"have no network.ear, .*arrivals=0.*arch.ear_width=0"):
        begin_with(module, "compact")


def test_a_part_that_is_there_in_pieces_is_damaged(tmp_path):
    content = torch.load(find("generalized"), weights_only=True)
    del content["state_dict"]["network.ear.stem.0.weight"]
    torch.save(content, tmp_path / "damaged.ckpt")
    module = build_module(resolved("train", "experiment=hearing"), trainable=False)
    with pytest.raises(ValueError, match=r"Missing key.*ear.stem.0.weight"):
        begin_with(module, tmp_path / "damaged.ckpt")


def test_what_is_asked_of_a_network_that_times_no_s_is_told(caplog):
    load("compact", reading={"terms": {"s_prior_s": 0.3}})
    assert "times no P and S: reading.terms.s_prior_s changes nothing" in caplog.text
    caplog.clear()
    load("generalized", reading={"terms": {"s_prior_s": 0.3}})
    assert "times no P and S" not in caplog.text
