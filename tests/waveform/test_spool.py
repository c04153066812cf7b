"""Arrays in files of their own."""

import errno
import os

import numpy as np
import pytest

from fcn.waveform.spool import Spool, in_parts


def test_what_is_put_is_there_and_the_rest_is_zero():
    with Spool((2, 3, 10), np.float32) as spool:
        spool.put((1, 2), 4, np.arange(1.0, 7.0))
        spool.put((0, 0), 0, np.array([9.0]))
        found = spool.array()
    expected = np.zeros((2, 3, 10), np.float32)
    expected[1, 2, 4:], expected[0, 0, 0] = np.arange(1.0, 7.0), 9.0
    np.testing.assert_array_equal(found, expected)
    for _ in range(2):  # parts that have left memory come again
        np.testing.assert_array_equal(np.concatenate(list(in_parts(found, 4)), axis=-1), expected)
    assert not found.flags.writeable


def test_parts_are_of_any_array():
    assert [part.tolist() for part in in_parts(np.arange(5), 2)] == [[0, 1], [2, 3], [4]]


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        pytest.raises(OSError, match=r"no room for 4 MB of motion .*TMPDIR") as error,
        Spool((1000, 1000), "f4"),
    ):
        pass
    assert error.value.errno == errno.ENOSPC


def test_a_write_that_is_cut_short_goes_on(monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, values, at: whole(file, values[:7], at))
    with Spool((2, 10), np.float64) as spool:
        spool.put((1,), 2, np.arange(8.0))
        np.testing.assert_array_equal(spool.array()[1, 2:], np.arange(8.0))
