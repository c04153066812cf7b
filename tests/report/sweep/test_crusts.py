"""What a sweep says of the crusts its networks were tested in."""

from fcn.metrics.by_event import EventOutcome
from fcn.report.sweep.comparison import compare_settings
from fcn.report.sweep.crusts import compare_crusts, crusts_table, is_told_whole
from fcn.report.sweep.scored import Scored


def scored(n_found: int) -> Scored:
    """A hundred events, of which the first so many were found."""
    return Scored(
        {f"s/{i}": EventOutcome(f"{i}", 3.0, i < n_found) for i in range(100)}, {"s": 0}, {"s": 1.0}
    )


OF_KINDS = {
    "validation in stated": [("family", scored(90)), ("iasp91", scored(80))],
    "validation in minus_10": [("family", scored(60)), ("iasp91", scored(85))],
}
COMPARED = {kind: compare_settings(jobs) for kind, jobs in OF_KINDS.items()}


def test_settings_are_rows_and_crusts_columns():
    table = crusts_table(COMPARED)
    assert table.header == ("trained with", "validation in stated", "validation in minus_10")
    assert [row[0] for row in table.rows] == ["family", "iasp91"]
    assert table.rows[0][1].startswith(f"{180 / 190:.3f} (")
    assert table.rows[0][2].startswith(f"{120 / 160:.3f} (")
    assert crusts_table({"validation": COMPARED["validation in stated"]}) is None


def test_crusts_are_compared_on_the_same_events_by_what_is_best_in_the_stated_one():
    (found,) = compare_crusts(COMPARED, OF_KINDS).items()
    where, comparison = found
    assert where == "validation, family"
    assert [each.name for each in comparison.settings] == ["tested in stated", "tested in minus_10"]
    assert comparison.best.name == "tested in stated"
    assert comparison.settings[1].is_told_apart
    one = {"validation": OF_KINDS["validation in stated"]}
    assert compare_crusts({"validation": COMPARED["validation in stated"]}, one) == {}


def test_only_the_stated_crust_has_figures():
    assert [is_told_whole(kind) for kind in ("kumamoto", *COMPARED)] == [True, True, False]
