"""HDF5 files that may be damaged: what the library would hang in is found before it."""

import mmap
from pathlib import Path

HEAP = b"GCOL"  # HDF5 file format specification 3.0, III.E: a collection of the global heap
HEAP_HEADER_BYTES = OBJECT_HEADER_BYTES = 16


def check_heaps(path: Path) -> None:
    """Raise ValueError where a heap of the file is damaged such that HDF5 (1.14, 2.0) would never come back.

    In free space of no size it goes round and round, in C, where nothing can stop it.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(HEAP)
            while at >= 0:
                if _is_endless(content, at):
                    raise ValueError(
                        f"{path} is damaged at byte {at} (a heap of no size): fetch or make it again"
                    )
                at = content.find(HEAP, at + len(HEAP))


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
