"""What fcn-edge is tested with: its tree, stations, and a small network exported for them."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from made_edge import assemble
from made_exports import write_checkpoint
from made_networks import make_network
from toy import small_training

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("pymseed")

from fcn.checkpoint import Restored, load
from fcn.exported.folder import Exported
from fcn.exported.write import export, site_of
from fcn.waveform.folder import write_sequence_folder


@dataclass(frozen=True)
class Made:
    """A checkpoint, what was exported of it, and a sequence folder that its stations are of."""

    restored: Restored
    exported: Exported
    sequence: Path

    @property
    def files(self) -> list[str]:
        return [str(path) for path in sorted((self.sequence / "waveforms").rglob("*")) if path.is_file()]


@pytest.fixture(scope="package")
def edge_path(tmp_path_factory) -> Path:
    return assemble(tmp_path_factory.mktemp("edge") / "installed")


@pytest.fixture(scope="package")
def made(toy_store, tmp_path_factory) -> Made:
    """Four stations, 45 s."""
    root = tmp_path_factory.mktemp("watched")
    _, stream, inventory = make_network(4, seconds=45.0)
    write_sequence_folder(root / "sequence", stream, inventory)
    restored = load(write_checkpoint(root / "small.ckpt", small_training(toy_store)))
    stations = root / "sequence" / "stations.xml"
    site = site_of(restored, stations, station_ids=None, centre=None, velocity_model=None)
    return Made(restored, export(restored, root / "exported", site), root / "sequence")
