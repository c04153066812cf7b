"""Data sets in SeisBench format (Woollam et al. 2022, SRL 93(3)), read record by record without SeisBench."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float64

from fcn.hdf5 import scalar
from fcn.store.schema import METADATA_FILE, WAVEFORM_FILE
from fcn.tables import Row, read_table

NEEDED = ("trace_name",)
READ = ("dimension_order", "component_order", "sampling_rate", "unit", "measurement")  # of data_format
Samples = Float64[np.ndarray, "component time"]


class SeisBenchFolder:
    """metadata.csv and waveforms.hdf5 of one folder, or those of its chunks, listed or by their names.

    data_format: what the group of that name says, as text. Raises FileNotFoundError where files are missing,
    OSError naming an HDF5 file that is truncated or none, and ValueError for a damaged one, a chunk in
    another folder, or of another data_format.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser()
        chunks = _chunks(self.root)
        self._parts = [
            (self.root / f"metadata{chunk}.csv", self.root / f"waveforms{chunk}.hdf5") for chunk in chunks
        ]
        missing = [path.name for part in self._parts for path in part if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"no SeisBench data set at {self.root}: {', '.join(missing)} missing")
        self.data_format, *others = (_data_format(waveforms) for _, waveforms in self._parts)
        for (_, waveforms), other in zip(self._parts[1:], others, strict=True):
            for name in READ:
                if other.get(name) != self.data_format.get(name):
                    raise ValueError(
                        f"{waveforms}: its data_format says {name} {other.get(name)}, and that of "
                        f"{self._parts[0][1].name} {self.data_format.get(name)}: import chunks that differ "
                        "as data sets of their own"
                    )

    def __len__(self) -> int:
        """Number of records."""
        return sum(1 for metadata, _ in self._parts for _ in read_table(metadata, NEEDED))

    @property
    def first_row(self) -> Row:
        """Metadata of the first record, nothing where there is none."""
        return next((row for _, row in read_table(self._parts[0][0], NEEDED)), {})

    def rows(self) -> Iterator[tuple[Row, Callable[[], Samples]]]:
        """Metadata of every record, and what reads its samples while the iteration stands there.

        Components first whatever the file's order; reading raises ValueError for samples that are not there,
        and for those of a row before: they would be one record twice.
        """
        transposed = self.data_format.get("dimension_order", "CW").replace("N", "") == "WC"
        for metadata, waveforms in self._parts:
            listed = set[str]()
            with _open(waveforms) as file:
                for place, row in read_table(metadata, NEEDED):
                    name = row["trace_name"]
                    if name in listed:
                        yield row, partial(_refuse, f"{place}: {name} is that of a row before, too")
                        continue
                    listed.add(name)
                    yield row, partial(_samples, file, name, waveforms, transposed)


def _chunks(root: Path) -> list[str]:
    """What names of a part's files have after "metadata" and "waveforms": nothing where there are no chunks.

    Where none are listed their files say which there are, as SeisBench has it.
    """
    listed = root / "chunks"
    chunks = list(dict.fromkeys(listed.read_text().split())) if listed.is_file() else []
    elsewhere = [chunk for chunk in chunks if "/" in chunk or "\\" in chunk]
    if elsewhere:
        raise ValueError(f"{listed} names {elsewhere[0]!r}: chunks lie in its folder")
    if chunks or (root / METADATA_FILE).exists() or (root / WAVEFORM_FILE).exists():
        return chunks or [""]
    return sorted(path.stem.removeprefix("metadata") for path in root.glob("metadata*.csv")) or [""]


def _data_format(path: Path) -> dict[str, str]:
    with _open(path) as file:
        stated = file.get("data_format", {})
        return {name: _text(scalar(stated[name])) for name in stated}


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise OSError(f"{path} is truncated or not HDF5 ({error}); fetch the data set again") from error


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.15g}"  # 20 of one chunk is 20.0 of another
    return value.decode() if isinstance(value, bytes) else str(value)


def _refuse(reason: str) -> Samples:
    raise ValueError(reason)


def _samples(file: h5py.File, trace_name: str, path: Path, transposed: bool) -> Samples:
    """Array of a trace name: "bucket$place" with place in NumPy's notation, or a data set's name alone."""
    name, _, place = trace_name.partition("$")
    try:
        block = file["data"][name]
        index = tuple(_slice(part) for part in place.split(",")) if place else ()
        samples = np.asarray(block[index], dtype=np.float64)
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path} does not hold {trace_name}: {error}") from error
    if samples.ndim != 2:
        raise ValueError(f"{path}: {trace_name} has shape {samples.shape}, not components by samples")
    return samples.T if transposed else samples


def _slice(text: str) -> int | slice:
    """One dimension of a place, e.g. "5" or ":1200"."""
    parts = [int(part) if part.strip() else None for part in text.split(":")]
    if len(parts) == 1 and parts[0] is not None:
        return parts[0]
    return slice(*parts)
