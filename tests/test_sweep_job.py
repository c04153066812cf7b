import json

import pytest
import torch
from toy import resolved

from fcn import sweep_job
from fcn.assemble import stated_layers
from fcn.checkpoint import file_digest
from fcn.config import TOP_LEVEL
from fcn.preflight import check_test
from fcn.run_folder import noted
from fcn.sweep_job import run_once, train_and_score

CONFIG = {
    "seed": 1,
    "ckpt": None,
    "resume": None,
    "cache": "nowhere",
    "matching": {},
    "budget": {"minutes": None, "sequences": None},
    "logger": {},
    "trainer": {"max_steps": 4, "threads": 1, "devices": 2, "strategy": "ddp"},
    "evaluation": {
        "sequences": {"v0": {"name": "validation-0"}, "twin": {"name": "kumamoto"}},
        "crusts": {"stated": None},
        "test": {"reading": {}, "trainer": {"precision": "32-true"}},
    },
}


def began(folder, config=CONFIG, overrides=("seed=1",), **more):
    folder.mkdir(parents=True, exist_ok=True)
    made = {"config": config, "overrides": list(overrides), **more}
    (folder / "manifest.json").write_text(json.dumps(made))


def once(folder, work, *, config=CONFIG, overrides=("seed=1",), resume=True):
    return run_once(config, folder, list(overrides), work, resume=resume)


def never():
    raise AssertionError("it was done already")


def test_what_is_done_is_not_done_again_and_returns_the_same(tmp_path):
    began(tmp_path)
    assert once(tmp_path, lambda: 0.25) == 0.25
    assert once(tmp_path, never) == 0.25
    assert once(tmp_path, lambda: 0.5, resume=False) == 0.5
    with pytest.raises(AssertionError):
        once(tmp_path, never, resume=False)
    assert once(tmp_path, lambda: 1.0) == 1.0  # what it returned before it was begun anew is gone
    assert "max_steps: 4" in (tmp_path / "config.yaml").read_text()


def test_a_failure_stands_beside_the_job_until_it_is_done(tmp_path):
    with pytest.raises(AssertionError):
        once(tmp_path, never)
    assert "it was done already" in (tmp_path / "failure.txt").read_text()
    assert not (tmp_path / "done.json").exists()
    once(tmp_path, lambda: 1.0)
    assert not (tmp_path / "failure.txt").exists()


def test_a_job_of_another_configuration_is_refused(tmp_path):
    began(tmp_path)
    with pytest.raises(ValueError, match=r"another configuration, seed=1, not seed=2: resume .* the command"):
        once(tmp_path, never, overrides=["seed=2"])
    with pytest.raises(ValueError, match=r"what has changed since is in trainer \(manifest\.json\)"):
        once(tmp_path, never, config={**CONFIG, "trainer": {"max_steps": 8}})
    resumed = {**CONFIG, "resume": True, "ckpt": "checkpoints/last.ckpt"}
    assert once(tmp_path, lambda: 2.0, config=resumed) == 2.0


def test_a_job_of_another_checkpoint_of_the_same_name_is_refused(tmp_path):
    ckpt, elsewhere = tmp_path / "my.ckpt", tmp_path / "elsewhere.ckpt"
    ckpt.write_bytes(b"one")
    elsewhere.write_bytes(b"one")
    config, folder = {**CONFIG, "ckpt": str(ckpt)}, tmp_path / "0"
    began(folder, config, checkpoint_digest=file_digest(ckpt))
    assert once(folder, lambda: 1.0, config=config) == 1.0
    ckpt.write_bytes(b"another")
    with pytest.raises(
        ValueError, match=r"0 holds a job of another checkpoint: .*my\.ckpt is another one since"
    ):
        once(folder, never, config=config)
    assert once(folder, never, config={**config, "ckpt": str(elsewhere)}) == 1.0


def test_a_job_of_a_velocity_table_that_was_edited_is_refused(tmp_path):
    table, folder = tmp_path / "mine.csv", tmp_path / "0"
    table.write_text("depth_km,vp_kmps,vs_kmps\n0,5.0,2.9\n10,6.0,3.5\n")
    given = resolved("test", "ckpt=x", "velocity_model=table", f"velocity_model.path={table}")[
        "velocity_model"
    ]
    given["rows"] = "layers"
    config = {**CONFIG, "velocity_model": given}
    began(folder, {**config, "velocity_model": stated_layers(given)})
    assert once(folder, lambda: 1.0, config=config) == 1.0
    table.write_text("depth_km,vp_kmps,vs_kmps\n0,4.0,2.3\n10,6.0,3.5\n")
    with pytest.raises(
        ValueError, match=r"another configuration: what has changed since is in velocity_model"
    ):
        once(folder, never, config=config)


@pytest.fixture
def called(monkeypatch):
    """What trainings and tests were asked for; nothing is trained."""
    calls = []

    def train(config, folder, overrides):
        calls.append(("train", config["ckpt"]))
        write_checkpoints(folder, 4)
        return 0.75

    def test(config, folder, overrides):
        calls.append(("test", config["name"]))
        began(folder, config, overrides)
        if config["name"] == "twin" and calls.count(("test", "twin")) == 1:
            raise KeyboardInterrupt
        return {"recall": 0.5}

    monkeypatch.setattr(sweep_job, "train", train)
    monkeypatch.setattr(sweep_job, "test", test)
    return calls


def write_checkpoints(folder, step):
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    kept = {"ModelCheckpoint{'monitor': 'val/f1'}": {"best_model_score": torch.tensor(0.75)}}
    content = {"global_step": step, "callbacks": kept, "state_dict": {}, "fcn": {"config": {}}}
    for name in ("last", "best"):
        torch.save(content, folder / "checkpoints" / f"{name}.ckpt")


def test_an_interrupted_job_goes_on_where_it_was(tmp_path, called):
    """Killed in the second of two sequences: resumed, neither the training nor the first is done again."""
    with pytest.raises(KeyboardInterrupt):
        train_and_score(CONFIG, tmp_path, [], resume=False)
    assert called == [("train", None), ("test", "v0"), ("test", "twin")]
    called[:] = [("test", "twin")]
    assert train_and_score(CONFIG, tmp_path, [], resume=True) == 0.75
    assert called[1:] == [("test", "twin")]
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "v0": {"recall": 0.5},
        "twin": {"recall": 0.5},
    }
    made = json.loads((tmp_path / "scores" / "v0" / "manifest.json").read_text())["config"]
    assert made["ckpt"] == str(tmp_path / "checkpoints" / "best.ckpt")
    assert made["trainer"] == {"max_steps": 4, "threads": 1, "devices": 1, "precision": "32-true"}


def test_a_training_goes_on_from_its_last_checkpoint(tmp_path, called):
    called.append(("test", "twin"))
    write_checkpoints(tmp_path, 2)
    train_and_score(CONFIG, tmp_path, [], resume=True)
    assert called[1] == ("train", str(tmp_path / "checkpoints" / "last.ckpt"))
    called[1:] = []
    train_and_score(CONFIG, tmp_path / "other", [], resume=True)
    assert called[1] == ("train", None)


def test_a_job_is_scored_on_what_its_budget_says_in_every_crust(tmp_path, called):
    called.append(("test", "twin"))
    crusts = {"stated": None, "slow": {"factor": 0.9}}
    config = {
        **CONFIG,
        "budget": {"minutes": 10.0, "sequences": ["v0"]},
        "evaluation": {**CONFIG["evaluation"], "crusts": crusts},
    }
    train_and_score(config, tmp_path, [], resume=False)
    assert called[2:] == [("test", "v0-in-stated"), ("test", "v0-in-slow")]
    made = json.loads((tmp_path / "scores" / "v0-in-slow" / "manifest.json").read_text())["config"]
    assert made["velocity_model"] == {"factor": 0.9}
    assert set(json.loads((tmp_path / "metrics.json").read_text())) == {"v0-in-stated", "v0-in-slow"}


def test_a_sequence_that_is_not_there_is_refused_before_anything_is_trained(tmp_path, called):
    config = {**CONFIG, "budget": {"minutes": None, "sequences": ["v0", "v7"]}}
    with pytest.raises(ValueError, match=r"budget\.sequences names v7, .* one of v0, twin"):
        train_and_score(config, tmp_path, [], resume=False)
    assert called == []
    nothing = {**config, "evaluation": {**CONFIG["evaluation"], "sequences": {}}}
    train_and_score(nothing, tmp_path, [], resume=False)


def test_what_a_job_is_scored_by_is_a_whole_configuration_of_a_test(tmp_path, called):
    """Keys that fcn.test has come to need are missing nowhere."""
    config = resolved("train", "experiment=lite", "budget=short")
    train_and_score(config, tmp_path, [], resume=False)
    made = json.loads((tmp_path / "scores" / "v0" / "manifest.json").read_text())["config"]
    assert set(made) == {*TOP_LEVEL["test"].split()} - {"resume"}
    check_test(made)
    given = resolved("test", "ckpt=x")
    for key in ("windows", "subset"):
        assert set(made[key]) == set(given[key])


def test_what_goes_wrong_before_a_job_begins_is_noted_too(tmp_path):
    with pytest.raises(ZeroDivisionError), noted(tmp_path / "0"):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in (tmp_path / "0" / "failure.txt").read_text()


def test_a_job_is_scored_with_what_a_test_is_configured_with(tmp_path, monkeypatch):
    """Every key of conf/test.yaml, with its value there unless the training has one."""
    asked = []
    monkeypatch.setattr(sweep_job, "train", lambda *_: 0.0)
    monkeypatch.setattr(sweep_job, "test", lambda config, *_: asked.append(config) or {})
    config = resolved("train", "experiment=smoke", "+dataset@evaluation.sequences.s=smoke", "logger=csv")
    train_and_score(config, tmp_path, [], resume=False)
    tested = resolved("test", "ckpt=a", "dataset=smoke")
    assert set(asked[0]) == set(tested) - {"resume"}
    same = set(tested) - {"resume", "name", "ckpt", "logger", "trainer"}
    assert {key: asked[0][key] for key in same} == {key: tested[key] for key in same}
    assert asked[0]["trainer"]["precision"] == tested["trainer"]["precision"]
