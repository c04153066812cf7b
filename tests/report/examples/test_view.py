"""The picture of a window: every sign where the numbers say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection, QuadMesh
from toy import small_training

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.report.examples.view import view_figure
from fcn.report.kit.picture import Picture
from fcn.report.kit.style import GREEN, INK, P_COLOUR, S_COLOUR
from fcn.scheme.base import View
from fcn.seeding import Purpose


@pytest.fixture(scope="module")
def batch(toy_store) -> Batch:
    made = build_datamodule(small_training(toy_store), toy_store).recombined(Purpose.TRAIN, "train")
    return made.__getitems__([(0, i) for i in range(8)])


@pytest.fixture(scope="module")
def index(batch) -> int:
    return int(batch.targets.is_event.int().argmax())


@pytest.fixture(scope="module")
def view(batch, index) -> View:
    n_stations = int(batch.mask[index].sum())
    generator = torch.Generator().manual_seed(3)
    pdf = torch.rand(5, 7, 4, generator=generator)
    return View(
        station_p=torch.rand(n_stations, batch.waveforms.shape[-1], generator=generator),
        volume=pdf / pdf.sum(),
        axes_km=(torch.arange(5) * 4.0 - 8, torch.arange(7) * 4.0 - 12, torch.arange(4) * 3.0),
        hypocentre_km=torch.tensor([2.0, -3.0, 5.0]),
        source_km=torch.tensor([-4.0, 6.0, 8.0]),
        arrival_s=torch.tensor([[15.0, 20.0]]) + torch.arange(n_stations)[:, None] * torch.tensor([0.5, 4.0]),
    )


@pytest.fixture(scope="module")
def panels(view, batch, index):
    figure = view_figure(view, batch, index, 20.0, "a title")
    return {axes.get_title("left")[:1]: axes for axes in figure.axes}


@pytest.fixture(scope="module")
def order(view, batch, index) -> np.ndarray:
    there = batch.mask[index]
    away_km = batch.station_km[index, there, :2] - view.hypocentre_km[:2]
    return np.argsort(torch.linalg.vector_norm(away_km, dim=1).numpy(), kind="stable")


@pytest.mark.parametrize(("panel", "axis", "coordinate"), [("a", 2, 1), ("b", 1, 2)])
def test_pdfs_lie_over_their_cells_and_places_over_them(panels, view, panel, axis, coordinate):
    (mesh,) = (c for c in panels[panel].collections if isinstance(c, QuadMesh))
    seen = np.asarray(mesh.get_array()).reshape(view.volume.sum(dim=axis).T.shape)
    wanted = view.volume.sum(dim=axis).T.numpy()
    np.testing.assert_allclose(seen, wanted / wanted.max(), rtol=1e-5)
    edges = mesh.get_coordinates()
    assert edges[0, 0, 0] == -10
    assert edges[-1, -1, 0] == 10
    half = float(view.axes_km[coordinate][1] - view.axes_km[coordinate][0]) / 2
    assert edges[0, 0, 1] == pytest.approx(float(view.axes_km[coordinate][0]) - half)
    signs = {c.get_label(): c for c in panels[panel].collections if isinstance(c, PathCollection)}
    for label, place in (("true place", view.source_km), ("estimated place", view.hypocentre_km)):
        np.testing.assert_allclose(signs[label].get_offsets()[0], place[[0, coordinate]])


def test_depth_points_down_and_panels_share_their_width(panels):
    low, high = panels["b"].get_ylim()
    assert low > high
    assert panels["a"].get_xlim() == pytest.approx(panels["b"].get_xlim())


def test_nothing_that_exists_is_off_the_map(panels, batch, index):
    stations_km = batch.station_km[index, batch.mask[index]].numpy()
    (shown,) = (c for c in panels["a"].collections if c.get_label() == "station")
    np.testing.assert_allclose(shown.get_offsets(), stations_km[shown_order(shown, stations_km), :2])
    for axis, limits in enumerate((panels["a"].get_xlim(), panels["a"].get_ylim())):
        assert limits[0] < stations_km[:, axis].min()
        assert stations_km[:, axis].max() < limits[1]


def shown_order(shown: PathCollection, stations_km: np.ndarray) -> list[int]:
    """Rows of the stations by what is drawn: any order will do, but each exactly once."""
    apart = np.linalg.norm(stations_km[None, :, :2] - shown.get_offsets()[:, None], axis=2)
    rows = apart.argmin(axis=1).tolist()
    assert sorted(rows) == list(range(len(stations_km)))
    return rows


def test_arrivals_are_marked_at_their_stations(panels, view, batch, index, order):
    n_seconds = batch.waveforms.shape[-1] / 20.0
    true_s = batch.targets.p_arrival_s[index, batch.mask[index], 0].numpy()
    for label, colour, times_s, above in (
        ("predicted P", P_COLOUR, view.arrival_s[:, 0].numpy(), 0.0),
        ("predicted S", S_COLOUR, view.arrival_s[:, 1].numpy(), 0.0),
        ("true P", INK, true_s, 0.36),
    ):
        (marks,) = (line for line in panels["c"].lines if line.get_label() == label)
        inside = (times_s[order] > 0) & (times_s[order] < n_seconds)
        assert inside.any(), label
        assert marks.get_color() == colour
        np.testing.assert_allclose(marks.get_xdata(), times_s[order][inside] - n_seconds, atol=1e-5)
        np.testing.assert_allclose(marks.get_ydata(), np.flatnonzero(inside) + above)


def test_traces_and_probabilities_are_those_of_their_rows(panels, view, batch, index, order):
    curves = [line for line in panels["c"].lines if len(line.get_xdata()) == batch.waveforms.shape[-1]]
    probabilities = [line for line in curves if line.get_color() == GREEN]
    traces = [line for line in curves if line.get_color() == INK]
    assert len(probabilities) == len(traces) == len(order)
    vertical = batch.waveforms[index, batch.mask[index], 0].numpy()
    for row, (station, trace, probability) in enumerate(zip(order, traces, probabilities, strict=True)):
        np.testing.assert_allclose(probability.get_ydata() - row, 0.75 * view.station_p[station], atol=1e-6)
        scaled = 0.42 * vertical[station] / max(np.abs(vertical[station]).max(), 1e-30)
        np.testing.assert_allclose(trace.get_ydata() - row, scaled, atol=1e-6)


def test_silent_stations_and_one_deep_volumes_are_drawn(view, batch, index):
    silent = replace(batch, waveforms=torch.zeros_like(batch.waveforms))
    flat = replace(
        view,
        volume=view.volume.sum(dim=2, keepdim=True),
        axes_km=(view.axes_km[0], view.axes_km[1], torch.tensor([10.0])),
    )
    assert Picture.of(view_figure(flat, silent, index, 20.0, "silent")).png[1:4] == b"PNG"


def test_windows_without_truth_are_refused(view, batch, index):
    with pytest.raises(ValueError, match="carry no targets"):
        view_figure(view, replace(batch, targets=None), index, 20.0, "title")
