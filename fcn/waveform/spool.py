"""Arrays that are longer than memory should be: in a file that has no name, and goes when they do."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Shaped


class Spool:
    """An array of zeros in a temporary file (of `TMPDIR`), to be filled along its last axis in a `with`.

    Raises OSError where there is no room for it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)

    def __enter__(self) -> "Spool":
        self._file, size = tempfile.TemporaryFile(), int(np.prod(self._shape)) * self._dtype.itemsize
        try:
            if size:  # a sparse file would end the process when it is read where the disk is full
                os.posix_fallocate(self._file.fileno(), 0, size)
        except OSError as error:
            self._file.close()
            raise OSError(
                error.errno,
                f"no room for {size / 1e6:.0f} MB of motion in {tempfile.gettempdir()} ({error.strerror}): "
                "set TMPDIR to a folder with room",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()  # arrays keep what they are of

    def put(self, row: tuple[int, ...], first: int, values: Shaped[np.ndarray, " n"]) -> None:
        """Values of one row, all but the last axis, from `first` on."""
        place = np.ravel_multi_index((*row, first), self._shape) * self._dtype.itemsize
        left, at = memoryview(values.astype(self._dtype).tobytes()), int(place)
        while left:
            n = os.pwrite(self._file.fileno(), left, at)
            left, at = left[n:], at + n

    def array(self) -> Shaped[np.ndarray, "..."]:
        """All of it, to read: what is looked at comes into memory."""
        if not np.prod(self._shape):
            return np.zeros(self._shape, self._dtype)
        return np.memmap(self._file, self._dtype, "r", shape=self._shape)


def in_parts(array: Shaped[np.ndarray, "..."], length: int) -> Iterator[Shaped[np.ndarray, "..."]]:
    """The array cut along its last axis; what is of a file leaves memory when the next part is asked for."""
    for first in range(0, array.shape[-1], length):
        yield array[..., first : first + length]
        mapped = getattr(array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
