"""The page of recombined examples: what is on it is what is in the batch."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console
from toy import small_training

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.report.examples.figure import ARRIVAL_MARKERS, Example, example_figure
from fcn.report.examples.page import contents_table, title_of, write_examples_report
from fcn.report.kit.style import P_COLOUR, S_COLOUR
from fcn.seeding import Purpose

BUSY = ("data.events.overlap_share=1", "data.events.elapsed_s=[15,20]", "data.events.magnitude=[4,6]")


@pytest.fixture(scope="module")
def batch(toy_store) -> Batch:
    module = build_datamodule(small_training(toy_store, *BUSY), toy_store)
    return module.recombined(Purpose.TRAIN, "train").__getitems__([(0, i) for i in range(4)])


@pytest.fixture(scope="module")
def example(batch) -> Example:
    return Example.of(batch, 0, 20.0)


def section(figure: Figure):
    (axes,) = (axes for axes in figure.axes if axes.get_title("left").startswith("c "))
    return axes


def test_an_example_holds_what_exists_nearest_station_first(batch, example):
    targets = batch.targets
    assert len(example.narrow) == int(batch.mask[0].sum())
    assert len(example.magnitude) == int(targets.event_exists[0].sum()) > 1
    assert (np.diff(example.distance_km) >= 0).all()
    assert example.magnitude[0] == pytest.approx(float(targets.magnitude[0]))
    assert example.elapsed_s == pytest.approx(float(targets.elapsed_s[0]), abs=1e-3)
    nearest = int(
        torch.linalg.vector_norm((batch.station_km[0] - targets.source_km[0])[:, :2], dim=1)
        .masked_fill(~batch.mask[0], torch.inf)
        .argmin()
    )
    np.testing.assert_array_equal(example.narrow[0], batch.waveforms[0, nearest].double())


def test_p_and_s_of_every_event_are_marked_where_they_are(example):
    axes = section(example_figure(example, "title"))
    for event in range(len(example.magnitude)):
        marker = ARRIVAL_MARKERS[event]
        for colour, times_s in ((P_COLOUR, example.p_s), (S_COLOUR, example.s_s)):
            (marks,) = (m for m in axes.lines if m.get_marker() == marker and m.get_color() == colour)
            inside = (times_s[:, event] > 0) & (times_s[:, event] < 30)
            np.testing.assert_allclose(marks.get_xdata(), times_s[inside, event] - 30)
            np.testing.assert_array_equal(marks.get_ydata(), np.flatnonzero(inside))


def test_traces_share_no_scale_but_their_row(example):
    axes = section(example_figure(example, "title"))
    traces = [line for line in axes.lines if len(line.get_xdata()) == 600]
    assert len(traces) == len(example.narrow)
    for row, line in enumerate(traces):
        assert np.abs(line.get_ydata() - row).max() == pytest.approx(0.62)
        np.testing.assert_allclose(line.get_xdata()[[0, -1]], [-30, -0.05])


def test_silent_stations_and_distant_events_are_drawn(example):
    dead = replace(
        example,
        narrow=np.where(np.arange(len(example.narrow))[:, None, None] == 1, 0, example.narrow),
        event_km=example.event_km + np.array([0, 400, 0]) * (np.arange(len(example.event_km)) > 0)[:, None],
    )
    assert dead.silent.sum() == 1
    figure = example_figure(dead, "title")
    (plan,) = (axes for axes in figure.axes if axes.get_title("left").startswith("a "))
    assert "from here" in plan.get_legend().get_texts()[1].get_text()
    assert plan.get_ylim()[1] < 200


def test_page_table_and_progress(batch, tmp_path):
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    parts = (batch.window(i) for i in range(3))
    options = {"n_examples": 3, "sampling_rate_hz": 20.0, "source": "seed 5", "console": console}
    page = write_examples_report(parts, tmp_path, simulated=True, **options).read_text(encoding="utf-8")
    assert page.count('src="data:image/png') == 3
    assert "simulated" in page
    assert "seed 5" in page
    assert "drawing examples" in console.file.getvalue()
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {f"example{i}.png" for i in range(3)}


def test_titles_and_table_tell_windows_with_an_event_from_those_without(example):
    example, quiet = replace(example, is_event=True), replace(example, is_event=False)
    assert f"M {example.magnitude[0]:.1f}" in title_of(0, example)
    assert "nothing to locate" in title_of(1, quiet)
    table = contents_table([example, quiet])
    assert table.rows[0][1] == str(len(example.narrow))
    assert table.rows[1][3] == "–"


def test_windows_without_truth_are_refused(batch):
    with pytest.raises(ValueError, match="carry no targets"):
        Example.of(replace(batch, targets=None), 0, 20.0)
