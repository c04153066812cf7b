"""Benchmarks as CONTRIBUTING.md runs them, once and on little: nothing else sees that they work."""

import csv
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def benchmarks(monkeypatch):
    """Imports a file of benchmarks/, which stands on no path of the tests."""
    monkeypatch.setattr(sys, "path", [str(REPOSITORY / "benchmarks"), *sys.path])
    return importlib.import_module


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "--short", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def test_a_stream_is_timed():
    told = run("benchmarks/bench_windows.py", "-k", "test_a_stream and 12")
    assert "12 stations, a window, median" in told
    assert "1 passed" in told


EITHER = (pytest.fail.Exception, pytest.skip.Exception)  # one of them in place of the other would skip a test
BROKEN = (sys.executable, "-c", "import sys; sys.exit('it broke')")


def test_a_command_that_fails_fails_its_benchmark(benchmarks):
    """With what it said; of an older tree alone, which may not have it, it is left out."""
    trees = benchmarks("trees")
    assert trees.output(REPOSITORY, sys.executable, "-c", "print('it works')") == "it works\n"
    for tree, how in ((REPOSITORY, pytest.fail), (REPOSITORY / "tests", pytest.skip)):
        with pytest.raises(EITHER, match=r"(?s)does not run in .*it broke") as told:
            trees.output(tree, *BROKEN)
        assert told.type is how.Exception


def test_a_benchmark_of_help_fails_where_help_does(tmp_path):
    """As pytest runs it: a plugin puts a command in place of Python that says nothing but that it broke."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho it broke >&2\nexit 1\n")
    broken.chmod(0o755)
    (tmp_path / "breaks.py").write_text(
        f"import sys\n\ndef pytest_sessionstart():\n    sys.executable = {str(broken)!r}\n"
    )
    options = ("--short", "-q", "-p", "no:cacheprovider", "-p", "breaks", "-k", "train")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "benchmarks/bench_help.py"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "it broke" in done.stdout
    assert "1 failed" in done.stdout


def test_scaling_times_every_size(benchmarks, monkeypatch, tmp_path):
    """What is timed is replaced, and the clock goes as it is told; the first read of a window is left out."""
    scaling = benchmarks("scaling")
    monkeypatch.setattr(scaling, "load", lambda name: name)
    monkeypatch.setattr(scaling, "network_of", lambda n, seconds: (n, seconds))
    monkeypatch.setattr(scaling, "replay_of", lambda restored, made: made)

    def passed(replay, seconds, clock):
        assert clock is scaling.time.process_time
        return SimpleNamespace(
            median_ms=2.0 * replay[0], p99_ms=5.0 * replay[0], real_time=seconds / replay[0]
        )

    monkeypatch.setattr(scaling, "passed", passed)
    assert scaling.by_stations((6, 12), 24.0) == [(6, 12.0, 30.0, 4.0), (12, 24.0, 60.0, 2.0)]

    now_s = [0.0]

    def reading(n_stations, n_anchors):
        assert n_stations == 12
        took = iter([9.0, 0.001 * n_anchors, 0.003 * n_anchors, 0.002 * n_anchors])
        return lambda: now_s.__setitem__(0, now_s[0] + next(took))

    monkeypatch.setattr(scaling.made_windows, "reading", reading)
    monkeypatch.setattr(scaling.time, "process_time", lambda: now_s[0])
    found = scaling.by_anchors((1, 3), 3)
    assert [n for n, _ in found] == [1, 3]
    assert [ms for _, ms in found] == pytest.approx([2.0, 6.0])


def test_scaling_weighs_sequences_of_every_length(benchmarks, monkeypatch, tmp_path):
    scaling = benchmarks("scaling")
    monkeypatch.setattr(scaling, "PASS", "")
    monkeypatch.setattr(scaling, "N_STATIONS", 1)
    monkeypatch.setattr(
        scaling, "LOAD", "import sys, pathlib\nassert pathlib.Path(sys.argv[1], 'stations.xml').is_file()\n"
    )
    monkeypatch.setattr(
        scaling, "SAY", "print('so much'); print(12.5 * int(pathlib.Path(sys.argv[1]).name))\n"
    )
    assert scaling.by_length((1, 2), tmp_path) == [(1, 12.5), (2, 25.0)]
    monkeypatch.setattr(scaling, "SAY", "sys.exit('it broke')")
    with pytest.raises(EITHER, match="it broke") as told:
        scaling.by_length((3,), tmp_path)
    assert told.type is pytest.fail.Exception


@pytest.mark.parametrize("short", [True, False])
def test_scaling_writes_what_it_found(benchmarks, monkeypatch, tmp_path, capsys, short):
    """Of the sizes asked for: a table, a picture of it, and a page that needs neither."""
    scaling = benchmarks("scaling")
    monkeypatch.setattr(
        scaling, "by_stations", lambda stations, s: [(n, 2.0 * n, 5.0 * n, s / n) for n in stations]
    )
    monkeypatch.setattr(
        scaling, "by_anchors", lambda anchors, rounds: [(n, float(rounds * n)) for n in anchors]
    )
    monkeypatch.setattr(scaling, "by_length", lambda minutes, folder: [(n, 300.0 + n) for n in minutes])
    drawn, draw = [], scaling.draw
    monkeypatch.setattr(scaling, "draw", lambda *points: drawn.append(draw(*points)) or drawn[-1])
    out = tmp_path / "page"
    monkeypatch.setattr(sys, "argv", ["scaling.py", "--out", str(out), *(["--short"] if short else [])])
    scaling.main()
    assert capsys.readouterr().out == f"page: {out / 'scaling.html'}\n"
    assert sorted(path.name for path in out.iterdir()) == ["scaling.csv", "scaling.html", "scaling.png"]
    rows = list(csv.reader((out / "scaling.csv").read_text().splitlines()))
    assert ["stations", "window_ms_median", "window_ms_p99", "times_real_time"] in rows
    assert ["12", "24", "60", "1" if short else "2"] in rows
    assert rows.index(["anchors", "window_ms"]) < rows.index(["3", "6" if short else "30"])
    assert rows[-1] == (["2", "302"] if short else ["40", "340"])
    (figure,) = drawn
    curves = [line.get_xydata().tolist() for axes in figure.axes for line in axes.lines]
    assert [6.0, 12.0] in curves[0]
    assert [6.0, 30.0] in curves[1]
    for axes in figure.axes:  # every point is inside its panel, none on the edge
        (low, high), ys = sorted(axes.get_ylim()), [y for line in axes.lines for y in line.get_ydata()]
        assert low < min(ys)
        assert max(ys) < high
    page = (out / "scaling.html").read_text()
    assert "data:image" in page
    assert f"of {12 if short else 24} s of simulated noise" in page


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_scaling_runs_as_its_page_says(tmp_path):
    out = tmp_path / "page"
    command = [sys.executable, "benchmarks/scaling.py", "--short", "--out", str(out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    told = csv.reader((out / "scaling.csv").read_text().splitlines())
    rows = [[float(cell) for cell in row] for row in told if row[0].isdigit()]
    assert [row[0] for row in rows] == [6, 12, 1, 3, 1, 2]
    assert all(value > 0 for row in rows for value in row)


@pytest.mark.slow
@pytest.mark.timeout(1900)
def test_all_of_them():
    assert " passed" in run("benchmarks")
