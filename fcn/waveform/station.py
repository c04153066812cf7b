"""Ground motion of one station, from the traces of all its channels and what StationXML says of them."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Bool, Float64

from fcn.waveform.choice import Stretch, choose, component_order, instrument, rank, spanned
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity
from fcn.waveform.response import Described, describe

log = logging.getLogger(__name__)

ON_SAMPLE = 1e-3  # of a sample: so near, a moment is a sample's


@dataclass(frozen=True, eq=False)
class Use:
    """From a POSIX time on, these channels were used; a station that fell silent has none."""

    from_s: float
    channels: tuple[Described, ...]


@dataclass(frozen=True, eq=False)
class StationMotion:
    """Ground velocity up, north, east: sample j is at (start_sample + j) / sampling_rate_hz, POSIX s.

    velocity_mps, narrow_mps, broad_mps: zero where not valid. valid: per component, where it is known.
    uses: which channels it is from, in order of time.
    """

    station_id: str
    start_sample: int
    velocity_mps: Float64[np.ndarray, "3 time"]
    narrow_mps: Float64[np.ndarray, "3 time"]
    broad_mps: Float64[np.ndarray, "3 time"]
    valid: Bool[np.ndarray, "3 time"]
    uses: tuple[Use, ...]


@dataclass(frozen=True, eq=False)
class _Channel:
    """Motion along a channel for as long as StationXML says the same of it, on the station's axis."""

    described: Described
    motion_mps: Float64[np.ndarray, "3 time"]  # velocity, narrow, broad
    valid: Bool[np.ndarray, " time"]


def station_motion(
    traces: Iterable[obspy.Trace], inventory: obspy.Inventory, spec: PreprocessSpec
) -> StationMotion:
    """Motion of a station: every channel on its own, the best of those that deliver used (`choose`).

    Each sample is scaled and turned by the epoch of StationXML that covers its time. What no epoch covers,
    and channels beside a station's best instrument that StationXML does not describe, are left out with a
    warning. Raises ValueError where no channel is fast enough or known, or the best instrument's are
    described wrongly.
    """
    by_id: dict[str, list[obspy.Trace]] = defaultdict(list)
    for trace in sorted(traces, key=lambda trace: trace.stats.starttime):
        by_id[trace.id].append(trace)
    usable = _fast_enough(by_id, spec.sampling_rate_hz)
    described = _describe(usable, inventory)
    start_sample, n_samples = _axis(usable, spec.sampling_rate_hz)
    channels = [
        _channel(epoch, usable[seed_id], spec, start_sample, n_samples)
        for seed_id in sorted(described, key=component_order)
        for epoch in described[seed_id]
    ]
    rate_hz = spec.sampling_rate_hz
    stretches = choose(
        [channel.described.seed_id for channel in channels],
        np.array([channel.described.direction for channel in channels]),
        np.array([channel.valid for channel in channels]),
        np.array([_over(channel.described, start_sample, n_samples, rate_hz) for channel in channels]),
        rate_hz,
    )
    station_id = ".".join(next(iter(by_id)).split(".")[:2])
    motion, valid = _combine(channels, stretches, n_samples)
    uses = tuple(_uses(channels, stretches, start_sample, rate_hz))
    _say(station_id, uses)
    velocity, narrow, broad = motion
    return StationMotion(station_id, start_sample, velocity, narrow, broad, valid, uses)


def _fast_enough(
    by_id: Mapping[str, list[obspy.Trace]], minimum_rate_hz: float
) -> dict[str, list[obspy.Trace]]:
    """Of each channel, the traces of the rate most of its data have."""
    usable, slow = {}, []
    for seed_id, traces in by_id.items():
        seconds: dict[float, float] = defaultdict(float)
        for trace in traces:
            seconds[float(trace.stats.sampling_rate)] += trace.stats.npts * trace.stats.delta
        rate_hz = max(seconds, key=lambda rate: seconds[rate])
        if rate_hz < minimum_rate_hz:
            slow.append(f"{seed_id} ({rate_hz:g} Hz)")
            continue
        others = {rate: span_s for rate, span_s in seconds.items() if rate != rate_hz}
        if others:
            told = ", ".join(f"{span_s:.0f} s at {rate:g} Hz" for rate, span_s in sorted(others.items()))
            log.warning("%s: %s left out, the rest has %g Hz", seed_id, told, rate_hz)
        usable[seed_id] = [trace for trace in traces if float(trace.stats.sampling_rate) == rate_hz]
    if not usable:
        raise ValueError(f"no channel of at least {minimum_rate_hz:g} Hz: {', '.join(slow)}")
    return usable


def _describe(
    usable: Mapping[str, list[obspy.Trace]], inventory: obspy.Inventory
) -> dict[str, list[Described]]:
    """What StationXML says of each channel; errors of the best instrument are raised, others warned of."""
    described: dict[str, list[Described]] = {}
    wrong: dict[str, ValueError] = {}
    for seed_id, traces in usable.items():
        span_s = (traces[0].stats.starttime.timestamp, max(t.stats.endtime.timestamp for t in traces))
        try:
            described[seed_id] = describe(inventory, seed_id, *span_s)
        except ValueError as error:
            wrong[seed_id] = error
    members: dict[str, list[str]] = defaultdict(list)
    for seed_id in usable:
        members[instrument(seed_id)].append(seed_id)
    best = max(members, key=lambda key: rank(key, len(members[key])))
    for seed_id, what in wrong.items():
        if instrument(seed_id) == best:
            raise what
        log.warning("%s left out: %s", seed_id, what)
    for seed_ids in members.values():
        vectors = np.array([described[name][0].direction for name in seed_ids if name in described])
        if 1 < len(vectors) <= 3 and not spanned(vectors):
            raise ValueError(f"{', '.join(seed_ids)} do not point in different directions: check StationXML")
    return described


def _axis(usable: Mapping[str, list[obspy.Trace]], rate_hz: float) -> tuple[int, int]:
    """Grid index of the first sample and number of samples that hold all traces."""
    traces = [trace for each in usable.values() for trace in each]
    first = math.ceil(min(trace.stats.starttime.timestamp for trace in traces) * rate_hz - ON_SAMPLE)
    last = math.floor(max(trace.stats.endtime.timestamp for trace in traces) * rate_hz + ON_SAMPLE)
    return first, last - first + 1


def _channel(
    described: Described,
    traces: Sequence[obspy.Trace],
    spec: PreprocessSpec,
    start_sample: int,
    n_samples: int,
) -> _Channel:
    """One channel in one epoch, preprocessed on its own."""
    rate_hz = float(traces[0].stats.sampling_rate)
    sensitivity = described.sensitivity
    to_velocity = ToVelocity(spec, rate_hz, sensitivity.measurement, sensitivity.value)
    bands = Bands(spec, 1)
    motion, valid = np.zeros((3, n_samples)), np.zeros(n_samples, dtype=bool)
    chunks = []
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
    return _Channel(described, motion, valid)


def _over(described: Described, start_sample: int, n_samples: int, rate_hz: float) -> int:
    """Sample from which a channel is known to have ended."""
    if math.isinf(described.end_s):
        return n_samples
    return min(max(math.ceil(described.end_s * rate_hz) - start_sample, 0), n_samples)


def _combine(
    channels: Sequence[_Channel], stretches: Sequence[Stretch], n_samples: int
) -> tuple[Float64[np.ndarray, "kind 3 time"], Bool[np.ndarray, "3 time"]]:
    """Velocity, narrow and broad band up, north, east, and where each component is known.

    A component is known where channels that make up at least half its power are.
    """
    motion, valid = np.zeros((3, 3, n_samples)), np.zeros((3, n_samples), dtype=bool)
    for stretch in stretches:
        span = slice(stretch.first, stretch.last)
        used = [channels[row] for row in stretch.channels]
        along = np.stack([channel.motion_mps[:, span] for channel in used])
        there = np.stack([channel.valid[span] for channel in used])
        motion[:, :, span] = np.einsum("zc,ckt->kzt", stretch.to_zne, along)
        share = stretch.to_zne**2
        total = share.sum(axis=1, keepdims=True)
        valid[:, span] = (share @ there >= (0.5 - 1e-9) * total) & (total > 1e-6)
    return np.where(valid, motion, 0.0), valid


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
    before = ""
    for use in uses:
        now = instrument(use.channels[0].seed_id) if use.channels else before
        if before and now != before:
            log.warning(
                "%s: %s? in place of %s? from %s", station_id, now, before, obspy.UTCDateTime(use.from_s)
            )
        before = now
