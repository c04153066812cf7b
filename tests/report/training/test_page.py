"""The page of one training: curves of what its log holds, whether it has finished or not."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn.report import __main__ as command
from fcn.report.training.curves import Curve, read_curves, training_figure
from fcn.report.training.page import validation_table, write_run_report

TRAINED = [
    {"step": 10 * i - 1, "train/loss": 9 / i, "train/location": 5 / i, "train/widened": 0.1}
    for i in range(1, 41)
]
VALIDATED = [
    {"step": 199, "val/loss": 2.5, "val/location": 1.5, "val/f1": 0.4, "val/epicentre_p50_km": 3.0},
    {"step": 399, "val/loss": 2.0, "val/location": 1.2, "val/f1": 0.6, "val/epicentre_p50_km": 2.0},
]


def write_log(run: Path, rows: list[dict]) -> Path:
    """The CSV log of a training."""
    path = run / "csv" / "metrics.csv"
    path.parent.mkdir(parents=True)
    columns = list(dict.fromkeys(["epoch", "lr-AdamW", "step", *(name for row in rows for name in row)]))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerow({"lr-AdamW": 1e-3, "step": 0})
        writer.writerows({"epoch": 0} | row for row in rows)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return write_log(tmp_path_factory.mktemp("logs") / "smoke-20261124-101112", [*TRAINED, *VALIDATED])


@pytest.fixture(scope="module")
def curves(run) -> dict[str, Curve]:
    return read_curves(run)


def titles(curves) -> dict:
    return {axes.get_title("left")[3:]: axes for axes in training_figure(curves).axes if axes.axison}


def test_curves_hold_the_points_that_were_logged(curves):
    np.testing.assert_array_equal(curves["val/f1"].steps, [200, 400])
    np.testing.assert_array_equal(curves["val/f1"].values, [0.4, 0.6])
    assert len(curves["train/loss"].steps) == 40
    assert "epoch" not in curves


def test_a_panel_a_loss_and_one_for_each_error_there_is(curves):
    panels = titles(curves)
    assert list(panels) == [
        "loss, weighted sum",
        "loss: location",
        "F1 of the sequences",
        "epicentre error (km)",
    ]
    by_label = {line.get_label(): line for line in panels["loss: location"].lines}
    np.testing.assert_allclose(by_label["training"].get_ydata(), [5 / i for i in range(1, 41)])
    np.testing.assert_allclose(by_label["validation"].get_ydata(), [1.5, 1.2])
    assert by_label["validation"].get_marker() == "o"


def test_axes_hold_all_validations_and_not_the_first_leap(curves):
    leap = curves["train/loss"]
    values = np.where(np.arange(len(leap.values)) == 0, 1e6, leap.values)
    panels = titles(dict(curves) | {"train/loss": Curve(np.arange(2000.0), np.tile(values, 50)[:2000])})
    low, high = panels["loss, weighted sum"].get_ylim()
    assert low < 0.3
    assert high > 2.5
    f1 = panels["F1 of the sequences"].get_ylim()
    assert f1[0] <= 0
    assert f1[1] > 0.6


def test_the_running_mean_smooths_without_moving():
    steps = np.arange(200.0)
    noise = np.random.default_rng(0).standard_normal(200)
    off = Curve(steps, steps + noise).smooth() - steps
    assert np.abs(off[20:-20]).max() < 1.0
    assert np.std(off[20:-20]) < 0.5 * np.std(noise)
    np.testing.assert_allclose(Curve(steps[:3], steps[:3]).smooth(), steps[:3])
    np.testing.assert_allclose(Curve(steps, np.full(200, 2.0)).smooth(), 2.0)


def test_the_table_has_a_row_a_validation(curves):
    table = validation_table("x", curves)
    assert table.header == ("step", "loss", "F1", "epicentre p50 (km)")
    assert table.rows == (("200", "2.500", "0.400", "3.000"), ("400", "2.000", "0.600", "2.000"))


def test_the_command_writes_the_page(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fcn-report", f"run={run}", f"out={tmp_path / 'page'}"])
    command.main()
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "Training smoke-20261124-101112" in page
    assert "400 optimiser steps so far, 2 validations" in page
    assert page.count('src="data:image/png') == 1
    assert (tmp_path / "page" / "figures" / "curves.png").read_bytes()[1:4] == b"PNG"
    assert "0.600" in capsys.readouterr().out


def test_a_training_before_its_first_validation_has_a_page(tmp_path):
    """Lightning writes columns as they come, and a row that another program reads may be half there."""
    run = write_log(tmp_path / "run", TRAINED)
    with (run / "csv" / "metrics.csv").open("a") as file:
        file.write("0,")
    page = write_run_report(run, run / "report").read_text(encoding="utf-8")
    assert "0 validations" in page
    assert list(titles(read_curves(run))) == ["loss, weighted sum", "loss: location"]


def test_numbers_that_are_none_are_left_out(tmp_path):
    run = write_log(
        tmp_path / "run", [*TRAINED, {"step": 399, "val/loss": "nan", "train/loss": "inf"}, *VALIDATED]
    )
    curves = read_curves(run)
    assert len(curves["val/loss"].values) == 2
    assert len(curves["train/loss"].values) == 40


def test_folders_without_a_log_are_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no csv/metrics\.csv in .*nowhere: give the folder of a train"
    ):
        write_run_report(tmp_path / "nowhere", tmp_path / "report")
    empty = write_log(tmp_path / "empty", [])
    (empty / "csv" / "metrics.csv").write_text("epoch,step\n")
    with pytest.raises(ValueError, match="holds no figures yet"):
        read_curves(empty)
    assert not (tmp_path / "report").exists()


def test_a_name_that_looks_like_markup_is_shown_as_it_is(tmp_path, capsys):
    run = write_log(tmp_path / "[" / r"b] $\frac{1$ [red]", [*TRAINED, *VALIDATED])
    write_run_report(run, run / "report")
    assert f"report: {run}/report/report.html" in capsys.readouterr().out
