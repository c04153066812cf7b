import csv
import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from fcn.report.store.figures import NOISE_PIECE, amplitude_figure, record_figure
from fcn.report.store.page import contents_table, write_store_report
from fcn.report.store.sample import draw_sample, noise_pieces, refusals
from fcn.store.reader import BaseStore


@pytest.fixture(scope="module")
def sample(toy_store):
    return draw_sample(toy_store)


def write(store, folder):
    console = Console(file=io.StringIO(), width=120)
    page = write_store_report(store, folder, n_examples=8, console=console).read_text(encoding="utf-8")
    return page, console.file.getvalue()


def test_page_table_and_figures(toy_store, tmp_path):
    page, printed = write(toy_store, tmp_path)
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {
        *("records", "spectra", "amplitudes", "coverage")
    }
    assert page.count('src="data:image/png') == 4
    assert "http" not in page
    n_quakes = len(BaseStore.open(toy_store).select(category="earthquake"))
    for text in (page, printed):
        assert "toy earthquake" in text
        assert str(n_quakes) in text
    assert "simulated" not in page


def test_simulated_records_are_called_so(toy_store, tmp_path, monkeypatch):
    opened = BaseStore.open(toy_store)
    simulated = dataclasses.replace(opened, origin=np.full(len(opened), "simulated"))
    monkeypatch.setattr(BaseStore, "open", classmethod(lambda cls, path: simulated))
    page, _ = write(toy_store, tmp_path)
    assert "all records simulated" in page
    assert "(simulated)" in page


def test_contents_are_counted(toy_store):
    store = BaseStore.open(toy_store)
    table = contents_table(store)
    column = {row[0]: row[1] for row in table.rows}
    quakes = store.select(category="earthquake")
    assert table.header[1] == "toy earthquake"
    assert column["records"] == str(len(quakes))
    assert column["sources"] == str(len(set(store.source_id[quakes])))
    assert sum(map(int, column["train / dev / test"].split(" / "))) == len(quakes)


def test_refusals_are_counted_by_reason(tmp_path):
    with (tmp_path / "refused.csv").open("w", newline="") as file:
        rows = [
            ("origin", "source_id", "station_code", "reason"),
            ("k", "a", "s", "no S"),
            ("k", "b", "s", "NaN"),
        ]
        csv.writer(file).writerows([*rows, ("k", "c", "s", "no S")])
    assert refusals(tmp_path) == {"no S": 2, "NaN": 1}
    assert list(refusals(tmp_path)) == ["no S", "NaN"]
    assert refusals(tmp_path / "elsewhere") == {}


def test_pgv_is_of_the_larger_horizontal(sample):
    i = 3
    assert sample.pgv_mps[i] == pytest.approx(max(abs(sample.waveforms[i, 1:]).max(axis=1)))


def test_noise_ends_before_p_and_needs_its_length(sample):
    pieces = noise_pieces(sample, 50)
    assert {piece.shape for piece in pieces} == {(3, 50)}
    # The toy's P is at 5 s of silence: what precedes it by a second is silent, the noise records are not.
    quiet = [piece for piece in pieces if not piece.any()]
    assert len(quiet) == sample.is_earthquake.sum()
    assert len(noise_pieces(sample, NOISE_PIECE)) == (~sample.is_earthquake).sum()


def test_records_are_spread_over_the_distances(sample):
    figure = record_figure(sample, 6)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    distances = [float(label.split(" km")[0]) for label in labels]
    assert len(labels) <= 6
    assert distances == sorted(distances)
    quakes_km = sample.distance_km[sample.is_earthquake]
    assert distances[0] == pytest.approx(quakes_km.min(), abs=0.6)
    assert distances[-1] == pytest.approx(quakes_km.max(), abs=0.6)


def test_a_store_of_noise_has_no_records_to_show(sample):
    nan = np.full(len(sample.indices), np.nan)
    noise = dataclasses.replace(
        sample, is_earthquake=np.zeros(len(sample.indices), dtype=bool), p_sample=nan, s_sample=nan
    )
    assert record_figure(noise, 6) is None
    assert amplitude_figure(noise) is not None


def test_a_missing_store_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no base store"):
        write(tmp_path / "nowhere", tmp_path)
