"""Tables of the terminal: a row a line at any width, figures whole, text from data as it is."""

import io

import pytest
from rich.console import Console

from fcn.terminal import say, show

HEADER = ("event", "epicentre RMSE (km)", "alarm after P (s)", "what is known of it")
ROWS = (
    ("fcn001", "12.345", "3.25", "no station saw more than noise, and nothing was declared near it"),
    ("[/b] [red]", "0.5", "14.00", ":bug: short"),
)


def shown(width: int, terminal: bool = True, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    show("A [/title]", HEADER, ROWS, console=console, **{"left": (0, 3), "prose": (3,), **options})
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_wide_terminal_shows_everything_on_a_line_each():
    title, _, head, rule, first, second, *rest = shown(200)
    assert title == "A [/title]"
    assert head.split("  ")[0].strip() == "event"
    assert set(rule.strip()) == {"─"}
    assert first.split() == " ".join(ROWS[0]).split()
    assert second.split() == " ".join(ROWS[1]).split()
    assert not any(rest)


@pytest.mark.parametrize("width", [50, 60, 80])
def test_a_narrow_one_folds_the_header_and_cuts_prose_but_no_figure(width):
    lines = shown(width)
    assert max(map(len, lines)) <= width
    (row,) = (line for line in lines if "fcn001" in line)
    assert row.split()[:3] == ["fcn001", "12.345", "3.25"]
    assert row.endswith("…")


def test_columns_for_which_there_is_no_room_are_named():
    lines = shown(30)
    (row,) = (line for line in lines if "fcn001" in line)
    assert row.split() == ["fcn001", "12.345", "3.25"]
    assert "too narrow for: what is known of it" in lines


def test_a_pipe_is_as_wide_as_the_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show("title", HEADER, [("x" * 300, "1", "2", "y" * 300)])
    say("z [/b] " * 40)
    title, _, _, _, row, *rest = capsys.readouterr().out.splitlines()
    assert title == "title"
    assert row.split() == ["x" * 300, "1", "2", "y" * 300]
    assert "z [/b] " * 40 in rest
