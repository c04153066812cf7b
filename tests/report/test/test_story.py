"""The story of the largest event, and the table of magnitudes by class."""

import dataclasses

import numpy as np
import pytest
from report_example import make_declared, make_sequence

from fcn.catalogue.event import DeclaredEvent, Status
from fcn.catalogue.released import Released
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import score_sequence
from fcn.report.test.outcome import judge
from fcn.report.test.page import write_test_report
from fcn.report.test.result import event_table, size_table
from fcn.report.test.story import choose_subject, story

TOLERANCE = MatchTolerance(4.0, 25.0, 1.0)
SEQUENCE = make_sequence()
DECLARED, ESTIMATES = make_declared(SEQUENCE)
TRUE = max(SEQUENCE.catalogue, key=lambda event: event.magnitude)
GROWS = Released((0.0, 10.0), (5.0, TRUE.magnitude))


def outcome_of(sequence=SEQUENCE, declared=DECLARED):
    known = (declared, sequence.catalogue, sequence.watched, np.ones(3))
    score = score_sequence(*known, tolerance=TOLERANCE, simulated=True)
    return judge(sequence, declared, score, ESTIMATES, TOLERANCE)


def with_catalogue(catalogue):
    return dataclasses.replace(SEQUENCE, catalogue=catalogue)


def told(n_bound=6, status=Status.FINAL):
    """The largest event's updates, the first of them lower bounds."""
    first, *others = DECLARED
    updates = [
        dataclasses.replace(update, is_lower_bound=i < n_bound) for i, update in enumerate(first.updates)
    ]
    updates[-1] = dataclasses.replace(updates[-1], status=status)
    return [DeclaredEvent(first.event_id, updates), *others]


def lines(figure):
    (axes,) = figure.axes
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def test_the_largest_event_found_is_told_with_bound_truth_and_release():
    released = dataclasses.replace(SEQUENCE.catalogue, released={TRUE.event_id: GROWS})
    outcome = outcome_of(with_catalogue(released), told())
    subject = choose_subject(outcome)
    assert (subject.true.event_id, subject.released) == (TRUE.event_id, GROWS)
    shown = lines(story(outcome, subject))
    assert shown["declared, a lower bound"].get_linestyle() == "--"
    assert shown["declared"].get_linestyle() == "-"
    # the lower bounds end where the first magnitude that is none begins
    begins_s = subject.declared.updates[6].now_s - TRUE.first_p_time_s
    assert shown["declared, a lower bound"].get_xdata()[-1] == pytest.approx(begins_s)
    assert shown["declared"].get_xdata()[0] == pytest.approx(begins_s)
    assert shown["declared"].get_ydata()[0] == subject.declared.updates[6].event.magnitude
    assert list(shown["catalogued"].get_ydata()) == [TRUE.magnitude] * 2
    after_s, so_far = shown["released so far"].get_data()
    assert so_far[0] == pytest.approx(5.0)
    np.testing.assert_allclose(so_far[after_s >= 10], TRUE.magnitude)
    assert "final" in shown


def test_without_a_catalogue_the_largest_declared_is_told():
    outcome = outcome_of(with_catalogue(None), told(status=Status.RETRACTED))
    subject = choose_subject(outcome)
    largest = max(outcome.declared, key=lambda each: each.final.event.magnitude)
    assert (subject.declared.event_id, subject.true) == (largest.event_id, None)
    shown = lines(story(outcome, subject))
    assert "catalogued" not in shown
    assert "retracted" in shown


def test_where_nothing_has_a_size_or_nothing_was_declared_no_story_is_told():
    sizeless = [
        DeclaredEvent(
            each.event_id,
            [
                dataclasses.replace(update, event=dataclasses.replace(update.event, magnitude=None))
                for update in each.updates
            ],
        )
        for each in DECLARED
    ]
    assert choose_subject(outcome_of(declared=sizeless)) is None
    assert choose_subject(outcome_of(declared=[])) is None


def test_magnitudes_by_class_are_on_the_page_and_a_computed_first_p_is_said(tmp_path):
    computed = SEQUENCE.catalogue.of(
        dataclasses.replace(each, first_p_is_computed=True) for each in SEQUENCE.catalogue
    )
    sequence = with_catalogue(computed)
    outcome = outcome_of(sequence)
    (row,) = (row for row in size_table(outcome).rows if row[0].startswith("6 ≤ M"))
    assert row[1:4] == ("1", "0", "0")
    path = write_test_report(
        tmp_path, sequence, DECLARED, outcome.score, tolerance=TOLERANCE, estimates=ESTIMATES
    )
    page = path.read_text(encoding="utf-8")
    assert "no picks of 10 of 10 events" in page
    assert row[-2] in page
    assert any("(computed P)" in row[11] for row in event_table(outcome).rows)
