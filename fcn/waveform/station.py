"""Ground motion of one station, from the traces of all its channels and what StationXML says of them."""

import itertools
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Bool, Float64

from fcn.waveform.channel import ON_SAMPLE, ChannelMotion
from fcn.waveform.choice import Stretch, component_order, instrument, joined_stretches, spanned
from fcn.waveform.gaps import counts_of
from fcn.waveform.mixer import StationMixer
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.rates import same_rate, samples_in_step
from fcn.waveform.response import Described, describe
from fcn.waveform.stored import AnyTrace

log = logging.getLogger(__name__)

MARGIN = 4  # samples of the grid: the two that interpolation waits for, and edges that are rounded


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
class Part:
    """Samples `first` to end - 1 of a station's motion; its kinds are those of `StationMotion`."""

    first: int
    motion: Float64[np.ndarray, "kind 3 time"]
    valid: Bool[np.ndarray, "3 time"]

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.first + self.valid.shape[1]


class StationInParts:
    """Motion of a station from its beginning to its end, part by part, and what it is of.

    Every channel is preprocessed on its own, the best of those that deliver used (`Chooser`). Each sample is
    scaled and turned by the epoch of StationXML that covers its time. What no epoch covers, and channels that
    StationXML does not describe, are left out with a warning. Raises ValueError where no channel is fast
    enough or described.

    Its samples are start_sample to end_sample - 1. uses: which channels they are from, complete at the end.
    """

    def __init__(self, traces: Iterable[AnyTrace], inventory: obspy.Inventory, spec: PreprocessSpec) -> None:
        self._rate_hz = rate_hz = spec.sampling_rate_hz
        usable, described = usable_channels(traces, inventory, rate_hz)
        self.station_id = ".".join(next(iter(usable)).split(".")[:2])
        start, n_samples = _axis([trace for name in described for _, trace in usable[name]], rate_hz)
        self.start_sample, self.end_sample = start, start + n_samples
        for seed_id, rated in usable.items():
            if len(rates := sorted({own_rate_hz for own_rate_hz, _ in rated})) > 1:
                told = " and ".join(f"{own_rate_hz:g}" for own_rate_hz in rates)
                log.warning("%s comes at %s Hz: one at a time is used", seed_id, told)
        self._mixer = StationMixer(rate_hz)
        self._fed: list[_Fed] = []
        for seed_id in sorted(described, key=component_order):
            for epoch in described[seed_id]:
                for own_rate_hz, alike in _by_rate(usable[seed_id]).items():
                    channel = ChannelMotion(epoch, own_rate_hz, spec)
                    self._mixer.add(channel)
                    self._fed.append(_Fed(channel, alike, rate_hz))
        self._stretches: list[Stretch] = []

    def parts(self, length_s: float = math.inf) -> Iterator[Part]:
        """All of them, once, in order; each of about this length, and the same samples whatever it is."""
        first, until_s = self.start_sample, self.start_sample / self._rate_hz
        while first < self.end_sample:
            until_s += length_s
            for each in self._fed:
                each.feed(until_s)
            end = min(self.end_sample, *(each.settled for each in self._fed))
            if end <= first:
                continue
            motion, valid, stretches = self._mixer.process(first, end)
            self._stretches += stretches
            for each in self._fed:
                each.channel.track.forget(end)
            yield Part(first, motion, valid)
            first = end
        for each in self._fed:
            _warn_of_absurd(each.channel)
        _say(self.station_id, self.uses, [each.channel.described for each in self._fed])

    @property
    def uses(self) -> tuple[Use, ...]:
        """So far."""
        return tuple(_uses(self._mixer.channels, joined_stretches(self._stretches), self._rate_hz))


class _Fed:
    """A channel, and its traces, of which it is given the samples in their order as time goes."""

    def __init__(self, channel: ChannelMotion, traces: Sequence[AnyTrace], grid_hz: float) -> None:
        self.channel, self._grid_hz = channel, grid_hz
        self._traces, self._at = list(reversed(traces)), 0
        # of this trace and those after it, when the first begins
        starts_s = [trace.stats.starttime.timestamp for trace in self._traces]
        self._least_s = list(itertools.accumulate(starts_s, min))

    @property
    def _next_s(self) -> float:
        """When the next sample of the trace that is read is: by its own rate where a piece begins."""
        stats, (piece, since) = self._traces[-1].stats, divmod(self._at, self._in_step)
        begin_s = piece * self._in_step / stats.sampling_rate
        return float(stats.starttime.timestamp + begin_s + since / self.channel.rate_hz)

    @property
    def _in_step(self) -> int:
        """Samples of a piece of the trace that is read; the same pieces however far it is read at once."""
        return samples_in_step(float(self._traces[-1].stats.sampling_rate), self.channel.rate_hz)

    def feed(self, until_s: float) -> None:
        """Samples before a POSIX time; those of a trace that begins within another follow it."""
        while self._traces and self._next_s < until_s:
            trace, start_s = self._traces[-1], self._next_s
            n = min(trace.stats.npts, (self._at // self._in_step + 1) * self._in_step) - self._at
            if not math.isinf(until_s):
                n = min(n, math.ceil((until_s - start_s) * self.channel.rate_hz))
            self.channel.push(start_s, counts_of(trace.data[self._at : self._at + n]))
            self._at += n
            if self._at == trace.stats.npts:
                self._traces.pop()
                self._least_s.pop()
                self._at = 0

    @property
    def settled(self) -> int:
        """The sample before which nothing changes any more: what a gap holds up is not known afterwards."""
        if not self._traces:
            return 2**62
        next_s = min([self._next_s, *self._least_s[-2:-1]])
        return math.floor(next_s * self._grid_hz) - MARGIN


def station_motion(
    traces: Iterable[AnyTrace], inventory: obspy.Inventory, spec: PreprocessSpec
) -> StationMotion:
    """Motion of a station as a whole: see `StationInParts`, also for what it raises."""
    station = StationInParts(traces, inventory, spec)
    (part,) = station.parts()
    velocity, narrow, broad, displacement, long = part.motion
    return StationMotion(
        station.station_id,
        station.start_sample,
        velocity,
        narrow,
        broad,
        displacement,
        long,
        valid=part.valid,
        uses=station.uses,
    )


Rated = list[tuple[float, AnyTrace]]  # each trace with its sampling rate, Hz


def usable_channels(
    traces: Iterable[AnyTrace], inventory: obspy.Inventory, minimum_rate_hz: float
) -> tuple[dict[str, Rated], dict[str, list[Described]]]:
    """Traces of a station's channels in order of time, and what StationXML says of each channel.

    Raises ValueError where no channel is fast enough or described.
    """
    by_id: dict[str, list[AnyTrace]] = defaultdict(list)
    for trace in sorted(traces, key=lambda trace: trace.stats.starttime):
        by_id[trace.id].append(trace)
    usable = _fast_enough(by_id, minimum_rate_hz)
    return usable, _describe(usable, inventory)


def _fast_enough(by_id: Mapping[str, list[AnyTrace]], minimum_rate_hz: float) -> dict[str, Rated]:
    """Of each channel, the traces that are fast enough, with their rates; equal ones are exactly equal."""
    usable: dict[str, Rated] = {}
    slow: dict[str, float] = {}
    for seed_id, traces in by_id.items():
        met: list[float] = []
        for trace in traces:
            rate_hz = same_rate(float(trace.stats.sampling_rate), met, minimum_rate_hz)
            met.append(rate_hz)
            if rate_hz >= minimum_rate_hz:
                usable.setdefault(seed_id, []).append((rate_hz, trace))
            else:
                slow[seed_id] = rate_hz
    if not usable:
        told = ", ".join(f"{seed_id} ({rate_hz:g} Hz)" for seed_id, rate_hz in slow.items())
        raise ValueError(f"no channel of at least {minimum_rate_hz:g} Hz: {told}")
    return usable


def _by_rate(traces: Rated) -> dict[float, list[AnyTrace]]:
    alike: dict[float, list[AnyTrace]] = {}
    for rate_hz, trace in traces:
        alike.setdefault(rate_hz, []).append(trace)
    return alike


def _describe(usable: Mapping[str, Rated], inventory: obspy.Inventory) -> dict[str, list[Described]]:
    """What StationXML says of each channel; one of which it says nothing of use is left out with a warning.

    Raises ValueError where that is all.
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
    _warn_of_parallel(described)
    return described


def _warn_of_parallel(described: Mapping[str, Sequence[Described]]) -> None:
    """Log an instrument of whose channels some point where others do, as of a borehole's that nobody knows.

    Of those `Chooser` takes the first for what it is said to be, and leaves the others.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for seed_id in described:
        members[instrument(seed_id)].append(seed_id)
    for seed_ids in members.values():
        epochs = [epoch for seed_id in seed_ids for epoch in described[seed_id]]
        for begin_s in sorted({epoch.start_s for epoch in epochs}):
            then = [epoch for epoch in epochs if epoch.start_s <= begin_s < epoch.end_s]
            if 1 < len(then) <= 3 and not spanned(np.array([epoch.direction for epoch in then])):
                log.warning(
                    "%s do not point in different directions: of those that are alike the first is used; "
                    "state their azimuths and dips in StationXML",
                    ", ".join(f"{epoch.seed_id} ({_pointing(epoch.direction)})" for epoch in then),
                )
                break


def _pointing(direction: tuple[float, float, float]) -> str:
    up, north, east = direction
    azimuth_deg, dip_deg = math.degrees(math.atan2(east, north)) % 360.0, -math.degrees(math.asin(up))
    return f"azimuth {azimuth_deg:.0f}, dip {dip_deg:.0f} deg"


def _axis(traces: Sequence[AnyTrace], rate_hz: float) -> tuple[int, int]:
    """Grid index of the first sample and number of samples that hold all traces; ValueError for none."""
    first = math.ceil(min(trace.stats.starttime.timestamp for trace in traces) * rate_hz - ON_SAMPLE)
    last = math.floor(max(trace.stats.endtime.timestamp for trace in traces) * rate_hz + ON_SAMPLE)
    if last < first:
        raise ValueError(f"{traces[0].id}: shorter than a sample at {rate_hz:g} Hz")
    return first, last - first + 1


def _warn_of_absurd(channel: ChannelMotion) -> None:
    """Where samples of it were left out."""
    if channel.n_absurd:
        described, sensitivity = channel.described, channel.described.sensitivity
        log.warning(
            "%s: %d samples left out, beyond what the ground can do (sensitivity %g counts per %s) or fill; "
            "where they are many, the sensitivity is not the instrument's: correct it in StationXML",
            described.seed_id,
            channel.n_absurd,
            sensitivity.value,
            "m/s" if sensitivity.measurement == "velocity" else "m/s2",
        )


def _uses(channels: Sequence[ChannelMotion], stretches: Sequence[Stretch], rate_hz: float) -> Iterable[Use]:
    ended = None
    for stretch in stretches:
        if ended is not None and stretch.first > ended:
            yield Use(ended / rate_hz, ())
        used = tuple(channels[row].described for row in stretch.channels)
        yield Use(stretch.first / rate_hz, used)
        ended = stretch.last


def _completing(used: Sequence[Described], all_channels: Sequence[Described]) -> list[str]:
    """Channels of other instruments that point where none of the used does."""
    directions, own = [each.direction for each in used], instrument(used[0].seed_id)
    return sorted(
        {
            each.seed_id
            for each in all_channels
            if instrument(each.seed_id) != own and spanned(np.array([*directions, each.direction]))
        }
    )


def _say(station_id: str, uses: Sequence[Use], all_channels: Sequence[Described]) -> None:
    """Warn of missing components, also where channels that are not used have them, and of another instrument
    taking over."""
    most = max((use.channels for use in uses), key=len, default=())
    if 0 < len(most) < 3:
        names = ", ".join(channel.seed_id for channel in most)
        told = ""
        if beside := ", ".join(_completing(most, all_channels)):
            told = f"; not used with them, as of another instrument: {beside}. Give channels of one a single "
            told += "location, and codes that differ in the last letter alone"
        log.warning("%s has only %s: the rest is zero%s", station_id, names, told)
    using = [(instrument(use.channels[0].seed_id), use.from_s) for use in uses if use.channels]
    changes = [(old, *new) for (old, _), new in itertools.pairwise(using) if old != new[0]]
    if changes:
        old, new, from_s = changes[0]
        more = f", and {len(changes) - 1} more changes" if len(changes) > 1 else ""
        log.warning(
            "%s: %s? in place of %s? from %s%s", station_id, new, old, obspy.UTCDateTime(from_s), more
        )
