"""`experiments/dashboards`: the workspace of every sweep asks for what runs tell, by the same names."""

import importlib.util
import json
import warnings
from types import ModuleType

import numpy as np
import pytest
from documents import ROOT

from fcn.callbacks.run_log import given
from fcn.config import CONF_DIR
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import score_sequence
from fcn.metrics.watched import Watched

SWEEPS = sorted(path.stem for path in (CONF_DIR / "sweep").glob("*.yaml"))
WITHOUT_TRAINING = {"alarm_rules", "crust_mismatch", "data_latency", "fewer_stations"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if importlib.util.find_spec("wandb_workspaces") is None:
        pytest.skip("pip install -e '.[dashboards]'")
    path = ROOT / "experiments" / "dashboards" / "comparison.py"
    spec = importlib.util.spec_from_file_location("dashboards", path)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # wandb-workspaces 0.4 with pydantic 2
        spec.loader.exec_module(module)
    return module


def built(script: ModuleType, name: str, **asked: str) -> dict:
    """The part of the specification that is ours."""
    question = script.Question.read(name)
    workspace = script.comparison(question, entity="a", project="fcn", **asked)
    return json.loads(json.dumps(script.specification(workspace)))["spec"]["section"]


def by_section(section: dict) -> dict[str, list[dict]]:
    return {each["name"]: each["panels"] for each in section["panelBankConfig"]["sections"]}


@pytest.mark.parametrize("name", SWEEPS)
def test_panels_ask_for_figures_and_keys_that_runs_have(script, name):
    sequence = {} if name in WITHOUT_TRAINING else {"sequence": "kumamoto"}
    prefix = "kumamoto/" if sequence else ""
    figures = score_sequence(
        [],
        None,
        Watched(((0.0, 60.0),)),
        np.zeros(0),
        tolerance=MatchTolerance(4.0, 25.0, 1.0),
        simulated=True,
    )
    keys = {f"given.value.{key}" for key in given(f"{key}=1" for key in script.Question.read(name).swept)}
    sections = by_section(built(script, name, **sequence))
    for title in ("Recall", "Latency", "RMSE", "Calibration"):
        bars = [each["config"] for each in sections[title] if each["viewType"] == "Bar Chart"]
        dots = [each["config"] for each in sections[title] if each["viewType"] == "Scatter Plot"]
        assert bars
        assert {metric for each in bars for metric in each["metrics"]} <= {prefix + each for each in figures}
        assert {each["groupBy"] for each in bars} <= keys
        assert {each["yAxis"] for each in dots} <= {f"summary:{prefix}{each}" for each in figures}
        assert {each["xAxis"] for each in dots} <= {f"config:{key}" for key in keys}
    assert ("Curves" in sections) == bool(sequence)


def test_numbers_are_axes_and_repeats_are_not(script):
    stations = by_section(built(script, "fewer_stations"))["Recall"]
    assert [each["viewType"] for each in stations] == 2 * ["Bar Chart", "Scatter Plot"]
    assert stations[0]["config"]["groupBy"] == "given.value.subset/n_stations"
    crusts = by_section(built(script, "crust_mismatch"))["Recall"]
    assert {each["viewType"] for each in crusts} == {"Bar Chart"}
    assert script.Question.read("seeds").axes == ["seed"]  # there is nothing else


def test_runs_are_those_of_the_sweep(script):
    def chosen(**asked: str) -> dict:
        (one,) = built(script, "seeds", **asked)["runSets"][0]["filters"]["filters"]
        return {"key": one["key"]["name"], "op": one["op"], "value": one["value"]}

    assert chosen() == {"key": "tags", "op": "IN", "value": ["sweep:seeds"]}
    group = "seeds-sweep-20261126-120000"
    assert chosen(group=group) == {"key": "group", "op": "=", "value": group}


def test_curves_are_those_of_trainings(script):
    lines = [each["config"] for each in by_section(built(script, "seeds", sequence="v0"))["Curves"]]
    assert [each["metrics"] for each in lines] == [[name] for name in script.CURVES]
    assert {each["xAxis"] for each in lines} == {"trainer/global_step"}


def test_the_command_writes_what_it_would_send(script, tmp_path, monkeypatch, capsys):
    path = tmp_path / "comparison.json"
    monkeypatch.setattr("sys.argv", ["comparison.py", "seeds", "--sequence", "v0", "--out", str(path)])
    script.main()
    assert json.loads(path.read_text())["displayName"].startswith("How much of a difference")
    monkeypatch.setattr("sys.argv", ["comparison.py", "seeds"])
    with pytest.raises(SystemExit):
        script.main()
    assert "--out FILE" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="no sweep 'nonesuch' in conf/sweep, which has alarm_rules"):
        script.Question.read("nonesuch")
