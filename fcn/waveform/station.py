"""Ground motion of one station, from the traces of all its channels and what StationXML says of them."""

import itertools
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Bool, Float64

from fcn.waveform.choice import Stretch, choose, component_order, instrument, spanned
from fcn.waveform.clipping import Clipping
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity
from fcn.waveform.response import Described, describe

log = logging.getLogger(__name__)

SAME_RATE = 1e-5  # relative: an hour of samples goes off by 0.04 s
LEAST_SEEN = (0.9, 0.5, 0.5)  # of a component's power, up, north, east
MOST_MIXED = (math.inf, 0.1, 0.1)  # of the vertical in up, north and east
ROUNDING = 1e-9
ON_SAMPLE = 1e-3  # of a sample: so near, a moment is a sample's


@dataclass(frozen=True, eq=False)
class Use:
    """From a POSIX time on, these channels were used; a station that fell silent has none."""

    from_s: float
    channels: tuple[Described, ...]


@dataclass(frozen=True, eq=False)
class StationMotion:
    """Ground velocity up, north, east: sample j is at (start_sample + j) / sampling_rate_hz, POSIX s.

    narrow_mps, broad_mps, displacement_m, long_m: its bands, see `Banded`. All are zero where not valid.
    valid: per component, where it is known.
    uses: which channels it is from, in order of time.
    """

    station_id: str
    start_sample: int
    velocity_mps: Float64[np.ndarray, "3 time"]
    narrow_mps: Float64[np.ndarray, "3 time"]
    broad_mps: Float64[np.ndarray, "3 time"]
    displacement_m: Float64[np.ndarray, "3 time"]
    long_m: Float64[np.ndarray, "3 time"]
    valid: Bool[np.ndarray, "3 time"]
    uses: tuple[Use, ...]


@dataclass(frozen=True, eq=False)
class _Channel:
    """Motion along a channel for as long as StationXML says the same of it, on the station's axis."""

    described: Described
    motion: Float64[np.ndarray, "5 time"]  # velocity, and what `Banded` holds
    valid: Bool[np.ndarray, " time"]
    clipped: Bool[np.ndarray, " time"]  # beyond its range from a sample before, if not from this one


def station_motion(
    traces: Iterable[obspy.Trace], inventory: obspy.Inventory, spec: PreprocessSpec
) -> StationMotion:
    """Motion of a station: every channel on its own, the best of those that deliver used (`choose`).

    Each sample is scaled and turned by the epoch of StationXML that covers its time. What no epoch covers,
    and channels that StationXML does not describe, are left out with a warning. Raises ValueError where no
    channel is fast enough or described, or directions contradict each other.
    """
    by_id: dict[str, list[obspy.Trace]] = defaultdict(list)
    for trace in sorted(traces, key=lambda trace: trace.stats.starttime):
        by_id[trace.id].append(trace)
    rate_hz = spec.sampling_rate_hz
    usable = _fast_enough(by_id, rate_hz)
    described = _describe(usable, inventory)
    start_sample, n_samples = _axis([trace for name in described for _, trace in usable[name]], rate_hz)
    for seed_id, rated in usable.items():
        if len(rates := sorted({own_rate_hz for own_rate_hz, _ in rated})) > 1:
            told = " and ".join(f"{own_rate_hz:g}" for own_rate_hz in rates)
            log.warning("%s comes at %s Hz: one at a time is used", seed_id, told)
    channels = [
        _channel(epoch, own_rate_hz, alike, spec, start_sample, n_samples)
        for seed_id in sorted(described, key=component_order)
        for epoch in described[seed_id]
        for own_rate_hz, alike in _by_rate(usable[seed_id]).items()
    ]
    stretches = choose(
        [channel.described.seed_id for channel in channels],
        np.array([channel.described.direction for channel in channels]),
        np.array([channel.valid for channel in channels]),
        np.array([_over(channel.described, start_sample, n_samples, rate_hz) for channel in channels]),
        np.array([channel.clipped for channel in channels]),
        rate_hz,
    )
    station_id = ".".join(next(iter(by_id)).split(".")[:2])
    motion, valid = _combine(channels, stretches, n_samples)
    uses = tuple(_uses(channels, stretches, start_sample, rate_hz))
    _say(station_id, uses)
    velocity, narrow, broad, displacement, long = motion
    return StationMotion(
        station_id, start_sample, velocity, narrow, broad, displacement, long, valid=valid, uses=uses
    )


Rated = list[tuple[float, obspy.Trace]]  # each trace with its sampling rate, Hz


def _fast_enough(by_id: Mapping[str, list[obspy.Trace]], minimum_rate_hz: float) -> dict[str, Rated]:
    """Of each channel, the traces that are fast enough, with their rates; equal ones are exactly equal."""
    usable: dict[str, Rated] = {}
    slow: dict[str, float] = {}
    for seed_id, traces in by_id.items():
        met = [minimum_rate_hz]
        for trace in traces:
            stated_hz = float(trace.stats.sampling_rate)
            # headers that hold an interval, or a ratio, state one rate in many ways
            rate_hz = next((hz for hz in met if abs(stated_hz / hz - 1.0) < SAME_RATE), stated_hz)
            met.append(rate_hz)
            if rate_hz >= minimum_rate_hz:
                usable.setdefault(seed_id, []).append((rate_hz, trace))
            else:
                slow[seed_id] = rate_hz
    if not usable:
        told = ", ".join(f"{seed_id} ({rate_hz:g} Hz)" for seed_id, rate_hz in slow.items())
        raise ValueError(f"no channel of at least {minimum_rate_hz:g} Hz: {told}")
    return usable


def _by_rate(traces: Rated) -> dict[float, list[obspy.Trace]]:
    alike: dict[float, list[obspy.Trace]] = {}
    for rate_hz, trace in traces:
        alike.setdefault(rate_hz, []).append(trace)
    return alike


def _describe(usable: Mapping[str, Rated], inventory: obspy.Inventory) -> dict[str, list[Described]]:
    """What StationXML says of each channel; one of which it says nothing of use is left out with a warning.

    Raises ValueError where that is all, or for channels that cannot be told apart by their directions.
    """
    described: dict[str, list[Described]] = {}
    wrong: dict[str, ValueError] = {}
    for seed_id, rated in usable.items():
        start, end = rated[0][1].stats.starttime, max(trace.stats.endtime for _, trace in rated)
        try:
            described[seed_id] = describe(inventory, seed_id, start.timestamp, end.timestamp)
        except ValueError as error:
            wrong[seed_id] = error
    if not described:
        raise next(iter(wrong.values()))
    for seed_id, what in wrong.items():
        log.warning("%s left out: %s", seed_id, what)
    members: dict[str, list[str]] = defaultdict(list)
    for seed_id in described:
        members[instrument(seed_id)].append(seed_id)
    for seed_ids in members.values():
        vectors = np.array([described[name][0].direction for name in seed_ids])
        if 1 < len(vectors) <= 3 and not spanned(vectors):
            raise ValueError(f"{', '.join(seed_ids)} do not point in different directions: check StationXML")
    return described


def _axis(traces: Sequence[obspy.Trace], rate_hz: float) -> tuple[int, int]:
    """Grid index of the first sample and number of samples that hold all traces; ValueError for none."""
    first = math.ceil(min(trace.stats.starttime.timestamp for trace in traces) * rate_hz - ON_SAMPLE)
    last = math.floor(max(trace.stats.endtime.timestamp for trace in traces) * rate_hz + ON_SAMPLE)
    if last < first:
        raise ValueError(f"{traces[0].id}: shorter than a sample at {rate_hz:g} Hz")
    return first, last - first + 1


def _channel(
    described: Described,
    rate_hz: float,
    traces: Sequence[obspy.Trace],
    spec: PreprocessSpec,
    start_sample: int,
    n_samples: int,
) -> _Channel:
    """One channel in one epoch and at one sampling rate, preprocessed on its own."""
    sensitivity = described.sensitivity
    to_velocity = ToVelocity(spec, rate_hz, sensitivity.measurement, sensitivity.value)
    bands = Bands(spec, 1)
    motion, valid = np.zeros((5, n_samples)), np.zeros(n_samples, dtype=bool)
    chunks, clipped = [], np.zeros(n_samples, dtype=bool)
    for trace in traces:
        start_s = trace.stats.starttime.timestamp
        first, last = (
            math.ceil((edge_s - start_s) * rate_hz - ON_SAMPLE) if math.isfinite(edge_s) else edge_s
            for edge_s in (described.start_s, described.end_s)
        )
        first, last = int(max(first, 0)), int(min(last, trace.stats.npts))
        if last > first:
            data = np.ma.filled(np.ma.asarray(trace.data[first:last], dtype=np.float64), np.nan)
            chunks += to_velocity.process(start_s + first / rate_hz, data[None])
            clipped_s = start_s + (first + np.flatnonzero(Clipping(sensitivity).process(data))) / rate_hz
            # a moment between two samples is known at the later one
            known = np.ceil(clipped_s * spec.sampling_rate_hz - ON_SAMPLE).astype(int) - start_sample
            clipped[known[known < n_samples]] = True
    for chunk in [*chunks, *to_velocity.flush()]:
        place = slice(chunk.start_sample - start_sample, chunk.start_sample - start_sample + chunk.valid.size)
        motion[0, place] = np.where(chunk.valid, chunk.velocity_mps[0], 0.0)
        motion[1:, place] = [band[0] for band in bands.process(chunk)]
        valid[place] = chunk.valid
    if to_velocity.n_absurd:
        log.warning(
            "%s: %d samples left out, beyond what the ground can do (sensitivity %g counts per %s)",
            described.seed_id,
            to_velocity.n_absurd,
            sensitivity.value,
            "m/s" if sensitivity.measurement == "velocity" else "m/s2",
        )
    return _Channel(described, motion, valid, clipped)


def _over(described: Described, start_sample: int, n_samples: int, rate_hz: float) -> int:
    """Sample from which a channel is known to have ended."""
    if math.isinf(described.end_s):
        return n_samples
    return min(max(math.ceil(described.end_s * rate_hz) - start_sample, 0), n_samples)


def _combine(
    channels: Sequence[_Channel], stretches: Sequence[Stretch], n_samples: int
) -> tuple[Float64[np.ndarray, "kind 3 time"], Bool[np.ndarray, "3 time"]]:
    """Velocity and its bands up, north, east, and where each component is known.

    What is known of a direction is what the channels there see of it. A horizontal is known where they see
    at least half its power, the other half being taken for none; the vertical where they see nine tenths,
    and a horizontal only where little of the vertical is mixed into it (two of three oblique channels).
    """
    motion, known = np.zeros((5, 3, n_samples)), np.zeros((3, n_samples), dtype=bool)
    for stretch in stretches:
        used = [channels[row] for row in stretch.channels]
        vectors = np.array([channel.described.direction for channel in used])
        there = np.stack([channel.valid[stretch.first : stretch.last] for channel in used])
        which = np.left_shift(1, np.arange(len(used))) @ there
        for pattern in np.unique(which[which > 0]).tolist():
            rows = [row for row in range(len(used)) if pattern >> row & 1]
            samples = stretch.first + np.flatnonzero(which == pattern)
            to_zne = np.linalg.pinv(vectors[rows])
            to_zne[np.abs(to_zne) < ROUNDING] = 0.0  # a channel's noise is of its own direction alone
            seen = to_zne @ vectors[rows]
            part = (np.diag(seen) >= np.subtract(LEAST_SEEN, ROUNDING)) & (np.abs(seen[:, 0]) <= MOST_MIXED)
            along = np.stack([used[row].motion[:, samples] for row in rows])
            motion[:, :, samples] = np.einsum("zc,ckt->kzt", to_zne * part[:, None], along)
            known[:, samples] = part[:, None]
    return motion, known


def _uses(
    channels: Sequence[_Channel], stretches: Sequence[Stretch], start_sample: int, rate_hz: float
) -> Iterable[Use]:
    ended = None
    for stretch in stretches:
        if ended is not None and stretch.first > ended:
            yield Use((start_sample + ended) / rate_hz, ())
        used = tuple(channels[row].described for row in stretch.channels)
        yield Use((start_sample + stretch.first) / rate_hz, used)
        ended = stretch.last


def _say(station_id: str, uses: Sequence[Use]) -> None:
    """Warn of missing components and of another instrument taking over."""
    most = max((use.channels for use in uses), key=len, default=())
    if 0 < len(most) < 3:
        names = ", ".join(channel.seed_id for channel in most)
        log.warning("%s has only %s: the rest is zero", station_id, names)
    using = [(instrument(use.channels[0].seed_id), use.from_s) for use in uses if use.channels]
    changes = [(old, *new) for (old, _), new in itertools.pairwise(using) if old != new[0]]
    if changes:
        old, new, from_s = changes[0]
        more = f", and {len(changes) - 1} more changes" if len(changes) > 1 else ""
        log.warning(
            "%s: %s? in place of %s? from %s%s", station_id, new, old, obspy.UTCDateTime(from_s), more
        )
