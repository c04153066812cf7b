"""What befalls real stations: drawn for every station of a window, and for whole networks at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from fcn.recombine.priors import Interval, interval, padded, shares

OF_STATIONS = ("gap", "dead", "spike", "step", "clip", "swap", "reverse", "clock", "absent", "start")
OF_WINDOWS = ("network_start", "vertical_only", "common")
SHARES = (*OF_STATIONS, *OF_WINDOWS)
OF_WAVEFORMS = ("dead", "spike", "step", "clip", "swap", "reverse", "common")  # what `damage` changes
STARTS = ("together", "scattered", "triggered")
PULSES = ("spike", "step", "wavelet")
PULSE_HZ = (1.0, 9.0)  # of common wavelets, log-uniform, as is their decay
PULSE_DECAY_S = (0.05, 1.0)
PULSE_SPREAD = 0.5  # standard deviation of the log size of a common pulse from station to station
INTERVALS = (
    *("gap_s", "spike_ratio", "step_ratio", "clip_mps", "clock_off_s"),
    *("trigger_s", "common_ratio", "common_stations"),
)


@dataclass(frozen=True)
class FaultPrior:
    """How often each fault befalls a station of a window, and how bad it is; shares 0 switch a fault off.

    gap:     no data for `gap_s` seconds, log-uniform. The preprocessing bridges a short one by a straight
             line and starts anew after a long one.
    dead:    one component is flat.
    spike:   one sample of one component is off by `spike_ratio` times the trace's standard deviation.
    step:    one component is offset by `step_ratio` standard deviations from some moment on.
    clip:    the station cannot exceed `clip_mps`, drawn log-uniformly.
    swap:    north and east are exchanged.
    reverse: one component has the wrong sign.
    clock:   all arrivals are off by a normal error of standard deviation `clock_s`, or for the share
             `clock_off` of these by one of `clock_off_s`, either way.
    absent:  components that are not known: for the share `absent_horizontals` both horizontals, else one of
             three; for the share `absent_whole` in the whole window, else as often from as until some moment.
    start:   the station delivers from some moment on; its filters start there, from rest.

    And shares of windows, whose stations suffer together:

    network_start: all stations start; `start_kinds` are the relative weights of "together", "scattered" by up
             to `start_scatter_s`, and "triggered": each `trigger_s` before its own P of the first event. For
             the share `trigger_waits` of the last, stations that are yet to be triggered deliver nothing,
             else they begin with the first one. The first station has begun `start_latest_s` before now.
    vertical_only: no station has horizontals.
    common:  the same sharp electrical pulse at the same instant at a share `common_stations` of the stations,
             its size log-uniform in `common_ratio`, relative to the station's noise in the narrow band.
    """

    gap: float
    gap_s: Sequence[float]
    dead: float
    spike: float
    spike_ratio: Sequence[float]
    step: float
    step_ratio: Sequence[float]
    clip: float
    clip_mps: Sequence[float]
    swap: float
    reverse: float
    clock: float
    clock_s: float
    clock_off: float
    clock_off_s: Sequence[float]
    absent: float
    absent_horizontals: float
    absent_whole: float
    start: float
    start_latest_s: float
    network_start: float
    start_kinds: Mapping[str, float]
    start_scatter_s: float
    trigger_s: Sequence[float]
    trigger_waits: float
    vertical_only: float
    common: float
    common_ratio: Sequence[float]
    common_stations: Sequence[float]

    def __post_init__(self) -> None:
        names = (*SHARES, "clock_off", "absent_horizontals", "absent_whole", "trigger_waits")
        wrong = {name: getattr(self, name) for name in names if not 0 <= getattr(self, name) <= 1}
        if wrong:
            raise ValueError(f"fault shares lie in 0-1, got {wrong}: set data.faults accordingly")
        lengths = {name: getattr(self, name) for name in ("clock_s", "start_latest_s", "start_scatter_s")}
        if min(lengths.values()) < 0:
            raise ValueError(f"faults: clock_s, start_latest_s and start_scatter_s are >= 0, got {lengths}")
        for name in INTERVALS:
            object.__setattr__(self, name, interval(f"faults.{name}", getattr(self, name)))
        for name in ("clip_mps", "gap_s", "common_ratio"):  # their logarithms are drawn
            if getattr(self, name)[0] <= 0:
                raise ValueError(f"faults.{name} must be positive, got {list(getattr(self, name))}")
        if not 0 <= self.common_stations[0] <= self.common_stations[1] <= 1:
            raise ValueError(f"faults.common_stations lies in 0-1, got {list(self.common_stations)}")
        shares("faults.start_kinds", self.start_kinds, STARTS)


@dataclass(frozen=True)
class Faults:
    """The faults of a batch of windows, one row per station; `has` says which befell it.

    component:   (batch, station) the one that is dead, spiked, stepped or reversed (0 Z, 1 N, 2 E).
    moment:      (batch, station) where in lead and window, as a fraction: spike, step, middle of the gap.
    clock_s:     (batch, station) added to every arrival; 0 for a good clock.
    lacks:       (batch, station, 3) components that are absent from fraction `absent_from` of the window to
                 `absent_until`; -inf and inf where that is all of it.
    start:       (batch, station) fraction of the window, to the latest start, at which the station starts;
                 -inf: long before. start_offset_s is added to it.
    trigger_s:   (batch, station) or that long before its P of the first event; NaN: not triggered.
    waits:       (batch, station) delivers nothing before that, else from the network's first trigger on.
    pulse:       (batch, station, 3) size of the common pulse, relative to the noise; 0 without one.
    pulse_at, pulse_kind, pulse_hz, pulse_decay_s: (batch, station) of it; its moment as `moment`.
    """

    has: dict[str, Bool[Tensor, "batch station"]]
    component: Int[Tensor, "batch station"]
    moment: Float[Tensor, "batch station"]
    gap_s: Float[Tensor, "batch station"]
    spike_ratio: Float[Tensor, "batch station"]
    step_ratio: Float[Tensor, "batch station"]
    clip_mps: Float[Tensor, "batch station"]
    clock_s: Float[Tensor, "batch station"]
    lacks: Bool[Tensor, "batch station 3"]
    absent_from: Float[Tensor, "batch station"]
    absent_until: Float[Tensor, "batch station"]
    start: Float[Tensor, "batch station"]
    start_offset_s: Float[Tensor, "batch station"]
    trigger_s: Float[Tensor, "batch station"]
    waits: Bool[Tensor, "batch station"]
    pulse: Float[Tensor, "batch station 3"]
    pulse_at: Float[Tensor, "batch station"]
    pulse_kind: Int[Tensor, "batch station"]
    pulse_hz: Float[Tensor, "batch station"]
    pulse_decay_s: Float[Tensor, "batch station"]

    @property
    def damaging(self) -> Bool[Tensor, "batch station"]:
        """Stations whose waveforms `damage` changes, but for short gaps."""
        return torch.stack([self.has[name] for name in OF_WAVEFORMS]).any(dim=0)

    def at(self, stations: Bool[Tensor, "batch station"]) -> "Faults":
        """The faults of some stations, as one window."""
        return self._each(lambda values: values[stations][None])

    def to(self, device: torch.device | str) -> "Faults":
        """The same on another device."""
        return self._each(lambda values: values.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Faults":
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "has"}
        return Faults(
            {name: change(has) for name, has in self.has.items()}, **{k: change(v) for k, v in values.items()}
        )


def draw_faults(rngs: Sequence[np.random.Generator], prior: FaultPrior, n_stations: Sequence[int]) -> Faults:
    """Faults of one window per generator, of as many stations; an example depends on its generator alone."""
    pairs = list(zip(rngs, n_stations, strict=True))
    of_window = torch.from_numpy(np.stack([rng.random(12, dtype=np.float32) for rng, _ in pairs]))[:, None]
    n_draws = len(OF_STATIONS) + 16
    # an absent station's draws are 1: no fault
    uniform = padded([rng.random((n, n_draws), dtype=np.float32) for rng, n in pairs], fill=1.0)
    normal = padded([rng.standard_normal((n, 5), dtype=np.float32) for rng, n in pairs])
    has = {name: uniform[..., row] < getattr(prior, name) for row, name in enumerate(OF_STATIONS)}
    everywhere = torch.ones(uniform.shape[:2], dtype=torch.bool)
    for row, name in enumerate(OF_WINDOWS):
        has[name] = (of_window[..., row] < getattr(prior, name)) & everywhere
    here, window = uniform[..., len(OF_STATIONS) :].unbind(dim=-1), of_window[..., 3:].unbind(dim=-1)
    has["common"] &= here[0] < between(prior.common_stations, window[0])
    off_s = between(prior.clock_off_s, here[2]) * torch.where(here[3] < 0.5, -1.0, 1.0)
    clock_s = torch.where(here[1] < prior.clock_off, off_s, prior.clock_s * normal[..., 0])
    return Faults(
        has=has,
        component=(3 * here[4]).long().clamp_max(2),
        moment=here[5],
        gap_s=log_between(prior.gap_s, here[6]),
        spike_ratio=between(prior.spike_ratio, here[7]),
        step_ratio=between(prior.step_ratio, here[8]),
        clip_mps=log_between(prior.clip_mps, here[9]),
        clock_s=torch.where(has["clock"], clock_s, torch.zeros_like(clock_s)),
        **_absences(prior, has, here[10:13]),
        **_starts(prior, has, here[13:16], window[1:4]),
        **_pulses(prior, has, normal[..., 1:], window[4:9]),
    )


def _absences(prior: FaultPrior, has: dict[str, Tensor], uniform: Sequence[Tensor]) -> dict[str, Tensor]:
    """Which components, drawn by the first number, for how long, by the second, since or until the third."""
    which, length, moment = uniform
    part = (which - prior.absent_horizontals) / max(1 - prior.absent_horizontals, 1e-9)
    one = (3 * part).floor().clamp(0, 2)[..., None] == torch.arange(3)
    both = torch.arange(3) > 0
    lacks = torch.where((which < prior.absent_horizontals)[..., None], both, one) & has["absent"][..., None]
    whole = (length < prior.absent_whole) | has["vertical_only"]
    since = length < (1 + prior.absent_whole) / 2
    inf = torch.full_like(moment, torch.inf)
    return {
        "lacks": torch.where(has["vertical_only"][..., None], both, lacks),
        "absent_from": torch.where(whole | ~since, -inf, moment),
        "absent_until": torch.where(whole | since, inf, moment),
    }


def _starts(
    prior: FaultPrior, has: dict[str, Tensor], own: Sequence[Tensor], window: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Stations that start by themselves, and networks that do; see `Faults`."""
    together, kind, waits = window
    edges = np.cumsum(shares("faults.start_kinds", prior.start_kinds, STARTS))
    kind_of = torch.bucketize(kind.contiguous(), torch.from_numpy(edges[:-1]).to(kind), right=True)
    network = has["network_start"]
    inf = torch.full_like(own[0], torch.inf)
    scatter_s = torch.where(network & (kind_of == 1), prior.start_scatter_s * own[1], torch.zeros_like(inf))
    triggered = network & (kind_of == 2)
    start = torch.where(has["start"], own[0], -inf)
    return {
        "start": torch.where(network & ~has["start"], together.expand_as(start), start),
        "start_offset_s": scatter_s,
        "trigger_s": torch.where(triggered, between(prior.trigger_s, own[2]), torch.nan * inf),
        "waits": triggered & (waits < prior.trigger_waits),
    }


def _pulses(
    prior: FaultPrior, has: dict[str, Tensor], normal: Float32[Tensor, "b n 4"], window: Sequence[Tensor]
) -> dict[str, Tensor]:
    """One pulse per window; its size differs between stations, and its share between components."""
    at, kind, pulse_hz, decay_s, size = (each.expand(normal.shape[:2]) for each in window)
    ratio = log_between(prior.common_ratio, size) * torch.exp(PULSE_SPREAD * normal[..., 0])
    ratio = ratio.clamp(*prior.common_ratio)[..., None] * has["common"][..., None]
    towards = normal[..., 1:] / normal[..., 1:].abs().amax(dim=-1, keepdim=True).clamp_min(1e-6)
    return {
        "pulse": ratio * towards,
        "pulse_at": at,
        "pulse_kind": (len(PULSES) * kind).long().clamp_max(len(PULSES) - 1),
        "pulse_hz": log_between(PULSE_HZ, pulse_hz),
        "pulse_decay_s": log_between(PULSE_DECAY_S, decay_s),
    }


def between(bounds: Sequence[float], part: Tensor) -> Tensor:
    """Uniform between two bounds from uniform numbers in 0-1."""
    return bounds[0] + (bounds[1] - bounds[0]) * part


def log_between(bounds: Interval | Sequence[float], part: Tensor) -> Tensor:
    """Log-uniform between two positive bounds from uniform numbers in 0-1."""
    return bounds[0] * (bounds[1] / bounds[0]) ** part
