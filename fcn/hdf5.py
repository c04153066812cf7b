"""HDF5 files that may be damaged: what the library would hang in is found before it."""

import mmap
from pathlib import Path
from typing import Any

import h5py

HEAP = b"GCOL"  # HDF5 file format specification 3.0, III.E: a collection of the global heap
HEAP_HEADER_BYTES = OBJECT_HEADER_BYTES = 16
LENGTH_BYTES, ADDRESS_BYTES = 4, 8  # of a text in a heap, before the address of the heap


def check_heaps(path: Path) -> None:
    """Raise ValueError where a heap of the file is damaged such that HDF5 (1.14, 2.0) would never come back.

    In free space of no size it goes round and round, in C, where nothing can stop it.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(HEAP)
        while at >= 0:
            _check_heap(content, at, path)
            at = content.find(HEAP, at + len(HEAP))


def scalar(item: h5py.Dataset) -> Any:
    """What a data set of one value holds; a text is looked for in its own heap only, however long the file.

    Raises ValueError where that heap is damaged (`check_heaps`), or this is no data set.
    """
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{item!r} is no data set")
    text = h5py.check_string_dtype(item.dtype)
    if text is None or text.length is not None:
        return item[()]
    path = Path(item.file.filename)
    offset = item.id.get_offset()
    if offset is None or item.size != 1:  # addresses lie in the header, or are many
        check_heaps(path)
        return item[()]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        offset += LENGTH_BYTES
        at = int.from_bytes(content[offset : offset + ADDRESS_BYTES], "little") + item.file.userblock_size
        if content[at : at + len(HEAP)] == HEAP:
            _check_heap(content, at, path)
    return item[()]


def _check_heap(content: mmap.mmap, at: int, path: Path) -> None:
    if _is_endless(content, at):
        raise ValueError(f"{path} is damaged at byte {at} (a heap of no size): fetch or make it again")


def _is_endless(content: mmap.mmap, at: int) -> bool:
    """Whether a walk over the objects of a heap meets free space that is smaller than its own header."""
    end = min(at + int.from_bytes(content[at + 8 : at + 16], "little"), len(content))
    at += HEAP_HEADER_BYTES
    while at + OBJECT_HEADER_BYTES <= end:
        index = int.from_bytes(content[at : at + 2], "little")
        size = int.from_bytes(content[at + 8 : at + OBJECT_HEADER_BYTES], "little")
        if index == 0:  # free space, whose size counts its header
            if size < OBJECT_HEADER_BYTES:
                return True
            at += size
        else:
            at += OBJECT_HEADER_BYTES + -(-size // 8) * 8
    return False
