"""What is shipped of a checkpoint: enough to run it, nothing of the machine that trained it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import resolved

from fcn.assemble import build_module
from fcn.checkpoint import find, load, ship


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_store) -> Path:
    """A checkpoint as a training leaves it, with an optimiser's state and folders of its machine."""
    config = resolved(
        "train",
        "experiment=generalized",
        f"store.path={toy_store}",
        "arch.series_width=8",
        "arch.volume_width=8",
        "arch.n_features=4",
    )
    record = {
        "config": config,
        "overrides": ["experiment=generalized", f"store.path={toy_store}", "seed=1"],
        "git": {"commit": "0" * 40, "modified": False},
        "fcn": "0",
        "store_digest": "1234",
    }
    module = build_module(config, record=record, trainable=False)
    path = tmp_path_factory.mktemp("trained") / "best.ckpt"
    torch.save(
        {"state_dict": module.state_dict(), "fcn": record, "optimizer_states": [torch.zeros(1000)]}, path
    )
    return path


def test_what_is_shipped_runs_and_is_smaller(trained, tmp_path):
    out = tmp_path / "small.ckpt"
    ship(trained, out, declare=None, reading={"recent_s": 7.0}, half_precision=False)
    content = torch.load(out, map_location="cpu", weights_only=True)
    assert set(content) == {"state_dict", "fcn"}
    assert content["fcn"]["config"]["cache"] is None
    assert content["fcn"]["config"]["store"]["path"] is None
    assert content["fcn"]["overrides"] == ["experiment=generalized", "seed=1"]
    restored, before = load(out), load(trained)
    assert restored.module.scheme.reading.recent_s == 7.0
    for name, value in before.module.state_dict().items():
        assert torch.equal(value, restored.module.state_dict()[name])


def test_the_alarm_rule_can_be_replaced(trained, tmp_path):
    rule = resolved("train", "declare=smoke")["declare"]
    ship(trained, tmp_path / "a.ckpt", declare=rule, reading={}, half_precision=False)
    assert load(tmp_path / "a.ckpt").config["declare"] == rule
    assert load(trained).config["declare"] != rule


def test_half_precision_halves_the_file_and_keeps_the_weights_to_a_thousandth(trained, tmp_path):
    whole, half = tmp_path / "whole.ckpt", tmp_path / "half.ckpt"
    for out in (whole, half):
        ship(trained, out, declare=None, reading={}, half_precision=out is half)
    content = torch.load(half, map_location="cpu", weights_only=True)["state_dict"]
    assert {v.dtype for v in content.values() if v.ndim > 1} == {torch.float16}
    assert torch.float16 not in {v.dtype for v in content.values() if v.ndim <= 1}
    before, after = (load(path).module.state_dict() for path in (whole, half))
    for name, value in before.items():
        assert after[name].dtype == value.dtype
        torch.testing.assert_close(after[name], value, rtol=1e-3, atol=1e-7)
    assert half.stat().st_size < whole.stat().st_size


@pytest.mark.parametrize("reading", [{}, {"uncertainty_factor": [0.5, 2.0]}])
def test_networks_without_a_reading_of_their_own_are_shipped(tmp_path, reading):
    """As the paper's is, and the light version; what is read then is of their decoder."""
    ship(find("lite"), tmp_path / "a.ckpt", declare=None, reading=reading, half_precision=True)
    before, after = (load(each).module.scheme.decoder for each in ("lite", tmp_path / "a.ckpt"))
    factor = reading.get("uncertainty_factor", [1.0, 1.0])
    assert after == replace(before, uncertainty_factor=factor)
    logits = torch.randn(2, *before.grid.shape, generator=torch.Generator().manual_seed(1))
    one, other = before.location(logits), after.location(logits)
    assert torch.equal(one.hypocentre_km, other.hypocentre_km)
    torch.testing.assert_close(other.horizontal_uncertainty_km, factor[0] * one.horizontal_uncertainty_km)
    torch.testing.assert_close(other.depth_uncertainty_km, factor[1] * one.depth_uncertainty_km)
    scale = torch.tensor([factor[0], factor[0], factor[1]])
    torch.testing.assert_close(other.covariance_km2, one.covariance_km2 * scale * scale[:, None])
    with pytest.raises(KeyError, match=r"scheme\.decoder has no \['terms'\]"):
        load("lite", reading={"terms": None})


def test_nothing_is_overwritten_and_unknown_readings_are_refused(trained, tmp_path):
    out = tmp_path / "there.ckpt"
    out.touch()
    with pytest.raises(FileExistsError, match="remove it"):
        ship(trained, out, declare=None, reading={}, half_precision=False)
    with pytest.raises(KeyError, match="least_probabillity"):
        ship(
            trained,
            tmp_path / "b.ckpt",
            declare=None,
            reading={"least_probabillity": 0.1},
            half_precision=False,
        )


def test_some_values_of_a_law_are_replaced_and_unknown_ones_are_refused(tmp_path):
    out, plain = tmp_path / "a.ckpt", load("generalized").module.scheme.reading
    ship(find("generalized"), out, declare=None, reading={"terms": {"fewest": 9}}, half_precision=False)
    for restored in (load(out), load("generalized", reading={"terms": {"fewest": 9}})):
        assert restored.module.scheme.reading == replace(plain, terms=replace(plain.terms, fewest=9))
    with pytest.raises(KeyError, match=r"scheme\.reading\.terms has no \['fewset'\], only"):
        load("generalized", reading={"terms": {"fewset": 9}})
    assert load("generalized", reading={"terms": None}).module.scheme.reading.terms is None


def test_the_command(trained, tmp_path, call):
    out = tmp_path / "made.ckpt"
    call("fcn.ship", f"ckpt={trained}", f"out={out}", "declare=migration", "reading={max_anchors: 3}")
    assert load(out).module.scheme.reading.max_anchors == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.ckpt"]


def test_a_checkpoint_at_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run[1].ckpt").touch()
    assert find("~/run[1].ckpt") == tmp_path / "run[1].ckpt"
    with pytest.raises(FileNotFoundError, match="no checkpoint at ~/nowhere; ckpt= takes a path"):
        find("~/nowhere")


def test_a_folder_of_a_run_is_told_which_files_it_has(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="run is a folder, and ckpt= takes a file: there is none in"):
        find(run)
    best, last = (run / "checkpoints" / name for name in ("best.ckpt", "last.ckpt"))
    for each in (best, last):
        each.touch()
    with pytest.raises(FileNotFoundError, match=f"there are {best}, {last}$"):
        find(run)
    with pytest.raises(FileNotFoundError, match="no checkpoint at ; ckpt= takes a path"):
        find("")


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        ({"terms": {"fewest": 1}}, "reading.terms.fewest: two stations say nothing of a third, got 1"),
        ({"terms": {"prior_s": -1.0}}, "reading.terms.prior_s must be positive, got -1.0"),
        ({"uncertainty_factor": 3}, "uncertainty_factor"),
    ],
)
def test_values_that_a_law_refuses_are_not_laid_upon_the_weights(tmp_path, reading, told):
    """Nor shipped: the file would not load."""
    told = re.compile(re.escape(f"reading={reading}: ") + ".*" + re.escape(told), re.DOTALL)
    with pytest.raises(ValueError, match=told):
        load("generalized", reading=reading)
    out = tmp_path / "made.ckpt"
    with pytest.raises(ValueError, match=told):
        ship(find("generalized"), out, declare=None, reading=reading, half_precision=False)
    assert not out.exists()
