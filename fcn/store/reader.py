"""Reading a base store: metadata as arrays, waveforms by memory map."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int64, Shaped

from fcn.constants import COMPONENTS_ZRT
from fcn.hdf5 import scalar
from fcn.store.metadata import Metadata, checked_rate_hz
from fcn.store.schema import CATEGORIES, FASTEST_MPS, METADATA_FILE, SIMULATED, UNIT, WAVEFORM_FILE, YES
from fcn.store.split import SPLITS

BYTES_PER_SAMPLE = 4
TRACE_NAME = re.compile(r"(bucket\d+)\$(\d{1,9}),:3,:\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class BaseStore:
    """Records of one store: a row each in the columns, in the order of metadata.csv.

    Opens its waveforms on first use and again in every process it is sent to.
    p_sample, s_sample: fractional, from the record's first sample; NaN for noise, like magnitude, depth_km,
    distance_km (epicentral), azimuth_deg (source to station) and, where it has no meaning, snr_db.
    p_travel_s: from origin to P; NaN where that is not known.
    release_s: when the shares `RELEASED` of the source's moment are out, seconds after origin; NaN where that
        is not known.
    vertical_only: nobody recorded its horizontals, which are zero.
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
    p_travel_s: Float64[np.ndarray, " record"]
    release_s: Float64[np.ndarray, "record share"]
    vertical_only: Bool[np.ndarray, " record"]
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
        ValueError where the two files disagree, a record is none of an earthquake or of noise, or the store
        was not written by `fcn.build_store`.
        """
        path = Path(path)
        for name in (METADATA_FILE, WAVEFORM_FILE):
            if not (path / name).is_file():
                raise FileNotFoundError(
                    f"no base store at {path} ({name} is missing); "
                    f"build one with: python -m fcn.build_store source=... out={path}"
                )
        table = Metadata.read(path / METADATA_FILE)
        sampling_rate_hz, offsets, shapes = _read_layout(path / WAVEFORM_FILE)
        table.check_rate(sampling_rate_hz)
        first = _first_samples(table, offsets, shapes)
        listed, held = len(table), sum(shape[0] for shape in shapes.values())
        if listed != held:
            raise ValueError(
                f"{path / METADATA_FILE} lists {listed} records, {WAVEFORM_FILE} holds {held}: one of the "
                "two was cut; build the store again"
            )
        return cls(
            path=path,
            sampling_rate_hz=sampling_rate_hz,
            digest=table.digest,
            magnitude=table.numbers["source_magnitude"],
            depth_km=table.numbers["source_depth_km"],
            distance_km=table.numbers["path_ep_distance_km"],
            azimuth_deg=table.numbers["path_azimuth_deg"],
            p_sample=table.numbers["trace_p_arrival_sample"],
            s_sample=table.numbers["trace_s_arrival_sample"],
            snr_db=table.numbers["trace_snr_db"],
            p_travel_s=table.numbers["path_p_travel_s"],
            release_s=table.release_s,
            vertical_only=table.text["trace_vertical_only"] == YES,
            npts=table.npts,
            split=table.text["split"],
            category=table.text["trace_category"],
            source_id=table.text["source_id"],
            station_code=table.text["station_code"],
            origin=table.text["trace_origin"],
            _first_sample=first,
        )

    def __len__(self) -> int:
        return len(self.npts)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": []}  # a map belongs to one process

    @property
    def n_samples(self) -> int:
        """Length of the longest record: the last axis of `waveforms` that are not cut."""
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
            if wanted not in {"split": SPLITS, "category": CATEGORIES}[name]:
                raise ValueError(f"unknown {name} {wanted!r}; the store has {sorted(set(column.tolist()))}")
            chosen &= column == wanted
        return np.flatnonzero(chosen)

    def waveforms(
        self,
        indices: Int[np.ndarray, " n"],
        first: Int[np.ndarray, " n"] | None = None,
        last: Int[np.ndarray, " n"] | None = None,
    ) -> Float32[np.ndarray, "n 3 time"]:
        """Velocity in m/s, Z, R, T, of the records at `indices`, zero after the end of the shorter ones.

        first, last: of each record, only the samples from the one to before the other, counted from its
            first and clipped to it; None: whole records, on an axis as long as the longest of the store.
        Raises ValueError, naming the record, where it holds what no ground does.
        """
        samples, npts = self._samples(), self.npts[indices]
        begin = np.zeros_like(npts) if first is None else np.clip(first, 0, npts)
        end = npts if last is None else np.clip(last, begin, npts)
        n_samples = self.n_samples if last is None else int((end - begin).max(initial=0))
        shorter = ((end - begin) < n_samples).any()
        out = (np.zeros if shorter else np.empty)((len(indices), 3, n_samples), dtype=np.float32)
        rows = zip(*(each.tolist() for each in (self._first_sample[indices], npts, begin, end)), strict=True)
        for row, (start, length, here, there) in enumerate(rows):
            whole = samples[start : start + 3 * length].reshape(3, length)
            out[row, :, : there - here] = whole[:, here:there]
        if out.size and not (out.max() <= FASTEST_MPS and out.min() >= -FASTEST_MPS):  # catches NaN too
            self._refuse_waveform(indices, np.abs(out).max(axis=(1, 2)))
        return out

    def _refuse_waveform(
        self, indices: Int[np.ndarray, " n"], peak_mps: Float32[np.ndarray, " n"]
    ) -> NoReturn:
        """Raise ValueError naming the first record that moves as no ground does."""
        worst = int(np.argmax(~(peak_mps <= FASTEST_MPS)))
        record = int(indices[worst])
        raise ValueError(
            f"{self.path / WAVEFORM_FILE}: record {record + 1} ({self.source_id[record]} at "
            f"{self.station_code[record]}) moves at {peak_mps[worst]:g} m/s, {FASTEST_MPS:g} at most: the "
            "store was changed or damaged; build it again"
        )

    def _samples(self) -> Float32[np.ndarray, " all"]:
        """The whole waveform file as float32, mapped read-only."""
        if not self._opened:
            path = self.path / WAVEFORM_FILE
            n_samples = path.stat().st_size // BYTES_PER_SAMPLE
            self._opened.append(np.memmap(path, np.float32, mode="r", shape=(n_samples,)))
        return self._opened[0].view(np.ndarray)


def _read_layout(path: Path) -> tuple[float, dict[str, int], dict[str, tuple[int, ...]]]:
    """Sampling rate, and per bucket the first sample (counted from the start of the file) and the shape."""
    try:
        with h5py.File(path, "r") as file:
            data_format = {name: scalar(item) for name, item in file["data_format"].items()}
            offsets = {name: item.id.get_offset() for name, item in file["data"].items()}
            shapes = {name: item.shape for name, item in file["data"].items()}
            native = all(item.dtype == np.dtype("<f4") for item in file["data"].values())
        unit, order, rate = (data_format[name] for name in ("unit", "component_order", "sampling_rate"))
    # h5py has many kinds for a damaged file
    except (OSError, KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise OSError(
            f"{path} is truncated or not the HDF5 of a base store ({error}); build the store again"
        ) from error
    placed = all(offset is not None and offset % BYTES_PER_SAMPLE == 0 for offset in offsets.values())
    order, unit = _said(order), _said(unit)
    if (unit, order) != (UNIT, "".join(COMPONENTS_ZRT)) or not native or not placed:
        raise ValueError(
            f"{path} holds {order} in {unit}, not contiguous float32 ZRT in m/s: not written "
            "by fcn.build_store; import it with: python -m fcn.build_store source=seisbench"
        )
    for name, shape in shapes.items():
        if len(shape) != 3 or shape[1] != len(COMPONENTS_ZRT):
            raise ValueError(
                f"{path}: {name} has shape {shape}, not (records, 3, samples): build the store again"
            )
        if offsets[name] + BYTES_PER_SAMPLE * math.prod(shape) > path.stat().st_size:
            raise OSError(f"{path} is truncated: it ends inside {name}; build the store again")
    rate_hz = checked_rate_hz(path, rate)
    return rate_hz, {name: offset // BYTES_PER_SAMPLE for name, offset in offsets.items()}, shapes


def _said(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else repr(value)


def _first_samples(
    table: Metadata, offsets: dict[str, int], shapes: dict[str, tuple[int, ...]]
) -> Int64[np.ndarray, " record"]:
    """Position in the file of each record's first sample, from its `bucket0$i,:3,:npts`."""
    first = np.empty(len(table), dtype=np.int64)
    names = table.text["trace_name"].tolist()
    for row, (name, length) in enumerate(zip(names, table.npts.tolist(), strict=True)):
        found = TRACE_NAME.fullmatch(name)
        bucket, index = (found[1], int(found[2])) if found else ("", 0)
        if bucket not in shapes or index >= shapes[bucket][0] or length != shapes[bucket][2]:
            table.refuse(row, "trace_name", f"{WAVEFORM_FILE} does not hold it in {length} samples")
        first[row] = offsets[bucket] + 3 * length * index
    return first
