"""Benchmarks as CONTRIBUTING.md runs them, once and on little: nothing else sees that they work."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "--short", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def test_a_stream_is_timed():
    told = run("benchmarks/bench_windows.py", "-k", "test_a_stream and 12")
    assert "12 stations, a window, median" in told
    assert "1 passed" in told


@pytest.mark.slow
def test_all_of_them():
    assert " passed" in run("benchmarks")
