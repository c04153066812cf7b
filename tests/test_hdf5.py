"""Damage that HDF5 itself would not come back from."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from fcn.hdf5 import check_heaps, scalar
from fcn.store.reader import _read_layout
from fcn.store.seisbench_format import SeisBenchFolder

READ = "import h5py, sys; print(h5py.File(sys.argv[1])['text'][()])"


def damage(path):
    """Leave the free space of its one heap, behind its one text, no size."""
    content = bytearray(path.read_bytes())
    free = content.find(b"GCOL") + 16 + 16 + 16  # after the header and the one object
    assert content[free : free + 2] == b"\0\0"
    content[free + 8 : free + 16] = bytes(8)
    path.write_bytes(content)


@pytest.fixture
def damaged(tmp_path):
    """A text in a heap whose free space has no size any more."""
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file["text"] = "in a heap"
    check_heaps(path)
    damage(path)
    return path


def test_a_heap_without_size_is_refused(damaged):
    with pytest.raises(ValueError, match=r"damaged\.h5 is damaged at byte \d+ \(a heap of no size\)"):
        check_heaps(damaged)


@pytest.mark.parametrize("block_bytes", [0, 512])
def test_a_text_in_such_a_heap_is_refused_and_others_are_read(tmp_path, block_bytes):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w", userblock_size=block_bytes) as file:
        file["text"], file["fixed"], file["number"] = "in a heap", np.bytes_("beside"), 20.0
    with h5py.File(path) as file:
        assert [scalar(file[name]) for name in ("text", "fixed", "number")] == [b"in a heap", b"beside", 20.0]
    damage(path)
    with h5py.File(path) as file:
        assert scalar(file["fixed"]) == b"beside"
        with pytest.raises(ValueError, match=r"damaged\.h5 is damaged at byte"):
            scalar(file["text"])


@pytest.mark.parametrize("read", [_read_layout, lambda path: SeisBenchFolder(path.parent)])
def test_stores_and_data_sets_do_not_hang_in_it(tmp_path, read):
    path = tmp_path / "waveforms.hdf5"
    with h5py.File(path, "w") as file:
        file["data_format/unit"] = "in a heap"
        file.create_group("data")
    (tmp_path / "metadata.csv").write_text("trace_name\n")
    damage(path)
    with pytest.raises((ValueError, OSError), match=r"waveforms\.hdf5.*is damaged at byte"):
        read(path)


@pytest.mark.slow
def test_hdf5_would_hang_in_it(damaged):
    """Where it does not any more, the check may go."""
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", READ, str(damaged)], timeout=10, check=False)


def test_files_without_a_heap_pass(tmp_path):
    (tmp_path / "empty.h5").write_bytes(b"")
    check_heaps(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["text"] = np.bytes_("beside the others")
    check_heaps(tmp_path / "plain.h5")
