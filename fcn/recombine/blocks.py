"""Peaks of blocks of many records, one after the other: half a gigabyte of waveforms in 100 MB."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor

from fcn.recombine.synthesise import rotate_to_north_east
from fcn.store.reader import BaseStore
from fcn.waveform.amplitude import BLOCK_S, block_peaks, samples_in
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.window_bands import filter_windows

RECORDS_AT_ONCE = 32
FAINTEST = 1e-15  # m/s and m: nothing
SETTLED_S = 20.0  # of noise that the long-period filter needs to forget that it was switched on
MOST_NOISE = 1000  # records
LN_10 = math.log(10.0)


@dataclass(frozen=True)
class Blocks:
    """log10 of `AMPLITUDES`, m/s and m: of row r, the blocks from start[r] on, length[r] of them."""

    log_peaks: Shaped[np.ndarray, "channel block"]  # float16
    start: Int64[np.ndarray, " row"]
    length: Int64[np.ndarray, " row"]

    @classmethod
    def of(cls, peaks: Sequence[Float[Tensor, "channel _"]]) -> "Blocks":
        """Of the peaks of each row."""
        length = np.array([each.shape[1] for each in peaks])
        joined = torch.cat([each.clamp_min(FAINTEST).log10().half() for each in peaks], dim=1)
        return cls(joined.numpy(), np.cumsum(length) - length, length)

    def __len__(self) -> int:
        return len(self.start)

    def ending(
        self,
        row: Int64[np.ndarray, " n"],
        end: Int64[np.ndarray, " n"],
        count: Int64[np.ndarray, " n"],
    ) -> Float32[np.ndarray, "channel block"]:
        """Peaks of the `count` blocks before block `end` of each row, joined; 0 where there is none."""
        index = np.repeat(end - count, count) + counting(count)
        inside = (index >= 0) & (index < np.repeat(self.length[row], count))
        place = np.where(inside, np.repeat(self.start[row], count) + index, 0)
        return self._at(place) * inside

    def around(
        self,
        row: Int64[np.ndarray, " n"],
        phase: Float[np.ndarray, " n"],
        count: Int64[np.ndarray, " n"],
    ) -> Float32[np.ndarray, "channel block"]:
        """`count` blocks of each row from a `phase` in [0, 1) on, round and round, joined."""
        length = self.length[row]
        begin = np.minimum((phase * length).astype(np.int64), length - 1)
        index = (np.repeat(begin, count) + counting(count)) % np.repeat(length, count)
        return self._at(np.repeat(self.start[row], count) + index)

    def _at(self, place: Int64[np.ndarray, " block"]) -> Float32[np.ndarray, "channel block"]:
        return np.exp(LN_10 * self.log_peaks[:, place].astype(np.float32))


def counting(count: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " block"]:
    """0, 1 ... up to each count, joined."""
    return np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)


def of_records(
    store: BaseStore,
    records: Int64[np.ndarray, " n"],
    begin: Int64[np.ndarray, " n"],
    skip: Int64[np.ndarray, " n"],
    preprocess: PreprocessSpec,
) -> Blocks:
    """Of earthquakes, filtered from sample `begin` on, less the first blocks; horizontals are N and E."""
    peaks: list[Tensor] = []
    for rows in np.array_split(np.arange(len(records)), -(-len(records) // RECORDS_AT_ONCE)):
        some = records[rows]
        zrt = torch.from_numpy(store.waveforms(some, begin[rows], store.npts[some]))
        azimuth_rad = torch.from_numpy(np.radians(store.azimuth_deg[some])).float()
        whole = _peaks(rotate_to_north_east(zrt, azimuth_rad), store.npts[some] - begin[rows], preprocess)
        peaks += [each[:, n:] for each, n in zip(whole, skip[rows].tolist(), strict=True)]
    return Blocks.of(peaks)


def of_noise(store: BaseStore, split: str, preprocess: PreprocessSpec) -> Blocks:
    """Of noise, once the filters have settled. Raises ValueError where there is none."""
    n_settled = round(SETTLED_S * store.sampling_rate_hz)
    records = store.select(split=split, category="noise")
    records = records[store.npts[records] > 1.5 * n_settled][:MOST_NOISE]
    if len(records) == 0:
        raise ValueError(
            f"the store at {store.path} has no noise of {1.5 * SETTLED_S:g} s in split {split!r}; build it "
            "with noise (source.simulated.n_noise, or an importer's noise option), or set data.histories=null"
        )
    n_block = round(SETTLED_S / BLOCK_S)
    peaks: list[Tensor] = []
    for some in np.array_split(records, -(-len(records) // RECORDS_AT_ONCE)):
        zrt = torch.from_numpy(store.waveforms(some, last=store.npts[some]))
        peaks += [each[:, n_block:] for each in _peaks(zrt, store.npts[some], preprocess)]
    return Blocks.of(peaks)


def _peaks(
    zne: Float[Tensor, "n 3 time"], npts: Int64[np.ndarray, " n"], preprocess: PreprocessSpec
) -> list[Float[Tensor, "channel _"]]:
    """Block peaks of each record, as far as it fills blocks."""
    rate = preprocess.sampling_rate_hz
    n = samples_in(BLOCK_S, rate)
    whole = zne[..., : n * (zne.shape[-1] // n)]
    _, broad, displacement, long = filter_windows(preprocess, whole)
    known = torch.ones_like(whole, dtype=torch.bool)
    peaks = block_peaks(broad, displacement, long, known, sampling_rate_hz=rate)
    return [each[:, : count // n].clone() for each, count in zip(peaks, npts.tolist(), strict=True)]
