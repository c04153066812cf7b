"""fcn-edge in an environment of its own, where there is no torch: what pip makes of edge/."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from made_edge import EDGE

ABSENT = ("torch", "scipy", "obspy", "pyproj", "jaxtyping", "h5py", "lightning", "hydra")


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200.0, cwd="/")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """With fcn-edge and what it asks for; from the package index."""
    root = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", str(root))
    run(str(root / "bin" / "pip"), "install", "--quiet", str(EDGE))
    return root


@pytest.mark.slow
def test_it_runs_where_there_is_no_torch(environment, made):
    python = str(environment / "bin" / "python")
    script = f"import importlib.util as u; print([n for n in {ABSENT} if u.find_spec(n)])"
    assert run(python, "-I", "-c", script).strip() == "[]"
    told = json.loads(run(python, "-m", "fcn_edge", "bench", str(made.exported.root), "--repeats", "2"))
    assert told["torch_imported"] is False
    lines = run(str(environment / "bin" / "fcn-edge"), "run", str(made.exported.root), *made.files)
    assert all(json.loads(line)["event"] for line in lines.splitlines())


@pytest.mark.slow
def test_the_wheel_holds_the_tree_that_other_tests_use(environment, edge_path, tmp_path):
    run(str(environment / "bin" / "pip"), "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(EDGE))
    (wheel,) = tmp_path.glob("fcn_edge-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(edge_path).as_posix()
        for path in edge_path.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted
