"""Sweeps over networks tell the spacing of their stations; others do not speak of it."""

import csv
import io
import json

import pytest
from rich.console import Console
from sweep_example import write_test_job

from fcn.report.sweep.jobs import read_jobs
from fcn.report.sweep.page import write_sweep_report
from fcn.report.sweep.spacing import COLUMN, spacing_figure

SPACINGS_KM = {("3", "0"): 24.0, ("3", "1"): 31.5, ("12", "0"): 18.6}


def write_drawn(folder, number, n_stations, seed, spacing_km):
    place = folder / str(number)
    write_test_job(place, f"subset.n_stations={n_stations}", [True] * 6 + [False] * (1 + number))
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["overrides"].append(f"subset.seed={seed}")
    (place / "manifest.json").write_text(json.dumps(manifest))
    score = json.loads((place / "metrics.json").read_text())
    score |= {"station_spacing_km": spacing_km, "alarm_latency_s_p50": 4.0 + number}
    (place / "metrics.json").write_text(json.dumps(score))


@pytest.fixture
def drawn(tmp_path):
    for number, ((n_stations, seed), spacing_km) in enumerate(SPACINGS_KM.items()):
        write_drawn(tmp_path / "s", number, n_stations, seed, spacing_km)
    return tmp_path / "s"


def test_every_draw_is_a_dot_where_its_stations_are(drawn):
    figure = spacing_figure(read_jobs(drawn))
    recall, latency, epicentre = figure.axes
    dots = [tuple(zip(*line.get_data(), strict=True)) for line in recall.lines]
    assert dots == [((24.0, 6 / 7), (31.5, 6 / 8)), ((18.6, 6 / 9),)]
    assert [len(line.get_xdata()) for line in latency.lines] == [2, 1]
    assert all(
        len(line.get_xdata()) == 0 for line in epicentre.lines
    )  # whose median is in no metrics.json here
    assert recall.get_xlabel() == COLUMN
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["n_stations=3", "n_stations=12"]


def test_the_page_and_its_table_have_it(drawn):
    path = write_sweep_report(drawn, drawn / "report", Console(file=io.StringIO()))
    page = path.read_text(encoding="utf-8")
    assert COLUMN in page
    assert "Against the spacing of stations" in page
    assert (path.parent / "figures" / "spacing.png").stat().st_size > 5000
    with (path.parent / "sweep.csv").open() as file:
        assert [float(row["station_spacing_km"]) for row in csv.DictReader(file)] == list(
            SPACINGS_KM.values()
        )


def test_of_one_network_nothing_is_said(drawn):
    for number in range(len(SPACINGS_KM)):
        path = drawn / str(number) / "metrics.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "station_spacing_km": 18.6}))
    assert spacing_figure(read_jobs(drawn)) is None
    page = write_sweep_report(drawn, drawn / "report", Console(file=io.StringIO())).read_text("utf-8")
    assert COLUMN not in page
