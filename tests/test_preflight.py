"""What is said before minutes are spent."""

import math

import pytest
import torch
from toy import changed, composed, resolved, small_training

from fcn.engine import optimiser_steps
from fcn.preflight import check_test, check_training

LONG = ("data.examples_per_epoch=32", "data.batch_size=4")  # 8 batches
TWO_NODES = ("trainer.accelerator=cpu", "trainer.devices=2", "+trainer.num_nodes=2", *LONG)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A checkpoint after four steps of four; beside it one of a constant learning rate."""
    path = tmp_path_factory.mktemp("finished") / "last.ckpt"
    content = {"fcn": {"config": {}}, "state_dict": {}, "global_step": 4}
    content["lr_schedulers"] = [{"total_steps": 4}]
    torch.save(content, path)
    torch.save({**content, "lr_schedulers": []}, path.with_name("constant.ckpt"))
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
        (["trainer.max_steps=5", *TWO_NODES], "an epoch of 2 steps .* / processes / .*take 4 or 6"),
        (["trainer.max_steps=4", "+trainer.accumulate_grad_batches=3", *LONG], "an epoch of 3 steps"),
        (["data.events.elapsed_s=[30,60]"], "nothing to detect"),
        (["callbacks=by_sequences", "~validation.sequences.smoke"], "there are none: take validation=quick"),
        (["trainer.max_steps=4", "ckpt={finished}"], "trained 4 steps already"),
        (["trainer.max_steps=8", "ckpt={finished}"], r"planned for \[4\] steps, and .*total_steps=8"),
        (["trainer.max_steps=8", "ckpt=generalized"], "generalized was shipped without the state"),
        (
            ["trainer.max_steps=8", "ckpt={finished}", "optim.scheduler=null"],
            "this training none .optim.sched",
        ),
        (["trainer.max_steps=8", "ckpt={constant}"], "constant.ckpt has none, and this training a sched"),
        (["ckpt=nowhere"], "no checkpoint at nowhere"),
        (
            ["+trainer.max_epochs=1", "trainer.max_steps=4"],
            "max_epochs=1 ends after 2 of trainer.max_steps=4",
        ),
        (
            ["trainer.max_steps=6", "optim.scheduler.total_steps=4"],
            "optim.scheduler.total_steps=4 plans no .* the last 2 of trainer.max_steps=6, and torch",
        ),
        (["+trainer.limit_val_batches=0"], "limit_val_batches=0: .* none would be"),
        (["validation.sequences=null"], "validation.sequences must be a mapping .* got None"),
        (["evaluation.sequences=null"], "evaluation.sequences must be a mapping"),
        (["ckpt={begun}", "optim.optimiser.lr=1e-6"], "optim.optimiser=.*1e-06.* no effect.*trained with .*"),
        (
            ["ckpt={begun}", "arch.interpolation=2"],
            r"network of arch\.interpolation=1, this training one of 2",
        ),
        (["ckpt={begun}", "data.batch_size=1"], "data.batch_size=1 would .*trained with 4, and goes on so"),
        (["ckpt={begun}", "+trainer.accumulate_grad_batches=2"], "accumulate_grad_batches=2 would"),
    ],
)
def test_impossible_trainings_name_the_key(finished, overrides, message):
    constant, begun = (finished.with_name(f"{name}.ckpt") for name in ("constant", "begun"))
    given = [override.format(finished=finished, constant=constant, begun=begun) for override in overrides]
    if str(begun) in given[0]:
        given.append("trainer.max_steps=8")
        config = small_training(finished.parent / "store", "trainer.max_steps=8")
        content = {"fcn": {"config": config}, "state_dict": {}, "global_step": 4}
        torch.save({**content, "lr_schedulers": [{"total_steps": 8}]}, begun)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        check_training(small_training(finished.parent / "store", *given))


def test_possible_ones_pass(finished):
    check_training(small_training(finished.parent / "store", "trainer.max_steps=4"))
    longer = ("trainer.max_steps=4", "optim.scheduler.total_steps=6")  # as of one that is to go on
    check_training(small_training(finished.parent / "store", *longer))
    constant = ("trainer.max_steps=6", "optim.scheduler=null", f"ckpt={finished.with_name('constant.ckpt')}")
    check_training(small_training(finished.parent / "store", *constant))
    check_training(small_training(finished.parent / "store", *constant[::2], "~optim.scheduler"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.threads=0", "trainer.threads must be a whole number from 1 to 1024, got 0"),
        ("trainer.precision=half", "trainer.precision must be one of auto, .*bf16.*got 'half'"),
        ("trainer.precision=[32]", r"trainer.precision must be one of auto, .*got \[32\]"),
        ("trainer.gradient_clip_val=-.inf", "trainer.gradient_clip_val must be .*got -inf"),
        ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val must be .*got -1"),
        ("data.window_s=0", "data.window_s must be a number from 1 to 600, got 0"),
        ("data.workers=1000", "data.workers must be a whole number from 0 to 256, got 1000"),
        ("data.velocity.count=0", "data.velocity.count must be a whole number from 1"),
        ("data.table.max_distance_km=-1", "data.table.max_distance_km must be .*got -1"),
        ("data.table.step_km=0.01", "data.table to 60 km depth .* nodes.*take a larger step_km"),
        ("data.table.width_km=3", "data.table.width_km is unknown: a table has step_km"),
        ("data.table.earth_flattening=2", "data.table.earth_flattening must be true or false, got 2"),
        ("geometry.half_width_km=[40]", "geometry.half_width_km must be a list of 2"),
        ("geometry.half_width_km=[40,0]", "geometry.half_width_km must be .*got 0"),
        ("optim.optimiser.lr=-0.1", "optim.optimiser.lr must be .*got -0.1"),
        ("optim.scheduler.pct_start=2", "optim.scheduler.pct_start must be .*got 2"),
        ("validation.step_s=0", "validation.step_s must be .*got 0"),
        ("declare.evidence.agree_s=9", "agree_s < within_s is required"),
        ("preprocess.narrow.low_hz=9", "0 < low_hz < high_hz"),
        ("matching.epicentre_km=abc", "matching.epicentre_km must be a number, got 'abc'"),
        ("stations.count=[9,3]", "count"),
    ],
)
def test_values_that_no_training_can_have_name_the_key(override, message):
    with pytest.raises(ValueError, match=message):
        check_training(changed(composed("train", "experiment=smoke"), override))


@pytest.mark.parametrize(
    "options",
    [
        *({"precision": name} for name in ("bf16", 16, "32", "64-true", "bf16-true", None, "auto")),
        *({"gradient_clip_val": value} for value in (None, 0, 1e10, math.inf)),
    ],
)
def test_what_lightning_takes_passes(options):
    config = changed(composed("test", "ckpt=x"))
    check_test({**config, "trainer": {**config["trainer"], **options}})


def test_what_a_command_line_leaves_to_lightning_passes():
    check_test(resolved("test", "ckpt=x", "~trainer.precision", "trainer.gradient_clip_val=inf"))
    with pytest.raises(ValueError, match=r"trainer\.threads is missing"):
        check_test(resolved("test", "ckpt=x", "~trainer.threads"))


def test_an_optimiser_of_others_has_bounds_of_its_own(tmp_path):
    own = ("optim.optimiser._target_=users.Descent", "optim.optimiser.weight_decay=50")
    check_training(small_training(tmp_path, *own))
    with pytest.raises(ValueError, match=r"optim\.optimiser\.weight_decay must be .*got 50"):
        check_training(small_training(tmp_path, own[1]))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("windows.step_s=0", "windows.step_s must be a number from 0.01 to 600, got 0"),
        ("packet_s=0", "packet_s must be a number from 0.01 to 86400, got 0"),
        ("latency_s=31", "latency_s must be a number from 0 to 30, got 31"),
        ("trainer.threads=-1", "trainer.threads must be a whole number from 1 to 1024, got -1"),
        ("windows.table.step_km=0", "windows.table.step_km must be a number from 0.01 to 1000, got 0"),
        ("windows.table.depth=3", "windows.table.depth is unknown"),
        ("declare.evidence.within_s=0", "within_s"),
    ],
)
def test_impossible_tests_name_the_key(override, message):
    cfg = composed("test", "ckpt=x", "declare=migration")
    check_test(changed(cfg))
    with pytest.raises(ValueError, match=message):
        check_test(changed(cfg, override))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("site_scores.shaking.rule.levels=[3.5,2.5]", r"levels must rise, one at least: \[3.5, 2.5\]"),
        ("site_scores.shaking.rule.levels=[]", "levels must rise, one at least"),
        ("site_scores.shaking.plum.radius_km=0", "plum.radius_km must be .*got 0"),
        ("site_scores.rule.ahead_s=-1", "ahead_s must be .*got -1"),
        ("site_scores.observe.stale_s=0", "observe.stale_s must be .*got 0"),
        ("site_scores.observe.ground.otherwise_mps=5", "ground: otherwise_mps must be .*got 5"),
        (
            "site_scores.observe.ground.vs30_mps=null",
            r"observe\.ground\.vs30_mps must be a mapping, got None",
        ),
        ("site_scores.observe.ground=7", r"observe\.ground must be a mapping, got 7"),
        ("site_scores.shaking=null", r"site_scores\.shaking must be a mapping, got None"),
        (
            "site_scores.shaking.scale._target_=fcn.shaking.intensity.MercalliScale",
            "MercalliScale: what stations record is a JMA intensity.*take fcn.shaking.intensity.JmaScale",
        ),
    ],
)
def test_impossible_scores_of_sites_name_the_key(override, message):
    cfg = composed("test", "ckpt=x", "site_scores=stations")
    check_test(changed(cfg))
    with pytest.raises(ValueError, match=message):
        check_test(changed(cfg, override))


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ((), 8),
        (("trainer.accelerator=cpu", "trainer.devices=2"), 4),
        (TWO_NODES, 2),
        (("trainer.accelerator=cpu", "trainer.devices=auto"), 8),
        (("+trainer.accumulate_grad_batches=3",), 3),
        ((*TWO_NODES, "+trainer.accumulate_grad_batches=2"), 1),
        (("+trainer.limit_train_batches=3",), 3),
        (("+trainer.limit_train_batches=0.5",), 4),
    ],
)
def test_steps_are_counted_as_lightning_makes_them(tmp_path, options, steps):
    config = small_training(tmp_path, *LONG, *options, f"trainer.max_steps={steps}")
    assert optimiser_steps(config["trainer"], 8) == steps
    check_training(config)


def test_a_store_of_noise_that_is_not_there_is_missed_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="recorded_noise") as raised:
        check_training(resolved("train", "store=recorded_noise", f"cache={tmp_path}"))
    assert any("python -m fcn.build_store" in note for note in raised.value.__notes__)


def test_late_data_need_packets():
    with pytest.raises(ValueError, match=r"latency_s=1\.4 with packet_s=null would bring every trace after"):
        check_test(resolved("test", "ckpt=x", "packet_s=null", "latency_s=1.4"))
