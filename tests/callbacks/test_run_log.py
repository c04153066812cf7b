"""What a run tells Weights & Biases: names, figures, events, pictures, checkpoints; and no credentials."""

import json

import pytest
from lightning.pytorch.loggers import CSVLogger
from offline_run import EVENTS, SCORE, TOKEN, reader
from toy import resolved

from fcn.callbacks.run_log import RunLog, given, run_logs


@pytest.fixture(scope="module")
def records(offline_run) -> list[dict]:
    return reader()["records_of"](offline_run)


@pytest.fixture(scope="module")
def known(offline_run) -> dict:
    return reader()["summary_of"](offline_run)


def of_type(records: list[dict], name: str) -> list[dict]:
    return [each[name] for each in records if each["type"] == name]


def test_a_run_says_what_it_is(records, known):
    run = of_type(records, "run")[0]
    assert (run["run_id"], run["run_group"], run["job_type"]) == ("abc", "a-sweep", "test")
    assert (run["project"], run["tags"]) == ("fcn", ["dataset:smoke"])
    assert known["config"]["packet_s"] == 1.0
    assert known["config"]["given"] == {
        "ckpt": "generalized",
        "subset/n_stations": 6,
        "stations/count": "[4,4]",
    }
    assert known["config"]["manifest"]["git"]["commit"] == "abc"
    assert known["config"]["manifest"]["checkpoint"] == {"store_digest": "def"}


def test_its_summary_has_the_names_and_values_of_metrics_json(known):
    assert {name: known["summary"].get(name) for name in SCORE} == SCORE
    assert known["summary"]["twin/recall"] == 0.25


def test_one_run_was_gone_on_with(offline_run, records):
    assert [each.name for each in offline_run.parent.glob("*run-*")] == [offline_run.name]
    assert any(each.get("val/loss") == 0.5 for each in (item["item"] for item in of_type(records, "history")))


def test_its_table_has_each_event_with_its_errors(offline_run):
    assert reader()["table_of"](offline_run, "events") == [each.as_row() for each in EVENTS]


def test_its_pictures_are_the_figures_of_the_folder(offline_run, known):
    kept = offline_run / "files" / known["summary"]["figures/map"]["path"]
    assert kept.read_bytes() == (offline_run.parents[1] / "figures" / "map.png").read_bytes()


def test_its_checkpoint_is_an_artifact_where_it_lies(offline_run, records):
    (made,) = [each for each in of_type(records, "artifact") if each["type"] == "model"]
    (file,) = made["manifest"]["contents"]
    assert (file["path"], file["local_path"]) == ("best.ckpt", str(offline_run.parents[1] / "best.ckpt"))


def test_checkpoints_stay_here_unless_they_are_asked_for(tmp_path):
    options = resolved("test", "ckpt=a")["logger"]["wandb"]
    assert (options["offline"], options["checkpoints"]) == (True, False)
    log = RunLog(str(tmp_path), checkpoints=False, offline=True)
    log.keep(tmp_path / "none.ckpt")
    assert log._experiment is None  # nothing was begun for it


def test_no_credentials_are_in_any_file_of_a_run(offline_run):
    """Neither the key that the process had nor the token in the address of the checkout's remote."""
    files = [path for path in offline_run.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".wandb", ".log", ".json", ".txt"}
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_values_of_the_command_line_are_told_by_their_keys():
    overrides = ["arch=lite", "+a.b=1.5", "seed=2", "c=true", "~validation.sequences.smoke", "d=[1,2]"]
    assert given(overrides) == {
        "arch": "lite",
        "a/b": 1.5,
        "seed": 2,
        "c": "true",
        "~validation/sequences/smoke": "",
        "d": "[1,2]",
    }
    assert type(given(["seed=2"])["seed"]) is int


def test_other_loggers_are_left_alone(tmp_path):
    assert run_logs([CSVLogger(str(tmp_path))]) == []
    assert json.dumps(resolved("train")["logger"])  # outside of a command there is nothing to name
