"""Two small networks, exported once: tracing takes seconds."""

from pathlib import Path

import pytest
from made_exports import write_checkpoint
from small_migration import configured
from toy import small_training

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from fcn.checkpoint import Restored, load
from fcn.exported.folder import Exported
from fcn.exported.write import export

Both = tuple[Restored, Exported]


@pytest.fixture(scope="session")
def exported_migration(toy_store, tmp_path_factory) -> Both:
    root: Path = tmp_path_factory.mktemp("migration")
    restored = load(write_checkpoint(root / "small.ckpt", configured(toy_store)))
    return restored, export(restored, root / "exported")


@pytest.fixture(scope="session")
def exported_image(toy_store, tmp_path_factory) -> Both:
    root: Path = tmp_path_factory.mktemp("image")
    restored = load(write_checkpoint(root / "small.ckpt", small_training(toy_store)))
    return restored, export(restored, root / "exported")
