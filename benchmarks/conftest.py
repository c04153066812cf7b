"""Every benchmark runs on one core, so that ratios compare codes and not threads.

`pytest benchmarks` runs all, which takes many minutes; `pytest benchmarks --short` each once and on little:
it shows that they work, not how fast they are.
"""

import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from rows import table
from trees import OLD, REPOSITORY, output


def pytest_addoption(parser):
    parser.addoption("--short", action="store_true", help="each benchmark once, and on little")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if config.getoption("--short"):
        config.option.benchmark_min_rounds = 1
        config.option.benchmark_max_time = Decimal("0.001")


def pytest_terminal_summary(terminalreporter):
    for line in table():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def short(request) -> bool:
    """Whether to do little."""
    return bool(request.config.getoption("--short"))


@pytest.fixture
def benchmark(benchmark, short):
    """pytest-benchmark's, of one round where little is to be done."""
    if short:
        pedantic = benchmark.pedantic
        least = {"rounds": 1, "warmup_rounds": 0}
        benchmark.pedantic = lambda *call, **given: pedantic(*call, **{**given, **least})
    return benchmark


@pytest.fixture(autouse=True, scope="session")
def _one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def old_tree(tmp_path_factory) -> Path:
    """The repository as it was at `OLD`; skips where its history is not at hand."""
    folder = tmp_path_factory.mktemp("old")
    archive = folder / "old.tar"
    done = subprocess.run(
        ["git", "archive", f"--output={archive}", OLD], cwd=REPOSITORY, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no commit {OLD} to compare with: {done.stderr.strip()}")
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def in_tree():
    """Runs a command with the package of a tree; see `output`."""

    return output
