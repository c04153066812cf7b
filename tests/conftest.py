"""Shared fixtures: the optional folder of real recordings, single-threaded torch."""

import gc
import importlib
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from offline_run import make
from toy import write_toy_store

settings.register_profile("shared machine", deadline=None)  # a busy core is no defect
settings.load_profile("shared machine")

# Torch, Lightning and ObsPy hold so many objects that looking for garbage among them as often as Python
# does by default takes a tenth of the time of what composes configurations.
gc.set_threshold(100_000, 20, 50)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Data workers, subprocesses and torch share the cores of the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of recordings and tables that may lie beside the repository."""
    if not (SHARED / "README.md").is_file():
        pytest.skip("no folder ../shared with third-party recordings and tables beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def toy_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store of toy records."""
    return write_toy_store(tmp_path_factory.mktemp("stores") / "toy")


@pytest.fixture(scope="session")
def offline_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Weights & Biases that was told of a folder of results, offline (tests/offline_run.py)."""
    return make(tmp_path_factory.mktemp("offline") / "logs" / "test-made")


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Runs a module's entry point in `tmp_path`, in this process: another would mostly import."""

    def run(module: str, *arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", [module, *arguments])
        importlib.import_module(module).main()

    return run
