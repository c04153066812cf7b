"""Damage that HDF5 itself would not come back from."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from fcn.hdf5 import check_heaps

READ = "import h5py, sys; print(h5py.File(sys.argv[1])['text'][()])"


@pytest.fixture
def damaged(tmp_path):
    """A text in a heap whose free space has no size any more."""
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        file["text"] = "in a heap"
    check_heaps(path)
    content = bytearray(path.read_bytes())
    free = content.find(b"GCOL") + 16 + 16 + 16  # after the header and the one object
    assert content[free : free + 2] == b"\0\0"
    content[free + 8 : free + 16] = bytes(8)
    path.write_bytes(content)
    return path


def test_a_heap_without_size_is_refused(damaged):
    with pytest.raises(ValueError, match=r"damaged\.h5 is damaged at byte \d+ \(a heap of no size\)"):
        check_heaps(damaged)


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
