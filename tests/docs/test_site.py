"""The documentation site builds, with every page, and without a warning."""

import importlib.util
import subprocess
import sys

import pytest
from documents import ROOT


@pytest.mark.skipif(importlib.util.find_spec("mkdocstrings") is None, reason="pip install -e '.[docs]'")
def test_the_site_builds_without_a_warning(tmp_path):
    # not --quiet: what is not logged is not counted
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert (tmp_path / "index.html").is_file()
    twin = (tmp_path / "experiments" / "generalized" / "index.html").read_text("utf-8")
    assert 'href="../../kumamoto_twin.html"' in twin
    assert 'src="../../images/kumamoto_story.png"' in twin
    assert "provenance : config" in (tmp_path / "architecture.html").read_text("utf-8")
    api = (tmp_path / "api.html").read_text("utf-8")
    assert 'id="fcn.batch.Batch"' in api
