import dataclasses
import html
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread
from report_example import make_declared, make_sequence
from rich.console import Console

from fcn.catalogue.event import Catalogue
from fcn.catalogue.phase import PhasePick
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import score_sequence
from fcn.metrics.table import ALL
from fcn.report.kit.table import number
from fcn.report.test.errors import ELAPSED_S, epicentre_histories_km
from fcn.report.test.event_map import event_map
from fcn.report.test.outcome import judge
from fcn.report.test.page import write_test_report
from fcn.report.test.record_section import choose_subjects, record_section
from fcn.report.test.result import WEI_2026, event_table, miss_table, moment_table, result_table
from fcn.report.test.timeline import timeline

TOLERANCE = MatchTolerance(4.0, 25.0, 1.0)
SEQUENCE = make_sequence()
DECLARED, ESTIMATES = make_declared(SEQUENCE)


def outcome_of(sequence=SEQUENCE, declared=DECLARED, estimates=ESTIMATES):
    return judge(sequence, declared, score_of(sequence, declared), estimates, TOLERANCE)


def score_of(sequence, declared):
    return score_sequence(
        declared,
        sequence.catalogue,
        sequence.watched,
        np.full(10, 40.0),
        tolerance=TOLERANCE,
        simulated=sequence.simulated,
    )


def write(folder, sequence=SEQUENCE, declared=DECLARED, estimates=ESTIMATES):
    console = Console(file=io.StringIO(), width=100)
    path = write_test_report(
        folder,
        sequence,
        declared,
        score_of(sequence, declared),
        tolerance=TOLERANCE,
        estimates=estimates,
        console=console,
    )
    return path.read_text(encoding="utf-8"), console.file.getvalue()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, *write(folder)


def test_the_page_needs_no_other_file(written):
    _, page, _ = written
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == 5
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_the_page_says_simulated_and_prints_the_published_figures(written):
    _, page, printed = written
    assert "simulated data" in page
    assert "theirs" not in page
    for text in (page, printed):
        assert "this run (simulated)" in text
        assert "Wei et al. 2026 (real)" in text
        for figure in ("69 of 179 = 38.5%", "4.4 to 6.4", "3.409", "3.787", "8 of 10 = 80.0%"):
            assert figure in text, figure


HOSTILE = r"[/b] $\frac{1$ [red] <i> :bug:"  # ends rich's markup and matplotlib's mathtext, and HTML's


def test_names_from_data_are_shown_as_they_are(tmp_path):
    true = (dataclasses.replace(e, event_id=f"{HOSTILE} {e.event_id}") for e in SEQUENCE.catalogue)
    sequence = dataclasses.replace(
        SEQUENCE,
        name=HOSTILE,
        catalogue=Catalogue(HOSTILE, tuple(true)),
    )
    page, printed = write(tmp_path / "[" / "b]", sequence)
    assert f"{HOSTILE} jma003" in printed
    assert f"{tmp_path}/[/b]/report.html" in printed
    assert "<i>" not in page
    assert html.escape(HOSTILE) in page


def test_labels_of_logarithmic_axes_need_no_mathtext():
    figure = timeline(outcome_of())
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert any(re.fullmatch("10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]", label) for label in labels)
    assert not any("$" in label for label in labels)


def test_real_data_are_called_real(tmp_path):
    page, printed = write(tmp_path, dataclasses.replace(SEQUENCE, simulated=False))
    assert "simulated" not in page
    assert "this run (real)" in printed


def test_every_miss_is_listed_with_its_reason(written):
    _, page, _ = written
    table = miss_table(outcome_of())
    assert {row[0] for row in table.rows} == {"jma003", "jma004"}
    for row in table.rows:
        assert row[4] in page
        assert row[5] in page


def test_figures_are_files_too(written):
    folder, _, _ = written
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert names == {"map", "record_section", "story", "timeline", "errors"}
    for name in names:
        image = imread(folder / "figures" / f"{name}.png")
        assert image.shape[0] > 600
        assert image[..., :3].std() > 0.05  # something is drawn


def test_without_a_catalogue_nothing_is_compared(tmp_path):
    page, printed = write(tmp_path, dataclasses.replace(SEQUENCE, catalogue=None))
    assert "absent, not zero" in page
    assert "Misses" not in page
    assert "fcn999" in page
    assert "what was known when" not in printed
    assert not (tmp_path / "figures" / "errors.png").exists()


def test_nothing_declared_is_a_report_too(tmp_path):
    page, _ = write(tmp_path, declared=[], estimates=[])
    assert "Declared events (0)" in page
    assert "Misses (10)" in page
    assert "no window pointed there" in page or "no estimate near" in page


def test_neither_catalogue_nor_events(tmp_path):
    page, _ = write(tmp_path, dataclasses.replace(SEQUENCE, catalogue=None), [], [])
    assert "record_section" not in {path.stem for path in (tmp_path / "figures").iterdir()}
    assert "Declared events (0)" in page


def test_an_empty_catalogue_and_no_velocity_model(tmp_path):
    sequence = dataclasses.replace(SEQUENCE, catalogue=Catalogue("none", ()), velocity_model=None)
    page, _ = write(tmp_path, sequence)
    assert "none catalogued" in page


def test_a_station_without_data_is_drawn_as_none(tmp_path):
    dead = {name: getattr(SEQUENCE, name).copy() for name in ("narrow", "broad")}
    for array in dead.values():
        array[2] = 0.0
        array[:, :, 1000:1200] = 0.0  # a gap at every station
    write(tmp_path, dataclasses.replace(SEQUENCE, **dead))


def test_the_largest_event_is_shown_first():
    largest, typical = choose_subjects(outcome_of())
    assert largest.event.magnitude == 6.2
    assert largest.declared is not None
    assert typical.event is not largest.event


def test_picks_are_drawn_at_their_stations_and_moments():
    subject, _ = choose_subjects(outcome := outcome_of())
    station, origin_s = SEQUENCE.network.stations[1], subject.event.origin_time_s
    picks = (
        PhasePick(station.network, station.code, "P", origin_s + 3.5),
        PhasePick("XX", "GONE", "P", origin_s + 4.0),
    )
    picked = dataclasses.replace(subject, declared=dataclasses.replace(subject.declared, picks=picks))
    drawn = {}
    for each in (subject, picked):
        (axes,) = record_section(outcome, [each]).axes
        drawn[each is picked] = {line.get_label(): line for line in axes.lines}
    assert "P, picked" not in drawn[False]
    assert "S, picked" not in drawn[True]
    assert drawn[True]["P, picked"].get_xdata() == pytest.approx([3.5])
    ((below,), above) = drawn[True]["P, picked"].get_ydata(), drawn[True]["P, predicted"].get_ydata()[1]
    assert above - 5 < below < above


def test_tables_hold_what_the_score_says():
    outcome = outcome_of()
    result = {row[0]: row[1:] for row in result_table(outcome).rows}
    assert result["epicentre RMSE (km)"] == (number(outcome.score["epicentre_rmse_km"], 3), "3.409")
    for row in ALL:
        if row.label:
            assert result[row.label][0] == number(outcome.score[row.name], row.digits)
    assert result["declared"] == ("9", "–")
    moments = {row[0]: row[1:] for row in moment_table(outcome).rows}
    assert moments["P + 6 s"][0] == str(outcome.score["n_at_6s"])
    assert moments["P + 6 s"][1] == number(outcome.score["epicentre_rmse_km_at_6s"])
    assert moments["final"][0] == "8"
    events = {row[0]: row for row in event_table(outcome).rows}
    assert events["fcn000"][8:11] == ("update", "jma000", "6.2")
    assert events["fcn999"][8:] == ("update", "none", "–", "–", "–")
    assert result["lost, split, retracted"][0] == "0, 1, 0"


def test_published_recall():
    assert WEI_2026.recall == "69 of 179 = 38.5%"


def test_histories_start_at_the_alarm_and_keep_the_last_word():
    outcome = outcome_of()
    history_km = epicentre_histories_km(outcome.pairs)
    declared, true = outcome.pairs[0]
    latency_s = declared.alarm.now_s - true.first_p_time_s
    assert np.isnan(history_km[0, latency_s > ELAPSED_S]).all()
    assert np.isfinite(history_km[0, latency_s <= ELAPSED_S]).all()
    assert history_km[0, -1] == history_km[0, -2]


def at(each, frame):
    """A station or an event, as far from the centre of another frame."""
    place = np.array(each.latitude_deg), np.array(each.longitude_deg)
    latitude_deg, longitude_deg = frame.to_geographic(*SEQUENCE.frame.to_local_km(*place))
    return dataclasses.replace(each, latitude_deg=float(latitude_deg), longitude_deg=float(longitude_deg))


@pytest.mark.parametrize("longitude_deg", [179.9, -179.9, 180.3, 22.0])
def test_a_map_on_180_deg_has_the_longitudes_that_are_there(longitude_deg):
    frame = LocalFrame(-17.5, longitude_deg)
    moved = dataclasses.replace(
        SEQUENCE,
        frame=frame,
        network=Network(tuple(at(each, frame) for each in SEQUENCE.network)),
        catalogue=Catalogue("moved", tuple(at(each, frame) for each in SEQUENCE.catalogue)),
    )
    plan = event_map(outcome_of(moved, declared=[])).axes[0]
    told = [text for text in plan.texts if re.search("°[EW]$", text.get_text())]
    assert len(told) >= 3
    for text in told:
        value_deg = float(text.get_text()[:-2]) * (1 if text.get_text().endswith("E") else -1)
        assert abs(value_deg) <= 180.0
        east_km, _ = frame.to_local_km(np.array(-17.5), np.array(value_deg))
        assert text.get_position()[0] == pytest.approx(float(east_km), abs=1.0)
