"""Writing a base store: SeisBench's metadata.csv and waveforms.hdf5, whole or not at all."""

import contextlib
import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from jaxtyping import Float32

from fcn import checked
from fcn.constants import COMPONENTS_ZRT
from fcn.publish import new_folder
from fcn.store.schema import (
    COLUMNS,
    DECIMALS,
    METADATA_FILE,
    REFUSED_FILE,
    SAMPLING_RATES_HZ,
    UNIT,
    WAVEFORM_FILE,
    YES,
    StoreRecord,
)
from fcn.store.split import checked_fractions, split_by_source

BUCKET_BYTES = 64 * 2**20  # waveforms held back until written as one contiguous array
PAGE_BYTES = 4096  # arrays start on a page, so that readers can map them
SNR_GUARD_S = 0.3  # before P, kept out of the noise window: picks are late more often than early
SNR_WINDOW_S = 5.0


class StoreWriter:
    """Context manager that collects records and moves the finished store to `path`.

    Everything goes to a folder beside `path` first; an exception leaves `path` untouched.
    split_fractions: shares of train, dev, test; seed: of the draw.
    Raises FileExistsError where `path` holds something already.
    """

    def __init__(
        self, path: Path, sampling_rate_hz: float, split_fractions: Mapping[str, float], seed: int
    ) -> None:
        self.path = Path(path)
        self.sampling_rate_hz = checked.number("sampling_rate_hz", sampling_rate_hz, *SAMPLING_RATES_HZ)
        self.split_fractions = checked_fractions(split_fractions)
        self.seed = seed
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.refused: list[tuple[str, str, str, str]] = []
        self.by_station = False
        self._rows: list[dict[str, object]] = []
        self._bucket: list[Float32[np.ndarray, "3 npts"]] = []
        self._n_buckets = 0

    def __enter__(self) -> "StoreWriter":
        self._folder = new_folder(self.path)
        self._partial = self._folder.__enter__()
        # Page-aligned contiguous arrays: the reader maps the file instead of calling HDF5 per record.
        self._file = h5py.File(
            self._partial / WAVEFORM_FILE, "w", alignment_threshold=PAGE_BYTES, alignment_interval=PAGE_BYTES
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as stack:
            stack.push(self._folder)  # publishes it, or removes it where an error is on its way
            stack.callback(self._file.close)
            if error is not None:
                raise error
            self._finish()

    def add(self, record: StoreRecord) -> None:
        """Append one record; ValueError where `StoreRecord.check` finds something wrong."""
        record.check()
        n_samples = record.waveform_mps.shape[1]
        if self._bucket and n_samples != self._bucket[0].shape[1]:
            self._flush()
        name = f"bucket{self._n_buckets}${len(self._bucket)},:3,:{n_samples}"
        self._rows.append(self._row(record, name))
        self._bucket.append(np.asarray(record.waveform_mps, np.float32))
        self.accepted[record.origin, record.category] += 1
        if len(self._bucket) * record.waveform_mps.nbytes >= BUCKET_BYTES:
            self._flush()

    def refuse(self, source_id: str, station_code: str, reason: str, origin: str = "") -> None:
        """Note a record that stays out, and why."""
        self.refused.append((origin, source_id, station_code, reason))

    def _row(self, record: StoreRecord, name: str) -> dict[str, object]:
        network, _, station = record.station_code.rpartition(".")
        return {
            "trace_name": name,
            "trace_name_original": f"{record.source_id}_{record.station_code}",
            "trace_category": record.category,
            "trace_origin": record.origin,
            "trace_npts": record.waveform_mps.shape[1],
            "trace_sampling_rate_hz": self.sampling_rate_hz,
            "trace_component_order": "".join(COMPONENTS_ZRT),
            "trace_unit": UNIT,
            "trace_p_arrival_sample": _text(record.p_arrival_sample, DECIMALS),
            "trace_s_arrival_sample": _text(record.s_arrival_sample, DECIMALS),
            "trace_snr_db": _text(snr_db(record, self.sampling_rate_hz), 3),
            "station_network_code": network,
            "station_code": station,
            "source_id": record.source_id,
            "source_type": record.category,
            "source_magnitude": _text(record.source_magnitude, DECIMALS),
            "source_magnitude_type": record.source_magnitude_type,
            "source_depth_km": _text(record.source_depth_km, DECIMALS),
            "path_ep_distance_km": _text(record.path_ep_distance_km, DECIMALS),
            "path_azimuth_deg": _text(record.path_azimuth_deg, DECIMALS),
            "path_p_travel_s": _text(record.path_p_travel_s, 3),
            "source_release_s": " ".join(f"{time_s:.3f}" for time_s in record.source_release_s),
            "trace_vertical_only": YES if record.vertical_only else "",
        }

    def _flush(self) -> None:
        if self._bucket:
            self._file.create_dataset(f"data/bucket{self._n_buckets}", data=np.stack(self._bucket))
            self._n_buckets += 1
            self._bucket = []

    def _write_format(self) -> None:
        """SeisBench's `data_format` group: what the arrays hold, in texts that need no heap."""
        group = self._file.create_group("data_format")
        group["dimension_order"] = np.bytes_("CW")
        group["component_order"] = np.bytes_("".join(COMPONENTS_ZRT))
        group["sampling_rate"] = self.sampling_rate_hz
        group["measurement"] = np.bytes_("velocity")
        group["unit"] = np.bytes_(UNIT)
        group["instrument_response"] = np.bytes_("restituted")

    def _finish(self) -> None:
        if not self._rows:
            kinds = kinds_of_refusals(self.refused)[:3]
            why = "; ".join(f"{count} x {reason} ({record})" for _, count, reason, record in kinds)
            raise ValueError(f"no record was accepted for {self.path}: {why or 'the sources were empty'}")
        self._flush()
        self._write_format()  # after the arrays: small ones would follow its texts at odd addresses
        codes = [f"{row['station_network_code']}.{row['station_code']}" for row in self._rows]
        sources = [str(row["source_id"]) for row in self._rows]
        splits, self.by_station = split_by_source(sources, codes, self.split_fractions, self.seed)
        for row, split in zip(self._rows, splits, strict=True):
            row["split"] = split
        with (self._partial / METADATA_FILE).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(self._rows)
        with (self._partial / REFUSED_FILE).open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(("origin", "source_id", "station_code", "reason"))
            table.writerows(self.refused)


def kinds_of_refusals(refused: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, int, str, str]]:
    """Refusals with the same reason but for its figures in one row, the most first.

    Of (origin, source, station, reason): (origin, how many, reason of the first, its source and station).
    """
    kinds: dict[tuple[str, str], list[tuple[str, str, str, str]]] = {}
    for row in refused:
        kinds.setdefault((row[0], re.sub(r"[\d.]+", "#", row[3])), []).append(row)
    rows: list[tuple[str, int, str, str]] = []
    for alike in sorted(kinds.values(), key=len, reverse=True):
        origin, source_id, station_code, reason = alike[0]
        rows.append((origin, len(alike), reason, f"{source_id} {station_code}".strip()))
    return rows


def snr_db(record: StoreRecord, sampling_rate_hz: float) -> float:
    """Power of 5 s from S over power of up to 5 s before P, all components, dB; NaN for noise.

    Both about the noise's mean. Infinite where nothing at all comes before P.
    """
    if record.category == "noise":
        return float("nan")
    window = round(SNR_WINDOW_S * sampling_rate_hz)
    end = int(record.p_arrival_sample - SNR_GUARD_S * sampling_rate_hz)
    noise = record.waveform_mps[:, max(end - window, 0) : max(end, 0)].astype(np.float64)
    if noise.shape[1] < 2:
        return float("nan")
    first = int(record.s_arrival_sample)
    signal = record.waveform_mps[:, first : first + window] - noise.mean(1, keepdims=True)
    noise_power = noise.var(1).sum()
    signal_power = (signal**2).mean(1).sum()
    return float(10.0 * np.log10(signal_power / noise_power)) if noise_power > 0.0 else float("inf")


def _text(value: float, decimals: int) -> str:
    """Fixed decimals, so that the same records give the same bytes; empty for NaN, as SeisBench has it."""
    return "" if np.isnan(value) else f"{value:.{decimals}f}"
