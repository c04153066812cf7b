"""What a node of the configuration becomes, with and without objects of the run."""

import functools
import json
import os
import re
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf.errors import MissingMandatoryValue
from toy import resolved

from fcn.command_line import misplaced_choices, unknown_choices, unwritable_folder
from fcn.config import CONF_DIR, TAKES, MisfitError, build, factory, of_run, sweep_folder

WHOLE = {"_target_": "fractions.Fraction", "numerator": 3}
PARTIAL = {**WHOLE, "_partial_": True}


def test_a_node_is_built_whether_the_run_adds_to_it_or_not():
    assert build(WHOLE) == build(PARTIAL) == Fraction(3)
    assert build(PARTIAL, denominator=4) == Fraction(3, 4)
    assert build({"one": WHOLE, "two": [WHOLE]}) == {"one": Fraction(3), "two": [Fraction(3)]}
    assert build(None) is factory(None) is None


def test_a_factory_is_called_later():
    made = factory(PARTIAL)
    assert isinstance(made, functools.partial)
    assert made(denominator=2) == Fraction(3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: build(WHOLE, denominator=4),
            r"Fraction is to be given denominator .*_partial_: true",
        ),
        (
            lambda: build(PARTIAL, nominator=4),
            r"fractions.Fraction: .*unexpected .*'nominator'",
        ),
        (lambda: build({"_target_": "math.gcdx"}), "gcdx"),
        (lambda: build({"_target_": "re.compile", "_partial_": True}), r"re.compile: missing .*'pattern'"),
        (lambda: factory(WHOLE), r"fractions.Fraction .*_partial_: true"),
    ],
)
def test_what_does_not_fit_is_said_with_its_name(call, message):
    with pytest.raises(Exception, match=message) as raised:
        call()
    assert isinstance(raised.value, MisfitError) or "gcdx" in message


def test_of_a_file_that_is_missing_its_name_is_said(tmp_path):
    node = {"_target_": "builtins.open", "file": str(tmp_path / "token")}
    with pytest.raises(FileNotFoundError, match=r"token'$"):
        build(node)


def test_of_a_file_in_place_of_a_choice_the_choice_that_takes_it_is_said():
    for given, written in (
        ("velocity_model='my/a.nd'", "velocity_model=table velocity_model.path='my/a.nd'"),
        ("velocity_model=a.h5", "velocity_model=grid3d velocity_model.path=a.h5"),
        ("dataset=../own", "dataset=archive dataset.root=../own"),
    ):
        assert unknown_choices([given], CONF_DIR).endswith(f"write {written}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["sinks=[jsonl,jsnl]"], "sinks: there is no jsnl; known are cap, console, jsonl, mqtt"),
        (["sinks=[jsnl, console]"], "sinks: there is no jsnl; known are"),
        (["velocity_model=null"], "velocity_model=null is no choice; known are ak135, cus, "),
        (["velocity_model=~/a.tvel"], "velocity_model=~/a.tvel is a file or folder, and no choice"),
        (["velocity_model=a.h5"], "velocity_model=a.h5 is a file or folder, and no choice"),
        (["dataset=my/own"], "dataset=my/own is a file or folder, and no choice"),
        (["dataset=archive", "dataset.root=my/own", "velocity_model=iasp91", "store=my/own"], ""),
        (["site_warnings=null"], ""),
        (["sinks=[]", "sinks=[jsonl,mqtt]", "station_ids=[A.B]", "sinks.mqtt.host=a", "sinks=jsnl"], ""),
        (["hydra.searchpath=[file://mine]", "sinks=[mine]"], ""),
        (["+hydra.searchpath=[file://mine]", "sinks=[mine]"], ""),
    ],
)
def test_choices_that_there_are_not_are_said_with_those_that_there_are(given, said):
    assert unknown_choices(given, CONF_DIR).startswith(said)
    assert bool(unknown_choices(given, CONF_DIR)) == bool(said)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        (
            "monitor",
            ["ckpt=a", "source=knet"],
            "source=knet is for python -m fcn.build_store; python -m fcn.monitor",
        ),
        (
            "monitor",
            ["source=fdsn"],
            "source=fdsn is for python -m fcn.build_sequence; python -m fcn.monitor takes ",
        ),
        (
            "build_store",
            ["source=[archive,seedlink]"],
            "source=seedlink is for python -m fcn.monitor; python -m fcn.",
        ),
        (
            "build_sequence",
            ["source=archive"],
            "source=archive is for python -m fcn.build_store; python -m fcn.build_s",
        ),
        ("monitor", ["source=seedlink", "source.root=knet", "declare=fdsn", "source=mine"], ""),
        ("build_store", ["source=[archive,knet]"], ""),
        ("build_sequence", ["source=fdsn", "source.client=knet"], ""),
        ("test", ["source=knet"], ""),
        ("monitor", ["source=knet", "--config-dir=mine"], ""),
    ],
)
def test_what_is_for_another_command_is_said_to_be(name, given, said):
    found = misplaced_choices(name, given, TAKES)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_every_source_is_for_some_command():
    files = {path.stem for path in (CONF_DIR / "source").glob("*.yaml")}
    assert files == {each for groups in TAKES.values() for each in groups["source"]}


@pytest.mark.parametrize(
    ("name", "given", "key"),
    [
        ("train", [], "hydra.run.dir"),
        ("test", ["-m", "seed=1,2"], "hydra.sweep.dir"),
        ("test", ["hydra.run.dir='logs/${name}'"], "hydra.run.dir"),
        ("build_store", ["hydra.run.dir=/dev/null/mine"], "hydra.run.dir"),
        ("train", ["hydra.run.dir=fine/${name}"], None),
        ("train", ["--cfg", "job"], None),
        ("status", [], None),
    ],
)
def test_where_no_run_can_be_put_its_key_is_said(tmp_path, monkeypatch, name, given, key):
    """Hydra makes the folder before the command begins, and names no key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").write_text("a file")
    said = unwritable_folder(name, given, CONF_DIR)
    assert bool(said) == bool(key)
    assert f"say which with {key}=FOLDER" in said or key is None


def test_a_folder_that_may_not_be_written_to_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    access = os.access  # to root everything is open
    monkeypatch.setattr("os.access", lambda place, mode: mode == os.F_OK and access(place, mode))
    assert unwritable_folder("monitor", ["folder=state"], CONF_DIR).startswith(
        f"{tmp_path} is no folder that can be"
    )
    for name in ("status", "check", "export", "ship"):  # these leave nothing there
        assert unwritable_folder(name, ["folder=state"], CONF_DIR) == ""


@pytest.mark.parametrize(
    ("entry", "overrides", "key"),
    [
        ("status", [], "folder"),
        ("check", [], "folder"),
        ("monitor", ["source=directory", "source.root=x"], "ckpt"),
        ("test", ["dataset=smoke"], "ckpt"),
        ("ship", ["ckpt=x"], "out"),
        ("export", ["out=x"], "ckpt"),
    ],
)
def test_what_has_to_be_said_and_is_not_is_named(entry, overrides, key):
    with pytest.raises(MissingMandatoryValue, match=f"Missing mandatory value: {key}"):
        resolved(entry, *overrides)


def test_a_resumed_sweep_is_the_last_one_of_the_same_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begun = {"1": ["seed=1,2"], "2": ["seed=1,2"], "10": ["seed=1,2", "resume=true"], "11": ["seed=1,3"]}
    for name, broken in (("0", ""), ("12", "hydra: [")):  # a disk was full
        (tmp_path / "logs" / f"sweep-{name}").mkdir(parents=True)
        (tmp_path / "logs" / f"sweep-{name}" / "multirun.yaml").write_text(broken)
    for name, task in begun.items():
        (tmp_path / "logs" / f"sweep-{name}").mkdir(parents=True)
        said = {"hydra": {"overrides": {"task": task}}}
        (tmp_path / "logs" / f"sweep-{name}" / "multirun.yaml").write_text(json.dumps(said))  # JSON is YAML
    assert sweep_folder(True, ["seed=1,2", "resume=true"]) == "logs/sweep-10"
    assert sweep_folder("logs/sweep-1", ["seed=5"]) == "logs/sweep-1"
    assert re.fullmatch(r"logs/sweep-\d{8}-\d{6}", sweep_folder(None, ["seed=1,2"]))
    with pytest.raises(ValueError, match=r"resume=true: no sweep in .*logs was begun with seed=4"):
        sweep_folder(True, ["seed=4", "resume=true"])
    with pytest.raises(FileNotFoundError, match="no sweep folder at logs/none"):
        sweep_folder("logs/none", [])


def test_a_resumed_sweep_is_one_in_which_a_job_was_begun_if_any_is(tmp_path, monkeypatch):
    """What was stopped before its first job would be begun anew, and what was done elsewhere done twice."""
    monkeypatch.chdir(tmp_path)
    for name in ("1", "2", "3"):
        (tmp_path / "logs" / f"sweep-{name}" / "0").mkdir(parents=True)
        said = {"hydra": {"overrides": {"task": ["seed=1,2"]}}}
        (tmp_path / "logs" / f"sweep-{name}" / "multirun.yaml").write_text(json.dumps(said))
    assert sweep_folder(True, ["seed=1,2"]) == "logs/sweep-3"
    (tmp_path / "logs" / "sweep-1" / "0" / ".hydra").mkdir()
    assert sweep_folder(True, ["seed=1,2"]) == "logs/sweep-1"
    (tmp_path / "logs" / "sweep-2" / "0" / ".hydra").mkdir()
    assert sweep_folder(True, ["seed=1,2"]) == "logs/sweep-2"


def running(mode: RunMode, folder: Path, **choices: str) -> SimpleNamespace:
    """What Hydra knows of a job of `fcn.test` in a folder."""
    return SimpleNamespace(
        mode=mode,
        job=SimpleNamespace(config_name="test"),
        runtime=SimpleNamespace(output_dir=str(folder), choices={"experiment": None, **choices}),
    )


def test_a_job_of_a_sweep_has_its_group_and_an_id_that_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)

    def named(mode: RunMode, folder: Path, **choices: str) -> list:
        monkeypatch.setattr(HydraConfig, "get", lambda: running(mode, folder, **choices))
        return [of_run(what) for what in ("group", "job_type", "name", "tags")]

    job = tmp_path / "sweep-1" / "3"
    swept = named(RunMode.MULTIRUN, job, sweep="seeds", dataset="smoke")
    assert swept == ["seeds-sweep-1", "test", "sweep-1/3", ["sweep:seeds", "dataset:smoke"]]
    first = of_run("id")
    assert named(RunMode.MULTIRUN, tmp_path / "sweep-1" / "4")[0] == "sweep-1"
    assert of_run("id") != first
    named(RunMode.MULTIRUN, tmp_path / "sweep-1" / "other" / ".." / "3")
    assert of_run("id") == first
    assert named(RunMode.RUN, tmp_path / "a") == [None, "test", "a", []]
    assert of_run("id") is None


def test_outside_of_a_command_nothing_is_named(monkeypatch):
    monkeypatch.setattr(HydraConfig, "initialized", lambda: False)
    assert [of_run(what) for what in ("group", "job_type", "name", "id", "tags")] == [None] * 4 + [[]]
