"""Ground velocity of stations in two bands on one axis, as fcn preprocesses it."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fcn.waveform.preprocess import (
    AntiAlias,
    Band,
    Bands,
    Chunk,
    LongPeriod,
    PreprocessSpec,
    ToVelocity,
)
from fcn.waveform.rates import in_step, same_rate
from fcn_edge.records import Segment

log = logging.getLogger(__name__)

TINY = 1e-9  # of a direction: rounding


def spec_of(plain: Mapping[str, Any]) -> PreprocessSpec:
    """The preprocessing of `network.json`."""
    made = dict(plain)
    for name, kind in (("narrow", Band), ("broad", Band), ("long", LongPeriod), ("anti_alias", AntiAlias)):
        made[name] = None if made[name] is None else kind(**made[name])
    return PreprocessSpec(**made)


@dataclass(frozen=True, eq=False)
class Motion:
    """Velocity in m/s up, north, east; sample j is at (start + j) / sampling_rate_hz, POSIX s; zero where not
    valid. depth_km: of the sensor."""

    start: int
    narrow: np.ndarray
    broad: np.ndarray
    valid: np.ndarray
    depth_km: float

    def window(self, end: int, n: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Both bands of the n samples before `end`, and whether something is known of them."""
        bands = np.zeros((2, 3, n), np.float32)
        first, last = max(end - n, self.start), min(end, self.start + self.valid.size)
        if last <= first:
            return bands[0], bands[1], False
        here, there = slice(first - self.start, last - self.start), slice(first - end + n, last - end + n)
        bands[0, :, there], bands[1, :, there] = self.narrow[:, here], self.broad[:, here]
        return bands[0], bands[1], bool(self.valid[here].any())


def motion_of(
    channels: Sequence[Mapping[str, Any]], segments: Mapping[str, Sequence[Segment]], spec: PreprocessSpec
) -> Motion | None:
    """Of a station: its instrument that has delivered most; None where none has.

    channels: of `stations.json`.
    """
    by_instrument: dict[str, list[tuple[Mapping[str, Any], list[tuple[Chunk, Any]]]]] = defaultdict(list)
    for channel in channels:
        chunks = list(_bands(channel, segments.get(channel["seed_id"], ()), spec))
        if chunks:
            by_instrument[channel["seed_id"][:-1]].append((channel, chunks))
    if not by_instrument:
        return None
    most = max(by_instrument.values(), key=lambda each: sum(c.valid.sum() for _, s in each for c, _ in s))
    start = min(chunk.start_sample for _, chunks in most for chunk, _ in chunks)
    end = max(chunk.start_sample + chunk.valid.size for _, chunks in most for chunk, _ in chunks)
    along, valid = np.zeros((2, len(most), end - start)), np.zeros((len(most), end - start), dtype=bool)
    for row, (_, chunks) in enumerate(most):
        for chunk, bands in chunks:
            place = slice(chunk.start_sample - start, chunk.start_sample - start + chunk.valid.size)
            along[0, row, place], along[1, row, place] = bands.narrow[0], bands.broad[0]
            valid[row, place] |= chunk.valid
    directions = np.array([channel["direction"] for channel, _ in most])
    narrow, broad = _turned(along, valid, directions)
    return Motion(start, narrow, broad, valid.any(axis=0), float(most[0][0]["depth_km"]))


def _turned(along: np.ndarray, valid: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(band, channel, time) along the channels to up, north, east, of those that are valid at a time.

    A channel has a row for each of its epochs, and each counts while it lasts.
    """
    turned = np.zeros((len(along), 3, along.shape[2]))
    for pattern in np.unique(valid, axis=1).T:
        rows = np.flatnonzero(pattern)
        if not rows.size:
            continue
        samples = (valid == pattern[:, None]).all(axis=0)
        to_zne = np.linalg.pinv(directions[rows])
        to_zne[np.abs(to_zne) < TINY] = 0.0
        turned[:, :, samples] = np.einsum("zc,bct->bzt", to_zne, along[:, rows][:, :, samples])
    return turned


def _bands(
    channel: Mapping[str, Any], segments: Sequence[Segment], spec: PreprocessSpec
) -> Iterable[tuple[Chunk, Any]]:
    """Chunks of one channel in one epoch, with their bands."""
    kinds: dict[float, tuple[ToVelocity, Bands]] = {}
    low_s = -math.inf if channel["start_s"] is None else channel["start_s"]
    high_s = math.inf if channel["end_s"] is None else channel["end_s"]
    for each in segments:
        rate_hz = same_rate(each.rate_hz, [*kinds, max(round(each.rate_hz), 1.0)], spec.sampling_rate_hz)
        if rate_hz < spec.sampling_rate_hz or each.start_s >= high_s:
            continue
        first = max(math.ceil((low_s - each.start_s) * each.rate_hz - 1e-3), 0) if low_s > each.start_s else 0
        last = each.counts.size
        if math.isfinite(high_s):
            last = min(last, math.ceil((high_s - each.start_s) * each.rate_hz - 1e-3))
        if last <= first:
            continue
        if rate_hz not in kinds:
            sensitivity = channel["sensitivity"]
            try:
                to_velocity = ToVelocity(spec, rate_hz, channel["measurement"], sensitivity)
            except ValueError as error:
                log.warning("%s left out: %s", channel["seed_id"], error)
                return
            kinds[rate_hz] = to_velocity, Bands(spec, 1)
        to_velocity, bands = kinds[rate_hz]
        start_s, counts = each.start_s + first / each.rate_hz, each.counts[None, first:last]
        for piece_s, piece in in_step(start_s, last - first, each.rate_hz, rate_hz):
            for chunk in to_velocity.process(piece_s, counts[:, piece]):
                yield chunk, bands.process(chunk)
