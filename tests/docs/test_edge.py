"""The table of docs/edge.md is what docs/edge.py prints."""

import importlib.util

from documents import ROOT


def test_its_table_is_that_of_the_command():
    spec = importlib.util.spec_from_file_location("edge_table", ROOT / "docs" / "edge.py")
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    took = {"p50_ms": 1.04, "p99_ms": 20.0}
    own = {
        "resident_most_mb": 100.4,
        "graphs": {"series": {**took, "file_mb": 0.38}, "series-int8": {**took, "file_mb": 0.2}},
    }
    other = {"resident_most_mb": 511.0, "graphs": {"series": took}}
    figures = {name: {"torch": other, "onnxruntime": own} for name in command.NETWORKS}
    other_rows = {
        "packages_mb": {"torch": 1439.4, "onnxruntime": 162.0},
        "run": {"cpu_s": 11.04, "resident_most_mb": 138.4, "updates": 24},
    }
    made = command.table({**figures, **other_rows}).splitlines()
    assert "| generalized | series | 1.0, 20.0 | 1.0, 20.0 | 0.4 |" in made
    assert "| generalized | series-int8 | - | 1.0, 20.0 | 0.2 |" in made
    assert "| packages, MB | 1439 | 162 |" in made
    assert made[-3:] == [
        "| from start to end, s of CPU | 11.0 |",
        "| resident at most, MB | 138 |",
        "| updates | 24 |",
    ]
    page = (ROOT / "docs" / "edge.md").read_text(encoding="utf-8").splitlines()
    heads = [
        line
        for line in made
        if line.startswith(("| network", "| |", "| resident at most", "| `fcn", "| from", "| upd"))
    ]
    assert len(heads) == 9
    assert all(any(line.startswith(head[:24]) for line in page) for head in heads)
