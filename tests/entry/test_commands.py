"""The command lines of the README, on small data: training and testing in processes of their own."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from command_lines import SHORT_SEQUENCE, TINY, run

from fcn.checkpoint import file_digest
from fcn.planned import planned_jobs

# of Lightning and W&B, and warnings that a user can do nothing about
ADVERTS = re.compile(r"Tip:|litlogger|litmodels|wandb: .*|GPU available|LeafSpec|logging interval")


@pytest.fixture(scope="module")
def sweep(toy_store, tmp_path_factory) -> Path:
    """The folder of a two-job sweep over seeds."""
    cwd = tmp_path_factory.mktemp("sweep")
    output = run("fcn.train", "-m", *TINY, f"store.path={toy_store}", "seed=1,2", cwd=cwd)
    assert not ADVERTS.findall(output), output
    assert len(re.findall(r"best checkpoint: val/\w+ = .*best.ckpt", output)) == 2
    (folder,) = (cwd / "logs").glob("sweep-*")
    return folder


def test_a_multirun_puts_its_jobs_into_one_folder(sweep):
    jobs = sorted(path.name for path in sweep.iterdir() if path.is_dir())
    assert jobs == ["0", "1"]
    manifests = [json.loads((sweep / job / "manifest.json").read_text()) for job in jobs]
    assert [m["config"]["seed"] for m in manifests] == [1, 2]
    assert [m["overrides"][-1] for m in manifests] == ["seed=1", "seed=2"]
    assert planned_jobs(sweep) == [m["overrides"] for m in manifests]
    for job in jobs:
        assert (sweep / job / "checkpoints" / "last.ckpt").is_file()
        assert list((sweep / job / "pictures").glob("step-*-0.png"))


def test_a_sweep_is_compared_on_one_page(sweep, tmp_path, call):
    call("fcn.report.__main__", f"sweep={sweep}", f"out={tmp_path}")
    assert list(tmp_path.glob("*.html"))
    assert list(tmp_path.glob("*.csv"))


def test_a_checkpoint_is_tested_on_a_sequence(sweep, tmp_path):
    ckpt = sweep / "0" / "checkpoints" / "last.ckpt"
    output = run("fcn.test", f"ckpt={ckpt}", *SHORT_SEQUENCE, cwd=tmp_path)
    assert not ADVERTS.findall(output), output
    (folder,) = (tmp_path / "logs").glob("test-smoke-*")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["simulated"] is True
    assert metrics["n_catalogued"] == 1
    tables = ("catalogue.csv", "updates.csv", "magnitude_by_class.csv")
    for name in (*tables, "catalogue.xml", "report.html", "manifest.json"):
        assert (folder / name).is_file()
    assert json.loads((folder / "manifest.json").read_text())["checkpoint_digest"] == file_digest(ckpt)
    assert re.search(r"found of catalogued +\d of 1 = ", output)
    assert "Wei et al. 2026" in output
    assert "simulated" in output


def test_warnings_of_stations_are_scored_on_a_sequence(tmp_path):
    given = ("site_scores=stations", "site_scores.shaking.rule.levels=[0.5,2.5]")  # its earthquake is small
    output = run("fcn.test", "ckpt=generalized", *SHORT_SEQUENCE, *given, cwd=tmp_path)
    (folder,) = (tmp_path / "logs").glob("test-smoke-*")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n_sites"] + metrics["n_sites_clipped"] == 8
    with (folder / "sites.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["intensity"]) == 0.5]
    counted = Counter(row["verdict"] for row in rows)
    assert rows
    for verdict, name in (("in time", "in_time"), ("late", "late"), ("missed", "missed"), ("over", "over")):
        assert metrics[f"site_n_{name}_at_0.5"] == counted[verdict]
    assert metrics["site_n_shaken_at_0.5"] == len(rows) - counted["over"]
    assert "Warnings of sites" in (folder / "report.html").read_text()
    assert "warnings of sites" in output


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("fcn.train", ("experiment=smoke", "trainer.max_stepz=3"), "max_stepz"),
        ("fcn.train", ("experiment=nonesuch",), "nonesuch"),
        ("fcn.train", ("experiment=smoke", "store.path=nowhere"), "no base store at nowhere"),
        ("fcn.test", ("ckpt=nowhere",), "no checkpoint at nowhere"),
        ("fcn.build_grid", ("out=.",), "remove it"),
        ("fcn.export", ("ckpt=nowhere", "out=x"), "no checkpoint at nowhere"),
        ("fcn.test", ("ckpt=lite", "backend=onnx"), "backend.root"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(command, arguments, message, call, capsys):
    with pytest.raises(SystemExit) as ended:
        call(command, *arguments)
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


HEAVY = ("lightning", "torch", "wandb", "obspy", "matplotlib")  # seconds to import


LIGHT = ("train", "test", "monitor", "export", "ship", "build_store", "status", "check", "merge", "report")


def test_help_and_completion_import_nothing_that_takes_seconds():
    """One process asks every command for both: each ends with SystemExit or returns."""
    script = f"""
import contextlib, io, json, runpy, sys
told = {{}}
for command in {LIGHT}:
    for argument in ("--help", "--shell-completion=query=bash"):
        sys.argv = [command, *argument.split("=", 1)]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
            runpy.run_module("fcn." + command, run_name="__main__")
        if argument == "--help":
            told[command] = out.getvalue()
print(json.dumps([told, [name for name in {HEAVY} if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told, imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == []
    for command in LIGHT:
        assert f"# python -m fcn.{command}" in told[command]
    assert "source=directory, replay, seedlink\n" in told["monitor"]  # a choice that is still to be made
    assert "smoke_validation" in told["test"]
