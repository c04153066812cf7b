"""Reading a base store: metadata as arrays, waveforms by memory map."""

import csv
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int64, Shaped

from fcn.store.schema import COLUMNS, METADATA_FILE, SIMULATED, WAVEFORM_FILE

BYTES_PER_SAMPLE = 4


@dataclass(frozen=True)
class BaseStore:
    """Records of one store: a row each in the columns, in the order of metadata.csv.

    Opens its waveforms on first use and again in every process it is sent to.
    p_sample, s_sample: fractional, from the record's first sample; NaN for noise, like magnitude, depth_km,
    distance_km (epicentral), azimuth_deg (source to station) and, where it has no meaning, snr_db.
    digest: SHA-256 of metadata.csv, which holds names, geometry and signal-to-noise of every record.
    """

    path: Path
    sampling_rate_hz: float
    digest: str
    magnitude: Float64[np.ndarray, " record"]
    depth_km: Float64[np.ndarray, " record"]
    distance_km: Float64[np.ndarray, " record"]
    azimuth_deg: Float64[np.ndarray, " record"]
    p_sample: Float64[np.ndarray, " record"]
    s_sample: Float64[np.ndarray, " record"]
    snr_db: Float64[np.ndarray, " record"]
    npts: Int64[np.ndarray, " record"]
    split: Shaped[np.ndarray, " record"]
    category: Shaped[np.ndarray, " record"]
    source_id: Shaped[np.ndarray, " record"]
    station_code: Shaped[np.ndarray, " record"]
    origin: Shaped[np.ndarray, " record"]
    _first_sample: Int64[np.ndarray, " record"] = field(repr=False)
    _opened: list[np.memmap] = field(repr=False, default_factory=list)

    @classmethod
    def open(cls, path: str | Path) -> "BaseStore":
        """The store in folder `path`.

        Raises FileNotFoundError where there is none, OSError where its HDF5 is truncated or not HDF5, and
        ValueError where the two files disagree or the store was not written by `fcn.build_store`.
        """
        path = Path(path)
        for name in (METADATA_FILE, WAVEFORM_FILE):
            if not (path / name).is_file():
                raise FileNotFoundError(
                    f"no base store at {path} ({name} is missing); "
                    f"build one with: python -m fcn.build_store source=... out={path}"
                )
        columns, digest = _read_metadata(path / METADATA_FILE)
        sampling_rate_hz, offsets, widths = _read_layout(path / WAVEFORM_FILE)
        npts = columns["trace_npts"].astype(np.int64)
        first = _first_samples(columns["trace_name"], npts, offsets, widths)
        listed, held = len(columns["trace_name"]), sum(shape[0] for shape in widths.values())
        if listed != held:
            raise ValueError(
                f"{path / METADATA_FILE} lists {listed} records, {WAVEFORM_FILE} holds {held}: one of the "
                "two was cut; build the store again"
            )
        return cls(
            path=path,
            sampling_rate_hz=sampling_rate_hz,
            digest=digest,
            magnitude=_numbers(columns["source_magnitude"]),
            depth_km=_numbers(columns["source_depth_km"]),
            distance_km=_numbers(columns["path_ep_distance_km"]),
            azimuth_deg=_numbers(columns["path_azimuth_deg"]),
            p_sample=_numbers(columns["trace_p_arrival_sample"]),
            s_sample=_numbers(columns["trace_s_arrival_sample"]),
            snr_db=_numbers(columns["trace_snr_db"]),
            npts=npts,
            split=columns["split"],
            category=columns["trace_category"],
            source_id=columns["source_id"],
            station_code=columns["station_code"],
            origin=columns["trace_origin"],
            _first_sample=first,
        )

    def __len__(self) -> int:
        return len(self.npts)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": []}  # a map belongs to one process

    @property
    def n_samples(self) -> int:
        """Length of the longest record: the last axis of `waveforms`."""
        return int(self.npts.max())

    @property
    def is_simulated(self) -> Bool[np.ndarray, " record"]:
        """Which records no instrument recorded."""
        return np.char.startswith(self.origin.astype(str), SIMULATED)

    def select(self, split: str | None = None, category: str | None = None) -> Int64[np.ndarray, " chosen"]:
        """Indices of the records of this split and category ("earthquake" or "noise"); None takes all."""
        chosen = np.ones(len(self), dtype=bool)
        for name, column, wanted in (("split", self.split, split), ("category", self.category, category)):
            if wanted is None:
                continue
            if wanted not in {"split": ("train", "dev", "test"), "category": ("earthquake", "noise")}[name]:
                raise ValueError(f"unknown {name} {wanted!r}; the store has {sorted(set(column.tolist()))}")
            chosen &= column == wanted
        return np.flatnonzero(chosen)

    def waveforms(self, indices: Int[np.ndarray, " n"]) -> Float32[np.ndarray, "n 3 time"]:
        """Velocity in m/s, Z, R, T, of the records at `indices`, zero after the end of the shorter ones."""
        samples = self._samples()
        first, npts = self._first_sample[indices], self.npts[indices]
        n_samples = self.n_samples
        shorter = (npts < n_samples).any()
        out = (np.zeros if shorter else np.empty)((len(indices), 3, n_samples), dtype=np.float32)
        for row, (start, length) in enumerate(zip(first.tolist(), npts.tolist(), strict=True)):
            out[row, :, :length] = samples[start : start + 3 * length].reshape(3, length)
        return out

    def _samples(self) -> Float32[np.ndarray, " all"]:
        """The whole waveform file as float32, mapped read-only."""
        if not self._opened:
            path = self.path / WAVEFORM_FILE
            n_samples = path.stat().st_size // BYTES_PER_SAMPLE
            self._opened.append(np.memmap(path, np.float32, mode="r", shape=(n_samples,)))
        return self._opened[0].view(np.ndarray)


def _read_metadata(path: Path) -> tuple[dict[str, Shaped[np.ndarray, " record"]], str]:
    content = path.read_bytes()
    header, *rows = csv.reader(content.decode().splitlines())
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}: a SeisBench data set that is not a base store; "
            f"import it with: python -m fcn.build_store source=seisbench source.seisbench.root={path.parent}"
        )
    if not rows:
        raise ValueError(f"{path} lists no records")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {name: np.array(columns[name]) for name in COLUMNS}, hashlib.sha256(content).hexdigest()


def _read_layout(path: Path) -> tuple[float, dict[str, int], dict[str, tuple[int, ...]]]:
    """Sampling rate, and per bucket the first sample (counted from the start of the file) and the shape."""
    try:
        with h5py.File(path, "r") as file:
            data_format = {name: item[()] for name, item in file["data_format"].items()}
            offsets = {name: item.id.get_offset() for name, item in file["data"].items()}
            shapes = {name: item.shape for name, item in file["data"].items()}
            native = all(item.dtype == np.dtype("<f4") for item in file["data"].values())
    except (OSError, KeyError) as error:
        raise OSError(
            f"{path} is truncated or not the HDF5 of a base store ({error}); build the store again"
        ) from error
    unit, order = data_format["unit"].decode(), data_format["component_order"].decode()
    if (unit, order) != ("m/s", "ZRT") or not native or None in offsets.values():
        raise ValueError(
            f"{path} holds {order} in {unit}, not contiguous float32 ZRT in m/s: not written by "
            "fcn.build_store; import it with: python -m fcn.build_store source=seisbench"
        )
    for name, shape in shapes.items():
        if offsets[name] + BYTES_PER_SAMPLE * int(np.prod(shape)) > path.stat().st_size:
            raise OSError(f"{path} is truncated: it ends inside {name}; build the store again")
    return float(data_format["sampling_rate"]), {k: v // BYTES_PER_SAMPLE for k, v in offsets.items()}, shapes


def _first_samples(
    names: Shaped[np.ndarray, " record"],
    npts: Int64[np.ndarray, " record"],
    offsets: dict[str, int],
    shapes: dict[str, tuple[int, ...]],
) -> Int64[np.ndarray, " record"]:
    """Position in the file of each record's first sample, from its `bucket0$i,:3,:npts`."""
    first = np.empty(len(names), dtype=np.int64)
    for row, (name, length) in enumerate(zip(names.tolist(), npts.tolist(), strict=True)):
        bucket, _, place = name.partition("$")
        index = int(place.partition(",")[0])
        if bucket not in shapes or index >= shapes[bucket][0] or length != shapes[bucket][2]:
            raise ValueError(f"{METADATA_FILE} names {name}, which {WAVEFORM_FILE} does not hold")
        first[row] = offsets[bucket] + 3 * length * index
    return first


def _numbers(column: Shaped[np.ndarray, " record"]) -> Float64[np.ndarray, " record"]:
    """Column as numbers, empty as NaN."""
    return np.where(column == "", "nan", column).astype(np.float64)
