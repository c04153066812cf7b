"""What real stations do to good waveforms: gaps, dead and swapped components, spikes, steps, clipping."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.recombine.priors import interval, padded

SHARES = ("gap", "dead", "spike", "step", "clip", "swap", "reverse", "clock")
EAST, NORTH = 2, 1  # of the components Z, N, E


@dataclass(frozen=True)
class FaultPrior:
    """How often each fault befalls a station of a window, and how bad it is; shares 0 switch a fault off.

    gap:     no data for `gap_s` seconds; what the preprocessing makes of it is silence.
    dead:    one component is flat.
    spike:   one sample of one component is off by `spike_ratio` times the trace's standard deviation.
    step:    one component is offset by `step_ratio` standard deviations from some moment on.
    clip:    the station cannot exceed `clip_mps`, drawn log-uniformly.
    swap:    north and east are exchanged.
    reverse: one component has the wrong sign.
    clock:   all arrivals are off by a normal error of standard deviation `clock_s`.
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

    def __post_init__(self) -> None:
        wrong = {name: getattr(self, name) for name in SHARES if not 0 <= getattr(self, name) <= 1}
        if wrong or self.clock_s < 0:
            raise ValueError(f"fault shares lie in 0-1 and clock_s >= 0, got {wrong or self.clock_s}")
        for name in ("gap_s", "spike_ratio", "step_ratio", "clip_mps"):
            object.__setattr__(self, name, interval(f"faults.{name}", getattr(self, name)))
        if self.clip_mps[0] <= 0:
            raise ValueError(f"faults.clip_mps must be positive, got {list(self.clip_mps)}")


@dataclass(frozen=True)
class Faults:
    """The faults of a batch of windows, one row per station; booleans say which befell it.

    component: (batch, station) the one that is dead, spiked, stepped or reversed (0 Z, 1 N, 2 E).
    moment:    (batch, station) where in the window, as a fraction: spike, step, middle of the gap.
    clock_s:   (batch, station) added to every arrival; 0 for a good clock.
    """

    has: dict[str, Bool[Tensor, "batch station"]]
    component: Int[Tensor, "batch station"]
    moment: Float[Tensor, "batch station"]
    gap_s: Float[Tensor, "batch station"]
    spike_ratio: Float[Tensor, "batch station"]
    step_ratio: Float[Tensor, "batch station"]
    clip_mps: Float[Tensor, "batch station"]
    clock_s: Float[Tensor, "batch station"]

    @property
    def damaging(self) -> Bool[Tensor, "batch station"]:
        """Stations whose waveforms `damage` changes."""
        of_waveforms = [self.has[name] for name in SHARES if name not in ("gap", "clock")]
        return torch.stack(of_waveforms).any(dim=0)

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
    n_draws = len(SHARES) + 6
    pairs = list(zip(rngs, n_stations, strict=True))
    # an absent station's draws are 1: no fault
    uniform = padded([rng.random((n, n_draws), dtype=np.float32) for rng, n in pairs], fill=1.0)
    normal = padded([rng.standard_normal(n, dtype=np.float32) for rng, n in pairs])
    has = {name: uniform[..., row] < getattr(prior, name) for row, name in enumerate(SHARES)}
    component, moment, gap, spike, step, clip = uniform[..., len(SHARES) :].unbind(dim=-1)

    def between(bounds: Sequence[float], part: Tensor) -> Tensor:
        return bounds[0] + (bounds[1] - bounds[0]) * part

    low, high = (float(np.log(value)) for value in prior.clip_mps)
    return Faults(
        has=has,
        component=(3 * component).long().clamp_max(2),
        moment=moment,
        gap_s=between(prior.gap_s, gap),
        spike_ratio=between(prior.spike_ratio, spike),
        step_ratio=between(prior.step_ratio, step),
        clip_mps=torch.exp(between((low, high), clip)),
        clock_s=torch.where(has["clock"], prior.clock_s * normal, torch.zeros_like(normal)),
    )


def damage(waveforms: Float[Tensor, "b n 3 t"], faults: Faults) -> Float[Tensor, "b n 3 t"]:
    """Ground velocity as the faulty station records it, before any filter; gaps come after (`silence`)."""
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
    return out.masked_fill(faults.has["dead"][..., None, None] & one, 0.0)


def silence(faults: Faults, n_samples: int, *, sampling_rate_hz: float) -> Bool[Tensor, "batch station time"]:
    """Where a gap leaves no data: the preprocessing's output is zero there."""
    time_s = torch.arange(n_samples, device=faults.moment.device) / sampling_rate_hz
    middle_s = faults.moment * n_samples / sampling_rate_hz
    inside = (time_s - middle_s[..., None]).abs() <= faults.gap_s[..., None] / 2
    return inside & faults.has["gap"][..., None]
