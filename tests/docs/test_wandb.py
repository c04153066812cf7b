"""docs/wandb.md reads an offline run as it says."""

from documents import ROOT, python_blocks
from offline_run import reader

from fcn.callbacks.run_log import RunLog

PAGE = (ROOT / "docs" / "wandb.md").read_text("utf-8")


def test_its_loop_finds_runs_and_what_was_not_found(offline_run, monkeypatch, capsys):
    monkeypatch.chdir(offline_run.parents[3])
    exec(python_blocks(PAGE)[1], reader())
    assert capsys.readouterr().out.splitlines() == ["test-made 0.5 3.25", "['b']"]


def test_its_curves_are_what_was_logged(offline_run):
    logged = reader()["curves_of"](offline_run)
    assert [each["val/loss"] for each in logged if "val/loss" in each] == [0.5]


def test_the_logger_it_speaks_of_is_the_one_of_the_configuration():
    text = (ROOT / "conf" / "logger" / "default.yaml").read_text("utf-8")
    assert f"{RunLog.__module__}.{RunLog.__name__}" in text
    for key in ("offline", "checkpoints"):
        assert f"logger.wandb.{key}" in PAGE
        assert f"\n  {key}:" in text
