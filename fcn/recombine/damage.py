"""What faults leave of good waveforms: what a station records, when it is known, where its filters start."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.recombine.faults import Faults
from fcn.waveform.preprocess import LEFT_S, START_S, WITHHELD_S, PreprocessSpec
from fcn.waveform.window_bands import filter_windows

EAST, NORTH = 2, 1  # of the components Z, N, E


def damage(
    waveforms: Float[Tensor, "b n 3 t"],
    faults: Faults,
    *,
    noise_mps: Float[Tensor, "b n"],
    sampling_rate_hz: float,
    max_gap_s: float,
) -> Float[Tensor, "b n 3 t"]:
    """Ground velocity as the faulty station records it, before any filter, short gaps bridged.

    noise_mps: deviation of each station's noise in the narrow band, what common pulses are measured by.
    max_gap_s: of the gaps that the preprocessing bridges by a straight line.
    """
    n_samples = waveforms.shape[-1]
    rows = torch.arange(3, device=waveforms.device)
    one = (rows == faults.component[..., None])[..., None]  # (b, n, 3, 1)
    out = torch.where(faults.has["swap"][..., None, None], waveforms[:, :, [0, EAST, NORTH]], waveforms)
    out = torch.where(faults.has["reverse"][..., None, None] & one, -out, out)
    limit = torch.where(faults.has["clip"], faults.clip_mps, torch.full_like(faults.clip_mps, torch.inf))
    out = torch.minimum(torch.maximum(out, -limit[..., None, None]), limit[..., None, None])
    deviation = waveforms.std(dim=(2, 3), keepdim=True)
    time = torch.arange(n_samples, device=waveforms.device)
    moment = (faults.moment * n_samples).long()[..., None, None]
    for name, where in (("spike", time == moment), ("step", time >= moment)):
        ratio = getattr(faults, f"{name}_ratio")[..., None, None]
        out = out + (faults.has[name][..., None, None] & one & where) * ratio * deviation
    out = out + (faults.pulse * noise_mps[..., None])[..., None] * _pulse(faults, n_samples, sampling_rate_hz)
    out = out.masked_fill(faults.has["dead"][..., None, None] & one, 0.0)
    return _bridged(out, faults, sampling_rate_hz=sampling_rate_hz, max_gap_s=max_gap_s)


def _pulse(faults: Faults, n_samples: int, sampling_rate_hz: float) -> Float[Tensor, "b n 1 t"]:
    """The common pulse of unit size: a sample, a step, or a decaying wavelet."""
    time = torch.arange(n_samples, device=faults.pulse_at.device)
    lag = time - (faults.pulse_at * n_samples).long()[..., None]
    lag_s = lag.clamp_min(0) / sampling_rate_hz
    phase = 2 * math.pi * faults.pulse_hz[..., None] * lag_s
    wavelet = torch.cos(phase) * torch.exp(-lag_s / faults.pulse_decay_s[..., None]) * (lag >= 0)
    forms = torch.stack([(lag == 0).float(), (lag >= 0).float(), wavelet])
    kind = faults.pulse_kind[None, ..., None].expand(1, *lag.shape)
    return forms.gather(0, kind)[0][:, :, None]


def _gap(
    faults: Faults, n_samples: int, sampling_rate_hz: float
) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b n"]]:
    """First sample of each station's gap and the first after it; a gap has a sample at least."""
    middle, half = faults.moment * n_samples, faults.gap_s * sampling_rate_hz / 2
    first = (middle - half).ceil().clamp(0, n_samples - 1).long()
    return first, torch.maximum((middle + half).ceil().clamp_max(n_samples).long(), first + 1)


def _bridged(
    recorded: Float[Tensor, "b n 3 t"], faults: Faults, *, sampling_rate_hz: float, max_gap_s: float
) -> Float[Tensor, "b n 3 t"]:
    """Short gaps filled by straight lines, as `ToVelocity` does; those at the ends hold the nearest value."""
    n_samples = recorded.shape[-1]
    first, end = _gap(faults, n_samples, sampling_rate_hz)
    short = bridged(faults, max_gap_s)
    time = torch.arange(n_samples, device=recorded.device)
    inside = (short[..., None] & (time >= first[..., None]) & (time < end[..., None]))[:, :, None]
    sides = [
        recorded.gather(-1, at.clamp(0, n_samples - 1)[..., None, None].expand(-1, -1, 3, 1))
        for at in (torch.where(first > 0, first - 1, end), torch.where(end < n_samples, end, first - 1))
    ]
    part = ((time - first[..., None] + 1) / (end - first + 1)[..., None])[:, :, None]
    return torch.where(inside, sides[0] + part * (sides[1] - sides[0]), recorded)


def bridged(faults: Faults, max_gap_s: float) -> Bool[Tensor, "batch station"]:
    """Stations with a gap so short that the filters go on."""
    return faults.has["gap"] & (faults.gap_s <= max_gap_s)


def begins(
    faults: Faults,
    p_arrival_s: Float[Tensor, "batch station"],
    *,
    window_s: float,
    start_latest_s: float,
) -> Float[Tensor, "batch station"]:
    """Seconds after the window's first sample from which on a station delivers; -inf: always.

    p_arrival_s: of the first event, inf for rows without a station. Of a triggered network the earliest start
    is moved to `start_latest_s` before now if it comes later: without data there is no window.
    """
    latest_s = window_s - start_latest_s
    begin_s = (faults.start * latest_s + faults.start_offset_s).clamp_max(latest_s)
    triggered_s = p_arrival_s - faults.trigger_s
    first_s = torch.where(triggered_s.isnan(), torch.inf, triggered_s).amin(dim=1, keepdim=True)
    late_s = (first_s - latest_s).clamp_min(0.0)
    triggered_s, first_s = triggered_s - late_s, first_s - late_s
    triggered_s = torch.where((triggered_s < window_s) | faults.waits, triggered_s, first_s)
    return torch.where(faults.trigger_s.isnan() | faults.has["start"], begin_s, triggered_s)


def known(
    faults: Faults,
    begin_s: Float[Tensor, "batch station"],
    *,
    n_lead: int,
    n_samples: int,
    sampling_rate_hz: float,
) -> Bool[Tensor, "batch station 3 time"]:
    """Which samples of lead and window there are: the preprocessing's output is zero where not.

    begin_s: see `begins`. n_samples: of the window.
    """
    first, end = _gap(faults, n_lead + n_samples, sampling_rate_hz)
    time = torch.arange(n_lead + n_samples, device=begin_s.device)
    gap = faults.has["gap"][..., None] & (time >= first[..., None]) & (time < end[..., None])
    time_s, part = (time - n_lead) / sampling_rate_hz, (time - n_lead) / n_samples
    there = ((time_s >= begin_s[..., None]) & ~gap)[:, :, None].repeat(1, 1, 3, 1)
    since, until = (
        each[..., None].expand_as(faults.lacks)[faults.lacks][:, None]
        for each in (faults.absent_from, faults.absent_until)
    )
    there[faults.lacks] &= (part < since) | (part >= until)
    return there


def restarts(
    faults: Faults,
    begin_s: Float[Tensor, "batch station"],
    *,
    n_lead: int,
    n_samples: int,
    sampling_rate_hz: float,
    max_gap_s: float,
) -> Int[Tensor, "batch station 3"]:
    """Sample of lead and window from which on filters that started there, from rest, are to be used; 0: none.

    Where a station starts anew twice, the later one. Beyond the last sample: not before now.
    """
    n_total = n_lead + n_samples
    _, end = _gap(faults, n_total, sampling_rate_hz)
    after_gap = end * (faults.has["gap"] & ~bridged(faults, max_gap_s))
    begin = (begin_s * sampling_rate_hz).ceil() + n_lead
    back = (faults.absent_until * n_samples).ceil()[..., None] + n_lead
    back = torch.where(faults.lacks & back.isfinite(), back, torch.zeros_like(back))
    latest = torch.maximum(torch.maximum(begin, after_gap)[..., None], back)
    return latest.clamp(0, n_total).long()


def from_rest(recorded: Float[Tensor, "*n t"], first: Int[Tensor, "*n"]) -> Float[Tensor, "*n t"]:
    """The motion from sample `first` on, which is taken as offset as `ToVelocity` does; zero before."""
    at = first.clamp_max(recorded.shape[-1] - 1)[..., None]
    time = torch.arange(recorded.shape[-1], device=recorded.device)
    return torch.where(time >= first[..., None], recorded - recorded.gather(-1, at), 0.0)


def withheld(
    long_m: Float[Tensor, "*n t"],
    velocity_mps: Float[Tensor, "*n t"],
    first: Int[Tensor, "*n"],
    *,
    sampling_rate_hz: float,
) -> Float[Tensor, "*n t"]:
    """Long-period displacement since a start at sample `first`, less what that may leave: see `Bands`."""
    age_s = (torch.arange(long_m.shape[-1], device=first.device) - first[..., None]) / sampling_rate_hz
    early = velocity_mps.abs() * ((age_s >= 0) & (age_s < START_S))
    left_m = LEFT_S * early.cummax(dim=-1).values * (age_s < WITHHELD_S)
    return long_m.masked_fill(left_m > long_m.abs(), 0.0)


def spoil(
    bands: Sequence[Float[Tensor, "b n 3 t"]],
    ground_mps: Float[Tensor, "b n 3 t"],
    faults: Faults,
    first: Int[Tensor, "b n 3"],
    *,
    mask: Bool[Tensor, "b n"],
    noise_mps: Float[Tensor, "b n"],
    preprocess: PreprocessSpec,
) -> None:
    """Put what faulty stations record in the place of the ground's motion, in all bands, lead included.

    bands: what the preprocessing makes of `ground_mps`, changed in place. first: see `restarts`; noise_mps:
    see `damage`. Only the stations that need it are filtered again.
    """
    rate, max_gap_s, n_total = preprocess.sampling_rate_hz, preprocess.max_gap_s, ground_mps.shape[-1]
    anew = ((first > 0) & (first < n_total)).any(dim=2) & mask
    spoiled = (faults.damaging | bridged(faults, max_gap_s)) & mask
    bad = spoiled | anew
    if not bad.any():
        return
    recorded = damage(
        ground_mps[bad][None],
        faults.at(bad),
        noise_mps=noise_mps[bad][None],
        sampling_rate_hz=rate,
        max_gap_s=max_gap_s,
    )[0]
    if spoiled.any():
        for band, filtered in zip(bands, filter_windows(preprocess, recorded[spoiled[bad]]), strict=True):
            band[spoiled] = filtered
    if anew.any():
        since = first[anew]
        velocity_mps = from_rest(recorded[anew[bad]], since)
        started = filter_windows(preprocess, velocity_mps)
        started = started._replace(long=withheld(started.long, velocity_mps, since, sampling_rate_hz=rate))
        after = (since[..., None] > 0) & (torch.arange(n_total, device=since.device) >= since[..., None])
        for band, filtered in zip(bands, started, strict=True):
            band[anew] = torch.where(after, filtered, band[anew])
